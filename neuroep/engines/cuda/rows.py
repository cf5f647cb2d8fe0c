"""Between rows, in which a sample's layers lie side by side, and layers, which lie one after the other."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from neuroep.engines.cuda.kernels import IntArray
from neuroep.weights import FloatArray


@cache
def rearrange(kind: np.dtype[Any]) -> Any:
    """Return the kernel layers ← rows, or with `back` rows ← layers, both flat; launch with any grid of one dimension.

    Row r of the layers is row r mod `repeat` of the rows; 64-bit divisions are kept out of the kernel that integrates,
    where they would take registers.
    """

    def kernel(
        unit_start: IntArray, last: int, batch: int, repeat: int, rows: FloatArray, layers: FloatArray, back: int
    ) -> None:
        """Copy the numbers of layers 1..last by strides of the grid."""
        width = unit_start[last + 1]
        for i in range(cuda.grid(1), batch * width, cuda.gridsize(1)):
            row, unit, k = i // width, i % width, 1
            while unit_start[k + 1] <= unit:
                k += 1
            n = unit_start[k + 1] - unit_start[k]
            there = batch * unit_start[k] + row * n + unit - unit_start[k]
            if back:
                rows[i] = layers[there]
            else:
                layers[there] = rows[(row % repeat) * width + unit]

    return cuda.jit(kernel)
