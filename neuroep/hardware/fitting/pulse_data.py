"""Measured conductance against pulse number, read from a CSV file.

A row is one read: the pulse after which it was taken, the direction of the pulses since the row before, the
conductance. The rows of one device and cycle, in the order of the file, are a trace; its first row is where it
starts. `pulse_count` tells how numbers are counted, `pulse_columns` which columns there may be.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.fitting.pulse_columns import read_header, refuse_telling
from neuroep.hardware.fitting.pulse_count import PulseRow, counted

FEWEST_READS = 5
MOST_READS = 500_000
MOST_PULSES = 500_000
"""Of a whole file."""
MOST_BYTES = 100_000_000
LEAST_SIEMENS, MOST_SIEMENS = 1e-10, 1.0
"""The highest conductance of a cell that an array could read is surely between these."""
DIRECTIONS = {"up": 1, "+": 1, "1": 1, "+1": 1, "1.0": 1, "down": -1, "-": -1, "-1": -1, "-1.0": -1, "−1": -1, "−": -1}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

SURELY = 3.0
"""Standard errors by which the mean step goes the wrong way where directions are wrong: noise alone may be less."""


class Trace(NamedTuple):
    """One device's reads, pulse by pulse.

    Attributes
    ----------
    device, cycle : str
        Which; empty where the file doesn't say.
    directions : ndarray of int, shape (K,)
        1 for each pulse up, −1 for each down.
    siemens : ndarray, shape (1 + K,)
        Conductance before the first pulse and after each, the mean where it was read several times; NaN where it
        wasn't read.
    counts : ndarray of int, shape (1 + K,), optional
        How often it was read; without it, once.
    scatter : ndarray, shape (1 + K,), optional
        Sums of squared distances of those reads from their mean; without it, 0.
    """

    device: str
    cycle: str
    directions: NDArray[np.int64]
    siemens: NDArray[np.float64]
    counts: NDArray[np.int64] | None = None
    scatter: NDArray[np.float64] | None = None


class PulseData(NamedTuple):
    """All traces of a measurement, with what a profile's sources name.

    Attributes
    ----------
    traces : tuple of Trace
    name : str
        The file's name.
    sha256 : str
        Of the file's bytes.
    ignored : tuple of str
        Columns of the file that were left alone.
    """

    traces: tuple[Trace, ...]
    name: str
    sha256: str
    ignored: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices, in the order of the file."""
        return tuple(dict.fromkeys(trace.device for trace in self.traces))

    def of(self, device: str) -> PulseData:
        """Return one device's traces alone."""
        return self._replace(traces=tuple(trace for trace in self.traces if trace.device == device))


def read_pulses(path: str | Path, unit: str | None = None) -> PulseData:
    """Read a CSV file of pulses.

    Parameters
    ----------
    path : str or Path
        Columns `pulse` (whole numbers) and `conductance_uS` (or `_nS`, `_S`); `direction` (up/down, 1/−1, +/−),
        without which each trace must rise and then fall; `device` and `cycle` where there are several. Names may be
        in capitals. Other columns are left alone if they tell no reads apart.
    unit : str, optional
        nS, uS or S: that of a column called `conductance`.

    Raises
    ------
    BadInput
        One line, with the number of the line in the file where that helps: no file, empty, a missing column and
        the nearest name there is, a bad number, numbers of pulses that jump back, too few reads, no pulses up or none
        down, a flat curve, pulses up that lower the conductance, a unit that can't be right.
    """
    path = Path(path)
    content = _bytes(path)
    lines = _lines(content, path)
    columns = read_header([cell.strip() for cell in next(lines, (1, [""]))[1]], unit, path)
    cells: list[dict[str, str]] = []
    groups: dict[tuple[str, str], list[PulseRow]] = {}
    counts: list[int] = []
    for number, row in lines:
        if len(row) != len(columns.names):
            raise BadInput(f"{len(row)} cells", f"{path}: line {number}", f"{len(columns.names)}, as in the header")
        if len(cells) == MOST_READS:
            raise BadInput("too many reads", f"{path}: line {number}", f"up to {MOST_READS} in a file")
        named = {name: cell.strip() for name, cell in zip(columns.names, row, strict=True)}
        group = groups.setdefault((named.get("device", ""), named.get("cycle", "")), [])
        group.append(_row(named, columns.conductance, columns.factor, number, path))
        anew = len(group) > 1 and group[-1].pulse < group[-2].pulse
        counts.append(number if anew or not counts else counts[-1])
        cells.append(named)
    refuse_telling(columns, cells, counts, path)
    traces = tuple(trace for key, rows in groups.items() for trace in _traces(key, rows, columns.names, path))
    data = PulseData(traces, path.name, hashlib.sha256(content).hexdigest(), columns.others)
    check(data, path)
    _check_unit(max(float(np.nanmax(trace.siemens)) for trace in traces), path)
    return data


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"can't be read ({reason})", str(path), "a CSV file of pulses") from error
    if len(content) > MOST_BYTES:
        raise BadInput("too large", str(path), f"up to {MOST_BYTES} bytes")
    if not content.strip():
        raise BadInput("empty file", str(path), "a CSV file of pulses")
    return content


