"""Conductances of a crossbar summed over each driven line.

A line drives its cells and what they are read against: the other array of a pair, a reference of each cell's own, or
one reference a row, which downward reads take digitally; the mid-range sum of `offset` is digital in both. Resistive
wires let a cell carry what it is seen as, which is what arrives at the sensed line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.lines import LineSiemens
from neuroep.weights import FloatArray


def summed(
    sizes: Sequence[int], encoding: Encoding, siemens: Sequence[FloatArray], factors: Sequence[FloatArray] | None
) -> LineSiemens:
    """Return the sums over lines of cells and of what they are read against.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer.
    encoding : Encoding
        What a weight is made of.
    siemens : sequence of ndarray
        Conductances of cells and of what they are read against, in the layout of weights.
    factors : sequence of ndarray, optional
        By how much wires weaken either, as upward and as downward reads see it: cells up, down, the others up, down.
    """
    cells, against = (np.maximum(g.astype(np.float64), 0.0) for g in siemens)
    ones = np.ones_like(cells)
    cells_up, cells_down, against_up, against_down = factors or (ones, ones, ones, ones)
    shapes, up, down, start = list(pairwise(sizes)), [], [], 0
    for shape in shapes:
        part = slice(start, start + shape[0] * shape[1])
        start = part.stop
        row, column = ((against * weakened)[part].reshape(shape) for weakened in (against_up, against_down))
        up.append((cells * cells_up)[part].reshape(shape).sum(axis=1) + _references(encoding, row, True))
        down.append((cells * cells_down)[part].reshape(shape).sum(axis=0) + _references(encoding, column, False))
    return LineSiemens(tuple(up), tuple(down))


def _references(encoding: Encoding, against: FloatArray, upward: bool) -> FloatArray:
    """What lines drive besides their cells, (n_{k−1},) upward or (n_k,) downward."""
    if encoding in (Encoding.PAIR, Encoding.REFERENCE):
        own: FloatArray = against.sum(axis=1 if upward else 0)
        return own
    if encoding is Encoding.COLUMN and upward:
        return against[:, 0]
    return np.zeros(against.shape[0 if upward else 1])
