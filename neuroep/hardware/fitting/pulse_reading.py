"""How a pulse file was read, in a line: so that a wrong guess is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.fitting.pulse_columns import Columns
from neuroep.tabular.sheet import Sheet

SEPARATED = {"\t": "tabs", ";": "semicolons", "|": "bars", " ": "blanks"}


def reading(
    devices: Sequence[Sequence[NDArray[np.int64]]], seen: tuple[int, int], columns: Columns, sheet: Sheet
) -> str:
    """Return a line such as '51 up and 50 down pulses, 3 cycles, 2 devices, µS'.

    Parameters
    ----------
    devices : sequence of sequence of ndarray
        Directions of the pulses of each device's traces.
    seen : tuple of int
        States that were read, and all that there were.
    columns : Columns
    sheet : Sheet
    """
    pulses, cycles = _cycles(devices)
    number = f"{len(devices)} device{'s' if len(devices) > 1 else ''}"
    unit = columns.measured[0].unit.name.replace("u", "µ").replace("ohm", "Ω")
    some = [] if seen[0] == seen[1] else [f"{seen[0]} of {seen[1]} states read"]
    return "; ".join([f"{pulses}, {cycles}, {number}, {unit}", *some, *_how(columns, sheet)])


def _cycles(devices: Sequence[Sequence[NDArray[np.int64]]]) -> tuple[str, str]:
    """Return pulses of a cycle where all are alike, else in all, and the number of cycles."""
    runs = [[run for trace in traces for run in _runs(trace)] for traces in devices]
    cycles = [max(sum(run > 0 for run in found), sum(run < 0 for run in found)) for found in runs]
    ups, downs = ({run * way for found in runs for run in found if run * way > 0} for way in (1, -1))
    if len(ups) == len(downs) == 1:
        pulses = f"{ups.pop()} up and {downs.pop()} down pulses"
    else:
        up, down = (sum(run * way for found in runs for run in found if run * way > 0) for way in (1, -1))
        pulses = f"{up} up and {down} down pulses in all"
    few, many = min(cycles), max(cycles)
    return pulses, f"{few if few == many else f'{few} to {many}'} cycle{'s' if many > 1 else ''}"


def _runs(directions: NDArray[np.int64]) -> list[int]:
    """Return lengths of runs of pulses one way, negative for those down."""
    ends = np.flatnonzero(np.diff(directions)) + 1
    return [int(part.sum()) for part in np.split(directions, ends) if part.size]


def _how(columns: Columns, sheet: Sheet) -> list[str]:
    """Return what was guessed beyond the plain form."""
    said = []
    if sheet.title:
        said.append(f"sheet {sheet.title!r}")
    if sheet.separator in SEPARATED:
        said.append(f"cells by {SEPARATED[sheet.separator]}")
    if sheet.decimal == ",":
        said.append("decimal commas")
    if not sheet.header:
        said.append("no header")
    if len(columns.measured) > 1:
        said.append(f"columns {', '.join(repr(columns.names[one.place]) for one in columns.measured[:4])} apart")
    if "voltage" in columns.places:
        said.append(f"directions by the sign of {columns.names[columns.places['voltage']]!r}")
    elif not columns.directed:
        said.append("directions by where the curve turns")
    return said
