"""Device functions that the cuda kernels are put together from, for one float type and one tile.

All are inlined. They see no thread index and no barrier but those handed to them: the simulator gives threads their
indices through the kernel's module alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.engines.cuda.tiles import Tile
from neuroep.physics import scalars
from neuroep.weights import FloatArray

device: Callable[[Any], Any] = cuda.jit(device=True, inline="always")


class Parts(NamedTuple):
    """The device functions of one float type and tile."""

    read: Any
    softmax: Any
    activate: Any
    nudge: Any
    slope: Any
    row_sum: Any
    lines: Any
    finish: Any


@cache
def parts(kind: np.dtype[Any], tile: Tile) -> Parts:
    """Return the device functions of a float type and a tile."""
    row_sum, row_peak = _rows(kind, tile)
    return Parts(
        _read(tile, _product(kind, tile)),
        _softmax(kind, tile, row_sum, row_peak),
        *_scalars(kind),
        row_sum,
        *_ends(tile),
    )


def _product(kind: np.dtype[Any], tile: Tile) -> Any:
    number = numba.from_dtype(kind)
    threads, columns, deep = tile.threads, tile.columns, tile.depth
    wide, rows_each, columns_each = tile.threads_x, tile.rows_each, tile.columns_each
    sums = rows_each * columns_each

    @device
    def stage(
        weights: FloatArray, start: int, along: int, across: int, k0: int, c0: int, length: int, n: int,
        staged: FloatArray, thread: int,
    ) -> None:  # fmt: skip
        """Copy the weights of `deep` terms of `columns` sums to shared memory, zero beyond the edges.

        Terms of a sum lie `along` apart and sums `across`; neighbouring threads copy neighbouring weights.
        """
        for e in range(thread, deep * columns, threads):
            kk, c = e // columns, e % columns
            if across != 1:
                kk, c = e % deep, e // deep
            value = number(0)
            if k0 + kk < length and c0 + c < n:
                value = weights[start + (k0 + kk) * along + (c0 + c) * across]
            staged[kk, c] = value

    @device
    def multiply(
        source: FloatArray, row0: int, stride: int, count: int, staged: FloatArray, acc: FloatArray, x: int
    ) -> None:
        """Add `count` terms to a thread's sums: source rows × staged weights."""
        if count == deep:
            for kk in range(deep):
                for p in range(rows_each):
                    for q in range(columns_each):
                        acc[p * columns_each + q] += source[row0 + p * stride + kk] * staged[kk, q * wide + x]
        else:
            for kk in range(count):
                for p in range(rows_each):
                    for q in range(columns_each):
                        acc[p * columns_each + q] += source[row0 + p * stride + kk] * staged[kk, q * wide + x]

    @device
    def product(
        barrier: Any, x: int, y: int, source: FloatArray, row0: int, length: int, weights: FloatArray, start: int,
        along: int, across: int, c0: int, n: int, staged: FloatArray, acc: FloatArray,
    ) -> None:  # fmt: skip
        """Leave in `acc` a thread's sums over `length` terms: columns c0.. of source · weights.

        `row0` is where the thread's first row of the source starts; weights go through `staged`, tile by tile.
        """
        for i in range(sums):
            acc[i] = number(0)
        for k0 in range(0, length, deep):
            barrier()
            stage(weights, start, along, across, k0, c0, length, n, staged, y * wide + x)
            barrier()
            multiply(source, row0 + k0, length, min(deep, length - k0), staged, acc, x)

    return product


def _read(tile: Tile, product: Any) -> Any:
    columns, wide, rows_each, columns_each = tile.columns, tile.threads_x, tile.rows_each, tile.columns_each

    @device
    def read(
        barrier: Any, x: int, y: int, source: FloatArray, start: int, length: int, weights: FloatArray, at: int,
        along: int, across: int, n: int, staged: FloatArray, acc: FloatArray, live: Any, out: FloatArray, to: int,
    ) -> None:  # fmt: skip
        """out ← source · weights for the live rows of a block; out's rows are n long and start at `to`."""
        for c0 in range(0, n, columns):
            row0 = start + y * rows_each * length
            product(barrier, x, y, source, row0, length, weights, at, along, across, c0, n, staged, acc)
            for p in range(rows_each):
                row = y * rows_each + p
                for q in range(columns_each):
                    c = c0 + q * wide + x
                    if c < n and live[row]:
                        out[to + row * n + c] = acc[p * columns_each + q]

    return read


