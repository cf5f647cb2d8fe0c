"""Where rows and columns have coincidences: words of a row met with those of all columns, many columns at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from neuroep.hardware.crossbar import pulse_kernels as kernels
from neuroep.hardware.crossbar.train_kernels import IntArray, TrainLines, WordArray, ones

SINGLE, TURNS, ONE_SIDED = range(3)
"""Where coincidences go: to a lone device; to both of a pair, in turns; to the one of a pair that goes up for it."""


class MeetingRow(NamedTuple):
    """One row's words that have bits, and how pairs share them.

    Attributes
    ----------
    live : ndarray of int64, shape (words,)
        Their places on the time line.
    bits, signs : ndarray of uint64, shape (words,)
        As in `TrainLines`.
    turns : ndarray of uint64, shape (words of the time line,)
        Slots in which it is G⁺'s turn.
    share : int
        `SINGLE`, `TURNS` or `ONE_SIDED`.
    """

    live: IntArray
    bits: WordArray
    signs: WordArray
    turns: WordArray
    share: int


class Hits(NamedTuple):
    """Pulses of the devices of one row, column by column.

    Attributes
    ----------
    found : ndarray of int64, shape (n,)
        Columns that have coincidences.
    packed, counts : ndarray of uint64, shapes (words, n)
        Of each live word, the directions of its pulses side by side from bit 0 on (1: down), and how many there are.
    pulses, falling : ndarray of int64, shape (n,)
        How many each device has in all, and how many of them go down.
    """

    found: IntArray
    packed: WordArray
    counts: WordArray
    pulses: IntArray
    falling: IntArray


@njit(inline="always")
def chosen(word: int, down: int, turn: int, share: int, minus: bool) -> int:
    """Of a word of coincidences, those that G⁺ (or, `minus`, G⁻) takes."""
    if share == SINGLE:
        return word
    mine = turn if share == TURNS else ~down
    return word & (~mine if minus else mine)


@njit(inline="always")
def pushed_together(word: int, mask: int) -> int:
    """The bits of a word at the ones of a mask, moved together to the right.

    In six steps, each moving bits by a power of two if the number of zeros to their right has that bit (Warren,
    Hacker's Delight, 7-4): no branches, so that it works on many words at a time.
    """
    word &= mask
    zeros = ~mask << uint64(1)
    for step in range(6):
        odd = zeros ^ (zeros << uint64(1))
        odd ^= odd << uint64(2)
        odd ^= odd << uint64(4)
        odd ^= odd << uint64(8)
        odd ^= odd << uint64(16)
        odd ^= odd << uint64(32)
        moving, by = odd & mask, uint64(1 << step)
        mask = (mask ^ moving) | (moving >> by)
        moved = word & moving
        word = (word ^ moved) | (moved >> by)
        zeros &= ~odd
    return word


@njit()
def meet(row: MeetingRow, columns: TrainLines, minus: bool, hits: Hits) -> None:
    """Find out which pulses all devices of a row have, word by word."""
    for i in range(len(row.live)):
        k, bits, signs, turn = row.live[i], row.bits[i], row.signs[i], row.turns[row.live[i]]
        column, column_signs, packed, counts = columns.bits[k], columns.signs[k], hits.packed[i], hits.counts[i]
        for j in range(len(packed)):
            down = signs ^ column_signs[j]
            word = chosen(bits & column[j], down, turn, row.share, minus)
            packed[j] = pushed_together(~down if minus else down, word)
            counts[j] = ones(word)


@njit()
def count(row: MeetingRow, hits: Hits, found: IntArray, counts: NDArray[np.float64]) -> int:
    """Add up the pulses of each hit and of all; return the most that one has."""
    most, total, falling = 0, 0, 0
    for j in found:
        pulses, down = 0, 0
        for i in range(len(row.live)):
            pulses += np.int64(hits.counts[i, j])
            down += np.int64(ones(hits.packed[i, j]))
        hits.pulses[j], hits.falling[j] = pulses, down
        total += pulses
        falling += down
        most = max(most, pulses)
    counts[kernels.PULSES] += total
    counts[kernels.UPWARD] += total - falling
    return most


@njit()
def live_words(rows: TrainLines, i: int, row: MeetingRow) -> MeetingRow:
    """Return the words of row i that have bits; dark pixels have none."""
    found = 0
    for k in range(len(rows.bits)):
        if rows.bits[k, i] != uint64(0):
            row.bits[found], row.signs[found], row.live[found] = rows.bits[k, i], rows.signs[k, i], k
            found += 1
    return MeetingRow(row.live[:found], row.bits[:found], row.signs[:found], row.turns, row.share)


@njit()
def find_hits(row: MeetingRow, columns: TrainLines, met: WordArray, found: IntArray) -> IntArray:
    """Return the columns that have coincidences with a row."""
    met[:] = uint64(0)
    for i in range(len(row.live)):
        word, column = row.bits[i], columns.bits[row.live[i]]
        for j in range(len(met)):
            met[j] |= word & column[j]
    many = 0
    for j in range(len(met)):
        found[many] = j
        many += 1 if met[j] != uint64(0) else 0
    return found[:many]
