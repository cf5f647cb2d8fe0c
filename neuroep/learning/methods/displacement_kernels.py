"""Compiled settling of scaled displacements of a block of rows. Same definition as `displacement`.

Displacements live in a flat buffer, layer after layer, each layer a C-ordered (rows, n_k) matrix; free states
and inputs likewise, with the rows of the minibatch itself: row r of the nudged copies belongs to free row
r mod batch. Rows that have settled are swapped behind the active ones.
"""

from __future__ import annotations

import math

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines.cpu import blas
from neuroep.engines.cpu.kernels import add_skips, swap_rows
from neuroep.engines.cpu.ode_flow import readout_lines
from neuroep.engines.cpu.read_kernels import IntArray, count_read
from neuroep.equilibrium import ResultCode
from neuroep.kernel_cache import njit
from neuroep.ledger import Event
from neuroep.physics import scalars
from neuroep.weights import FloatArray

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_NEURON, _SWEEP, _SAMPLE = int(Event.NEURON), int(Event.SWEEP), int(Event.SAMPLE)
_CONVERGED, _STEP_LIMIT = int(ResultCode.CONVERGED), int(ResultCode.STEP_LIMIT)
_DIVERGED = int(ResultCode.DIVERGED)
_SKIP = int(Event.SKIP)
#: Below this |h| the fifth convergent of tanh's continued fraction is exact to float64's rounding.
_SMALL = 0.1


@njit(cache=True, fastmath=_FAST)
def update_tanh(n: int, sigma: float, z: FloatArray, s: FloatArray, d: FloatArray) -> float:
    """One row: d ← z (tanh h)/h (1 − s²)/(1 + s tanh h), h = σz; returns the squared change."""
    one, scale, peak = d.dtype.type(1.0), d.dtype.type(sigma), d.dtype.type(0.0)
    total = one - one
    for j in range(n):
        peak = max(peak, abs(z[j]))
    if peak * scale < _SMALL:
        c945, c420, c105, c15 = d.dtype.type(945.0), d.dtype.type(420.0), d.dtype.type(105.0), d.dtype.type(15.0)
        for j in range(n):
            h = scale * z[j]
            q = h * h
            top, bottom = c945 + q * (c105 + q), c945 + q * (c420 + q * c15)
            new = z[j] * top * ((one - s[j]) * (one + s[j])) / (bottom + s[j] * h * top)
            change = new - d[j]
            total += change * change
            d[j] = new
        return total
    for j in range(n):
        h = scale * z[j]
        curve = math.tanh(h)
        share = curve / h if h != 0 else one
        new = z[j] * share * ((one - s[j]) * (one + s[j])) / (one + s[j] * curve)
        change = new - d[j]
        total += change * change
        d[j] = new
    return total


@njit(cache=True, fastmath=_FAST)
def update_logistic(n: int, sigma: float, z: FloatArray, s: FloatArray, d: FloatArray) -> float:
    """One row: d ← z (tanh h)/h s(1 − s)/(1 + (2s − 1) tanh h), h = σz/2; returns the squared change."""
    one, half = d.dtype.type(1.0), d.dtype.type(0.5 * sigma)
    total = one - one
    for j in range(n):
        h = half * z[j]
        curve = math.tanh(h)
        share = curve / h if h != 0 else one
        new = z[j] * share * (s[j] * (one - s[j])) / (one + (s[j] - (one - s[j])) * curve)
        change = new - d[j]
        total += change * change
        d[j] = new
    return total


@njit(cache=True, fastmath=_FAST)
def update_clipped(n: int, low: float, high: float, sigma: float, z: FloatArray, a: FloatArray, d: FloatArray) -> float:
    """One row: d ← clip(z + e/σ, (l − c)/σ, (u − c)/σ); returns the squared change."""
    kind = d.dtype.type
    scale, lowest, highest, total = kind(sigma), kind(low), kind(high), kind(0.0)
    for j in range(n):
        inside = scalars.clip(a[j], lowest, highest)
        new = scalars.clip(z[j] + (a[j] - inside) / scale, (lowest - inside) / scale, (highest - inside) / scale)
        change = new - d[j]
        total += change * change
        d[j] = new
    return total


@njit(cache=True, fastmath=_FAST)
def update_linear(n: int, z: FloatArray, d: FloatArray) -> float:
    """One row: d ← z; returns the squared change."""
    total = d.dtype.type(0.0)
    for j in range(n):
        change = z[j] - d[j]
        total += change * change
        d[j] = z[j]
    return total


@njit(cache=True)
def nudge_output(cost: int, n: int, beta: float, a: FloatArray, y: FloatArray, rise: FloatArray) -> None:
    """One row: rise of the input ← rise of the nudged minimiser, before the activation's bounds."""
    one = a.dtype.type(1.0)
    for j in range(n):
        margin = y[j] * (a[j] + rise[j])
        halved = (rise[j] + beta * (y[j] - a[j])) / (one + beta)
        if cost == scalars.MSE:
            rise[j] = halved
        elif cost == scalars.HINGE:
            if beta >= 0:
                if margin < one - beta:
                    rise[j] += beta * y[j]
                elif margin < one:
                    rise[j] = y[j] - a[j]
            elif margin < one - beta / 2:
                rise[j] += beta * y[j]
        elif margin < one:
            rise[j] = halved


