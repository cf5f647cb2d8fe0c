"""The miss ratio of an LRU memory of any capacity, from stack distances: it misses exactly what lies deeper.

Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9(2), 1970.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep.errors import BadInput


class MissRatios(NamedTuple):
    """Miss ratio of a fully associative LRU memory against its capacity, a falling staircase.

    Attributes
    ----------
    capacities : ndarray of int64, shape (steps,)
        Where the staircase falls, in elements, rising from 0.
    ratios : ndarray of float64, shape (steps,)
        Share of accesses that miss in a memory of that capacity up to the next.
    """

    capacities: NDArray[np.int64]
    ratios: NDArray[np.float64]

    def at(self, capacities: ArrayLike) -> NDArray[np.float64]:
        """Return the miss ratios of memories of any capacities, in elements.

        Raises
        ------
        BadInput
            If one is negative or no number.
        """
        asked = np.asarray(capacities, dtype=np.float64)
        if not (asked >= 0.0).all():
            raise BadInput(f"capacities from {asked.min()}", "capacities", "0 or more elements")
        return self.ratios[np.searchsorted(self.capacities, asked, side="right") - 1]


def miss_ratios(distances: ArrayLike, sizes: ArrayLike | None = None) -> MissRatios:
    """Return the miss-ratio curve of stack distances.

    Parameters
    ----------
    distances : array_like of int, shape (n,)
        Stack distances; 0, a first access, misses in every memory.
    sizes : array_like of int, shape (n,), optional
        Elements that share each distance; 1 unless given.

    Returns
    -------
    MissRatios
        One step at 0 and one at each distance that occurs. Without accesses nothing misses.
    """
    found = np.asarray(distances, dtype=np.int64)
    weights = np.ones(found.size) if sizes is None else np.asarray(sizes, dtype=np.float64)
    if not found.size:
        return MissRatios(np.zeros(1, np.int64), np.zeros(1))
    steps, which = np.unique(found, return_inverse=True)
    hits = np.bincount(which, weights)
    if steps[0] == 0:
        hits[0] = 0.0
    else:
        steps, hits = np.concatenate([[0], steps]), np.concatenate([[0.0], hits])
    return MissRatios(steps, 1.0 - np.cumsum(hits) / weights.sum())
