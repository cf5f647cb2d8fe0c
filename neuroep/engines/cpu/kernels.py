"""Compiled settling of a block of samples. Same definition, read for read, as `reference`.

States, last sums read from below and from above live in flat buffers, layer after layer, each layer a
C-ordered (rows, n_k) matrix; a block is a range of rows. Samples that have settled are swapped behind the
active ones, so that every later product is smaller.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.engines.base import Nudge, Plan
from neuroep.engines.cpu import resistive_kernels as resistive
from neuroep.engines.cpu.read_kernels import SKIPPED, IntArray, bring_up_to_date, count_read, read
from neuroep.equilibrium import ResultCode
from neuroep.kernel_cache import njit
from neuroep.ledger import Event
from neuroep.physics import scalars
from neuroep.weights import FloatArray

# NaN and infinity keep their meaning (they are how divergence shows); sums may be reordered to vectorise.
_FAST = {"reassoc", "contract", "nsz", "arcp"}
_NEURON, _SWEEP, _SAMPLE = int(Event.NEURON), int(Event.SWEEP), int(Event.SAMPLE)
_CONVERGED, _STEP_LIMIT = int(ResultCode.CONVERGED), int(ResultCode.STEP_LIMIT)
_DIVERGED = int(ResultCode.DIVERGED)
_SKIP = int(Event.SKIP)

BoolArray = NDArray[np.bool_]


class Buffers(NamedTuple):
    """What one phase of a batch settles in: flat states and sums, and each row's residual, steps and code.

    The last two are what lines hold for reads upward and downward, laid out as states; empty where states are driven.
    """

    states: FloatArray
    up: FloatArray
    down: FloatArray
    residual: FloatArray
    steps: IntArray
    codes: IntArray
    driven_up: FloatArray
    driven_down: FloatArray


@njit(cache=True, fastmath=_FAST)
def update_hidden(
    code: int, rows: int, n: int, up: FloatArray, down: FloatArray, bias: FloatArray, gain: float,
    states: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """s ← ρ(up + bias + gain·down) for a hidden layer; adds each row's squared change to `squares`."""
    one = bias.dtype.type(1.0)
    low, high, half = one - one, bias.dtype.type(scalars.highest(code)), bias.dtype.type(0.5)
    for r in range(rows):
        total = one - one
        base = r * n
        if code == scalars.TANH:
            for j in range(n):
                new = scalars.tangent(up[base + j] + bias[j] + gain * down[base + j])
                change = new - states[base + j]
                total += change * change
                states[base + j] = new
        elif code == scalars.SIGMOID:
            for j in range(n):
                new = scalars.logistic(up[base + j] + bias[j] + gain * down[base + j], half)
                change = new - states[base + j]
                total += change * change
                states[base + j] = new
        elif code == scalars.LINEAR:
            for j in range(n):
                new = up[base + j] + bias[j] + gain * down[base + j]
                change = new - states[base + j]
                total += change * change
                states[base + j] = new
        else:
            for j in range(n):
                new = scalars.clip(up[base + j] + bias[j] + gain * down[base + j], low, high)
                change = new - states[base + j]
                total += change * change
                states[base + j] = new
        squares[r] += total


@njit(cache=True)
def update_readout(
    rows: int, n: int, up: FloatArray, bias: FloatArray, states: FloatArray, squares: FloatArray
) -> None:  # fmt: skip
    """s_L ← softmax(up + b); adds each row's squared change to `squares`.

    Without fastmath: with u + (b − peak) in place of (u + b) − peak the largest power of large sums isn't 1.
    """
    zero = bias.dtype.type(0.0)
    for r in range(rows):
        base = r * n
        total, peak, norm = zero, up[base] + bias[0], zero
        for j in range(1, n):
            peak = max(peak, up[base + j] + bias[j])
        for j in range(n):
            norm += math.exp(up[base + j] + bias[j] - peak)
        for j in range(n):
            new = math.exp(up[base + j] + bias[j] - peak) / norm
            change = new - states[base + j]
            total += change * change
            states[base + j] = new
        squares[r] += total