def _lines(content: bytes, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of every line that isn't blank or a comment."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 text at byte {error.start}", str(path), "a CSV file of pulses") from error
    for k, match in enumerate(re.finditer(r"[^\r\n]*(?:\r\n|\r|\n|\Z)", text), start=1):
        line = match[0].strip()
        if not line.strip(", ") or line.startswith("#"):
            continue
        try:
            yield k, next(csv.reader([line], strict=True))
        except csv.Error as error:
            where = f"{path}: line {k}"
            raise BadInput(f"not a table of comma-separated cells ({error})", where) from error


def _row(named: Mapping[str, str], column: str, factor: float, line: int, path: Path) -> PulseRow:
    where = f"{path}: line {line}"
    siemens = _number(named[column], column, where) * factor
    if siemens < 0.0:
        raise BadInput(f"{named[column]!r} in {column!r}", where, "a conductance of 0 or more")
    pulse = _number(named["pulse"], "pulse", where)
    if pulse != round(pulse) or pulse < 0.0:
        raise BadInput(f"{named['pulse']!r} in 'pulse'", where, "a whole number, 0 or more")
    return PulseRow(line, int(pulse), _direction(named.get("direction", ""), where), siemens)


def _number(cell: str, column: str, where: str) -> float:
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if not math.isfinite(value):
        raise BadInput(f"{cell!r} in {column!r}", where, "a finite number")
    return value


def _direction(cell: str, where: str) -> int:
    """1, −1, or 0 where it isn't said: right only where no pulse was sent."""
    if cell in ("", "0"):
        return 0
    if cell.lower() not in DIRECTIONS:
        raise UnknownName("direction", cell, ("up", "down", "1", "-1", "+", "-"), where)
    return DIRECTIONS[cell.lower()]


def _traces(key: tuple[str, str], rows: Sequence[PulseRow], names: Sequence[str], path: Path) -> list[Trace]:
    found = counted(rows, "direction" in names, path)
    states = sum(int(np.count_nonzero(one.counts)) for one in found)
    if states < FEWEST_READS:
        which = " ".join(f"{name} {value!r}" for name, value in zip(("device", "cycle"), key, strict=True) if value)
        what = f"{states} reads{'' if states == len(rows) else ' of different states'}{f' of {which}' if which else ''}"
        raise BadInput(what, str(path), f"{FEWEST_READS} or more")
    return [Trace(*key, *one) for one in found]


def check(data: PulseData, where: object) -> None:
    """Refuse traces that no step model can be fitted to.

    Raises
    ------
    BadInput
        No reads, no pulses up or none down, too many pulses, and of a device: it never changes, or pulses up don't
        raise it.
    """
    if not data.traces:
        raise BadInput("no rows", str(where), f"{FEWEST_READS} reads or more")
    directions = np.concatenate([trace.directions for trace in data.traces])
    for sign, name in ((1, "up"), (-1, "down")):
        if not (directions == sign).any():
            raise BadInput(f"no pulses {name}", str(where), "pulses in both directions")
    if len(directions) > MOST_PULSES:
        raise BadInput(f"{len(directions)} pulses", str(where), f"up to {MOST_PULSES}: fit some of the devices")
    by_device: dict[str, list[Trace]] = {}
    for trace in data.traces:
        by_device.setdefault(trace.device, []).append(trace)
    for device, traces in by_device.items():
        _check_device(traces, f" of device {device!r}" if device else "", where)


def _check_unit(highest: float, where: object) -> None:
    if not LEAST_SIEMENS <= highest <= MOST_SIEMENS and highest > 0.0:
        allowed = f"{LEAST_SIEMENS:g} to {MOST_SIEMENS:g} S: is it the right unit"
        raise BadInput(f"the highest conductance is {highest:.3g} S", str(where), allowed)


def _check_device(traces: Sequence[Trace], which: str, where: object) -> None:
    reads = np.concatenate([trace.siemens for trace in traces])
    if not np.nanmax(reads) > np.nanmin(reads):
        raise BadInput(f"the conductance{which} never changes", str(where), "a device that moves")
    wrong = {}
    for sign in (1, -1):
        steps = np.concatenate([_steps(trace, sign) for trace in traces])
        error = steps.std() / np.sqrt(max(len(steps), 1))
        wrong[sign] = len(steps) > 0 and float(steps.mean()) < -SURELY * error
    if wrong[1] and wrong[-1]:
        what = f"pulses up lower the conductance{which}, pulses down raise it"
        raise BadInput(what, str(where), "'up' for pulses that raise it: swap the two")
    for sign, name, other in ((1, "up", "lower"), (-1, "down", "raise")):
        if wrong[sign]:
            what = f"pulses {name} {other} the conductance{which} on the whole"
            raise BadInput(what, str(where), "up for pulses that raise it, down for those that lower it")


def _steps(trace: Trace, sign: int) -> NDArray[np.float64]:
    """Changes from read to read by pulses of one direction, positive the way of the pulse."""
    at = np.flatnonzero(np.isfinite(trace.siemens))
    found: NDArray[np.float64] = np.diff(trace.siemens[at])[trace.directions[at[:-1]] == sign] * sign
    return found
