"""Pulse trains on rows and columns, packed into words: 64 slots of the time line each.

All trains of an update lie one after another on one time line of slots. A line's bits over it are ``bits[w, line]``,
and ``signs[w, line]`` holds ones throughout the trains in which its value is negative. A device is pulsed in the slots
in which both of its lines have a bit, down where their signs differ: see
:mod:`neuroep.hardware.crossbar.coincidence_kernels`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32, uint32, uint64
from numpy.typing import NDArray

from neuroep import rng_kernels
from neuroep.kernel_cache import njit
from neuroep.weights import FloatArray

IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]


class TrainLines(NamedTuple):
    """Bits and signs of the lines of one side, each of shape (words, lines)."""

    bits: WordArray
    signs: WordArray


class Slots(NamedTuple):
    """Where each train lies on the time line: its first slot, and how many it takes; shapes (trains,)."""

    starts: IntArray
    counts: IntArray


@njit(inline="always")
def ones(word: int) -> int:
    """Number of bits set."""
    word = word - ((word >> uint64(1)) & uint64(0x5555555555555555))
    word = (word & uint64(0x3333333333333333)) + ((word >> uint64(2)) & uint64(0x3333333333333333))
    word = (word + (word >> uint64(4))) & uint64(0x0F0F0F0F0F0F0F0F)
    return (word * uint64(0x0101010101010101)) >> uint64(56)


@njit(cache=True, nogil=True)
def sign_lines(values: FloatArray, flips: NDArray[np.bool_], slots: Slots, signs: WordArray) -> None:
    """Mark the slots of the trains in which a line's value, flipped or not, is negative."""
    for t in range(len(values)):
        place, left = slots.starts[t], slots.counts[t]
        while left > 0:
            word, first = place >> 6, place & 63
            taken = min(64 - first, left)
            mask = (uint64(0xFFFFFFFFFFFFFFFF) >> uint64(64 - taken)) << uint64(first)
            for i in range(values.shape[1]):
                signs[word, i] |= mask if (values[t, i] < 0.0) != flips[t] else uint64(0)
            place, left = place + taken, left - taken


@njit(cache=True, nogil=True)
def draw_bits(values: FloatArray, factors: FloatArray, keys: WordArray, slots: Slots, bits: WordArray) -> None:
    """Set each line's bits at random, with probability |value| · factor (1 if that is more) in each slot of a train.

    A bit is a function of its train's key, the slot within the train and the line alone.
    """
    real, lines = values.dtype.type, values.shape[1]
    for t in range(len(values)):
        low, high = uint32(keys[t] & uint64(0xFFFFFFFF)), uint32(keys[t] >> uint64(32))
        for b in range(slots.counts[t]):
            place = slots.starts[t] + b
            row, shift, first = bits[place >> 6], uint64(place & 63), uint32(b * lines)
            for i in range(lines):
                h = rng_kernels.hashed(low, high, uint32(first + uint32(i)))
                u = real(int32(h >> uint32(8))) * real(2.0**-24)
                row[i] |= (uint64(1) if u < abs(values[t, i]) * factors[t] else uint64(0)) << shift


@njit(cache=True, nogil=True)
def count_bits(values: FloatArray, factors: FloatArray, slots: Slots, even: bool, bits: WordArray) -> None:
    """Set round(|value| · factor · slots) bits of each line: a train's first slots, or, `even`, evenly spread ones.

    c even bits of B stand at ⌊(l + ½) B/c⌋, so that of a first bits they meet those with l < a c/B − ½: a c/B of them,
    rounded.
    """
    for t in range(len(values)):
        count, start = slots.counts[t], slots.starts[t]
        for i in range(values.shape[1]):
            ones = min(int(np.rint(abs(values[t, i]) * factors[t] * count)), count)
            for one in range(ones):
                place = start + ((2 * one + 1) * count // (2 * ones) if even else one)
                bits[place >> 6, i] |= uint64(1) << uint64(place & 63)


@njit(cache=True, nogil=True)
def pulses_sent(bits: WordArray, slots: Slots) -> IntArray:
    """Return how many bits all lines of one side have in each train, shape (trains,)."""
    found = np.zeros(len(slots.counts), np.int64)
    for t in range(len(found)):
        place, left = slots.starts[t], slots.counts[t]
        while left > 0:
            word, first = place >> 6, place & 63
            taken = min(64 - first, left)
            mask = (uint64(0xFFFFFFFFFFFFFFFF) >> uint64(64 - taken)) << uint64(first)
            for i in range(bits.shape[1]):
                found[t] += np.int64(ones(bits[word, i] & mask))
            place, left = place + taken, left - taken
    return found
