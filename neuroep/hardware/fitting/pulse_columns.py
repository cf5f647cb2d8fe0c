"""The columns of a pulse file: which hold what, and which other ones can be left alone.

A column with another name is left alone unless leaving it alone could change what the file means: it must not tell
reads apart that would be taken for one device's, one cycle's, or one direction's. That is assumed of a column whose
name resembles a known one or is a usual word for it, and of one that is the same all through each count of pulses but
not in all of them; in both cases only where device, cycle and direction don't already say as much. A column that is
another in every row (a time, an index) tells no group of reads apart.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from neuroep.errors import BadInput, UnknownName
from neuroep.quantities import UNITS, units_of

COLUMNS = ("pulse", "direction", "conductance_uS", "device", "cycle")
PLAIN = ("pulse", "direction", "device", "cycle")
WORDS = {
    "device": "dev chip die cell sample wafer memristor synapse",
    "cycle": "run loop sweep round repetition epoch trial iteration",
    "direction": "dir polarity sign type phase operation op mode",
}
"""Usual words for columns, which must be called by their own names."""
LIKE = 0.75


class Columns(NamedTuple):
    """Names of a header's columns, known ones in their own spelling, and how a conductance becomes siemens."""

    names: tuple[str, ...]
    conductance: str
    factor: float

    @property
    def known(self) -> tuple[str, ...]:
        """Those with a meaning."""
        return (*(name for name in PLAIN if name in self.names), self.conductance)

    @property
    def others(self) -> tuple[str, ...]:
        """Those without."""
        return tuple(name for name in self.names if name and name not in self.known)


def read_header(cells: Sequence[str], unit: str | None, path: object) -> Columns:
    """Return the columns of a header; case doesn't matter but in units.

    Raises
    ------
    BadInput
        If pulse or conductance is missing, a column is there twice, or the unit isn't clear.
    """
    where = f"{path}: header"
    if len(cells) == 1 and (found := re.search(r"[;\t|]", cells[0])):
        raise BadInput(f"cells separated by {found[0]!r}", where, "a comma between cells")
    names = tuple(_name(cell) for cell in cells)
    present = [name for name in names if name]
    if len(set(present)) < len(present) or sum(_is_conductance(name) for name in present) > 1:
        raise BadInput("two columns for the same", where, "each column once, one of conductance")
    conductance, factor = _conductance(names, unit, where)
    _present(names, "pulse", where)
    return Columns(names, conductance, factor)


def _name(cell: str) -> str:
    name = cell.strip().replace("µ", "u").replace("μ", "u")
    if name.casefold() in PLAIN:
        return name.casefold()
    stem, mark, unit = name.partition("_")
    return f"conductance{mark}{unit}" if stem.casefold() == "conductance" else name


def _is_conductance(name: str) -> bool:
    return name == "conductance" or name in (f"conductance_{unit}" for unit in units_of("conductance"))


def _present(names: Sequence[str], wanted: str, where: str) -> None:
    if wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
        hint = f" (should {near[0]!r} be it?)" if near else ""
        raise BadInput(f"no column is called {wanted!r}{hint}", where, ", ".join(COLUMNS))


def _conductance(names: Sequence[str], unit: str | None, where: str) -> tuple[str, float]:
    """Return the column with the conductance, and its unit in siemens."""
    units = units_of("conductance")
    if unit is not None and unit not in units:
        raise UnknownName("unit of conductance", unit, units, "unit")
    found = next((name for name in names if _is_conductance(name)), "conductance_uS")
    _present(names, found, where)
    own = found.partition("_")[2]
    if own and unit not in (None, own):
        raise BadInput(f"unit {unit!r}, but the column is {found!r}", where, "one unit")
    if not own and unit is None:
        raise BadInput("'conductance' has no unit", where, "conductance_uS, _nS or _S, or --unit uS")
    return found, UNITS[own or str(unit)].factor


def refuse_telling(columns: Columns, rows: Sequence[Mapping[str, str]], counts: Sequence[int], path: object) -> None:
    """Refuse a column that would be left alone but tells reads apart.

    Parameters
    ----------
    columns : Columns
    rows : sequence of mapping
        Cells by name, of all reads.
    counts : sequence of int
        Of each read the count of pulses that it belongs to: another one wherever the numbers begin anew.

    Raises
    ------
    BadInput
        With the column's name and what it could be called.
    """
    keys = [tuple(row.get(name, "") for name in WORDS) for row in rows]
    for name in columns.others:
        cells = [row[name] for row in rows]
        if len(set(cells)) == len(cells) or not _splits(keys, cells):
            continue
        likely = _likely(name)
        if likely or not _splits(counts, cells):
            allowed = f"the name {likely!r}" if likely else "the name 'device' or 'cycle'"
            what = f"the column {name!r} tells reads apart"
            raise BadInput(what, f"{path}: header", f"{allowed}, or a file without it")


def _splits(keys: Iterable[object], cells: Iterable[str]) -> bool:
    """Whether cells differ where keys are the same."""
    first: dict[object, str] = {}
    return any(first.setdefault(key, cell) != cell for key, cell in zip(keys, cells, strict=True))


def _likely(name: str) -> str:
    """Return the column that a name probably means, or nothing."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    for column, usual in WORDS.items():
        if not {column, f"{column}s", *usual.split()}.isdisjoint(words):
            return column
    near = difflib.get_close_matches("".join(words), WORDS, n=1, cutoff=LIKE)
    return near[0] if near else ""
