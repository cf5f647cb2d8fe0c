"""Measured conductance against pulse number, read from a CSV file.

A row is one read: the pulse after which it was taken, the direction of the pulses since the row before, the
conductance. The rows of one device and cycle, in the order of the file, are a trace; its first row is where it
starts. Where `pulse` rises by more than one, the reads between were left out; where it falls, it began anew.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput, UnknownName
from neuroep.quantities import UNITS, units_of

FEWEST_READS = 5
MOST_PULSES = 200_000
MOST_BYTES = 100_000_000
DIRECTIONS = {"up": 1, "+": 1, "1": 1, "+1": 1, "down": -1, "-": -1, "-1": -1, "−1": -1, "−": -1}
COLUMNS = ("pulse", "direction", "conductance_uS", "device", "cycle")


class Trace(NamedTuple):
    """One device's reads, pulse by pulse.

    Attributes
    ----------
    device, cycle : str
        Which; empty where the file doesn't say.
    directions : ndarray of int, shape (K,)
        1 for each pulse up, −1 for each down.
    siemens : ndarray, shape (1 + K,)
        Conductance before the first pulse and after each; NaN where it wasn't read.
    """

    device: str
    cycle: str
    directions: NDArray[np.int64]
    siemens: NDArray[np.float64]


class PulseData(NamedTuple):
    """All traces of a measurement, with what a profile's sources name.

    Attributes
    ----------
    traces : tuple of Trace
    name : str
        The file's name.
    sha256 : str
        Of the file's bytes.
    """

    traces: tuple[Trace, ...]
    name: str
    sha256: str

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices, in the order of the file."""
        return tuple(dict.fromkeys(trace.device for trace in self.traces))

    def of(self, device: str) -> PulseData:
        """Return one device's traces alone."""
        return self._replace(traces=tuple(trace for trace in self.traces if trace.device == device))


class _Row(NamedTuple):
    line: int
    pulse: int
    direction: int
    siemens: float


def read_pulses(path: str | Path, unit: str | None = None) -> PulseData:
    """Read a CSV file of pulses.

    Parameters
    ----------
    path : str or Path
        Columns `pulse` (whole numbers) and `conductance_uS` (or `_nS`, `_S`); `direction` (up/down, 1/−1, +/−),
        without which each trace must rise and then fall; `device` and `cycle` where there are several. Other
        columns are left alone.
    unit : str, optional
        nS, uS or S: that of a column called `conductance`.

    Raises
    ------
    BadInput
        One line, with the number of the line in the file where that helps: no file, empty, a missing column and
        the nearest name there is, a bad number, too few reads, no pulses up or none down, a flat curve.
    """
    path = Path(path)
    content = _bytes(path)
    lines = _lines(content, path)
    header = [cell.strip() for cell in lines[0][1]]
    column, factor = _conductance(header, unit, path)
    _present(header, "pulse", path)
    groups: dict[tuple[str, str], list[_Row]] = {}
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            raise BadInput(f"{len(cells)} cells", f"{path}: line {number}", f"{len(header)}, as in the header")
        named = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        row = _row(named, column, factor, number, path)
        groups.setdefault((named.get("device", ""), named.get("cycle", "")), []).append(row)
    known = "direction" in header
    traces = tuple(_trace(key, rows, known, path) for key, rows in groups.items())
    _check(traces, path)
    return PulseData(traces, path.name, hashlib.sha256(content).hexdigest())


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"can't be read ({reason})", str(path), "a CSV file of pulses") from error
    if not content.strip():
        raise BadInput("empty file", str(path), "a CSV file of pulses")
    if len(content) > MOST_BYTES:
        raise BadInput("too large", str(path), f"up to {MOST_BYTES} bytes")
    return content


def _lines(content: bytes, path: Path) -> list[tuple[int, list[str]]]:
    """Return number and cells of every line that isn't blank or a comment."""
    try:
        text = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 text at byte {error.start}", str(path), "a CSV file of pulses") from error
    kept = [(k, line) for k, line in enumerate(text, start=1) if line.strip() and not line.lstrip().startswith("#")]
    try:
        return [(k, next(csv.reader([line]))) for k, line in kept] or [(1, [])]
    except csv.Error as error:
        raise BadInput(f"not a table of comma-separated cells ({error})", str(path)) from error


def _present(header: Sequence[str], wanted: str, path: Path) -> None:
    if wanted not in header:
        near = difflib.get_close_matches(wanted, header, n=1, cutoff=0.5)
        hint = f" (should {near[0]!r} be it?)" if near else ""
        raise BadInput(f"no column is called {wanted!r}{hint}", f"{path}: header", ", ".join(COLUMNS))


