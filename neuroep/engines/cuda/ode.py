"""The continuous-time kernel: explicit Runge–Kutta steps of the membrane form, from any tableau.

    τ_k du_k/dt = v_k(u) = −u_k + W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1} − β ∂C/∂s_k,   s = ρ(u)
    Y_i = u + h/τ_k Σ_{j<i} a_ij v(Y_j),   u ← u + h/τ_k Σ_i b_i v(Y_i)

A sample stops before the first step at which ‖v‖ is at its tolerance, or isn't finite. Under a softmax read-out the
last dynamical layer feels β W_L (y − ŷ), with ŷ computed anew at every stage. Potentials and velocities lie in global
memory, each number used by one thread; the states of a stage are shared.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import cuda

from neuroep.engines.cuda.kernels import CONVERGED, DIVERGED, STEP_LIMIT, IntArray
from neuroep.engines.cuda.parts import device, parts
from neuroep.engines.cuda.tiles import Tile
from neuroep.physics import scalars
from neuroep.weights import FloatArray


@cache
def integrate(kind: np.dtype[Any], tile: Tile, resident: bool) -> Any:
    """Return the Runge–Kutta kernel of a float type and a tile, not yet compiled; launched like the settling kernel."""
    number = numba.from_dtype(kind)
    read, softmax, activate, _, slope, row_sum, lines, finish = parts(kind, tile)
    rows, rows_each, wide = tile.rows, tile.rows_each, tile.threads_x
    sums, deep, padded, partials = tile.rows_each * tile.columns_each, tile.depth, tile.columns + 1, rows * wide

    @device
    def combine(weights: FloatArray, first: int, count: int, velocities: FloatArray, pitch: int, i: int) -> float:
        """Return Σ_j weights[first + j] · velocity_j of one unit; stages lie `pitch` apart."""
        total = number(0)
        for j in range(count):
            total += weights[first + j] * velocities[j * pitch + i]
        return total

    @device
    def place(
        x: int, y: int, stage: int, stages: int, lo: int, batch: int, last: int, sizes: IntArray,
        activations: IntArray, unit_start: IntArray, rates: FloatArray, r0: int, a: FloatArray, u: FloatArray,
        velocities: FloatArray, at_stage: FloatArray, pitch_v: int, s: FloatArray, pitch: int, base: int,
    ) -> None:  # fmt: skip
        """Potentials and states of a stage, of all dynamical layers."""
        for k in range(1, last + 1):
            n = sizes[k]
            for p in range(rows_each):
                row = y * rows_each + p
                for j in range(x, n, wide):
                    state = number(0)
                    if lo + row < batch:
                        i = batch * unit_start[k] + (lo + row) * n + j
                        here = u[i] + rates[r0 + k] * combine(a, stage * stages, stage, velocities, pitch_v, i)
                        at_stage[i] = here
                        state = activate(activations[k], here)
                    s[pitch * unit_start[k] + (base + row) * n + j] = state

    @device
    def pull(
        x: int, y: int, k: int, depth: int, last: int, n: int, lo: int, at: int, cost: int, gain: float,
        biases: FloatArray, b0: int, up: FloatArray, down: FloatArray, at_stage: FloatArray, s: FloatArray,
        here: int, targets: FloatArray, beta: FloatArray, live: Any, velocity: FloatArray, v0: int,
        squares: FloatArray,
    ) -> None:  # fmt: skip
        """Velocities of one layer from what it receives; adds their squares."""
        for p in range(rows_each):
            row = y * rows_each + p
            if live[row]:
                for j in range(x, n, wide):
                    i = at + row * n + j
                    v = up[i] + biases[b0 + j] - at_stage[i]
                    if gain > number(0):
                        v += gain * down[i]
                    if k == depth:
                        v -= beta[lo + row] * slope(cost, s[here + row * n + j], targets[(lo + row) * n + j])
                    velocity[v0 + i] = v
                    squares[p] += v * v

    @device
    def advance(
        x: int, y: int, stages: int, lo: int, batch: int, last: int, sizes: IntArray, unit_start: IntArray,
        rates: FloatArray, r0: int, b: FloatArray, u: FloatArray, velocities: FloatArray, pitch_v: int, live: Any,
    ) -> None:  # fmt: skip
        """u ← u + h/τ Σ b_i v_i of the live rows."""
        for k in range(1, last + 1):
            n = sizes[k]
            for p in range(rows_each):
                row = y * rows_each + p
                if live[row]:
                    for j in range(x, n, wide):
                        i = batch * unit_start[k] + (lo + row) * n + j
                        u[i] += rates[r0 + k] * combine(b, 0, stages, velocities, pitch_v, i)

    def kernel(
        sizes: IntArray, activations: IntArray, unit_start: IntArray, weight_start: IntArray, stages: int,
        a: FloatArray, b: FloatArray, rates: FloatArray, limit: int, ending: int, tolerance: float, cost: int,
        feedback: float, nudged: int, up_weights: FloatArray, down_weights: FloatArray, biases: FloatArray,
        targets: FloatArray, beta: FloatArray, room: FloatArray, u: FloatArray, velocities: FloatArray,
        at_stage: FloatArray, up: FloatArray, down: FloatArray, states: FloatArray, residual: FloatArray,
        steps: IntArray, codes: IntArray, batch: int,
    ) -> None:  # fmt: skip
        """Integrate `u` in place, at most `limit` steps; `states` receives ρ(u), for a read-out its softmax.

        `up` holds the drive of layer 1 and receives what each other layer gets from below at the end. `rates` holds
        h/τ_k of each layer for every step but number `ending`, then for that one, and `velocities` a buffer of
        potentials for each stage.
        """
        staged = cuda.shared.array((deep, padded), number)
        partial = cuda.shared.array(partials, number)
        live = cuda.shared.array(rows, numba.int32)
        acc = cuda.local.array(sums, number)
        squares = cuda.local.array(rows_each, number)
        peaks = cuda.local.array(rows_each, number)
        x, y = cuda.threadIdx.x, cuda.threadIdx.y
        depth, lo = len(sizes) - 1, cuda.blockIdx.x * rows
        last = depth - 1 if cost == scalars.CROSS_ENTROPY else depth
        total = unit_start[depth + 1]
        pitch_v = batch * total
        if resident:
            s = cuda.shared.array(0, number)
            pitch, base = rows, 0
        else:
            s = room
            pitch, base = cuda.gridDim.x * rows, lo
        if x == 0:
            for p in range(rows_each):
                live[y * rows_each + p] = 1 if lo + y * rows_each + p < batch else 0
        output, n_out = pitch * unit_start[depth] + base * sizes[depth], sizes[depth]
        for p in range(rows_each):  # a read-out's change is measured from here: it must be finite
            for j in range(x, n_out, wide):
                s[output + (y * rows_each + p) * n_out + j] = number(0)
        step, stage, alive = 0, 0, 1
        while alive > 0:
            r0 = depth + 1 if step == ending else 0
            place(x, y, stage, stages, lo, batch, last, sizes, activations, unit_start, rates, r0, a, u, velocities,
                  at_stage, pitch_v, s, pitch, base)  # fmt: skip
            for p in range(rows_each):
                squares[p] = number(0)
            cuda.syncthreads()
            for k in range(depth, 0, -1):
                n, below = sizes[k], sizes[k - 1]
                at, here = batch * unit_start[k] + lo * n, pitch * unit_start[k] + base * n
                if k > 1:
                    read(cuda.syncthreads, x, y, s, pitch * unit_start[k - 1] + base * below, below, up_weights,
                         weight_start[k], n, 1, n, staged, acc, live, up, at)  # fmt: skip
                if k > last:
                    softmax(cuda.syncthreads, x, y, n, up, at, biases, unit_start[k], live, s, here, partial, peaks,
                            squares)  # fmt: skip
                    lines(x, y, n, lo, batch, s, here, targets, beta, s, pitch * total + base * n)
                    for p in range(rows_each):
                        squares[p] = number(0)
                else:
                    gain = number(0)
                    if k < last or (k < depth and nudged):
                        above = sizes[k + 1]
                        gain = number(feedback)
                        source = pitch * unit_start[k + 1] + base * above
                        if k == last:
                            gain = number(1)
                            source = pitch * total + base * above
                        read(cuda.syncthreads, x, y, s, source, above, down_weights, weight_start[k + 1], 1, above, n,
                             staged, acc, live, down, at)  # fmt: skip
                    pull(x, y, k, depth, last, n, lo, at, cost, gain, biases, unit_start[k], up, down, at_stage, s,
                         here, targets, beta, live, velocities, stage * pitch_v, squares)  # fmt: skip
            if stage == 0:
                for p in range(rows_each):
                    partial[(y * rows_each + p) * wide + x] = squares[p]
                cuda.syncthreads()
                if x == 0:
                    for p in range(rows_each):
                        row = y * rows_each + p
                        if live[row]:
                            norm = number(math.sqrt(row_sum(partial, row)))
                            residual[lo + row] = norm
                            steps[lo + row] = step
                            codes[lo + row] = STEP_LIMIT if norm > tolerance else CONVERGED
                            live[row] = 1 if norm > tolerance and step < limit else 0
                            if not math.isfinite(norm):
                                codes[lo + row] = DIVERGED
                                live[row] = 0
            cuda.syncthreads()
            alive = 0
            for row in range(rows):
                alive += live[row]
            stage += 1
            if stage == stages and alive > 0:
                advance(x, y, stages, lo, batch, last, sizes, unit_start, rates, r0, b, u, velocities, pitch_v,
                        live)  # fmt: skip
                stage, step = 0, step + 1
        place(x, y, 0, stages, lo, batch, last, sizes, activations, unit_start, rates, 0, a, u, velocities, at_stage,
              pitch_v, s, pitch, base)  # fmt: skip
        finish(x, y, lo, batch, sizes, unit_start, s, pitch, base, states)

    return cuda.jit(kernel)
