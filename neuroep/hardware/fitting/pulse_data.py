"""Measured conductance against pulse number, read from a table: text or spreadsheet, as laboratories write them.

A row is one read: the pulse after which it was taken, the direction of the pulses since the row before, the
conductance. The rows of one device and cycle, in the order of the file, are a trace; its first row is where it
starts. `pulse_count` tells how numbers are counted, `pulse_columns` which columns there may be, `pulse_turns` which way
pulses went where the file doesn't say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.hardware.fitting.pulse_asked import Asked, asked_voltage, checked_columns, checked_cycle
from neuroep.hardware.fitting.pulse_columns import read_columns
from neuroep.hardware.fitting.pulse_count import PulseRow, counted
from neuroep.hardware.fitting.pulse_others import refuse_telling
from neuroep.hardware.fitting.pulse_reading import reading
from neuroep.hardware.fitting.pulse_rows import Group, read_rows
from neuroep.hardware.fitting.pulse_words import is_unit
from neuroep.tabular.sheet import Sheet
from neuroep.tabular.spreadsheet import SUFFIXES, read_spreadsheet
from neuroep.tabular.text import decoded, read_text

FEWEST_READS = 5
MOST_READS = 500_000
MOST_PULSES = 500_000
"""Of a whole file."""
MOST_BYTES = 100_000_000
LEAST_SIEMENS, MOST_SIEMENS = 1e-10, 1.0
"""The highest conductance of a cell that an array could read is surely between these."""
NEEDED = "a table of pulses: CSV, or another text or spreadsheet with such columns"
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
    reading : str
        How the file was read, in a line.
    of_reads : str
        SHA-256 of the traces as the file had them; empty without a file.
    """

    traces: tuple[Trace, ...]
    name: str
    sha256: str
    ignored: tuple[str, ...] = ()
    reading: str = ""
    of_reads: str = ""

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices, in the order of the file."""
        return tuple(dict.fromkeys(trace.device for trace in self.traces))

    def of(self, device: str) -> PulseData:
        """Return one device's traces alone."""
        return self._replace(traces=tuple(trace for trace in self.traces if trace.device == device))

    def named(self) -> PulseData:
        """Return the same traces under a name and a hash that are true of them, if they are no longer the file's."""
        now = _hash_of(self.traces)
        if now == self.of_reads:
            return self
        name = f"{self.name}, in part or changed" if self.of_reads else self.name
        return self._replace(name=name, sha256=now, reading="")


