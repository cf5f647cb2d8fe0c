"""LRU stack distances of single elements in any order (Mattson et al. 1970).

Distances of buffers that are accessed as a whole are cheaper by :func:`neuroep.cost.reuse.lru_reuse`. What a memory of
some capacity misses follows from either: :func:`neuroep.cost.misses.miss_ratios`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep import checks
from neuroep.cost.reuse import Access
from neuroep.errors import BadInput

IntArray = NDArray[np.int64]


class Touches(NamedTuple):
    """A trace of single floats.

    Attributes
    ----------
    elements : ndarray of int64, shape (touches,)
        Number of the float, from 0.
    is_read : ndarray of bool, shape (touches,)
        Whether it was read; else written.
    """

    elements: IntArray
    is_read: NDArray[np.bool_]


def single_floats(trace: Iterable[Access]) -> Touches:
    """Return a trace of buffers float by float, each access in the order in which the floats lie."""
    accesses = list(trace)
    most: dict[str, int] = {}
    for _, buffer, size in accesses:
        most[buffer] = max(size, most.get(buffer, 0))
    ends = np.cumsum(list(most.values()), dtype=np.int64)
    starts = {buffer: end - most[buffer] for buffer, end in zip(most, ends, strict=True)}
    parts = [np.arange(starts[buffer], starts[buffer] + size) for _, buffer, size in accesses]
    reads = np.repeat([access.kind == "read" for access in accesses], [access.size for access in accesses])
    return Touches(np.concatenate([np.zeros(0, np.int64), *parts]), reads.astype(np.bool_))


def stack_distances(elements: ArrayLike) -> IntArray:
    """Return the LRU stack distance of each access: distinct elements since the last of the same one, itself counted.

    Parameters
    ----------
    elements : array_like of int, shape (n,)
        What is accessed, each element by its number from 0; memory is kept for all up to the largest.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 1; 0 where an element is accessed for the first time. It takes O(log of the elements) each.

    Raises
    ------
    BadInput
        If a number isn't whole, is negative, or the numbers aren't in one row.
    """
    from neuroep.cost.stack_kernels import lru_distances

    asked = checks.integers(elements, "elements")
    if asked.ndim != 1 or asked.min(initial=0) < 0:
        raise BadInput(f"shape {asked.shape} from {asked.min(initial=0)}", "elements", "one row of numbers from 0")
    count = int(asked.max(initial=-1)) + 1
    checks.room(count, "elements")
    return lru_distances(np.ascontiguousarray(asked), count)
