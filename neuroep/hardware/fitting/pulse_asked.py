"""What is said about a pulse file in place of guesses: columns, unit, voltage of reads, pulses of a cycle, sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from neuroep import checks
from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.fitting.pulse_words import DIRECTIONS, MEASURED

PLAIN = ("pulse", "direction", "device", "cycle", "voltage", "read_voltage")
ROW = "row"
"""In place of a column of pulses: a pulse a row."""


class Asked(NamedTuple):
    """What was said about a file, in place of guesses.

    Attributes
    ----------
    unit : str or None
        Of the measured column.
    columns : mapping
        Names, numbers from 1 or letters of columns, by what they hold; ``+`` joins several devices' columns.
    read_voltage : float or None
        In volts: currents become conductances.
    cycle : tuple of int
        Pulses up (positive) and down (negative) in each cycle, one run after the other; empty if not said.
    sheet : str or None
        Of a spreadsheet.
    """

    unit: str | None = None
    columns: Mapping[str, str] = {}
    read_voltage: float | None = None
    cycle: tuple[int, ...] = ()
    sheet: str | None = None


def asked_columns(text: str) -> dict[str, str]:
    """Return columns by what they hold, of text such as ``pulse=A,conductance=B``.

    Raises
    ------
    BadInput
        If it isn't such text, or something is named twice.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        what, equals, name = (piece.strip() for piece in part.partition("="))
        if not (what and equals and name) or what in found:
            raise BadInput(f"{part.strip()!r}", "--columns", "pulse=A,conductance=B and so on, each once")
        found[what] = name
    return found


def checked_columns(columns: object) -> dict[str, str]:
    """Return columns by what they hold, of a mapping of texts; None says nothing.

    Raises
    ------
    BadInput
        If it is none.
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise BadInput(checks.shown(columns), "columns", 'a mapping such as {"pulse": "A", "conductance": "B"}')
    return {checks.text(what, "columns"): checks.text(name, f"columns: {what}") for what, name in columns.items()}


def asked_cycle(text: str) -> tuple[int, ...]:
    """Return pulses of a cycle, positive up and negative down, of text such as ``up50,down50``.

    Raises
    ------
    BadInput
        If it isn't such text, or goes one way only.
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([A-Za-z]+)\s*([0-9]{1,6})\s*", part)
        way = DIRECTIONS.get(match[1].casefold(), 0) if match else 0
        if match is None or not way or not int(match[2]):
            raise BadInput(f"{part.strip()!r}", "--cycle", "pulses of a cycle such as up50,down50")
        found.append(way * int(match[2]))
    return checked_cycle(found, "--cycle")


def checked_cycle(cycle: object, where: str) -> tuple[int, ...]:
    """Return pulses of a cycle, of a sequence of whole numbers with both signs; an empty one says nothing.

    Raises
    ------
    BadInput
        If it is none.
    """
    found = tuple(checks.whole(one, where) for one in checks.several(cycle, where))
    if found and (not max(found) > 0 > min(found) or 0 in found):
        raise BadInput(checks.shown(cycle), where, "pulses up and pulses down, such as up50,down50 or (50, -50)")
    return found


def asked_voltage(value: object) -> float:
    """Return a voltage of reads in volts, of either sign.

    Raises
    ------
    BadInput
        If it is none.
    """
    found = checks.number(value, "--read-voltage")
    if not 1e-4 <= abs(found) <= 100.0:
        raise BadInput(f"{found:g} V", "--read-voltage", "volts, 0.0001 to 100, of either sign")
    return found


def places_of(text: str, names: Sequence[str], what: str) -> list[int]:
    """Return the columns that an option means: by name, by number from 1, or by a spreadsheet's letter."""
    allowed = (*PLAIN, *MEASURED)
    if what not in allowed:
        raise UnknownName("column's meaning", what, allowed, "--columns")
    if what == "pulse" and text.strip().casefold() == ROW:
        return [-1]
    spelt = [name.casefold().strip() for name in names]
    whole = text.casefold().strip() in spelt or what not in MEASURED
    parts = [text] if whole else text.split("+")
    found = [_place(part.strip(), spelt, names, what) for part in parts]
    if len(set(found)) < len(found):
        raise BadInput(f"a column twice in {text!r}", f"--columns {what}", "each once")
    return found


def _place(text: str, spelt: Sequence[str], names: Sequence[str], what: str) -> int:
    if text.casefold() in spelt:
        return spelt.index(text.casefold())
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(names):
        return int(text) - 1
    if re.fullmatch(r"[A-Za-z]", text) and ord(text.upper()) - ord("A") < len(names):
        return ord(text.upper()) - ord("A")
    raise UnknownName("column", text, names, f"--columns {what}")


def taken(said: Mapping[str, Sequence[int]]) -> set[int]:
    """Return the places of columns that were asked for.

    Raises
    ------
    BadInput
        If one was for two things.
    """
    places = [place for found in said.values() for place in found if place >= 0]
    if len(set(places)) < len(places):
        raise BadInput("one column for two things", "--columns", "each column once")
    return set(places)
