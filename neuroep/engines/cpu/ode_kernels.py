"""Compiled settling in continuous time. Same definition, step for step, as `neuroep.solvers.integrate`.

Rows that are done are swapped behind the moving ones, so that every later product is smaller. Nothing is
allocated while stepping.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import rng_kernels
from neuroep.circuit import Circuit
from neuroep.engines.cpu.kernels import swap_rows
from neuroep.engines.cpu.ode_control import Scheme, scaled_error, step_factor
from neuroep.engines.cpu.ode_flow import FAST, Equation, FlowRows, Scratch, velocity
from neuroep.engines.cpu.read_kernels import IntArray
from neuroep.equilibrium import ResultCode
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.weights import FloatArray

_CONVERGED, _DIVERGED = int(ResultCode.CONVERGED), int(ResultCode.DIVERGED)
_STEP_LIMIT = int(ResultCode.STEP_LIMIT)


class Results(NamedTuple):
    """What comes back, row by row of the whole batch."""

    variables: FloatArray
    residual: FloatArray
    step: NDArray[np.float64]
    seconds: NDArray[np.float64]
    previous: NDArray[np.float64]
    tried: IntArray
    refused: IntArray
    code: IntArray


@njit(cache=True, fastmath=FAST)
def advance_layer(
    rows: int, n: int, start: int, weights: FloatArray, count: int, z: FloatArray, k: int, share: float,
    thermal: bool, kicks: FloatArray, y: FloatArray, velocities: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    """out ← y + z Σ_j weights_j v_j + share · kicks, for one layer."""
    for r in range(rows):
        a, e = start + r * n, start + (r + 1) * n
        for i in range(a, e):
            out[i] = weights[0] * velocities[0, i]
        for j in range(1, count):
            for i in range(a, e):
                out[i] += weights[j] * velocities[j, i]
        for i in range(a, e):
            out[i] = y[i] + z[r, k] * out[i]
        if thermal:
            for i in range(a, e):
                out[i] += share * kicks[i]


@njit(cache=True)
def clip_into(count: int, low: float, high: float, source: FloatArray, out: FloatArray) -> None:
    """out ← source held between low and high."""
    for i in range(count):
        out[i] = scalars.clip(source[i], low, high)


@njit(cache=True)
def kick_layer(
    rows: int, n: int, unit: int, sigma: float, h: FloatArray, ids: IntArray, offset: int, key: int, step: int,
    out: FloatArray,
) -> None:  # fmt: skip
    """out ← √h σ N(0, 1), a function of key, sample row, step and unit."""
    for r in range(rows):
        low, high = rng_kernels.read_key(key, ids[r] + offset, step, 0)
        spread = math.sqrt(h[r]) * sigma
        for j in range(n):
            out[r * n + j] = spread * rng_kernels.standard_normal(low, high, unit + j)


@njit(cache=True)
def layout(circuit: Circuit, rows: int, last: int) -> tuple[IntArray, IntArray, IntArray]:
    """Where each layer starts in a block's buffers, among the couplings and among the biases."""
    depth = len(circuit.sizes) - 1
    starts, weight_starts = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    bias_starts = np.zeros(depth + 2, np.int64)
    for k in range(1, depth + 1):
        starts[k + 1] = starts[k] + (rows * circuit.sizes[k] if k <= last else 0)
        weight_starts[k + 1] = weight_starts[k] + circuit.sizes[k - 1] * circuit.sizes[k]
        bias_starts[k + 1] = bias_starts[k] + circuit.sizes[k]
    return starts, weight_starts, bias_starts


@njit(cache=True)
def gather(
    samples: FlowRows, scratch: Scratch, sizes: IntArray, starts: IntArray, last: int, lo: int, rows: int
) -> None:
    """Bring rows lo.. of the batch into the block's layout."""
    for r in range(rows):
        scratch.ids[r] = r
        unit = 0
        for j in range(sizes[1]):
            scratch.drive[r * sizes[1] + j] = samples.drive[lo + r, j]
        for k in range(1, last + 1):
            for j in range(sizes[k]):
                scratch.y[starts[k] + r * sizes[k] + j] = samples.start[lo + r, unit + j]
            unit += sizes[k]


@njit(cache=True)
def retire(
    circuit: Circuit, equation: Equation, method: Scheme, scratch: Scratch, results: Results, starts: IntArray,
    active: int, lo: int, tolerance: float, steps: int, end: float,
) -> int:  # fmt: skip
    """Give a code to every row that is done, put its variables away, and return how many rows go on."""
    sizes = circuit.sizes
    for r in range(active - 1, -1, -1):
        row, squares = lo + scratch.ids[r], 0.0
        for k in range(1, equation.last + 1):
            for i in range(starts[k] + r * sizes[k], starts[k] + (r + 1) * sizes[k]):
                squares += float(scratch.velocities[0, i]) ** 2
        residual = math.sqrt(squares)
        results.residual[row] = residual
        floor = method.vanishing * max(results.seconds[row], equation.shortest)
        if residual <= tolerance:
            results.code[row] = _CONVERGED
        elif not math.isfinite(residual) or results.step[row] < floor:
            results.code[row] = _DIVERGED
        elif results.tried[row] >= steps or results.seconds[row] >= end:
            results.code[row] = _STEP_LIMIT
        else:
            continue
        active -= 1
        unit = 0
        for k in range(1, equation.last + 1):
            n, base = sizes[k], starts[k] + r * sizes[k]
            for j in range(n):
                results.variables[row, unit + j] = scratch.y[base + j]
            unit += n
            swap_rows(scratch.y[starts[k] :], n, r, active)
            swap_rows(scratch.velocities[0, starts[k] :], n, r, active)
        swap_rows(scratch.drive, sizes[1], r, active)
        scratch.ids[r], scratch.ids[active] = scratch.ids[active], scratch.ids[r]
    return active


