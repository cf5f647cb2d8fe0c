"""Cells of a pulse file turned into reads: whole pulses, directions, siemens."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.fitting.pulse_apart import Measured
from neuroep.hardware.fitting.pulse_asked import Asked
from neuroep.hardware.fitting.pulse_columns import Columns
from neuroep.hardware.fitting.pulse_count import PulseRow
from neuroep.hardware.fitting.pulse_words import way_of
from neuroep.tabular.sheet import Row, Sheet, is_number

Group = tuple[str, str]
"""Device and cycle."""
NO_READING = 9.9e37
"""What instruments write in place of a number, and above (SCPI)."""


class Reads(NamedTuple):
    """All reads of a file.

    Attributes
    ----------
    groups : dict
        Reads of each device and cycle, in the order of the file.
    counts : list of int
        Of each row the count of pulses that it belongs to: another one wherever the numbers begin anew.
    """

    groups: dict[Group, list[PulseRow]]
    counts: list[int]


def read_rows(sheet: Sheet, columns: Columns, asked: Asked, path: object) -> Reads:
    """Return the reads in a table's rows.

    Raises
    ------
    BadInput
        With the line: a bad number, a word for a direction that isn't known, a conductance below 0.
    """
    reads, before = Reads({}, []), Counter[Group]()
    for one in columns.measured:
        blank = Counter[Group]()
        for row in sheet.rows:
            key = _group(row, one, columns)
            if len(columns.measured) > 1 and not row.cells[one.place]:
                blank[key] += 1  # nobody looked, or a device with fewer pulses than its neighbour
                continue
            group = reads.groups.setdefault(key, [])
            before[key] += blank.pop(key, 0)
            group.append(_row(row, before[key], one, columns, asked, sheet.decimal, path))
            before[key] += 1
            if one is columns.measured[0]:
                anew = len(group) > 1 and group[-1].pulse < group[-2].pulse
                reads.counts.append(row.number if anew or not reads.counts else reads.counts[-1])
    return reads if "voltage" not in columns.places else reads._replace(groups=_raising(reads.groups))


def _group(row: Row, one: Measured, columns: Columns) -> Group:
    device, cycle = (row.cells[columns.places[name]] if name in columns.places else "" for name in ("device", "cycle"))
    return " ".join(part for part in (device, one.device) if part), cycle or one.cycle


def _row(row: Row, before: int, one: Measured, columns: Columns, asked: Asked, decimal: str, path: object) -> PulseRow:
    where = f"{path}: line {row.number}"
    siemens = _siemens(row, one, columns, asked, decimal, where)
    place = columns.places["pulse"]
    cell = str(before) if place < 0 else row.cells[place]
    pulse = _number(cell, "pulse", decimal, where)
    if pulse != round(pulse) or pulse < 0.0:
        raise BadInput(f"{cell!r} in 'pulse'", where, "a whole number, 0 or more")
    return PulseRow(row.number, int(pulse), one.way or _way(row, columns, decimal, where), siemens)


def _siemens(row: Row, one: Measured, columns: Columns, asked: Asked, decimal: str, where: str) -> float:
    cell, name = row.cells[one.place], columns.names[one.place]
    kept = "" if columns.places["pulse"] < 0 else "; a line less where nothing was read: numbers of pulses tell it"
    value = _number(cell, name, decimal, where, f"a finite number{kept}") * one.unit.factor
    if one.unit.quantity == "current":
        value /= _read_voltage(row, columns, asked, decimal, where)
    if value < 0.0 or (one.unit.quantity == "resistance" and value == 0.0):
        current = "currents of the sign of their read voltage (--read-voltage -0.1 below 0 V)"
        allowed = current if one.unit.quantity == "current" else "a conductance of 0 or more, a resistance above 0"
        raise BadInput(f"{cell!r} in {name!r}", where, allowed)
    return 1.0 / value if one.unit.quantity == "resistance" else value


def _read_voltage(row: Row, columns: Columns, asked: Asked, decimal: str, where: str) -> float:
    if asked.read_voltage is not None:
        return asked.read_voltage
    place = columns.places["read_voltage"]
    volts = _number(row.cells[place], columns.names[place], decimal, where) * columns.read_factor
    if volts == 0.0:
        raise BadInput("a read at 0 V", where, "another voltage")
    return volts


def _way(row: Row, columns: Columns, decimal: str, where: str) -> int:
    """Return the direction that a row says."""
    if "direction" in columns.places:
        return _direction(row.cells[columns.places["direction"]], where)
    if "voltage" not in columns.places:
        return 0
    place = columns.places["voltage"]
    volts = _number(row.cells[place].replace("−", "-") or "0", columns.names[place], decimal, where)
    return (volts > 0.0) - (volts < 0.0)


def _raising(groups: dict[Group, list[PulseRow]]) -> dict[Group, list[PulseRow]]:
    """Turn directions round where pulses of negative voltage raise the conductance: the sign is a matter of wiring."""
    raised = 0.0
    for rows in groups.values():
        raised += sum(new.direction * (new.siemens - old.siemens) for old, new in pairwise(rows))
    if raised >= 0.0:
        return groups
    return {key: [row._replace(direction=-row.direction) for row in rows] for key, rows in groups.items()}


def _number(cell: str, column: str, decimal: str, where: str, allowed: str = "a finite number") -> float:
    value = float(cell.replace(",", ".") if decimal == "," else cell) if is_number(cell, decimal) else math.nan
    if not abs(value) < NO_READING:
        raise BadInput(f"{cell!r} in {column!r}", where, allowed)
    return value


def _direction(cell: str, where: str) -> int:
    way = way_of(cell)
    if way is None:
        raise UnknownName("direction", cell, ("up", "down", "1", "-1", "+", "-", "potentiation", "LTP", "SET"), where)
    return way