def _softmax(kind: np.dtype[Any], tile: Tile, row_sum: Any, row_peak: Any) -> Any:
    number = numba.from_dtype(kind)
    wide, rows_each = tile.threads_x, tile.rows_each

    @device
    def softmax(
        barrier: Any, x: int, y: int, n: int, logits: FloatArray, at: int, biases: FloatArray, b0: int, live: Any,
        states: FloatArray, start: int, partial: FloatArray, peaks: FloatArray, squares: FloatArray,
    ) -> None:  # fmt: skip
        """States ← softmax(logits + bias), a row's threads sharing peak and norm; adds squared changes."""
        for p in range(rows_each):
            row = y * rows_each + p
            peak = number(-math.inf)
            if live[row]:
                for j in range(x, n, wide):
                    peak = max(peak, logits[at + row * n + j] + biases[b0 + j])
            partial[row * wide + x] = peak
        barrier()
        for p in range(rows_each):
            peaks[p] = row_peak(partial, y * rows_each + p)
        barrier()
        for p in range(rows_each):
            row = y * rows_each + p
            norm = number(0)
            if live[row]:
                for j in range(x, n, wide):
                    norm += number(math.exp(logits[at + row * n + j] + biases[b0 + j] - peaks[p]))
            partial[row * wide + x] = norm
        barrier()
        for p in range(rows_each):
            row = y * rows_each + p
            if live[row]:
                norm = row_sum(partial, row)
                for j in range(x, n, wide):
                    new = number(math.exp(logits[at + row * n + j] + biases[b0 + j] - peaks[p])) / norm
                    change = new - states[start + row * n + j]
                    squares[p] += change * change
                    states[start + row * n + j] = new
        barrier()

    return softmax


def _scalars(kind: np.dtype[Any]) -> tuple[Any, Any, Any]:
    number = numba.from_dtype(kind)

    @device
    def activate(code: int, u: float) -> float:
        """Return ρ(u)."""
        new = u
        if code == scalars.TANH:
            new = number(math.tanh(u))
        elif code == scalars.SIGMOID:
            new = scalars.logistic(u, number(0.5))
        elif code != scalars.LINEAR:
            new = scalars.clip(u, number(0), number(scalars.highest(code)))
        return new

    @device
    def nudge(cost: int, code: int, u: float, y: float, beta: float) -> float:
        """Return the exact nudged output of one unit that isn't a softmax's."""
        one = number(1)
        new = u
        if cost == scalars.MSE:
            new = activate(code, scalars.nudged_quadratic(u, y, beta, one))
        elif cost == scalars.HINGE:
            new = scalars.nudged_hinge(u, y, beta, one)
        elif y * u < one:
            new = scalars.nudged_quadratic(u, y, beta, one)
        return new

    @device
    def slope(cost: int, s: float, y: float) -> float:
        """Return ∂C/∂s of one output unit."""
        one = number(1)
        found = s - y
        if cost != scalars.MSE:
            margin = one - y * s
            found = number(0)
            if margin > number(0):
                found = -y if cost == scalars.HINGE else -y * margin
        return found

    return activate, nudge, slope


def _rows(kind: np.dtype[Any], tile: Tile) -> tuple[Any, Any]:
    number = numba.from_dtype(kind)
    wide = tile.threads_x

    @device
    def row_sum(partial: FloatArray, row: int) -> float:
        """Return the sum of what the threads of a row left in shared memory."""
        total = number(0)
        for i in range(wide):
            total += partial[row * wide + i]
        return total

    @device
    def row_peak(partial: FloatArray, row: int) -> float:
        """Return the largest of what the threads of a row left in shared memory."""
        peak = partial[row * wide]
        for i in range(1, wide):
            peak = max(peak, partial[row * wide + i])
        return peak

    return row_sum, row_peak


def _ends(tile: Tile) -> tuple[Any, Any]:
    wide, rows_each = tile.threads_x, tile.rows_each

    @device
    def lines(
        x: int, y: int, n: int, lo: int, batch: int, states: FloatArray, start: int, targets: FloatArray,
        beta: FloatArray, out: FloatArray, to: int,
    ) -> None:  # fmt: skip
        """out ← β(y − ŷ), what a softmax read-out sends down."""
        for p in range(rows_each):
            row = y * rows_each + p
            if lo + row < batch:
                for j in range(x, n, wide):
                    wrong = targets[(lo + row) * n + j] - states[start + row * n + j]
                    out[to + row * n + j] = beta[lo + row] * wrong

    @device
    def finish(
        x: int, y: int, lo: int, batch: int, sizes: NDArray[np.int64], unit_start: NDArray[np.int64], s: FloatArray,
        pitch: int, base: int, states: FloatArray,
    ) -> None:  # fmt: skip
        """Copy the states of a block's rows to where they are wanted."""
        for k in range(1, len(sizes)):
            n = sizes[k]
            for p in range(rows_each):
                row = y * rows_each + p
                if lo + row < batch:
                    for j in range(x, n, wide):
                        i = batch * unit_start[k] + (lo + row) * n + j
                        states[i] = s[pitch * unit_start[k] + (base + row) * n + j]

    return lines, finish