def _hash_of(traces: Sequence[Trace]) -> str:
    digest = hashlib.sha256()
    for trace in traces:
        digest.update(repr((trace.device, trace.cycle)).encode())
        for array in trace[2:]:
            digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def read_pulses(
    path: str | Path,
    unit: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    read_voltage: float | None = None,
    cycle: Sequence[int] = (),
    sheet: str | None = None,
) -> PulseData:
    """Read a table of pulses: text with any usual separator and sign of decimals, or a spreadsheet.

    Parameters
    ----------
    path : str or Path
        Columns `pulse` (whole numbers) and `conductance_uS`, or others that mean the same: `Pulse #`, `G (S)`,
        `resistance [kohm]`, `I_A`; `direction` (up/down, 1/−1, potentiation/depression, LTP/LTD, SET/RESET) or a pulse
        voltage of either sign, without which the places tell where the curve turns; `device` and `cycle` where there
        are several, or a column each. Lines of comment, and those above the header, are left alone, and so are other
        columns that tell no reads apart.
    unit : str, optional
        Of a measured column that doesn't say: nS, uS, S, kohm, uA and so on.
    columns : mapping, optional
        Names, numbers from 1 or letters of columns by what they hold (`pulse`, `direction`, `device`, `cycle`,
        `conductance`, `resistance`, `current`, `voltage`, `read_voltage`), where names don't tell; pulses may be
        ``"row"``, a pulse a row, and ``+`` joins the columns of several devices.
    read_voltage : float, optional
        In volts, of a file of currents.
    cycle : sequence of int, optional
        Pulses up (positive) and down (negative) of each cycle, where the file says no directions: ``(50, -50)``.
    sheet : str, optional
        Of a spreadsheet with several.

    Raises
    ------
    BadInput
        One line, with the number of the line in the file where that helps: no file, empty, a missing column and
        the nearest name there is, a bad number, numbers of pulses that jump back, too few reads, no pulses up or none
        down, a flat curve, pulses up that lower the conductance, a unit that can't be right, two ways to read it.
    NotAvailable
        If the file is a spreadsheet and openpyxl isn't installed.
    """
    path = Path(path)
    voltage = None if read_voltage is None else asked_voltage(read_voltage)
    unit, sheet = (
        None if word is None else checks.text(word, where) for word, where in ((unit, "unit"), (sheet, "sheet"))
    )
    asked = Asked(unit, checked_columns(columns), voltage, checked_cycle(cycle, "cycle"), sheet)
    content = _bytes(path)
    table = _table(content, asked, path)
    if len(table.rows) > MOST_READS:
        raise BadInput("too many reads", f"{path}: line {table.rows[MOST_READS].number}", f"up to {MOST_READS}")
    found = read_columns(table, asked, path)
    if found.directed and asked.cycle:
        raise BadInput("the file says which way its pulses go", "--cycle", "left out")
    reads = read_rows(table, found, asked, path)
    refuse_telling(found, table.rows, reads.counts, path)
    groups = reads.groups.items()
    traces = tuple(trace for key, rows in groups for trace in _traces(key, rows, found.directed, asked.cycle, path))
    ignored = tuple(found.names[place] for place in found.others)
    data = PulseData(traces, path.name, hashlib.sha256(content).hexdigest(), ignored)
    check(data, path)
    check_unit(max(float(np.nanmax(trace.siemens)) for trace in traces), path)
    by_device = [[trace.directions for trace in data.of(device).traces] for device in data.devices]
    return data._replace(reading=reading(by_device, _seen(traces), found, table), of_reads=_hash_of(traces))


def _seen(traces: Sequence[Trace]) -> tuple[int, int]:
    """Return how many states were read, and how many there were."""
    return sum(int(np.isfinite(trace.siemens).sum()) for trace in traces), sum(len(trace.siemens) for trace in traces)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"can't be read ({reason})", str(path), NEEDED) from error
    if len(content) > MOST_BYTES:
        raise BadInput("too large", str(path), f"up to {MOST_BYTES} bytes")
    if not content.strip():
        raise BadInput("empty file", str(path), NEEDED)
    return content


def _table(content: bytes, asked: Asked, path: Path) -> Sheet:
    if path.suffix.lower() in SUFFIXES:
        return read_spreadsheet(content, asked.sheet, is_unit, path, NEEDED, "--sheet")
    if asked.sheet is not None:
        raise BadInput("no spreadsheet", "--sheet", f"left out, or a file that ends in {' or '.join(SUFFIXES)}")
    return read_text(decoded(content, path, NEEDED), is_unit, path, NEEDED)


def _traces(key: Group, rows: Sequence[PulseRow], known: bool, cycle: Sequence[int], path: Path) -> list[Trace]:
    found = counted(rows, known, path, cycle)
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
            raise BadInput(
                f"no pulses {name}", str(where), "pulses in both directions, one below the other in one file"
            )
    if len(directions) > MOST_PULSES:
        raise BadInput(f"{len(directions)} pulses", str(where), f"up to {MOST_PULSES}: fit some of the devices")
    by_device: dict[str, list[Trace]] = {}
    for trace in data.traces:
        by_device.setdefault(trace.device, []).append(trace)
    for device, traces in by_device.items():
        _check_device(traces, f" of device {device!r}" if device else "", where)


def check_unit(highest: float, where: object) -> None:
    """Refuse a highest conductance, in siemens, that no cell of an array has.

    Raises
    ------
    BadInput
        If it is one.
    """
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
        wrong[sign] = len(steps) > 0 and float(steps.mean()) < -SURELY * float(steps.std()) / np.sqrt(len(steps))
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
