"""Data-movement figures of an access trace.

=================== ==================================================================================
clock distance      floats that passed between the start of a buffer's last write and a read of it
weighted ARD        Σ m d / Σ m over reads of m floats at clock distance d (average reuse distance)
clock DMC           Σ m √d (data movement complexity)
granular DMD        Σ √depth of every float read on a stack of floats, top = 1 (data movement distance)
LRU stack distance  distinct floats touched since the last touch of the same float (Mattson et al. 1970)
=================== ==================================================================================

The clock figures and both forms of the granular DMD are those of the SutroYaro sparse-parity project; the
DMD is that of Ding and Smith (2022). An access touches the first m floats of its buffer, nearly always all of
them, one after another, so that the last one ends on top. A buffer then lies on every stack in one piece or in
few, and an access costs a look at the sum of what lies above it: log n steps of n accesses, whatever their sizes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.cost.misses import MissRatios, miss_ratios
from neuroep.errors import BadInput

_ZETA_MINUS_HALF = -0.2078862249773545
_TABLE_LENGTH = 64


class Access(NamedTuple):
    """One read or write of the first `size` floats of a buffer."""

    kind: Literal["read", "write"]
    buffer: str
    size: int


class _Buffers:
    """Most floats written of each buffer so far; refuses a read that no write explains."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def check(self, access: Access) -> None:
        """Note a write, or compare a read with the write before it."""
        if access.size < 1:
            raise BadInput(f"{access.kind} of {access.size} floats of {access.buffer!r}", "trace", "1 or more")
        if access.kind == "write":
            self._sizes[access.buffer] = max(access.size, self._sizes.get(access.buffer, 0))
            return
        written = self._sizes.get(access.buffer)
        if written is None:
            raise BadInput(f"{access.buffer!r} is read before it is written", "trace")
        if access.size > written:
            raise BadInput(f"read of {access.size} floats of {access.buffer!r}", "trace", f"the {written} written")


class ClockTracker:
    """Reads, writes, floats, weighted ARD and DMC of a trace by a clock that counts floats.

    Every access of m floats advances the clock by m. A read's distance is the clock at the read minus the
    clock at the start of the last write of that buffer; reads refresh nothing.

    Attributes
    ----------
    reads, writes : int
        Accesses.
    floats : int
        Floats read and written, the clock.
    dmc : float
        Σ m √d over reads.
    """

    def __init__(self) -> None:
        self.reads = 0
        self.writes = 0
        self.floats = 0
        self.dmc = 0.0
        self._buffers = _Buffers()
        self._written_at: dict[str, int] = {}
        self._read_floats = 0
        self._weighted_distance = 0

    def follow(self, trace: Iterable[Access]) -> ClockTracker:
        """Take in accesses in order and return this tracker.

        Raises
        ------
        BadInput
            If a buffer, or a part of it, is read before it is written.
        """
        for access in trace:
            self._buffers.check(access)
            if access.kind == "write":
                self.writes += 1
                self._written_at[access.buffer] = self.floats
            else:
                self._read(access.size, self.floats - self._written_at[access.buffer])
            self.floats += access.size
        return self

    def _read(self, size: int, distance: int) -> None:
        self.reads += 1
        self._read_floats += size
        self._weighted_distance += size * distance
        self.dmc += size * math.sqrt(distance)

    @property
    def weighted_ard(self) -> float:
        """Σ m d / Σ m over reads, in floats; 0 for a trace without reads."""
        return self._weighted_distance / self._read_floats if self._read_floats else 0.0


class _Hit(NamedTuple):
    """A piece of a buffer on the stack: floats above it, its length, and how many of its lowest an access takes."""

    above: int
    length: int
    taken: int


class _Sums:
    """Running sums of a growing list of numbers, each of which may change (Fenwick 1994): both take log n steps."""

    def __init__(self) -> None:
        self._tree, self.total = [0], 0

    def append(self, number: int) -> int:
        """Add a number at the end; return its place, from 1."""
        place = len(self._tree)
        self._tree.append(number + self.up_to(place - 1) - self.up_to(place - (place & -place)))
        self.total += number
        return place

    def add(self, place: int, change: int) -> None:
        """Change the number at a place."""
        self.total += change
        while place < len(self._tree):
            self._tree[place] += change
            place += place & -place

    def up_to(self, place: int) -> int:
        """Return the sum of the numbers at 1 to a place."""
        found = 0
        while place:
            found += self._tree[place]
            place -= place & -place
        return found


class _Piece(NamedTuple):
    """Floats `start` to `stop` of a buffer, and where on the stack they lie."""

    start: int
    stop: int
    place: int


