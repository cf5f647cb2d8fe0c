"""The products of `engines.blas` against numpy, by every BLAS that this machine has."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from neuroep.engines.cpu import blas
from neuroep.rng import stream

CLOSE = {np.float32: 1e-5, np.float64: 1e-13}


@njit
def up(gemm, rows, below, size, source, weights, scale, keep, out):
    blas.product_up(gemm, rows, below, size, source, weights, scale, keep, out)


@njit
def down(gemm, rows, size, above, source, weights, scale, keep, out):
    blas.product_down(gemm, rows, size, above, source, weights, scale, keep, out)


@njit
def outer(gemm, rows, below, size, a, stride, b, scale, keep, out):
    blas.product_outer(gemm, rows, below, size, a, stride, b, scale, keep, out)


@pytest.fixture(params=["torch", "scipy"])
def library(request: pytest.FixtureRequest) -> blas.Blas:
    found = blas._from_torch() if request.param == "torch" else blas._from_scipy()
    if found is None:
        pytest.skip("torch's library exports no BLAS on this machine")
    return found


@pytest.mark.parametrize("dtype", list(CLOSE))
@pytest.mark.parametrize(("scale", "keep"), [(1.0, 0.0), (-0.5, 1.0), (2.0, 0.25)])
def test_products_are_numpys(library: blas.Blas, dtype: type, scale: float, keep: float) -> None:
    rng, gemm = stream(0, "products"), library.gemm(dtype)
    a, w, b = (rng.normal(size=shape).astype(dtype) for shape in ((7, 5), (5, 3), (7, 3)))
    for call, sizes, parts, wanted in (
        (up, (7, 5, 3), (a, w), a @ w),
        (down, (7, 5, 3), (b, w), b @ w.T),
    ):
        out = rng.normal(size=wanted.shape).astype(dtype)
        expected = keep * out + scale * wanted
        call(gemm, *sizes, *(part.ravel() for part in parts), scale, keep, out.ravel())
        np.testing.assert_allclose(out, expected, atol=CLOSE[dtype])
    out = rng.normal(size=(3, 3)).astype(dtype)
    expected = keep * out + scale * (a[:, 1:4].T @ b)
    outer(gemm, 7, 3, 3, a.ravel()[1:], 5, b.ravel(), scale, keep, out.ravel())
    np.testing.assert_allclose(out, expected, atol=CLOSE[dtype])


def test_threads_are_set_and_given_back() -> None:
    found = blas.find_blas()
    if found.set_threads is None:
        pytest.skip("threadpoolctl sets the threads of scipy's BLAS")
    before = found.set_threads(1)
    assert found.set_threads(before) == 1
