"""Matrix products inside compiled kernels, by the BLAS that scipy ships.

Called through numba's own helper, which is what ``numpy.dot`` compiles to, because accumulating products
(beta ≠ 0) and transposed reads without a copy have no spelling in numpy. Matrices are C-ordered and live
in flat buffers; each function takes the offset at which its operand starts.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.core.extending import overload

from neuroep.weights import FloatArray

_XXGEMM = types.ExternalFunction(
    "numba_xxgemm",
    types.intc(
        types.char, types.char, types.char, types.intp, types.intp, types.intp,
        types.voidptr, types.voidptr, types.intp, types.voidptr, types.intp, types.voidptr, types.voidptr, types.intp,
    ),
)  # fmt: skip
_N, _T = ord("n"), ord("t")


def _kind(array: FloatArray) -> int:
    """BLAS letter of the array's type, decided while compiling."""
    raise AssertionError(f"only within compiled code: {array.dtype}")


@overload(_kind, inline="always")
def _kind_overload(array):  # type: ignore[no-untyped-def]
    letter = ord("s") if array.dtype == types.float32 else ord("d")

    def implementation(array):  # type: ignore[no-untyped-def]
        return letter

    return implementation


@njit(inline="always")
def _gemm(
    ta: int, tb: int, m: int, n: int, k: int, factors: FloatArray,
    a: FloatArray, lda: int, b: FloatArray, ldb: int, c: FloatArray, ldc: int,
) -> None:  # fmt: skip
    """Column-major c ← factors[0] · op(a) op(b) + factors[1] · c."""
    _XXGEMM(_kind(c), ta, tb, m, n, k, factors.ctypes, a.ctypes, lda, b.ctypes, ldb, factors[1:].ctypes, c.ctypes, ldc)


@njit(inline="always")
def factors_like(array: FloatArray, alpha: float, beta: float) -> FloatArray:
    """Return (alpha, beta) in the type of an array, as BLAS wants them: by address."""
    factors = np.empty(2, array.dtype)
    factors[0] = alpha
    factors[1] = beta
    return factors


@njit(inline="always")
def product_up(
    rows: int, below: int, size: int, source: FloatArray, weights: FloatArray, out: FloatArray, factors: FloatArray
) -> None:
    """out (rows, size) ← source (rows, below) · weights (below, size)."""
    _gemm(_N, _N, size, rows, below, factors, weights, size, source, below, out, size)


@njit(inline="always")
def product_down(
    rows: int, size: int, above: int, source: FloatArray, weights: FloatArray, out: FloatArray, factors: FloatArray
) -> None:
    """out (rows, size) ← source (rows, above) · weights (size, above)ᵀ."""
    _gemm(_T, _N, size, rows, above, factors, weights, above, source, above, out, size)


@njit(inline="always")
def product_outer(
    rows: int, below: int, size: int, a: FloatArray, b: FloatArray, out: FloatArray, factors: FloatArray, stride: int
) -> None:
    """out (below, size) ← factors[0] · aᵀ · b (rows, size) + factors[1] · out; rows of a lie `stride` apart."""
    _gemm(_N, _T, size, below, rows, factors, b, size, a, stride, out, size)
