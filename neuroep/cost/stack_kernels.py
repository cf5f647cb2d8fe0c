"""Compiled stacks by recency: places on a line of time, and running sums of what still lies there (Fenwick 1994).

What is touched moves to the next free place. When places run out, what is on the stack is pushed together at the
line's start. There are at least twice as many places as things on the stack, so that this costs a constant an access.
"""

from __future__ import annotations

import math

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from neuroep.kernel_cache import njit

IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]
_BITS = 64


@njit(inline="always")
def _ones(word: int) -> int:
    """Number of bits set (Warren, Hacker's Delight, 5-1)."""
    word = word - ((word >> uint64(1)) & uint64(0x5555555555555555))
    word = (word & uint64(0x3333333333333333)) + ((word >> uint64(2)) & uint64(0x3333333333333333))
    word = (word + (word >> uint64(4))) & uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * uint64(0x0101010101010101)) >> uint64(56))


@njit(inline="always")
def _add(tree: IntArray, place: int, change: int) -> None:
    """Change the number at a place, from 0."""
    place += 1
    while place < len(tree):
        tree[place] += change
        place += place & -place


@njit(inline="always")
def _below(tree: IntArray, place: int) -> int:
    """Sum of the numbers under a place."""
    found = 0
    while place > 0:
        found += tree[place]
        place -= place & -place
    return found


@njit()
def _summed(tree: IntArray) -> None:
    """Turn numbers at places (from 1) into the tree of their sums."""
    for place in range(1, len(tree)):
        parent = place + (place & -place)
        if parent < len(tree):
            tree[parent] += tree[place]


@njit()
def _push_together(words: WordArray, tree: IntArray, holders: IntArray, places: IntArray) -> int:
    """Bring all elements to the first places, in order; return how many there are."""
    live = 0
    for place in range(len(holders)):
        if (words[place // _BITS] >> uint64(place % _BITS)) & uint64(1):
            holders[live] = holders[place]
            places[holders[live]] = live
            live += 1
    words[:] = uint64(0)
    tree[:] = 0
    full, rest = live // _BITS, live % _BITS
    words[:full] = ~uint64(0)
    words[full] = (uint64(1) << uint64(rest)) - uint64(1)
    tree[1 : full + 1] = _BITS
    _summed(tree)
    return live


@njit(cache=True)
def lru_distances(elements: IntArray, count: int) -> IntArray:
    """Return the stack distance of each access of an element 0..count − 1; 0 for its first.

    A place is a bit, so that 64 of them are counted at once, and only full words are in the tree: an access takes two
    walks of log2(count/32) steps at most, and none if the element was touched within the last few accesses.
    """
    size = 2 * (count // _BITS + 1)
    words, tree = np.zeros(size, np.uint64), np.zeros(size + 1, np.int64)
    holders, places = np.zeros(size * _BITS, np.int64), np.full(count, -1, np.int64)
    found = np.zeros(len(elements), np.int64)
    now, live = 0, 0
    for i in range(len(elements)):
        element = elements[i]
        place, word = places[element], now // _BITS
        if place < 0:
            live += 1
        else:
            old, bit = place // _BITS, uint64(place % _BITS)
            if old == word:
                found[i] = _ones(words[old] >> bit)
            else:
                found[i] = live - _below(tree, old) - _ones(words[old] & ((uint64(1) << bit) - uint64(1)))
                _add(tree, old, -1)
            words[old] &= ~(uint64(1) << bit)
        words[word] |= uint64(1) << uint64(now % _BITS)
        places[element], holders[now] = now, element
        now += 1
        if now % _BITS == 0:
            _add(tree, word, _ones(words[word]))
        if now == len(holders):
            now = _push_together(words, tree, holders, places)
    return found


@njit(inline="always")
def _root_sum(n: int) -> int:
    """Σ ⌈√j⌉ over j = 1..n: 2m − 1 of the j have the root m."""
    root = np.int64(math.sqrt(n))
    while root * root > n:
        root -= 1
    while (root + 1) * (root + 1) <= n:
        root += 1
    return root * (root + 1) * (4 * root - 1) // 6 + (root + 1) * (n - root * root)


@njit()
def _close_up(tree: IntArray, holders: IntArray, places: IntArray, sizes: IntArray) -> int:
    """Bring all values to the first places, in order; return how many there are."""
    live = 0
    for place in range(len(holders)):
        value = holders[place]
        if value >= 0:
            holders[place] = -1
            holders[live], places[value] = value, live
            live += 1
    tree[:] = 0
    for place in range(live):
        tree[place + 1] = sizes[holders[place]]
    _summed(tree)
    return live


@njit(cache=True)
def byte_costs(
    operands: IntArray, reads: IntArray, outputs: IntArray, writes: IntArray, sizes: IntArray, last: IntArray, room: int
) -> IntArray:
    """Return Σ ⌈√depth⌉ over all bytes that each instruction reads.

    Instruction i reads operands[reads[i] : reads[i + 1]] and writes outputs[writes[i] : writes[i + 1]], values of
    sizes[v] bytes, which leave the stack after instruction last[v]. `room` is at least twice as many values as are
    ever on the stack, an instruction's own reads and writes counted apart.
    """
    tree, holders, places = np.zeros(room + 1, np.int64), np.full(room, -1, np.int64), np.full(len(sizes), -1, np.int64)
    costs = np.zeros(len(reads) - 1, np.int64)
    now, total = 0, 0
    for i in range(len(costs)):
        if now + reads[i + 1] - reads[i] + writes[i + 1] - writes[i] > room:
            now = _close_up(tree, holders, places, sizes)
        first = now
        for j in range(reads[i], reads[i + 1]):
            value = operands[j]
            depth = total - _below(tree, places[value])
            costs[i] += _root_sum(depth) - _root_sum(depth - sizes[value])
        for j in range(reads[i], reads[i + 1]):
            value = operands[j]
            if places[value] < first:  # an operand that is named twice moves once
                _add(tree, places[value], -sizes[value])
                holders[places[value]] = -1
                _add(tree, now, sizes[value])
                holders[now], places[value] = value, now
                now += 1
        for j in range(writes[i], writes[i + 1]):
            value = outputs[j]
            total += sizes[value]
            _add(tree, now, sizes[value])
            holders[now], places[value] = value, now
            now += 1
        for k in range(reads[i + 1] - reads[i] + writes[i + 1] - writes[i]):
            j = k - (reads[i + 1] - reads[i])
            value = operands[reads[i] + k] if j < 0 else outputs[writes[i] + j]
            if last[value] <= i and holders[places[value]] == value:
                total -= sizes[value]
                _add(tree, places[value], -sizes[value])
                holders[places[value]] = -1
    return costs
