"""The fused settling kernel: a block of threads settles a tile of samples through all sweeps of a phase.

Same definition as `reference`, with two differences that no number shows: a settled sample keeps its place and is
passed over, and what a layer last received is kept in global memory, each number by the one thread that uses it.
States stay in shared memory (`resident`) where they fit.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.engines.cuda.freshness import DOWN, UP
from neuroep.engines.cuda.parts import device, parts
from neuroep.engines.cuda.tiles import Tile
from neuroep.equilibrium import ResultCode
from neuroep.ledger import Event
from neuroep.physics import scalars
from neuroep.weights import FloatArray

_READ_UP, _READ_DOWN, _NEURON = int(Event.READ_UP), int(Event.READ_DOWN), int(Event.NEURON)
_LIT_UP, _LIT_DOWN = int(Event.LIT_UP), int(Event.LIT_DOWN)
_SWEEP, _SAMPLE = int(Event.SWEEP), int(Event.SAMPLE)
CONVERGED, STEP_LIMIT = int(ResultCode.CONVERGED), int(ResultCode.STEP_LIMIT)
DIVERGED = int(ResultCode.DIVERGED)

IntArray = NDArray[np.int64]


@cache
def settle(kind: np.dtype[Any], tile: Tile, resident: bool) -> Any:
    """Return the settling kernel of a float type and a tile, not yet compiled.

    Launch with `tile.threads_x` × `tile.threads_y` threads, a block for every `tile.rows` samples, and
    `cuda_tiles.state_bytes` of dynamic shared memory where the states are resident.
    """
    number = numba.from_dtype(kind)
    read, softmax, activate, nudge, _, row_sum, lines, finish = parts(kind, tile)
    rows, rows_each = tile.rows, tile.rows_each
    wide, sums = tile.threads_x, tile.rows_each * tile.columns_each
    deep, padded, partials = tile.depth, tile.columns + 1, tile.rows * tile.threads_x

    @device
    def update_hidden(
        x: int, y: int, code: int, n: int, up: FloatArray, down: FloatArray, at: int, biases: FloatArray, b0: int,
        gain: float, live: Any, states: FloatArray, start: int, squares: FloatArray,
    ) -> None:  # fmt: skip
        """s ← ρ(up + bias + gain · down); adds squared changes to the thread's own."""
        for p in range(rows_each):
            row = y * rows_each + p
            if live[row]:
                for j in range(x, n, wide):
                    i = at + row * n + j
                    new = activate(code, up[i] + biases[b0 + j] + gain * down[i])
                    change = new - states[start + row * n + j]
                    squares[p] += change * change
                    states[start + row * n + j] = new

    @device
    def update_output(
        x: int, y: int, cost: int, code: int, n: int, up: FloatArray, at: int, biases: FloatArray, b0: int, lo: int,
        targets: FloatArray, beta: FloatArray, live: Any, states: FloatArray, start: int, squares: FloatArray,
    ) -> None:  # fmt: skip
        """s_L ← exact nudged minimiser of a dynamical output."""
        for p in range(rows_each):
            row = y * rows_each + p
            if live[row]:
                for j in range(x, n, wide):
                    u = up[at + row * n + j] + biases[b0 + j]
                    new = nudge(cost, code, u, targets[(lo + row) * n + j], beta[lo + row])
                    change = new - states[start + row * n + j]
                    squares[p] += change * change
                    states[start + row * n + j] = new

    @device
    def count_lit(
        x: int, y: int, states: FloatArray, start: int, n: int, live: Any, counts: IntArray, event: int, k: int
    ) -> None:
        """Count the lines that aren't zero: each thread those that it writes itself, since others may have gone on."""
        lit = 0
        for p in range(rows_each):
            row = y * rows_each + p
            if live[row]:
                for j in range(x, n, wide):
                    if states[start + row * n + j] != 0:
                        lit += 1
        if lit:
            cuda.atomic.add(counts, (event, k), lit)

    @device
    def begin(
        x: int, y: int, lo: int, batch: int, sizes: IntArray, unit_start: IntArray, nudged: int,
        first_states: FloatArray, first_up: FloatArray, first_rows: int, s: FloatArray, pitch: int, base: int,
        up: FloatArray, down: FloatArray,
    ) -> None:  # fmt: skip
        """Put the states and sums of a block's rows where the phase starts; rows beyond the batch are zero."""
        for k in range(1, len(sizes)):
            n = sizes[k]
            for p in range(rows_each):
                row = y * rows_each + p
                for j in range(x, n, wide):
                    state, current = number(0), number(0)
                    if lo + row < batch:
                        i = batch * unit_start[k] + (lo + row) * n + j
                        if nudged:
                            source = first_rows * unit_start[k] + ((lo + row) % first_rows) * n + j
                            state, current = first_states[source], first_up[source]
                        elif k == 1:
                            current = first_up[(lo + row) * n + j]
                        up[i] = current
                        down[i] = number(0)
                    s[pitch * unit_start[k] + (base + row) * n + j] = state

    def kernel(
        sizes: IntArray, activations: IntArray, unit_start: IntArray, weight_start: IntArray, updates: IntArray,
        sweeps: int, tolerance: float, nudged: int, cost: int, feedback: float, up_weights: FloatArray,
        down_weights: FloatArray, biases: FloatArray, first_states: FloatArray, first_up: FloatArray, first_rows: int,
        targets: FloatArray, beta: FloatArray, room: FloatArray, states: FloatArray, up: FloatArray, down: FloatArray,
        residual: FloatArray, steps: IntArray, codes: IntArray, counts: IntArray, batch: int,
    ) -> None:  # fmt: skip
        """Settle a batch; `states` receives the states and `up` what each layer last received from below.

        `updates` are those of the first sweep and then of each later one, as :mod:`neuroep.engines.cuda.freshness`
        has them. Nudged phases start row r from row r mod `first_rows` of `first_states` and `first_up`; the free
        phase starts from zero, with `first_up` the drive of layer 1. `room` holds the states of all blocks while they
        settle, unless shared memory does.
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
        # `s` holds layer k from pitch · unit_start[k] + base · n_k on, and the read-out's lines behind the last layer
        if resident:
            s = cuda.shared.array(0, number)
            pitch, base = rows, 0
        else:
            s = room
            pitch, base = cuda.gridDim.x * rows, lo
        alive = min(rows, batch - lo)
        if x == 0:
            for p in range(rows_each):
                live[y * rows_each + p] = 1 if y * rows_each + p < alive else 0
        begin(x, y, lo, batch, sizes, unit_start, nudged, first_states, first_up, first_rows, s, pitch, base, up,
              down)  # fmt: skip
        if x == 0 and y == 0:
            cuda.atomic.add(counts, (_SAMPLE, 0), alive)
        cuda.syncthreads()
        for sweep in range(1, sweeps + 1):
            for p in range(rows_each):
                squares[p] = number(0)
            first = 0 if sweep == 1 else len(updates) // 2
            for position in range(first, first + len(updates) // 2):
                k, need = updates[position] >> 2, updates[position] & (UP | DOWN)
                n, below = sizes[k], sizes[k - 1]
                here, at, b0 = pitch * unit_start[k] + base * n, batch * unit_start[k] + lo * n, unit_start[k]
                if need & UP:
                    source = pitch * unit_start[k - 1] + base * below
                    read(cuda.syncthreads, x, y, s, source, below, up_weights, weight_start[k], n, 1, n, staged, acc,
                         live, up, at)  # fmt: skip
                    count_lit(x, y, s, source, below, live, counts, _LIT_UP, k)
                    if x == 0 and y == 0:
                        cuda.atomic.add(counts, (_READ_UP, k), alive)
                if need & DOWN:
                    above = sizes[k + 1]
                    source = pitch * unit_start[k + 1] + base * above
                    if k == last:
                        sent = pitch * total + base * above
                        lines(x, y, above, lo, batch, s, source, targets, beta, s, sent)
                        source = sent
                    read(cuda.syncthreads, x, y, s, source, above, down_weights, weight_start[k + 1], 1, above, n,
                         staged, acc, live, down, at)  # fmt: skip
                    count_lit(x, y, s, source, above, live, counts, _LIT_DOWN, k + 1)
                    if x == 0 and y == 0:
                        cuda.atomic.add(counts, (_READ_DOWN, k + 1), alive)
                if k < depth:
                    gain = number(1) if k == last else number(feedback)
                    update_hidden(x, y, activations[k], n, up, down, at, biases, b0, gain, live, s, here, squares)
                elif cost == scalars.CROSS_ENTROPY:
                    cuda.syncthreads()
                    softmax(cuda.syncthreads, x, y, n, up, at, biases, b0, live, s, here, partial, peaks, squares)
                else:
                    update_output(x, y, cost, activations[k], n, up, at, biases, b0, lo, targets, beta, live, s, here,
                                  squares)  # fmt: skip
                if x == 0 and y == 0:
                    cuda.atomic.add(counts, (_NEURON, k), alive)
            if x == 0 and y == 0:
                cuda.atomic.add(counts, (_SWEEP, 0), alive)
            for p in range(rows_each):
                partial[(y * rows_each + p) * wide + x] = squares[p]
            cuda.syncthreads()
            if x == 0:
                for p in range(rows_each):
                    row = y * rows_each + p
                    if live[row]:
                        norm = number(math.sqrt(row_sum(partial, row)))
                        residual[lo + row] = norm
                        steps[lo + row] = sweep
                        codes[lo + row] = STEP_LIMIT if norm > tolerance else CONVERGED
                        if not math.isfinite(norm):
                            codes[lo + row] = DIVERGED
                        live[row] = 1 if norm > tolerance else 0
            cuda.syncthreads()
            alive = 0
            for row in range(rows):
                alive += live[row]
            if alive == 0:
                break
        finish(x, y, lo, batch, sizes, unit_start, s, pitch, base, states)

    return cuda.jit(kernel)
