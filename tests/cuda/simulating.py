"""What the checks in the simulator share: a simulator that is fast enough, a tiny engine, and how close is close.

The tile is tiny, so that no size of a layer is a multiple of it and every loop over tiles turns more than once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from barriers import sleep_at_barriers
from numba.cuda.simulator.kernelapi import FakeCUDAShared
from numba.np.numpy_support import as_dtype

from neuroep.engines.cuda.engine import CudaEngine
from neuroep.engines.cuda.tiles import Tile
from neuroep.network import Activation, Cost
from neuroep.weights import FloatArray

A, C = Activation, Cost
TILE, PRODUCTS = Tile(2, 2, 2, 2, 3), Tile(2, 2, 2, 2, 3)
SIZES, BATCH = (9, 8, 6, 4), 7


def shared_array(self: Any, shape: Any, dtype: Any, alignment: int | None = None) -> Any:
    """Shared memory by the line that asks for it, as numba's own has it, but one array for threads that race there."""
    kind = as_dtype(dtype)
    if shape == 0:
        return np.frombuffer(self._dynshared.data, dtype=kind, count=self._dynshared_size // kind.itemsize)
    frame = sys._getframe(1)
    return self._allocations.setdefault((frame.f_code.co_filename, frame.f_lineno), np.empty(shape, kind))


@pytest.fixture(autouse=True, scope="module")
def simulator() -> Iterator[None]:
    """A simulator whose threads wait without being asked."""
    with pytest.MonkeyPatch.context() as patch:
        sleep_at_barriers(patch)
        patch.setattr(FakeCUDAShared, "array", shared_array)
        yield


@cache
def engine(resident: bool = True) -> CudaEngine:
    return CudaEngine(TILE, PRODUCTS, resident)


def near(got: FloatArray, wanted: FloatArray, close: float) -> None:
    np.testing.assert_allclose(got, wanted, rtol=0, atol=close * max(1.0, float(np.abs(wanted).max())))
