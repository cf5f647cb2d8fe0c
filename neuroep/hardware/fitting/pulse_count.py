"""How many pulses lie between reads: the numbers of a pulse file turned into traces.

The reads of one device and cycle come in the order in which they were taken. A number says which state was read:

    it rises          by n: n pulses, of which all but the last weren't read
    it repeats        the same state, read again
    it falls steadily numbers count down: each step is a pulse
    0 again           the state in which the device was left, as pulses turn: no pulse
    1 again           the state after the first pulse of a new count; with the very conductance of the read before, in a
                      file that counts its states from 1, the state in which the device was left
    n again           where reads come every n pulses: the state after the first n of a new count

Numbers that begin anew without a turn begin a new trace, with a start of its own: nobody knows what was between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput
from neuroep.hardware.fitting.pulse_turns import TURNS, directions_of

MOST_PULSES = 200_000


class PulseRow(NamedTuple):
    """A read: its line in the file, number of the pulse, direction (0 where it isn't said), conductance."""

    line: int
    pulse: int
    direction: int
    siemens: float


class Counted(NamedTuple):
    """A trace: directions (K,), and of each state (1 + K,) the mean of its reads, their number, their scatter.

    The scatter is the sum of squared distances from the mean; a mean without reads is NaN.
    """

    directions: NDArray[np.int64]
    siemens: NDArray[np.float64]
    counts: NDArray[np.int64]
    scatter: NDArray[np.float64]


@dataclass
class _State:
    """A state that was read: its first line, the pulses that led to it, their direction, its reads.

    `turn` says that the count of pulses turned or began anew when it had been read.
    """

    line: int
    pulses: int
    direction: int
    reads: list[float] = field(default_factory=list)
    turn: bool = False


def counted(rows: Sequence[PulseRow], known: bool, path: object, cycle: Sequence[int] = ()) -> list[Counted]:
    """Return the traces of one device and cycle, counted.

    Parameters
    ----------
    rows : sequence of PulseRow
        In the order of the file.
    known : bool
        Whether rows have directions; without them the places tell where the curve turns (`pulse_turns`).
    path : object
        The file's name, for errors.
    cycle : sequence of int
        Pulses up (positive) and down of each cycle, where rows have no directions and this was stated.

    Raises
    ------
    BadInput
        With the line: numbers that jump back, a direction that is missing, too many pulses.
    """
    pieces = _pieces(rows, known, path)
    if not known:
        _turn([state for piece in pieces for state in piece], cycle, path)
    return [_trace(piece, path) for piece in pieces]


def _pieces(rows: Sequence[PulseRow], known: bool, path: object) -> list[list[_State]]:
    pieces = [[_State(rows[0].line, 0, 0, [rows[0].siemens])]]
    heading, falls = rows[0].direction, False
    for k in range(1, len(rows)):
        row, rise = rows[k], rows[k].pulse - rows[k - 1].pulse
        turned = 0 not in (row.direction, heading) and row.direction != heading
        kept = falls and not turned
        before = falls
        falls = kept if rise == 0 else rise < 0 and _falling(rows, k, kept)
        heading = row.direction or heading
        if rise > 0 or falls:
            pulses = abs(rise)
        elif rise == 0 and not (turned and row.pulse == 1):
            pulses = 0
        elif known and not turned and row.pulse in (0, 1, _every(rows)):
            pieces.append([_State(row.line, 0, 0, [row.siemens])])
            continue
        else:
            pulses = _anew(rows, k, path)
            pieces[-1][-1].turn = True
        pieces[-1][-1].turn |= falls != before
        if pulses > MOST_PULSES:
            raise _too_many(row.pulse, row.line, path)
        if pulses:
            pieces[-1].append(_State(row.line, pulses, row.direction, [row.siemens]))
        else:
            pieces[-1][-1].reads.append(row.siemens)
    return pieces


def _falling(rows: Sequence[PulseRow], k: int, falls: bool) -> bool:
    """Whether row k, below the one before, is part of a count that goes down."""
    row = rows[k]
    for later in rows[k + 1 :]:
        if later.direction not in (0, row.direction):
            break
        if later.pulse != row.pulse:
            return later.pulse < row.pulse
    return falls or (row.pulse == rows[k - 1].pulse - 1 and row.pulse not in (0, 1))


def _every(rows: Sequence[PulseRow]) -> int:
    """Return n of reads after n, 2n, 3n … pulses, or 1."""
    return rows[0].pulse if rows[1].pulse == 2 * rows[0].pulse else 1


def _anew(rows: Sequence[PulseRow], k: int, path: object) -> int:
    """Return the pulses up to read k, which begins a new count as pulses turn."""
    before, row = rows[k - 1], rows[k]
    if row.pulse not in (0, 1, _every(rows)):
        allowed = "numbers that rise, repeat, count down, or begin anew at 0 or 1"
        raise BadInput(f"pulse {row.pulse} after pulse {before.pulse}", f"{path}: line {row.line}", allowed)
    return 0 if rows[0].pulse == 1 and row.siemens == before.siemens else row.pulse


def _turn(states: Sequence[_State], cycle: Sequence[int], path: object) -> None:
    """Give directions to states that have none."""
    means = np.asarray([np.mean(state.reads) for state in states])
    marked = [k for k, state in enumerate(states) if state.turn]
    most = TURNS * float(means.max() - means.min())
    for k in marked:
        if max(states[k].reads) - min(states[k].reads) > most > 0.0:
            what = "the count begins anew at another conductance than the one before"
            raise BadInput(what, f"{path}: line {states[k].line}", "a column 'direction' or 'cycle'")
    pulses = np.asarray([state.pulses for state in states])
    ways = directions_of(means, pulses, marked, [state.line for state in states], cycle, path)
    for state, way in zip(states, ways.tolist(), strict=True):
        state.direction = way


def _too_many(pulse: int, line: int, path: object) -> BadInput:
    return BadInput(f"pulse {pulse}", f"{path}: line {line}", f"up to {MOST_PULSES} pulses a trace")


def _trace(states: Sequence[_State], path: object) -> Counted:
    total = 0
    for state in states:
        total += state.pulses
        if total > MOST_PULSES:
            raise _too_many(total, state.line, path)
        if state.pulses and not state.direction:
            allowed = "up or down, in all but a trace's first row"
            raise BadInput("no direction", f"{path}: line {state.line}", allowed)
    pulses = [state.pulses for state in states]
    directions = np.repeat([state.direction for state in states], pulses).astype(np.int64)
    at = np.cumsum(pulses)
    siemens, scatter = np.full(1 + total, np.nan), np.zeros(1 + total)
    counts = np.zeros(1 + total, dtype=np.int64)
    for place, state in zip(at.tolist(), states, strict=True):
        reads = np.asarray(state.reads)
        siemens[place] = reads[0] + (reads - reads[0]).mean()  # equal reads have exactly their mean
        scatter[place] = np.sum((reads - siemens[place]) ** 2)
        counts[place] = len(reads)
    return Counted(directions, siemens, counts, scatter)
