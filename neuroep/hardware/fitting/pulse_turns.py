"""Which way pulses went where a file doesn't say: from the places at which a curve turns.

Three things can tell, in this order: pulses a cycle that were stated; counts that begin anew or turn, if each stretch
between them goes one way on the whole and its neighbours the other; the curve itself, if between its turns it never
goes back, or if its turns come at the same distances in every cycle. Anything else is left to the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
TURNS = 0.3
"""Share of a curve's range by which it must go back to turn."""
ONE_WAY = 0.5
"""Share of its own range by which a stretch must end away from its start."""
FEWEST_READS = 3
"""Between two turns: a single read that is off isn't a turn."""
FEWEST_PULSES = 2
"""Each way in a cycle found by its turns: reads that go to and fro at every pulse may be noise."""
FEWEST_TURNS = 3
"""That show a period: up, down, and up and down again."""
MANY = 5
"""Stretches that show a period without the last."""
NEARLY = 2
"""Pulses by which noise at its end may lengthen a stretch of a clean curve: cycles that differ by more differ."""


def directions_of(
    means: Floats, pulses: Whole, marked: Sequence[int], lines: Sequence[int], cycle: Sequence[int], path: object
) -> Whole:
    """Return the direction of the pulses that led to each state, shape (S,); the first state's is 0.

    Parameters
    ----------
    means : ndarray, shape (S,)
        Reads of the states.
    pulses : ndarray of int, shape (S,)
        Pulses that led to each.
    marked : sequence of int
        States at which the count of pulses turned or began anew.
    lines : sequence of int
        Of the states in the file.
    cycle : sequence of int
        Pulses up and down of each cycle, where that was stated.
    path : object
        The file, for errors.

    Raises
    ------
    BadInput
        If the curve doesn't tell.
    """
    if cycle:
        return _stated(pulses, cycle, lines, path)
    inner = [k for k in marked if 0 < k < len(means) - 1]
    if inner and (ways := _one_way(means, inner)):
        return _spread(ways, inner, len(means))
    top, bottom = (len(means) - 1 - int(np.argmax(sign * means[::-1])) for sign in (1, -1))
    once = _spread([1, -1], [top], len(means))
    other = _spread([-1, 1], [bottom], len(means))
    turns = _turns(means)
    first = 1 if means[turns[0] if turns else -1] > means[0] else -1
    often = _spread([first * (-1) ** k for k in range(len(turns) + 1)], turns, len(means))
    if not _goes_back(means, once).size:
        return once
    if min(bottom, len(means) - 1 - bottom) >= FEWEST_READS and not _goes_back(means, other).size:
        return other
    back = _goes_back(means, often)
    lengths = _lengths(np.cumsum(pulses), turns)
    clean = not back.size and min(np.diff(turns), default=0) >= FEWEST_READS and not _nearly_regular(lengths)
    if clean or _regular(lengths):
        return often
    back = back if back.size else _goes_back(means, once)
    allowed = "such a curve, a column 'direction', or --cycle up50,down50 (pulses of a cycle)"
    what = "the curve doesn't just rise and then fall, once or in even cycles"
    raise BadInput(what, f"{path}: line {lines[int(back[0]) + 1]}", allowed)


def _goes_back(means: Floats, ways: Whole) -> Whole:
    return np.flatnonzero(np.diff(means) * ways[1:] < 0.0)


def _stated(pulses: Whole, cycle: Sequence[int], lines: Sequence[int], path: object) -> Whole:
    """Return directions by counting; no read may lie over a turn that nobody read."""
    way = np.repeat(np.sign(cycle), np.abs(cycle))
    begun = int((pulses.sum() + 1) % len(way) == 0)  # as many reads as pulses: the first was after a pulse
    ends = begun + np.cumsum(pulses)
    starts = ends - pulses
    found = np.where(pulses > 0, way[starts % len(way)], 0)
    split = np.flatnonzero((pulses > 0) & (way[(ends - 1) % len(way)] != found))
    if split.size:
        place = f"{path}: line {lines[int(split[0])]}"
        raise BadInput(f"pulses {'down' if found[split[0]] > 0 else 'up'} before its read", place, "another --cycle")
    return found.astype(np.int64)


def _one_way(means: Floats, inner: Sequence[int]) -> list[int]:
    """Return the way of each stretch between marked states if all go one way, alternating; else nothing."""
    ends = [0, *inner, len(means) - 1]
    ways = []
    for first, last in pairwise(ends):
        stretch = means[first : last + 1]
        move = float(stretch[-1] - stretch[0])
        if abs(move) <= ONE_WAY * float(stretch.max() - stretch.min()):
            return []
        ways.append(1 if move > 0.0 else -1)
    return ways if all(a != b for a, b in pairwise(ways)) else []


def _spread(ways: Sequence[int], turns: Sequence[int], states: int) -> Whole:
    """Return the way of each state: of the stretch that it lies in or ends."""
    found = np.asarray(ways, dtype=np.int64)[np.searchsorted(np.asarray(turns, dtype=np.int64), np.arange(states))]
    found[0] = 0
    return found


def _turns(means: Floats) -> list[int]:
    """Return the states at which the curve turns by more than `TURNS` of its range; of equal ones the last."""
    least = TURNS * float(means.max() - means.min())
    turns: list[int] = []
    low = high = 0
    way = 0
    for k, value in enumerate(means.tolist()):
        if value >= means[high]:
            high = k
        if value <= means[low]:
            low = k
        if way >= 0 and means[high] - value > least:
            turns += [high] if way else []
            way, low = -1, k
        elif way <= 0 and value - means[low] > least:
            turns += [low] if way else []
            way, high = 1, k
    return turns


def _lengths(at: Whole, turns: Sequence[int]) -> list[int]:
    """Return the pulses of each stretch.

    The first counts as the others where its first pulse wasn't seen; of many, a last one that broke off doesn't count.
    """
    found = np.diff(np.concatenate(([0], at[np.asarray(turns, dtype=np.int64)], at[-1:]))).tolist()
    if len(found) > FEWEST_TURNS and found[0] == found[2] - 1:
        found[0] += 1
    if len(found) > MANY and found[-1] < found[-3]:
        found.pop()
    return [int(length) for length in found]


def _regular(lengths: Sequence[int]) -> bool:
    """Whether turns come at the same distances, in pulses, in every cycle."""
    even = len(set(lengths[::2])) == len(set(lengths[1::2])) == 1
    return even and len(lengths) > FEWEST_TURNS and min(lengths) >= FEWEST_PULSES


def _nearly_regular(lengths: Sequence[int]) -> bool:
    """Whether cycles differ by so little that noise may have moved a turn."""
    return any(0 < max(way) - min(way) <= NEARLY for way in (lengths[::2], lengths[1::2]) if way)