class _Stack:
    """Pieces of buffers by recency, newest last; as accesses take first floats, those lie above the others."""

    def __init__(self) -> None:
        self._pieces: defaultdict[str, list[_Piece]] = defaultdict(list)
        self._lengths = _Sums()

    def hits(self, buffer: str, size: int) -> Iterator[_Hit]:
        """Yield the pieces that hold the first `size` floats of a buffer, from the top."""
        for start, stop, place in reversed(self._pieces[buffer]):
            yield _Hit(self._lengths.total - self._lengths.up_to(place), stop - start, min(stop, size) - start)
            if stop >= size:
                return

    def touch(self, buffer: str, size: int) -> None:
        """Put the first `size` floats of a buffer on top, from where they lie or anew."""
        pieces = self._pieces[buffer]
        while pieces and pieces[-1].start < size:
            start, stop, place = pieces.pop()
            self._lengths.add(place, start - min(stop, size))
            if stop > size:
                pieces.append(_Piece(size, stop, place))
        pieces.append(_Piece(0, size, self._lengths.append(size)))


@lru_cache(maxsize=1)
def _root_sums() -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.sqrt(np.arange(1.0, _TABLE_LENGTH)))])


def _root_sum(n: int) -> float:
    """Return Σ √j over j = 1..n: a table, then the Euler–Maclaurin expansion (below 1e-11 of the sum)."""
    if n < _TABLE_LENGTH:
        return float(_root_sums()[n])
    root = math.sqrt(n)
    return root * (2.0 * n / 3.0 + 0.5) + _ZETA_MINUS_HALF + (1.0 - 1.0 / (80.0 * n * n)) / (24.0 * root)


def granular_dmd(trace: Iterable[Access], reads_move: bool = False) -> float:
    """Return the data movement distance Σ √depth over all floats read.

    Parameters
    ----------
    trace : iterable of Access
        Accesses in order.
    reads_move : bool
        Whether a read brings what it takes to the top of the stack, as true LRU does; its floats are priced
        before any of them moves. Writes always do, and are free.

    Returns
    -------
    float
        In √floats; the top of the stack has depth 1.

    Raises
    ------
    BadInput
        If a buffer, or a part of it, is read before it is written.
    """
    stack, buffers, total = _Stack(), _Buffers(), 0.0
    for access in trace:
        buffers.check(access)
        is_read = access.kind == "read"
        if is_read:
            for above, length, taken in stack.hits(access.buffer, access.size):
                deepest = above + length
                total += _root_sum(deepest) - _root_sum(deepest - taken)
        if reads_move or not is_read:
            stack.touch(access.buffer, access.size)
    return total


class LruReuse(NamedTuple):
    """LRU stack distances of the reads of a trace.

    Attributes
    ----------
    distances : ndarray of int64, shape (pieces,)
        Stack distance of each float of one piece of one read, in floats: the smallest fully associative
        LRU memory in which it hits. A buffer accessed as a whole is one piece a read.
    sizes : ndarray of int64, shape (pieces,)
        Floats of that piece.
    """

    distances: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def weighted_ard(self) -> float:
        """Size-weighted mean distance, in floats; 0 for a trace without reads."""
        return float(self.distances @ self.sizes / self.sizes.sum()) if self.sizes.size else 0.0

    def miss_ratio(self, capacity: int) -> float:
        """Return the share of the floats read that miss in an LRU memory of `capacity` floats."""
        return float(self.sizes[self.distances > capacity].sum() / self.sizes.sum()) if self.sizes.size else 0.0

    def miss_ratios(self) -> MissRatios:
        """Return the miss ratio against the capacity of an LRU memory, in floats."""
        return miss_ratios(self.distances, self.sizes)


def lru_reuse(trace: Iterable[Access]) -> LruReuse:
    """Return the LRU stack distances of all reads; reads and writes both refresh what they touch.

    A buffer's floats are touched in the same order each time, so all of a piece share one distance: the
    piece's own length plus all that was touched since.

    Raises
    ------
    BadInput
        If a buffer, or a part of it, is read before it is written.
    """
    stack, buffers = _Stack(), _Buffers()
    distances, sizes = [], []
    for access in trace:
        buffers.check(access)
        if access.kind == "read":
            for above, length, taken in stack.hits(access.buffer, access.size):
                distances.append(above + length)
                sizes.append(taken)
        stack.touch(access.buffer, access.size)
    return LruReuse(np.asarray(distances, dtype=np.int64), np.asarray(sizes, dtype=np.int64))
