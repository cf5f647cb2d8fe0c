"""The compiled scalars are the array definitions, number by number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from neuroep import rng_kernels
from neuroep.network import Activation, Cost
from neuroep.physics import costs, scalars
from neuroep.rng import combine, counter_normal
from neuroep.weights import FloatArray

GRID = np.linspace(-3.0, 3.0, 61)


@njit
def clipped(values: Any, low: float, high: float) -> Any:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = scalars.clip(values[i], low, high)
    return out


@njit
def nudged(hinge: bool, u: Any, y: float, beta: float) -> Any:
    out = np.empty_like(u)
    for i in range(len(u)):
        if hinge:
            out[i] = scalars.nudged_hinge(u[i], y, beta, 1.0)
        else:
            out[i] = scalars.nudged_quadratic(u[i], y, beta, 1.0)
    return out


@njit
def children(key: int, count: int) -> Any:
    out = np.empty(count, np.uint64)
    for i in range(count):
        out[i] = rng_kernels.combine(key, i)
    return out


@njit(error_model="numpy")
def normals(key: int, rows: int, read: int, units: int, part: int) -> Any:
    out = np.empty((rows, units), np.float32)
    for r in range(rows):
        low, high = rng_kernels.read_key(key, r, read, part)
        for j in range(units):
            out[r, j] = rng_kernels.standard_normal(low, high, j)
    return out


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 2.0), (-1.0, 0.5)])
def test_clip_is_numpys(low: float, high: float) -> None:
    values = np.append(GRID, [np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(clipped(values, low, high), np.clip(values, low, high))


@pytest.mark.parametrize("beta", [-0.7, -0.2, 0.0, 0.2, 0.7])
@pytest.mark.parametrize("y", [-1.0, 1.0])
@pytest.mark.parametrize("code", [Cost.HINGE, Cost.MSE])
def test_nudged_outputs_are_the_array_ones(code: Cost, y: float, beta: float) -> None:
    expected: FloatArray = costs.nudged_output(
        code, Activation.LINEAR, GRID[:, None], np.full((len(GRID), 1), y), np.full(len(GRID), beta)
    )
    np.testing.assert_allclose(nudged(code is Cost.HINGE, GRID, y, beta), expected[:, 0], rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("key", [0, 1, 2**63 - 1])
def test_keys_are_the_array_ones(key: int) -> None:
    expected = combine(np.full(20, key, dtype=np.uint64), np.arange(20))
    np.testing.assert_array_equal(children(np.uint64(key), 20), expected)


def test_noise_is_the_array_one_bit_for_bit() -> None:
    """Single-precision arithmetic without fused operations: the same everywhere."""
    expected = counter_normal(987654321, np.arange(700), 3, 1000, 2)
    np.testing.assert_array_equal(normals(np.uint64(987654321), 700, 3, 1000, 2), expected)


@njit
def powers(values: Any) -> Any:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = scalars.exponential(values[i])
    return out


def test_exponentials_are_right_to_a_unit_in_the_last_place() -> None:
    """Against float64, over all of float32's range; beyond it they stay finite and positive."""
    x = np.linspace(-86.9, 87.9, 200_001).astype(np.float32)
    wanted = np.exp(x.astype(np.float64))
    assert np.abs(powers(x) / wanted - 1.0).max() < np.finfo(np.float32).eps
    beyond = powers(np.array([-1e4, 1e4], np.float32))
    assert np.isfinite(beyond).all()
    assert (beyond > 0.0).all()
    assert powers(GRID) == pytest.approx(np.exp(GRID), rel=1e-15)


@njit(fastmath={"reassoc", "contract", "nsz", "arcp"})
def tangents(values: Any) -> Any:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = scalars.tangent(values[i])
    return out


def test_tangents_are_right_to_two_units_in_the_last_place() -> None:
    """Against float64, from the least normal numbers to saturation; odd, bounded, and NaN where nothing is known."""
    x = np.concatenate([np.linspace(0.0, 12.0, 100_001)[1:], np.logspace(-37.0, 0.0, 20_001)]).astype(np.float32)
    found = tangents(x)
    assert np.abs(found / np.tanh(x.astype(np.float64)) - 1.0).max() < 2.0 * np.finfo(np.float32).eps
    np.testing.assert_array_equal(tangents(-x), -found)
    ends = tangents(np.array([0.0, np.inf, -np.inf, 3e38, np.nan], np.float32))
    np.testing.assert_array_equal(ends, np.array([0.0, 1.0, -1.0, 1.0, np.nan], np.float32))
    assert tangents(GRID) == pytest.approx(np.tanh(GRID), rel=1e-15)