def _conductance(header: Sequence[str], unit: str | None, path: Path) -> tuple[str, float]:
    """Return the column with the conductance, and its unit in siemens."""
    units = units_of("conductance")
    if unit is not None and unit not in units:
        raise UnknownName("unit of conductance", unit, units, "unit")
    found = [(f"conductance_{name}", name) for name in units if f"conductance_{name}" in header]
    if len(set(header)) < len(header) or len(found) > 1:
        raise BadInput("two columns for the same", f"{path}: header", "each column once, one of conductance")
    if found:
        if unit not in (None, found[0][1]):
            raise BadInput(f"unit {unit!r}, but the column is {found[0][0]!r}", f"{path}: header", "one unit")
        return found[0][0], UNITS[found[0][1]].factor
    if "conductance" in header:
        if unit is None:
            raise BadInput("'conductance' has no unit", f"{path}: header", "conductance_uS, _nS or _S, or --unit uS")
        return "conductance", UNITS[unit].factor
    _present(header, "conductance_uS", path)
    raise AssertionError


def _row(named: Mapping[str, str], column: str, factor: float, line: int, path: Path) -> _Row:
    where = f"{path}: line {line}"
    siemens = _number(named[column], column, where) * factor
    if siemens < 0.0:
        raise BadInput(f"{named[column]!r} in {column!r}", where, "a conductance of 0 or more")
    pulse = _number(named["pulse"], "pulse", where)
    if pulse != round(pulse):
        raise BadInput(f"{named['pulse']!r} in 'pulse'", where, "a whole number")
    return _Row(line, int(pulse), _direction(named.get("direction", ""), where), siemens)


def _number(cell: str, column: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{cell!r} in {column!r}", where, "a finite number")
    return value


def _direction(cell: str, where: str) -> int:
    """1, −1, or 0 where it isn't said: right for the first row of a trace only."""
    if cell.lower() in ("", "0"):
        return 0
    if cell.lower() not in DIRECTIONS:
        raise UnknownName("direction", cell, ("up", "down", "1", "-1", "+", "-"), where)
    return DIRECTIONS[cell.lower()]


def _trace(key: tuple[str, str], rows: Sequence[_Row], known: bool, path: Path) -> Trace:
    device, cycle = key
    if len(rows) < FEWEST_READS:
        which = " ".join(f"{name} {value!r}" for name, value in zip(("device", "cycle"), key, strict=True) if value)
        raise BadInput(f"{len(rows)} reads{f' of {which}' if which else ''}", str(path), f"{FEWEST_READS} or more")
    siemens = np.asarray([row.siemens for row in rows])
    signs = [row.direction for row in rows] if known else _turning(siemens, rows, path)
    directions: list[int] = []
    reads = [0]
    for before, row, sign in zip(rows[:-1], rows[1:], signs[1:], strict=True):
        if sign == 0:
            raise BadInput("no direction", f"{path}: line {row.line}", "up or down, in all but a trace's first row")
        gap = row.pulse - before.pulse if row.pulse > before.pulse else 1
        if len(directions) + gap > MOST_PULSES:
            raise BadInput(f"pulse {row.pulse}", f"{path}: line {row.line}", f"up to {MOST_PULSES} pulses a trace")
        directions += [sign] * gap
        reads.append(len(directions))
    full = np.full(1 + len(directions), np.nan)
    full[reads] = siemens
    return Trace(device, cycle, np.asarray(directions, dtype=np.int64), full)


def _turning(siemens: NDArray[np.float64], rows: Sequence[_Row], path: Path) -> list[int]:
    """Directions of a curve that rises to its highest point, its last where there are several, and then falls."""
    top = len(siemens) - 1 - int(np.argmax(siemens[::-1]))
    signs = [1 if k <= top else -1 for k in range(len(siemens))]
    wrong = np.flatnonzero(np.diff(siemens) * signs[1:] < 0.0)
    if wrong.size:
        place = f"{path}: line {rows[int(wrong[0]) + 1].line}"
        raise BadInput("the curve doesn't just rise and then fall", place, "such a curve, or a column 'direction'")
    return signs


def _check(traces: Sequence[Trace], path: Path) -> None:
    if not traces:
        raise BadInput("no rows", str(path), f"{FEWEST_READS} reads or more")
    directions = np.concatenate([trace.directions for trace in traces])
    for sign, name in ((1, "up"), (-1, "down")):
        if not (directions == sign).any():
            raise BadInput(f"no pulses {name}", str(path), "pulses in both directions")
    for device in dict.fromkeys(trace.device for trace in traces):
        reads = np.concatenate([trace.siemens for trace in traces if trace.device == device])
        if not np.nanmax(reads) > np.nanmin(reads):
            which = f" of device {device!r}" if device else ""
            raise BadInput(f"the conductance{which} never changes", str(path), "a device that moves")
