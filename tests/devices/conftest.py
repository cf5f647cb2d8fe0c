"""A small network, weights of different sizes per coupling, and updates, shared by the device tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from neuroep.hardware.device import Update
from neuroep.network import Network, chain
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

SIZES = (30, 20, 10)


@pytest.fixture
def network() -> Network:
    return chain(SIZES)


@pytest.fixture(params=[np.float32, np.float64])
def weights(request: pytest.FixtureRequest) -> Weights:
    """W_1 within ±0.2 and W_2 within ±1, with biases."""
    rng = stream(11, "weights")
    drawn = [0.2 * rng.uniform(-1, 1, (30, 20)), rng.uniform(-1, 1, (20, 10))]
    return Weights.from_arrays(drawn, [rng.uniform(-1, 1, 20), rng.uniform(-1, 1, 10)]).astype(request.param)


@pytest.fixture
def update_of() -> Callable[..., Update]:
    """Make an update that asks for given changes of the couplings, and for 0.01 in every bias."""

    def make(changes: FloatArray, biases: float = 0.01) -> Update:
        direction = Weights(SIZES, -changes, np.full(30, -biases, dtype=changes.dtype))
        return Update(direction, (-1.0, -1.0))

    return make
