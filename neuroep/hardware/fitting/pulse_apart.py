"""Several measured columns of a pulse file: a device or a cycle each, pulses up beside pulses down, figures of others.

A column of a mean beside what it is the mean of, or of a spread, is no device's; neither is a logarithm, a change or a
share a conductance, whatever its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.hardware.fitting.pulse_words import Named, Unit, way_in

SIEMENS = Unit("S", "conductance", 1.0)
AVERAGES = frozenset(("mean", "average", "avg", "median"))
SPREADS = frozenset(
    ("std", "sd", "stdev", "stddev", "sigma", "err", "error", "errors", "sem", "var", "variance", "min", "max",
     "minimum", "maximum")
)  # fmt: skip
CHANGES = ("delta", "change", "d g", "dg", "δg", "d r", "dr", "δr", "d i", "di", "δi")
SHARES = ("normalized", "normalised", "norm", "relative", "ratio")
NOT_ITSELF = ("log", "log10", "lg", "ln", *CHANGES, *SHARES)


class Measured(NamedTuple):
    """A measured column: its place, device and cycle, the way of its pulses (0: the rows say), its unit."""

    place: int
    device: str = ""
    cycle: str = ""
    way: int = 0
    unit: Unit = SIEMENS


def is_itself(cell: Named) -> bool:
    """Whether a column of a measured unit holds the quantity itself."""
    return not any(f" {word} " in f" {cell.words} " for word in NOT_ITSELF)


def of_devices(cells: Sequence[Named], places: Sequence[int]) -> list[int]:
    """Return the columns that are reads: no spreads, and no averages beside what they are the average of."""
    if len(places) == 1:
        return list(places)
    reads = [k for k in places if SPREADS.isdisjoint(cells[k].words.split())]
    single = [k for k in reads if AVERAGES.isdisjoint(cells[k].words.split())]
    return single or reads


def whose(cells: Sequence[Named], places: Sequence[int], where: str) -> list[Measured]:
    """Return one column as it is; of several, pulses up beside pulses down, or a cycle or device each.

    Raises
    ------
    BadInput
        If some hold pulses up and others pulses down, but not in pairs.
    """
    if len(places) == 1:
        return [Measured(places[0])]
    ways = {k: way_in(cells[k].words) for k in places}
    if {1, -1} <= {way for way, _ in ways.values()}:
        return _pairs(cells, ways, where)
    return [_named(k, cells[k].bare) for k in places]


def _pairs(cells: Sequence[Named], ways: dict[int, tuple[int, str]], where: str) -> list[Measured]:
    """Return pulses up and down of each device or cycle, one after the other."""
    pairs: dict[str, dict[int, int]] = {}
    for place, (way, rest) in ways.items():
        if way in pairs.setdefault(rest, {}):
            pairs[rest][0] = place
        pairs[rest][way] = place
    odd = next((place for pair in pairs.values() if set(pair) != {1, -1} for place in pair.values()), None)
    if odd is not None:
        what = f"{cells[odd].bare!r} without a column of the pulses the other way"
        raise BadInput(what, where, "columns in pairs such as 'LTP 1' and 'LTD 1', or --columns conductance=NAME")
    return [_named(pair[way], rest)._replace(way=way) for rest, pair in pairs.items() for way in (1, -1)]


def _named(place: int, name: str) -> Measured:
    cycle = name.casefold().startswith("cycle")
    return Measured(place, cycle=name) if cycle else Measured(place, device=name)
