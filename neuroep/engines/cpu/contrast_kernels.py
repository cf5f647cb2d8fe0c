"""Compiled contrasts: weighted sums of outer products of states, straight into the gradient's buffer."""

from __future__ import annotations

from neuroep.circuit import Circuit
from neuroep.engines.cpu import blas
from neuroep.engines.cpu.resistive_kernels import add_squares
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
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
def contrast_part(
    circuit: Circuit, last: int, x: FloatArray, states: FloatArray, coefficients: FloatArray, rates: FloatArray,
    keep: float, couplings: FloatArray, biases: FloatArray, scratch: FloatArray, batch: int, gemm: int,
    part: int, parts: int,
) -> None:  # fmt: skip
    """Accumulate the contrast of couplings 1..last; of each, this part's share of the rows of W_k.

    The clamped input is alike in every copy of the minibatch, so the copies are summed before its product. From above:
    states are read while they are still near, and the input and W_1, the largest mostly, come last.
    """
    rows = len(coefficients)
    for k in range(last, 0, -1):
        size, n, weights, units = circuit.sizes[k - 1], circuit.sizes[k], circuit.starts[k - 1], circuit.units[k - 1]
        below = x if k == 1 else states[rows * circuit.units[k - 2] :]
        s, used = states[rows * units :], batch if k == 1 else rows
        weigh_rows(used, n, rows // used, s, coefficients, scratch)
        scale = -rates[k - 1] / circuit.reach[k]
        lo, hi = size * part // parts, size * (part + 1) // parts
        if hi > lo:
            blas.product_outer(gemm, used, hi - lo, n, below[lo:], size, scratch, scale, keep,
                               couplings[weights + lo * n :])  # fmt: skip
            if circuit.physics == scalars.RESISTIVE:
                add_squares(used, rows // used, size, n, below, s, coefficients, lo, hi, rates[k - 1],
                            couplings[weights + lo * n :])  # fmt: skip
        if part == 0:
            accumulate_sums(used, n, scratch, scale, keep, biases[units:])


@njit(cache=True, nogil=True)
def outer(
    rows: int, below: int, n: int, states: FloatArray, weighted: FloatArray, scale: float, keep: float,
    coupling: FloatArray, bias: FloatArray, gemm: int,
) -> None:  # fmt: skip
    """Accumulate one coupling and its biases from weighted rows."""
    blas.product_outer(gemm, rows, below, n, states, below, weighted, scale, keep, coupling)
    accumulate_sums(rows, n, weighted, scale, keep, bias)


@njit(cache=True, nogil=True)
def both_products(
    gemm: int, rows: int, below: int, size: int, states: FloatArray, weights: FloatArray, above: FloatArray,
    back: FloatArray,
) -> None:  # fmt: skip
    """Read states up and the sums down again: the bare products of settling, for benchmarks."""
    blas.product_up(gemm, rows, below, size, states, weights, 1.0, 0.0, above)
    blas.product_down(gemm, rows, below, size, above, weights, 1.0, 0.0, back)