@njit(cache=True, nogil=True)
def settle_rows(
    circuit: Circuit, order: IntArray, sweeps: int, tolerance: float, targets: FloatArray, beta: FloatArray,
    states: FloatArray, inputs: FloatArray, d: FloatArray, scratch: FloatArray, residual: FloatArray,
    steps: IntArray, codes: IntArray, counts: IntArray, batch: int, rows: int, gemm: int, lo: int,
    hi: int,
) -> None:  # fmt: skip
    """Settle rows lo..hi−1 of the nudged copies, from zero. `scratch` holds three blocks of the widest layer."""
    depth, active = len(circuit.sizes) - 1, hi - lo
    last = circuit.last
    units, weight_starts = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    starts = np.zeros(depth + 2, np.int64)
    for k in range(1, depth + 1):
        units[k + 1] = units[k] + circuit.sizes[k]
        weight_starts[k + 1] = weight_starts[k] + circuit.sizes[k - 1] * circuit.sizes[k]
        starts[k] = rows * units[k] + lo * circuit.sizes[k]
    ids, squares = np.arange(lo, hi), np.zeros(active, d.dtype)
    moved = np.zeros(depth + 2, np.bool_)
    part = len(scratch) // 3
    z, lines, shifted = scratch[:part], scratch[part : 2 * part], scratch[2 * part :]
    counts[_SAMPLE, 0] += active
    for sweep in range(1, sweeps + 1):
        squares[:active] = 0.0
        for k in order:
            if k > last:
                continue
            n, here, free = circuit.sizes[k], d[rows * units[k] + lo * circuit.sizes[k] :], batch * units[k]
            keep = 0.0
            if moved[k - 1]:
                below = circuit.sizes[k - 1]
                source = d[rows * units[k - 1] + lo * below :]
                weights = circuit.up[weight_starts[k] :]
                blas.product_up(gemm, active, below, n, source, weights, circuit.feedback, 0.0, z)
                count_read(circuit, counts, k, True, active, active * below)
                keep = 1.0
            if k < depth and (k == last or moved[k + 1]):
                above, source = circuit.sizes[k + 1], lines
                if k == last:
                    for r in range(active):
                        base = free + (ids[r] % batch) * n
                        for j in range(n):
                            shifted[r * n + j] = states[base + j] + here[r * n + j]
                    weights = circuit.up[weight_starts[k + 1] :]
                    blas.product_up(gemm, active, n, above, shifted, weights, 1.0, 0.0, lines)
                    readout_lines(active, above, circuit.biases[units[k + 1] :], targets, beta, ids, 0, lines)
                    count_read(circuit, counts, k + 1, True, active, active * n)
                    counts[_NEURON, k + 1] += active
                else:
                    source = d[rows * units[k + 1] + lo * above :]
                weights = circuit.down[weight_starts[k + 1] :]
                blas.product_down(gemm, active, n, above, source, weights, 1.0, keep, z)
                count_read(circuit, counts, k + 1, False, active, active * circuit.sizes[k + 1])
            elif not moved[k - 1]:
                z[: active * n] = 0.0
            counts[_SKIP, k] += active * add_skips(circuit, k, active * n, True, d, starts, z)
            sigma, code = max(circuit.reach[k], np.finfo(d.dtype).tiny), circuit.activations[k]
            for r in range(active):
                base = free + (ids[r] % batch) * n
                s, a = states[base : base + n], inputs[base : base + n]
                row, line = here[r * n : r * n + n], z[r * n : r * n + n]
                if k == depth:
                    nudge_output(circuit.cost, n, beta[ids[r]], a, targets[ids[r]], line)
                if code == scalars.TANH:
                    squares[r] += update_tanh(n, sigma, line, s, row)
                elif code == scalars.SIGMOID:
                    squares[r] += update_logistic(n, sigma, line, s, row)
                elif code == scalars.LINEAR:
                    squares[r] += update_linear(n, line, row)
                else:
                    squares[r] += update_clipped(n, 0.0, scalars.highest(code), sigma, line, a, row)
            moved[k] = True
            counts[_NEURON, k] += active
        counts[_SWEEP, 0] += active
        for r in range(active - 1, -1, -1):
            residual[ids[r]] = math.sqrt(squares[r])
            steps[ids[r]] = sweep
            if not residual[ids[r]] > tolerance:
                active -= 1
                swap(circuit, d, units, ids, squares, rows, lo, last, r, active)
        if active == 0:
            break
    for r in range(hi - lo):
        while ids[r] != lo + r:
            swap(circuit, d, units, ids, squares, rows, lo, last, r, ids[r] - lo)
    for r in range(lo, hi):
        met = _CONVERGED if residual[r] <= tolerance else _STEP_LIMIT
        codes[r] = met if math.isfinite(residual[r]) else _DIVERGED


@njit(cache=True)
def swap(
    circuit: Circuit, d: FloatArray, units: IntArray, ids: IntArray, squares: FloatArray, rows: int, lo: int,
    last: int, a: int, b: int,
) -> None:  # fmt: skip
    """Exchange two rows of a block in every buffer."""
    if a == b:
        return
    for k in range(1, last + 1):
        swap_rows(d[rows * units[k] + lo * circuit.sizes[k] :], circuit.sizes[k], a, b)
    ids[a], ids[b] = ids[b], ids[a]
    squares[a], squares[b] = squares[b], squares[a]


@njit(cache=True, nogil=True)
def add_outer(
    rows: int, below: int, n: int, a: FloatArray, b: FloatArray, scale: float, keep: float, out: FloatArray, gemm: int
) -> None:
    """out (below, n) ← keep · out + scale · aᵀ (below, rows) · b (rows, n)."""
    blas.product_outer(gemm, rows, below, n, a, below, b, scale, keep, out)