@njit(cache=True)
def plan_steps(
    equation: Equation, method: Scheme, scratch: Scratch, results: Results, active: int, lo: int, end: float
) -> None:
    """Set h and the scaled step z of every moving row."""
    for r in range(active):
        row = lo + scratch.ids[r]
        left = end - results.seconds[row]
        scratch.ends[r] = results.step[row] * (1.0 + method.sliver) >= left
        scratch.h[r] = left if scratch.ends[r] else results.step[row]
        for k in range(1, equation.last + 1):
            moves = scratch.h[r] * equation.inverse_tau[k]
            scratch.z[r, k] = -math.expm1(-moves) if method.exponential else moves


@njit(cache=True)
def judge(
    equation: Equation, method: Scheme, scratch: Scratch, results: Results, sizes: IntArray, starts: IntArray,
    units: int, active: int, lo: int, end: float, eps: float,
) -> None:  # fmt: skip
    """Accept or refuse each row's step and set its next one."""
    for r in range(active):
        row, h = lo + scratch.ids[r], scratch.h[r]
        results.tried[row] += 1
        scratch.accepted[r] = True
        if method.adaptive:
            error = scaled_error(method, equation, scratch, sizes, starts, units, r, eps)
            scratch.accepted[r] = error <= 1.0
            factor = step_factor(method, error, results.previous[row])
            results.step[row] = min(h * factor, method.longest)
        if not scratch.accepted[r]:
            results.refused[row] += 1
            continue
        if method.adaptive:
            results.previous[row] = max(error, 1e-4)
        results.seconds[row] = end if scratch.ends[r] else results.seconds[row] + h


@njit(cache=True)
def take(equation: Equation, scratch: Scratch, sizes: IntArray, starts: IntArray, active: int, newest: int) -> None:
    """Move the accepted rows: y ← y₁, first velocity ← the newest."""
    for r in range(active):
        if not scratch.accepted[r]:
            continue
        for k in range(1, equation.last + 1):
            for i in range(starts[k] + r * sizes[k], starts[k] + (r + 1) * sizes[k]):
                scratch.y[i] = scratch.reached[i]
                scratch.velocities[0, i] = scratch.velocities[newest, i]


@njit(cache=True, nogil=True)
def integrate_block(
    circuit: Circuit, equation: Equation, method: Scheme, samples: FlowRows, scratch: Scratch, results: Results,
    tolerance: float, steps: int, end: float, first_row: int, eps: float, gemm: int, lo: int, hi: int,
) -> None:  # fmt: skip
    """Settle rows lo..hi−1 of a batch."""
    active, stages, last, sizes = hi - lo, len(method.b), equation.last, circuit.sizes
    starts, weight_starts, bias_starts = layout(circuit, active, last)
    units, newest = starts[last + 1] // active, stages - 1 if method.same_last else 1
    gather(samples, scratch, sizes, starts, last, lo, active)
    velocity(circuit, equation, samples, scratch, scratch.y, scratch.velocities[0], starts, weight_starts, bias_starts,
             active, lo, first_row, 0, gemm)  # fmt: skip
    number = 0
    while True:
        active = retire(circuit, equation, method, scratch, results, starts, active, lo, tolerance, steps, end)
        if active == 0:
            return
        plan_steps(equation, method, scratch, results, active, lo, end)
        if equation.thermal:
            unit = 0
            for k in range(1, last + 1):
                kick_layer(active, sizes[k], unit, equation.sigma[k], scratch.h, scratch.ids, lo + first_row,
                           equation.thermal_key, number, scratch.kicks[starts[k] :])  # fmt: skip
                unit += sizes[k]
        for i in range(1, stages + 1):
            weights = method.a[i] if i < stages else method.b
            share = method.c[i] if i < stages else method.c.dtype.type(1.0)
            for k in range(1, last + 1):
                n = sizes[k]
                advance_layer(active, n, starts[k], weights, i, scratch.z, k, share, equation.thermal, scratch.kicks,
                              scratch.y, scratch.velocities, scratch.free)  # fmt: skip
                clip_into(active * n, equation.low[k], equation.high[k], scratch.free[starts[k] :],
                          scratch.reached[starts[k] :])  # fmt: skip
            if i < stages:
                velocity(circuit, equation, samples, scratch, scratch.reached, scratch.velocities[i], starts,
                         weight_starts, bias_starts, active, lo, first_row, number * stages + i, gemm)  # fmt: skip
        judge(equation, method, scratch, results, sizes, starts, units, active, lo, end, eps)
        if not method.same_last:
            velocity(circuit, equation, samples, scratch, scratch.reached, scratch.velocities[newest], starts,
                     weight_starts, bias_starts, active, lo, first_row, (number + 1) * stages, gemm)  # fmt: skip
        take(equation, scratch, sizes, starts, active, newest)
        number += 1
