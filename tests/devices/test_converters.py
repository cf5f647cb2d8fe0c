"""Converters against the definition of their grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from neuroep.errors import BadInput
from neuroep.hardware.converters import converter_step, quantize, quantize_scalar
from neuroep.weights import FloatArray


@njit
def each(x: FloatArray, step: float, inverse: float, bound: float) -> FloatArray:
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = quantize_scalar(x[i], step, inverse, bound)
    return out


@pytest.mark.parametrize(("bits", "bound"), [(2, 1.0), (3, 20.0), (7, 1.0), (9, 0.37)])
def test_number_and_place_of_levels(bits: int, bound: float) -> None:
    levels = np.unique(quantize(np.linspace(-2 * bound, 2 * bound, 60_001), bits, bound))
    assert len(levels) == 2**bits - 1
    assert levels == pytest.approx(np.linspace(-bound, bound, 2**bits - 1), abs=1e-12)


@given(arrays(np.float64, 40, elements=st.floats(-3, 3)), st.integers(2, 12), st.floats(0.1, 3))
def test_nearest_clipped_and_odd(x: FloatArray, bits: int, bound: float) -> None:
    y = quantize(x, bits, bound)
    inside = np.abs(x) <= bound
    assert (np.abs(y - x)[inside] <= converter_step(bits, bound) / 2 + 1e-12).all()
    assert y[~inside] == pytest.approx(np.sign(x[~inside]) * bound)
    assert (np.abs(y) <= bound).all()
    assert (quantize(-x, bits, bound) == -y).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bits", [2, 7, 9])
def test_kernel_agrees_with_arrays(dtype: type, bits: int) -> None:
    x = np.append(np.linspace(-1.5, 1.5, 1001), [np.inf, -np.inf]).astype(dtype)
    step = converter_step(bits, 1.25)
    assert (each(x, dtype(step), dtype(1.0 / step), dtype(1.25)) == quantize(x, bits, 1.25)).all()
    assert quantize(x, bits, 1.25).dtype == dtype


def test_nan_stays_nan() -> None:
    nan = np.full(1, np.nan)
    assert np.isnan(quantize(nan, 8, 1.0)).all()
    assert np.isnan(each(nan, converter_step(8, 1.0), 1.0 / converter_step(8, 1.0), 1.0)).all()


def test_no_converter_changes_nothing() -> None:
    x = np.asarray([-7.3, 0.1, 1e9])
    assert (quantize(x, 0, 1.0) == x).all()
    assert converter_step(0, 1.0) == 0.0


@pytest.mark.parametrize(("bits", "bound"), [(1, 1.0), (-3, 1.0), (8, 0.0), (8, -1.0), (8, float("nan"))])
def test_impossible_converters_are_refused(bits: int, bound: float) -> None:
    with pytest.raises(BadInput):
        converter_step(bits, bound)
