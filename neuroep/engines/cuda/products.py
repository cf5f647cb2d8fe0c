"""Plain tiled products of the cuda engine: the drive, contrasts, and weights plus a change."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.engines.cuda.parts import device
from neuroep.engines.cuda.tiles import Tile
from neuroep.weights import FloatArray


@cache
def drive(kind: np.dtype[Any], tile: Tile) -> Any:
    """Return the kernel out (m, n) ← a (m, length) · b (length, n), all flat and C-ordered.

    Launch with `tile.threads_x` × `tile.threads_y` threads on a grid of ⌈n/columns⌉ × ⌈m/rows⌉ blocks.
    """
    number = numba.from_dtype(kind)
    rows, columns, deep, threads = tile.rows, tile.columns, tile.depth, tile.threads
    rows_each, columns_each, wide = tile.rows_each, tile.columns_each, tile.threads_x
    sums, padded = tile.rows_each * tile.columns_each, tile.depth + 1

    def kernel(m: int, n: int, length: int, a: FloatArray, b: FloatArray, out: FloatArray) -> None:
        """Sum one tile of the product."""
        left = cuda.shared.array((rows, padded), number)
        right = cuda.shared.array((deep, columns), number)
        acc = cuda.local.array(sums, number)
        x, y = cuda.threadIdx.x, cuda.threadIdx.y
        r0, c0 = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        for i in range(sums):
            acc[i] = number(0)
        for k0 in range(0, length, deep):
            cuda.syncthreads()
            for e in range(y * wide + x, rows * deep, threads):
                r, kk = e // deep, e % deep
                inside = r0 + r < m and k0 + kk < length
                left[r, kk] = a[(r0 + r) * length + k0 + kk] if inside else number(0)
            for e in range(y * wide + x, deep * columns, threads):
                kk, c = e // columns, e % columns
                inside = k0 + kk < length and c0 + c < n
                right[kk, c] = b[(k0 + kk) * n + c0 + c] if inside else number(0)
            cuda.syncthreads()
            for kk in range(deep):
                for p in range(rows_each):
                    for q in range(columns_each):
                        acc[p * columns_each + q] += left[y * rows_each + p, kk] * right[kk, q * wide + x]
        for p in range(rows_each):
            for q in range(columns_each):
                r, c = r0 + y * rows_each + p, c0 + q * wide + x
                if r < m and c < n:
                    out[r * n + c] = acc[p * columns_each + q]

    return cuda.jit(kernel)


@cache
def contrast(kind: np.dtype[Any], tile: Tile) -> Any:
    """Return the kernel out_k ← keep · out_k + scale Σ_rows coefficient · s_{k−1} s_kᵀ, and alike for the biases.

    Launch with `tile.threads_x` × `tile.threads_y` threads on a grid of ⌈n/columns⌉ × ⌈below/rows⌉ blocks.
    """
    number = numba.from_dtype(kind)
    rows, columns, deep, threads = tile.rows, tile.columns, tile.depth, tile.threads
    rows_each, columns_each, wide = tile.rows_each, tile.columns_each, tile.threads_x
    sums = tile.rows_each * tile.columns_each

    @device
    def weigh(states: FloatArray, coefficients: FloatArray, samples: int, copies: int, r: int, n: int, c: int) -> float:
        """Return Σ_copies coefficient · state of one sample and unit."""
        total = number(0)
        for copy in range(copies):
            row = copy * samples + r
            total += coefficients[row] * states[row * n + c]
        return total

    def kernel(
        samples: int, copies: int, below: int, n: int, source: FloatArray, source_at: int, states: FloatArray,
        states_at: int, coefficients: FloatArray, scale: float, keep: float, out: FloatArray, out_at: int,
        sums_out: FloatArray, sums_at: int,
    ) -> None:  # fmt: skip
        """Sum one tile; `states` has `copies` copies of the rows of `source`, and buffers start where told."""
        left = cuda.shared.array((deep, rows), number)
        right = cuda.shared.array((deep, columns), number)
        acc = cuda.local.array(sums, number)
        bias = cuda.local.array(columns_each, number)
        x, y = cuda.threadIdx.x, cuda.threadIdx.y
        r0, c0 = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        for i in range(sums):
            acc[i] = number(0)
        for q in range(columns_each):
            bias[q] = number(0)
        for k0 in range(0, samples, deep):
            cuda.syncthreads()
            for e in range(y * wide + x, deep * rows, threads):
                kk, r = e // rows, e % rows
                inside = k0 + kk < samples and r0 + r < below
                left[kk, r] = source[source_at + (k0 + kk) * below + r0 + r] if inside else number(0)
            for e in range(y * wide + x, deep * columns, threads):
                kk, c = e // columns, e % columns
                value = number(0)
                if k0 + kk < samples and c0 + c < n:
                    value = weigh(states, coefficients, samples, copies, k0 + kk, n, states_at + c0 + c)
                right[kk, c] = value
            cuda.syncthreads()
            for kk in range(deep):
                for q in range(columns_each):
                    bias[q] += right[kk, q * wide + x]
                    for p in range(rows_each):
                        acc[p * columns_each + q] += left[kk, y * rows_each + p] * right[kk, q * wide + x]
        for q in range(columns_each):
            c = c0 + q * wide + x
            for p in range(rows_each):
                r = r0 + y * rows_each + p
                if r < below and c < n:
                    i = out_at + r * n + c
                    out[i] = number(keep) * out[i] + number(scale) * acc[p * columns_each + q]
            if r0 == 0 and y == 0 and c < n:
                sums_out[sums_at + c] = number(keep) * sums_out[sums_at + c] + number(scale) * bias[q]

    return cuda.jit(kernel)


@cache
def axpy(kind: np.dtype[Any]) -> Any:
    """Return the kernel out ← keep · out + rate · change, elementwise; launch with any grid of one dimension."""
    number = numba.from_dtype(kind)

    def kernel(out: FloatArray, change: FloatArray, rate: float, keep: float) -> None:
        """Update elements by strides of the grid."""
        for i in range(cuda.grid(1), len(out), cuda.gridsize(1)):
            out[i] = number(keep) * out[i] + number(rate) * change[i]

    return cuda.jit(kernel)


@cache
def count_lit(kind: np.dtype[Any]) -> Any:
    """Return the kernel that adds to found[0] how many lines aren't zero; launch with any grid of one dimension."""
    zero = numba.from_dtype(kind)(0)

    def kernel(lines: FloatArray, found: NDArray[np.int64]) -> None:
        """Count lines by strides of the grid."""
        lit = 0
        for i in range(cuda.grid(1), len(lines), cuda.gridsize(1)):
            if lines[i] != zero:
                lit += 1
        if lit:
            cuda.atomic.add(found, 0, lit)

    return cuda.jit(kernel)
