"""Which devices of a coupling are written at the same time, when each has a train of pulses of its own.

Trains of states (:mod:`neuroep.hardware.crossbar.state_trains`) write a whole array at once, by coincidence of rows
and columns. A train for each device, worked out digitally, needs a line that nobody else uses:

row
    A word line selects a row, bit lines bring its devices their trains; the next row follows. Pulses up and pulses
    down take turns, so a row takes as many pulse times as its longest train up plus its longest train down, and none
    where nothing is sent. aihwkit's mixed precision does likewise ("transfers the matrix sequentially", release 0.3.0).
parallel
    Every device has a driver of its own: the longest train up of all plus the longest down.

Both devices of a pair are written together. Arrays that a coupling is cut into (`tile_rows`) write their rows at the
same time; those that share rows stay in step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroep.weights import FloatArray


class Schedule(NamedTuple):
    """How the devices of one coupling take turns.

    Attributes
    ----------
    by_row : bool
        Row by row, or all at once.
    tile_rows : int
        Rows of the largest array; 0 for any.
    """

    by_row: bool = True
    tile_rows: int = 0

    def turns(self, rows: int) -> FloatArray:
        """Return where the longest trains of each turn, up and down, are to be written: zeros of shape (turns, 2)."""
        return np.zeros((rows if self.by_row else 1, 2))

    def slots(self, longest: FloatArray) -> int:
        """Return the pulse times of all turns, each rounded up to whole ones.

        Parameters
        ----------
        longest : ndarray, shape (turns, 2)
            Longest train up and down of each, in pulses.
        """
        turns = np.ceil(longest.sum(axis=1))
        first = list(range(0, len(turns), self.tile_rows or len(turns)))
        return int(np.add.reduceat(turns, first).max())