@njit(cache=True, fastmath=_FAST)
def update_output(
    cost: int, code: int, rows: int, n: int, up: FloatArray, bias: FloatArray, targets: FloatArray,
    beta: FloatArray, ids: IntArray, states: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """s_L ← exact nudged minimiser (softmax for a read-out); adds each row's squared change to `squares`."""
    if cost == scalars.CROSS_ENTROPY:
        update_readout(rows, n, up, bias, states, squares)
        return
    one, high = bias.dtype.type(1.0), bias.dtype.type(scalars.highest(code))
    for r in range(rows):
        base, b, total = r * n, beta[ids[r]], one - one
        for j in range(n):
            u, y = up[base + j] + bias[j], targets[ids[r], j]
            if cost == scalars.MSE:
                new = scalars.nudged_quadratic(u, y, b, one)
                if code != scalars.LINEAR:
                    new = scalars.clip(new, one - one, high)
            elif cost == scalars.HINGE:
                new = scalars.nudged_hinge(u, y, b, one)
            else:
                new = u if y * u >= one else scalars.nudged_quadratic(u, y, b, one)
            change = new - states[base + j]
            total += change * change
            states[base + j] = new
        squares[r] += total


@njit(cache=True)
def feedback_lines(
    rows: int, n: int, states: FloatArray, targets: FloatArray, beta: FloatArray, ids: IntArray, out: FloatArray
) -> None:
    """out ← β(y − ŷ), what a softmax read-out sends down."""
    for r in range(rows):
        for j in range(n):
            out[r * n + j] = beta[ids[r]] * (targets[ids[r], j] - states[r * n + j])


@njit(cache=True, fastmath=_FAST)
def add_scaled(count: int, gain: float, source: FloatArray, out: FloatArray) -> None:
    """out ← out + gain · source."""
    weight = out.dtype.type(gain)
    for j in range(count):
        out[j] += weight * source[j]


@njit(cache=True)
def add_skips(
    circuit: Circuit, k: int, count: int, displaced: bool, states: FloatArray, starts: IntArray, out: FloatArray
) -> int:
    """Add what skips bring to layer k, `count` = rows · n_k numbers each; returns how many there are.

    Same definition as :func:`neuroep.circuit.skipping`.
    """
    skips = circuit.skips
    for i in range(skips.into[k], skips.into[k + 1]):
        layer = skips.sources[i]
        left = circuit.feedback ** (k - layer) if displaced else 1.0
        add_scaled(count, skips.entering[i] * left, states[starts[layer] :], out)
    for i in range(skips.out[k], skips.out[k + 1]):
        layer = skips.targets[i]
        left = 1.0 if displaced else circuit.feedback ** (layer - k)
        add_scaled(count, skips.leaving[i] * left, states[starts[layer] :], out)
    many: int = skips.into[k + 1] - skips.into[k] + skips.out[k + 1] - skips.out[k]
    return many


@njit(cache=True)
def has_skips(circuit: Circuit, k: int) -> bool:
    """Whether any skip begins or ends at layer k."""
    skips = circuit.skips
    return bool(skips.into[k] < skips.into[k + 1] or skips.out[k] < skips.out[k + 1])


@njit(cache=True)
def swap_rows(buffer: FloatArray, n: int, a: int, b: int) -> None:
    """Exchange two rows of a flat (rows, n) matrix."""
    for j in range(n):
        buffer[a * n + j], buffer[b * n + j] = buffer[b * n + j], buffer[a * n + j]


@njit(cache=True)
def swap_samples(
    circuit: Circuit, work: Buffers, starts: IntArray, ids: IntArray, squares: FloatArray, a: int, b: int
) -> None:
    """Exchange two samples of a block in every buffer."""
    for k in range(1, len(circuit.sizes)):
        n = circuit.sizes[k]
        swap_rows(work.states[starts[k] :], n, a, b)
        swap_rows(work.up[starts[k] :], n, a, b)
        swap_rows(work.down[starts[k] :], n, a, b)
        if len(work.driven_up) > 0:
            swap_rows(work.driven_up[starts[k] :], n, a, b)
            swap_rows(work.driven_down[starts[k] :], n, a, b)
    ids[a], ids[b] = ids[b], ids[a]
    squares[a], squares[b] = squares[b], squares[a]


@njit(cache=True, nogil=True)
def settle_block(
    circuit: Circuit, plan: Plan, nudge: Nudge, work: Buffers, scratch: FloatArray, up_fresh: BoolArray,
    down_fresh: BoolArray, counts: IntArray, key: int, nudged: bool, gemm: int, lo: int, hi: int,
) -> None:  # fmt: skip
    """Settle rows lo..hi−1 of a batch in place. Freshness flags come in and go out as in Equilibrium.

    `scratch` has a row for the lines, one for what a read-out sends down, five for reads and one for what skips bring.
    """
    depth, active, batch = len(circuit.sizes) - 1, hi - lo, len(nudge.beta)
    last = circuit.last
    states, up, down, residual, steps = work.states, work.up, work.down, work.residual, work.steps
    starts, weight_starts = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    bias_start = np.zeros(depth + 2, np.int64)
    for k in range(1, depth + 1):
        starts[k] = batch * bias_start[k] + lo * circuit.sizes[k]
        bias_start[k + 1] = bias_start[k] + circuit.sizes[k]
        weight_starts[k + 1] = weight_starts[k] + circuit.sizes[k - 1] * circuit.sizes[k]
    resistors = circuit.physics == scalars.RESISTIVE
    joined = resistive.joined(circuit) if resistors else np.zeros(0, states.dtype)
    registers, swapped = len(work.driven_up) > 0, nudged and circuit.adjoint != 0
    ids, squares = np.arange(active), np.zeros(active, states.dtype)
    row_targets, row_beta = nudge.targets[lo:hi], nudge.beta[lo:hi]
    counts[_SAMPLE, 0] += active
    for sweep in range(1, plan.sweeps + 1):
        squares[:active] = 0.0
        for k in plan.order:
            n, s = circuit.sizes[k], states[starts[k] :]
            u, d = up[starts[k] :], down[starts[k] :]
            bias = circuit.biases[bias_start[k] :]
            if not up_fresh[k - 1]:
                weights = (circuit.down if swapped else circuit.up)[weight_starts[k] :]
                lit = bring_up_to_date(
                    circuit, registers, k, True, active, weights, states[starts[k - 1] :],
                    work.driven_up[starts[k - 1] :], scratch, u, ids, lo, key, sweep, gemm,
                )  # fmt: skip
                up_fresh[k - 1] = True
                count_read(circuit, counts, k, True, active, lit)
            if k < depth and not down_fresh[k - 1] and (k < last or nudged):
                source = states[starts[k + 1] :]
                weights = (circuit.up if swapped else circuit.down)[weight_starts[k + 1] :]
                if k == last:
                    source = scratch[1]
                    feedback_lines(active, circuit.sizes[k + 1], states[starts[k + 1] :], row_targets, row_beta, ids,
                                   source)  # fmt: skip
                lit = bring_up_to_date(
                    circuit, registers, k + 1, False, active, weights, source, work.driven_down[starts[k + 1] :],
                    scratch, d, ids, lo, key, sweep, gemm,
                )  # fmt: skip
                down_fresh[k - 1] = True
                count_read(circuit, counts, k + 1, False, active, lit)
            gain = states.dtype.type(1.0 if k >= last else circuit.feedback)
            if has_skips(circuit, k):
                total, sums = scratch[SKIPPED], u if k == depth else d
                total[: active * n] = 0.0
                add_scaled(active * n, gain, sums, total)
                counts[_SKIP, k] += active * add_skips(circuit, k, active * n, False, states, starts, total)
                gain = states.dtype.type(1.0)
                if k == depth:
                    u = total
                else:
                    d = total
            if resistors:
                resistive.update(circuit, k, active, u, d, bias, joined[bias_start[k] :], row_targets, row_beta, ids, s,
                                 squares)  # fmt: skip
            elif k == depth:
                update_output(circuit.cost, circuit.activations[k], active, n, u, bias, row_targets, row_beta, ids,
                              s, squares)  # fmt: skip
            else:
                update_hidden(circuit.activations[k], active, n, u, d, bias, gain, s, squares)
            if k < depth:
                up_fresh[k] = False
            if k > 1:
                down_fresh[k - 2] = False
            counts[_NEURON, k] += active
        counts[_SWEEP, 0] += active
        for r in range(active - 1, -1, -1):
            residual[lo + ids[r]] = math.sqrt(squares[r])
            steps[lo + ids[r]] = sweep
            if not residual[lo + ids[r]] > plan.tolerance:
                active -= 1
                if r != active:
                    swap_samples(circuit, work, starts, ids, squares, r, active)
        if active == 0:
            break
    for r in range(hi - lo):
        while ids[r] != r:
            swap_samples(circuit, work, starts, ids, squares, r, ids[r])
    for r in range(lo, hi):
        met = _CONVERGED if residual[r] <= plan.tolerance else _STEP_LIMIT
        work.codes[r] = met if math.isfinite(residual[r]) else _DIVERGED


@njit(cache=True, nogil=True)
def drive_block(
    circuit: Circuit, x: FloatArray, lines: FloatArray, scratch: FloatArray, out: FloatArray, lit: IntArray, key: int,
    gemm: int, lo: int, hi: int,
) -> None:  # fmt: skip
    """Read rows lo..hi−1 of the clamped input through W_1; lit[0] is how many lines carried something."""
    n0, n1 = circuit.sizes[0], circuit.sizes[1]
    lit[0] = read(circuit, 1, True, hi - lo, circuit.up, x[lo * n0 :], lines[lo * n0 :], scratch, out[lo * n1 :],
                  np.arange(hi - lo), lo, key, 0, gemm)  # fmt: skip


@njit(cache=True, nogil=True)
def clear_rows(circuit: Circuit, work: Buffers, batch: int, lo: int, hi: int) -> None:
    """Set states and sums to zero, but for the drive in the first layer's sums."""
    start = 0
    for k in range(1, len(circuit.sizes)):
        n = circuit.sizes[k]
        first, end = start + lo * n, start + hi * n
        work.states[first:end] = 0.0
        work.down[first:end] = 0.0
        if k > 1:
            work.up[first:end] = 0.0
        if len(work.driven_up) > 0:
            work.driven_up[first:end] = 0.0
            work.driven_down[first:end] = 0.0
        start += batch * n


@njit(cache=True, nogil=True)
def copy_rows(
    circuit: Circuit, free: Buffers, nudged: Buffers, batch: int, rows: int, lo: int, hi: int, to: int
) -> None:
    """Let rows to.. of the nudged batch start where rows lo..hi−1 of the free one ended."""
    units = 0
    for k in range(1, len(circuit.sizes)):
        n = circuit.sizes[k]
        source, target, count = batch * units + lo * n, rows * units + to * n, (hi - lo) * n
        nudged.states[target : target + count] = free.states[source : source + count]
        nudged.up[target : target + count] = free.up[source : source + count]
        if len(free.driven_up) > 0:
            nudged.down[target : target + count] = free.down[source : source + count]
            nudged.driven_up[target : target + count] = free.driven_up[source : source + count]
            nudged.driven_down[target : target + count] = free.driven_down[source : source + count]
        units += n


@njit(cache=True, nogil=True)
def phases_block(
    circuit: Circuit, x: FloatArray, lines: FloatArray, free_plan: Plan, nudged_plan: Plan, nothing: Nudge,
    nudge: Nudge, free: Buffers, nudged: Buffers, scratch: FloatArray, flags: BoolArray, counts: IntArray,
    keys: NDArray[np.uint64], gemm: int, lo: int, hi: int,
) -> None:  # fmt: skip
    """Drive, free phase and all nudged phases of samples lo..hi−1, while their states stay in cache.

    `flags` has the free phase's two rows of freshness, then the nudged phases'; `counts` the free phase's, then theirs.
    """
    batch, rows = len(nothing.beta), len(nudge.beta)
    lit = np.zeros(1, np.int64)
    drive_block(circuit, x, lines, scratch, free.up, lit, keys[0], gemm, lo, hi)
    count_read(circuit, counts[0], 1, True, hi - lo, lit[0])
    clear_rows(circuit, free, batch, lo, hi)
    flags[:2] = True
    settle_block(circuit, free_plan, nothing, free, scratch, flags[0], flags[1], counts[0], keys[1], False, gemm, lo,
                 hi)  # fmt: skip
    for first in range(0, rows, batch):
        flags[2], flags[3] = flags[0], False
        if len(free.driven_up) > 0:
            flags[3] = flags[1]
        copy_rows(circuit, free, nudged, batch, rows, lo, hi, first + lo)
        settle_block(circuit, nudged_plan, nudge, nudged, scratch, flags[2], flags[3], counts[1], keys[2], True, gemm,
                     first + lo, first + hi)  # fmt: skip
