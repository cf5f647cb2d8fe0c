"""Conductances of a crossbar summed over each driven line.

A line drives its cells and what they are read against: the other array of a pair, a reference of each cell's own, or
one reference a row, which downward reads take digitally; the mid-range sum of `offset` is digital in both. Resistive
wires let a cell carry what it is seen as, which is what arrives at the sensed line.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.lines import LineSiemens
from neuroep.weights import FloatArray


def summed(
    sizes: tuple[int, ...], encoding: Encoding, up: tuple[FloatArray, FloatArray], down: tuple[FloatArray, FloatArray]
) -> LineSiemens:
    """Return the sums over lines of cells and of what they are read against.

    Parameters
    ----------
    sizes : tuple of int
        Units per layer.
    encoding : Encoding
        What a weight is made of.
    up, down : tuple of ndarray
        Siemens of cells and of what they are read against, in the layout of weights, as either read sees them.
    """
    shapes = list(pairwise(sizes))
    ends = np.cumsum([m * n for m, n in shapes])[:-1]
    upward, downward = [], []
    for k, shape in enumerate(shapes):
        cells, against = (np.split(g, ends)[k].reshape(shape) for g in up)
        row = {Encoding.OFFSET: 0.0, Encoding.COLUMN: against[:, 0]}.get(encoding, against.sum(axis=1))
        upward.append(cells.sum(axis=1) + row)
        cells, against = (np.split(g, ends)[k].reshape(shape) for g in down)
        own = encoding in (Encoding.PAIR, Encoding.REFERENCE)
        downward.append(cells.sum(axis=0) + (against.sum(axis=0) if own else 0.0))
    return LineSiemens(tuple(upward), tuple(downward))
