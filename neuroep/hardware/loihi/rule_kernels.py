"""One coupling's synapses learning from the traces of one sample after another, compiled.

The same integers as :func:`neuroep.hardware.loihi.rule_updates.learn_stepwise`, which says what happens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32, uint32, uint64
from numpy.typing import NDArray

from neuroep.hardware.loihi.learning import ACCUMULATOR_BITS
from neuroep.kernel_cache import njit
from neuroep.rng_kernels import combine, hashed

ShortArray = NDArray[np.int32]

_LOW, _HIGH = np.int32(-(1 << ACCUMULATOR_BITS)), np.int32((1 << ACCUMULATOR_BITS) - 1)


class Stored(NamedTuple):
    """How a weight is stored.

    Attributes
    ----------
    lift : int
        Bits of the accumulator below the lowest of a code.
    lowest, highest : int
        Range of the codes.
    one_draw : bool
        One random number for a whole write-back in place of one an element.
    """

    lift: int
    lowest: int
    highest: int
    one_draw: bool


class Scale(NamedTuple):
    """What becomes of a product of traces: shifted right, then left (right where `exponent` is negative)."""

    shift: int
    exponent: int


@njit(inline="always")
def fit(x: int) -> int:
    """Return x saturated to the accumulator's bits."""
    return min(max(x, _LOW), _HIGH)


@njit(inline="always")
def scaled(product: int, scale: Scale) -> int:
    """Return what a product of traces adds to the accumulator."""
    cut = int32(product >> int32(scale.shift))
    raised = int32(cut << int32(max(scale.exponent, 0)))
    return fit(int32(raised >> int32(max(-scale.exponent, 0))))


@njit()
def write(
    codes: ShortArray, first: ShortArray, second: ShortArray, gains: tuple[int, int], key: tuple[int, int],
    number: int, scale: Scale, stored: Stored,
) -> None:  # fmt: skip
    """Add the products of two terms to the codes of one sender's synapses, (n,) in place, and round them back.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Traces of the receivers in each term.
    gains : tuple of int
        Trace of the sender times each term's factor; 0 for a term that there isn't.
    key : tuple of int
        Halves of the key of this write-back.
    number : int
        Of the first synapse, for its random number.
    """
    lift, lowest, highest = int32(stored.lift), int32(stored.lowest), int32(stored.highest)
    spare, step = uint32(32 - stored.lift), uint32(0 if stored.one_draw else 1)
    one, other = int32(gains[0]), int32(gains[1])
    for j in range(len(codes)):
        total = fit(int32(codes[j] << lift))
        total = fit(int32(total + scaled(int32(one * first[j]), scale)))
        total = fit(int32(total + scaled(int32(other * second[j]), scale)))
        noise = int32(hashed(key[0], key[1], uint32(uint32(number + j) * step)) >> spare)
        codes[j] = min(max(int32(int32(total + noise) >> lift), lowest), highest)


@njit(cache=True, nogil=True)
def learn(
    codes: NDArray[np.int16], below: ShortArray, above: ShortArray, factors: ShortArray, rows: ShortArray,
    positive: ShortArray, key: int, scale: Scale, stored: Stored,
) -> int:  # fmt: skip
    """Bring the codes of a coupling, (m, n), through all write-backs of all samples; return how many changed.

    Parameters
    ----------
    below, above : ndarray, shapes (samples, 2, m) and (samples, 2, n)
        Traces of both phases.
    factors, rows : ndarray, shape (2, write-backs, 2)
        By the row of the positive phase: each term's factor, and the row that its traces come from.
    positive : ndarray, shape (samples,)
        Which row is the positive phase.
    key : int
        Of the random numbers.
    """
    changed, wide = 0, codes.shape[1]
    row = np.empty(wide, np.int32)
    for i in range(len(codes)):
        for j in range(wide):
            row[j] = codes[i, j]
        for s in range(len(below)):
            if below[s, 0, i] == 0 and below[s, 1, i] == 0:
                continue  # nothing is added, and a whole code is rounded to itself
            p = positive[s]
            for w in range(factors.shape[1]):
                one, two = rows[p, w, 0], rows[p, w, 1]
                gains = (below[s, one, i] * factors[p, w, 0], below[s, two, i] * factors[p, w, 1])
                own = combine(combine(uint64(key), s), w)
                halves = (uint32(own), uint32(own >> uint64(32)))
                write(row, above[s, one], above[s, two], gains, halves, i * wide, scale, stored)
        for j in range(wide):
            changed += row[j] != codes[i, j]
            codes[i, j] = row[j]
    return changed
