"""Which sums a sweep reads again: those whose source has changed since they were last read.

That follows from the order of the layers alone, so it is worked out here, for networks of any depth, and kernels are
told. What one sweep leaves behind is what every sweep leaves behind: all but the first read alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: An update of layer k is 4k and what it reads first: the sum from below, the one from above. One number, so that a
#: thread needs no more registers than with the order alone.
UP, DOWN = 1, 2


class Turns(NamedTuple):
    """The updates of a phase.

    Attributes
    ----------
    updates : ndarray of int64, shape (2, updates of a sweep)
        Layers and what they read, of the first sweep and of each later one.
    fresh : ndarray of bool, shape (L,)
        Whether layers' sums from below belong to the states as they are at the end of a sweep.
    """

    updates: NDArray[np.int64]
    fresh: NDArray[np.bool_]


def turns(order: NDArray[np.int64], last: int, nudged: bool, fresh: NDArray[np.bool_]) -> Turns:
    """Return what a phase reads.

    Parameters
    ----------
    order : ndarray of int64
        Layers in the order of one sweep.
    last : int
        The last dynamical layer; one that a softmax read-out follows reads from above only where it is nudged.
    nudged : bool
        Whether the phase is nudged: the first sums from above are then unread, and otherwise zero and true.
    fresh : ndarray of bool, shape (L,)
        Whether sums from below are true at the start.
    """
    depth = len(fresh)
    up, down = np.ones((2, depth + 2), dtype=bool)
    up[1:-1], down[1:depth] = fresh, not nudged
    updates = np.tile(4 * order, (2, 1))
    for sweep in updates:
        for position, k in enumerate(order):
            from_above = k < depth and (k < last or nudged)
            sweep[position] += (0 if up[k] else UP) + (DOWN if from_above and not down[k] else 0)
            up[k], down[k] = True, down[k] or from_above
            up[k + 1] = down[k - 1] = False
    return Turns(updates, up[1:-1].copy())
