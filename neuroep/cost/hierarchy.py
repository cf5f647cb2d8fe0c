"""What reads cost in a hierarchy of memories: each is served by the smallest level that still holds what it wants.

A level of c bytes is taken to hold the c bytes used last (fully associative, LRU, as the levels above it hold theirs
too), so that a read at stack distance d, in bytes, comes from the first level with c ≥ d. It costs that level's energy
per byte: filling the levels above, writing, tags and leakage aren't counted. √d is the same idea without steps: a
memory laid out in the plane whose wires are paid for by their length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neuroep.cost.reuse import LruReuse
from neuroep.errors import BadInput
from neuroep.quantities import Band


class Level(NamedTuple):
    """One memory.

    Attributes
    ----------
    name : str
    capacity_bytes : float
        What it holds; inf for the outermost.
    joules_per_byte : Band
        Of a read that it serves.
    """

    name: str
    capacity_bytes: float
    joules_per_byte: Band


class Served(NamedTuple):
    """Reads that one level serves: how many floats, their share of all floats read, and what they cost."""

    level: str
    floats: int
    share: float
    joules: Band


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Memories from the nearest to the outermost, each larger than the one before, the last without end.

    Raises
    ------
    BadInput
        If there is none, one isn't larger than the one before, or the last has an end.
    """

    levels: Sequence[Level]

    def __post_init__(self) -> None:
        capacities = [0.0, *(level.capacity_bytes for level in self.levels)]
        for level, (smaller, larger) in zip(self.levels, pairwise(capacities), strict=True):
            if not smaller < larger:
                raise BadInput(f"{level.name} holds {larger:g} bytes", "levels", f"more than {smaller:g}")
        if capacities[-1] != math.inf:
            raise BadInput(f"memory that ends at {capacities[-1]:g} bytes", "levels", "an outermost level without end")

    def serve(self, reuse: LruReuse, float_bytes: int = 4) -> tuple[Served, ...]:
        """Return which level serves how many of a trace's reads, and at what energy.

        Parameters
        ----------
        reuse : LruReuse
            Stack distances of the reads.
        float_bytes : int
            Bytes of one float.

        Returns
        -------
        tuple of Served
            In the order of the levels, idle ones too.
        """
        capacities = np.array([level.capacity_bytes for level in self.levels])
        which = np.searchsorted(capacities, float_bytes * reuse.distances.astype(np.float64))
        floats = np.bincount(which, reuse.sizes, minlength=len(self.levels)).astype(np.int64)
        total = max(1, int(floats.sum()))
        return tuple(
            Served(level.name, int(n), int(n) / total, level.joules_per_byte * (float_bytes * int(n)))
            for level, n in zip(self.levels, floats, strict=True)
        )
