"""The words of pulse files: names of columns, units, directions.

A name counts whatever its capitals, blanks and signs; a unit stands behind it, in brackets, after a slash, a blank or
an underscore.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from neuroep.errors import UnknownName
from neuroep.tabular.sheet import is_number

PREFIXES = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
BASES = {
    "S": ("conductance", ("p", "n", "u", "m", "")),
    "ohm": ("resistance", ("", "k", "M", "G")),
    "A": ("current", ("p", "n", "u", "m", "")),
    "V": ("voltage", ("u", "m", "")),
}
SPELT = {"siemens": "S", "mho": "S", "ohms": "ohm", "ω": "ohm", "amps": "A", "amp": "A", "volts": "V", "volt": "V"}
NAMES = {
    "pulse": (
        ("pulse",),
        ("pulses", "pulse #", "pulse no", "pulse nr", "pulse number", "pulse index", "pulse count", "number of pulses"),
        ("n pulses", "n pulse", "pulse id", "pulse num", "num pulses", "#", "n", "no", "number", "index"),
    ),
    "direction": (
        ("direction",),
        ("dir", "pulse direction", "pulse type", "pulse polarity", "potentiation depression", "ltp ltd", "set reset"),
        ("p d", "pd", "up down", "polarity", "sign", "type", "operation"),
    ),
    "device": (("device",), ("device id", "device #", "device no", "device number", "device name", "dev", "dev id")),
    "cycle": (("cycle",), ("cycle id", "cycle #", "cycle no", "cycle number", "cycles")),
    "conductance": (("conductance",), ("g", "cond", "g read", "read conductance", "conductance state", "gread")),
    "resistance": (("resistance",), ("r", "res", "r read", "rread", "read resistance")),
    "current": (("current",), ("i", "i read", "iread", "read current", "id", "ids", "drain current")),
    "read_voltage": (("read voltage",), ("v read", "vread", "u read")),
    "voltage": (
        ("pulse voltage",),
        ("v pulse", "vpulse", "vp", "pulse amplitude", "write voltage", "v write", "vwrite"),
        ("amplitude", "voltage", "v", "gate voltage", "vg"),
    ),
}
"""Names of each column in the order in which they are believed: the first tier goes before the second."""
MEASURED = ("conductance", "resistance", "current")
WAYS = {
    1: "up + potentiation pot potentiate ltp set p pos positive increase rise",
    -1: "down - − – depression dep depress ltd reset d n neg negative decrease fall",
}
DIRECTIONS = {word: sign for sign, words in WAYS.items() for word in words.split()}
_PLAIN = ("g", "conductance", "cond", "r", "resistance", "i", "current")
"""Words of a measured column's name that tell it from no other."""
_BRACKETS = re.compile(r"^(.*?)\s*[\(\[\{]\s*([^\)\]\}]*?)\s*[\)\]\}]$")
_BEHIND = re.compile(r"^(.*?)\s*[/_, ]\s*(?:in )?([^/_, ]+)$")


class Unit(NamedTuple):
    """What a column holds, and its unit's factor to the SI unit."""

    name: str
    quantity: str
    factor: float


class Named(NamedTuple):
    """A header's cell: the name in plain words, its unit if it has one, and the name in its own spelling without it."""

    words: str
    unit: Unit | None
    bare: str = ""


def unit_of(text: str) -> Unit | None:
    """Return a unit by name, or None: S, mS, µS or uS, nS, pS, ohm, kohm, A, V and their like."""
    spelt = unicodedata.normalize("NFKC", text.strip()).replace("μ", "u")  # both micros, both ohms
    for word, base in SPELT.items():
        if spelt.casefold().endswith(word.casefold()):
            spelt = spelt[: len(spelt) - len(word)] + base
            break
    spelt = re.sub(r"(?i)ohm$", "ohm", spelt)
    for base, (quantity, prefixes) in BASES.items():
        if spelt.endswith(base) and spelt.removesuffix(base) in prefixes:
            return Unit(spelt, quantity, PREFIXES[spelt.removesuffix(base)])
    return None


def asked_unit(text: str, where: str) -> Unit:
    """Return a unit by the name that an option has.

    Raises
    ------
    UnknownName
        If there is none.
    """
    found = unit_of(text)
    if found is None or found.quantity not in MEASURED:
        known = [prefix + base for base, (what, prefixes) in BASES.items() if what in MEASURED for prefix in prefixes]
        raise UnknownName("unit of conductance, resistance or current", text, known, where)
    return found


def is_unit(text: str) -> bool:
    """Return whether a cell under a name is a unit: those known, and usual ones of other columns."""
    return unit_of(text) is not None or text.casefold() in ("s", "ms", "us", "ns", "#", "-", "a.u.", "k", "°c", "1")


def named(cell: str) -> Named:
    """Return what a header's cell says."""
    cell = cell.strip().strip('"').strip()
    if match := _BRACKETS.fullmatch(cell):
        return Named(words(match[1]), _unit_behind(match[1], match[2], True), match[1].strip())
    match = _BEHIND.fullmatch(cell)
    unit = _unit_behind(match[1], match[2], False) if match else None
    bare = match[1] if match and unit else cell
    return Named(words(bare), unit, bare.strip())


def _unit_behind(stem: str, text: str, apart: bool) -> Unit | None:
    """Return the unit behind a name, or None.

    A single letter that isn't set apart is one only behind a name that goes with it, for 'device A' has no unit; and a
    small s is siemens only behind a name of conductance, for it may be seconds.
    """
    role = role_of(words(stem))[0]
    known = unit_of(text)
    if known is None and role == "conductance" and text.endswith("s") and len(text) <= 2:
        known = unit_of(text[:-1] + "S")
    return known if apart or len(text) > 1 or role in (*MEASURED, "voltage", "read_voltage") else None


def words(name: str) -> str:
    """Return a name in small letters with single blanks between its words; a # stays one."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    spaced = spaced.replace("#", " # ")
    return " ".join(re.sub(r"[^\w#]|_", " ", spaced).casefold().split())


def role_of(name: str) -> tuple[str, int]:
    """Return which column a name in plain words is, and in which tier it stands; nothing for an unknown name."""
    for role, tiers in NAMES.items():
        for tier, names in enumerate(tiers):
            if name in names:
                return role, tier
    return "", 0


def way_in(name: str) -> tuple[int, str]:
    """Return the direction that a column's name itself says ('LTP 1', 'LTD conductance'), or 0, and its other words."""
    ways, rest = set(), []
    for word in name.split():
        stem = word.rstrip("0123456789")
        if len(stem) > 1 and stem in DIRECTIONS:
            ways.add(DIRECTIONS[stem])
            rest += [word.removeprefix(stem)] if word != stem else []
        elif word not in _PLAIN:
            rest.append(word)
    return ways.pop() if len(ways) == 1 else 0, " ".join(rest)


def way_of(cell: str) -> int | None:
    """Return the direction that a cell says: 1, −1, 0 where it says none, which is right only where no pulse was sent.

    A word or number that isn't one gives None.
    """
    if is_number(signed := cell.replace("−", "-")) and float(signed) in (1.0, 0.0, -1.0):
        return int(float(signed))
    return DIRECTIONS.get(cell.casefold()) if cell else 0
