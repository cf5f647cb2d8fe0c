"""Compiled contrasts: weighted sums of outer products of states, straight into the gradient's buffer."""

from __future__ import annotations

from numba import njit

from neuroep.engines import blas
from neuroep.weights import FloatArray

_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, fastmath=_FAST)
def weigh_rows(rows: int, n: int, copies: int, states: FloatArray, coefficients: FloatArray, out: FloatArray) -> None:
    """out (rows, n) ← Σ_copies coefficient · state; the copies of a minibatch lie one after another."""
    for r in range(rows):
        c = coefficients[r]
        for j in range(n):
            out[r * n + j] = c * states[r * n + j]
    for copy in range(1, copies):
        for r in range(rows):
            source, c = (copy * rows + r) * n, coefficients[copy * rows + r]
            for j in range(n):
                out[r * n + j] += c * states[source + j]


@njit(cache=True, fastmath=_FAST)
def accumulate_sums(rows: int, n: int, weighted: FloatArray, scale: float, keep: float, out: FloatArray) -> None:
    """out ← keep · out + scale · Σ_rows weighted."""
    factor = out.dtype.type(scale)
    for j in range(n):
        out[j] *= keep
    for r in range(rows):
        for j in range(n):
            out[j] += factor * weighted[r * n + j]


@njit(cache=True, nogil=True)
def outer_rows(
    rows: int, below: int, n: int, states: FloatArray, weighted: FloatArray, scale: float, keep: float,
    out: FloatArray, gemm: int, lo: int, hi: int,
) -> None:  # fmt: skip
    """out (below, n) ← keep · out + scale · statesᵀ · weighted, its rows lo..hi−1."""
    blas.product_outer(gemm, rows, hi - lo, n, states[lo:], below, weighted, scale, keep, out[lo * n :])
