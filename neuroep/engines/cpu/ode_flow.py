"""The differential equations of the Hopfield network, compiled. Same definition as `neuroep.solvers.problems`.

A block of samples has its variables layer after layer, each layer a C-ordered (rows, n_k) matrix, so that every
product is one BLAS call. All buffers come in from outside.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroep.circuit import Circuit
from neuroep.engines.cpu import blas
from neuroep.engines.cpu.kernels import BoolArray, add_skips
from neuroep.engines.cpu.read_kernels import IntArray, add_noise
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.weights import FloatArray

# NaN and infinity keep their meaning (they are how divergence shows); sums may be reordered to vectorise.
FAST = {"reassoc", "contract", "nsz", "arcp"}


class Equation(NamedTuple):
    """The flow in numbers: bounds, 1/τ and σ of each layer 0..L, and the keys of its noise."""

    membrane: bool
    nudged: bool
    last: int
    low: FloatArray
    high: FloatArray
    inverse_tau: FloatArray
    sigma: FloatArray
    shortest: float
    noise_key: int
    thermal_key: int
    thermal: bool


class FlowRows(NamedTuple):
    """What differs from row to row of the whole batch."""

    drive: FloatArray
    targets: FloatArray
    beta: FloatArray
    start: FloatArray


class Scratch(NamedTuple):
    """Buffers of one block of rows."""

    y: FloatArray
    reached: FloatArray
    free: FloatArray
    rates: FloatArray
    kicks: FloatArray
    drive: FloatArray
    lines: FloatArray
    velocities: FloatArray
    z: FloatArray
    h: FloatArray
    ends: BoolArray
    accepted: BoolArray
    ids: IntArray


@njit(cache=True, fastmath=FAST)
def activate_into(code: int, count: int, inputs: FloatArray, out: FloatArray) -> None:
    """out ← ρ(inputs)."""
    zero, half, high = inputs.dtype.type(0.0), inputs.dtype.type(0.5), inputs.dtype.type(scalars.highest(code))
    if code == scalars.TANH:
        for i in range(count):
            out[i] = scalars.tangent(inputs[i])
    elif code == scalars.SIGMOID:
        for i in range(count):
            out[i] = scalars.logistic(inputs[i], half)
    elif code == scalars.LINEAR:
        for i in range(count):
            out[i] = inputs[i]
    else:
        for i in range(count):
            out[i] = scalars.clip(inputs[i], zero, high)


@njit(cache=True, fastmath=FAST)
def finish_layer(
    rows: int, n: int, leak: int, low: float, high: float, y: FloatArray, bias: FloatArray, out: FloatArray
) -> None:  # fmt: skip
    """out ← out + bias − ρ⁻¹(y), projected at the bounds; `out` holds the weighted sums and the nudge.

    `leak` is the activation whose inverse pulls back; in the membrane form, linear.
    """
    zero = out.dtype.type(0.0)
    for r in range(rows):
        for j in range(n):
            here = y[r * n + j]
            pull = out[r * n + j] + bias[j] - scalars.inverse(leak, here)
            outward = (here <= low and pull < zero) or (here >= high and pull > zero)
            out[r * n + j] = zero if outward else pull


@njit(cache=True, fastmath=FAST)
def nudge(
    cost: int, rows: int, n: int, states: FloatArray, targets: FloatArray, beta: FloatArray, ids: IntArray, lo: int,
    out: FloatArray,
) -> None:  # fmt: skip
    """out ← out − β ∂C/∂s for a dynamical output layer."""
    zero, one = out.dtype.type(0.0), out.dtype.type(1.0)
    for r in range(rows):
        b = beta[lo + ids[r]]
        for j in range(n):
            s, y = states[r * n + j], targets[lo + ids[r], j]
            if cost == scalars.MSE:
                out[r * n + j] -= b * (s - y)
            else:  # squared hinge; the hinge itself is never nudged here
                out[r * n + j] += b * y * max(zero, one - y * s)


@njit(cache=True)
def readout_lines(
    rows: int, n: int, bias: FloatArray, targets: FloatArray, beta: FloatArray, ids: IntArray, lo: int,
    lines: FloatArray,
) -> None:  # fmt: skip
    """lines ← β(y − softmax(lines + bias)), what a softmax read-out sends down; no fastmath, as in `update_readout`."""
    for r in range(rows):
        base, row = r * n, lo + ids[r]
        peak = lines[base] + bias[0]
        for j in range(1, n):
            peak = max(peak, lines[base + j] + bias[j])
        norm = lines.dtype.type(0.0)
        for j in range(n):
            lines[base + j] = math.exp(lines[base + j] + bias[j] - peak)
            norm += lines[base + j]
        for j in range(n):
            lines[base + j] = beta[row] * (targets[row, j] - lines[base + j] / norm)


@njit(cache=True)
def velocity(
    circuit: Circuit, equation: Equation, samples: FlowRows, scratch: Scratch, y: FloatArray, out: FloatArray,
    starts: IntArray, weight_starts: IntArray, bias_starts: IntArray, active: int, lo: int, first_row: int,
    evaluation: int, gemm: int,
) -> None:  # fmt: skip
    """out ← τ dy/dt of the moving rows."""
    depth, last, sizes = len(circuit.sizes) - 1, equation.last, circuit.sizes
    states, number = scratch.rates if equation.membrane else y, (evaluation + 1) * len(circuit.sizes)
    if equation.membrane:
        for k in range(1, last + 1):
            activate_into(circuit.activations[k], active * sizes[k], y[starts[k] :], states[starts[k] :])
    for k in range(1, last + 1):
        n, into = sizes[k], out[starts[k] :]
        if k == 1:
            into[: active * n] = scratch.drive[: active * n]
        else:
            up = circuit.up[weight_starts[k] :]
            blas.product_up(gemm, active, sizes[k - 1], n, states[starts[k - 1] :], up, 1.0, 0.0, into)
            if circuit.noise_up[k] > 0.0:
                add_noise(into, active, n, scratch.ids, lo + first_row, circuit.noise_up[k], equation.noise_key,
                          (number + k) * 2 + 1, 0)  # fmt: skip
        if k < last or (k < depth and equation.nudged):
            source, gain = states[starts[k + 1] :], circuit.feedback
            if k == last:
                source, gain = scratch.lines, 1.0
                up = circuit.up[weight_starts[depth] :]
                blas.product_up(gemm, active, n, sizes[depth], states[starts[k] :], up, 1.0, 0.0, source)
                readout_lines(active, sizes[depth], circuit.biases[bias_starts[depth] :], samples.targets, samples.beta,
                              scratch.ids, lo, source)  # fmt: skip
            down = circuit.down[weight_starts[k + 1] :]
            blas.product_down(gemm, active, n, sizes[k + 1], source, down, gain, 1.0, into)
            if circuit.noise_down[k + 1] > 0.0:
                add_noise(into, active, n, scratch.ids, lo + first_row, gain * circuit.noise_down[k + 1],
                          equation.noise_key, (number + k + 1) * 2, 0)  # fmt: skip
        add_skips(circuit, k, active * n, False, states, starts, into)
        if k == depth and equation.nudged:
            nudge(circuit.cost, active, n, states[starts[k] :], samples.targets, samples.beta, scratch.ids, lo, into)
        leak = scalars.LINEAR if equation.membrane else circuit.activations[k]
        finish_layer(active, n, leak, equation.low[k], equation.high[k], y[starts[k] :],
                     circuit.biases[bias_starts[k] :], into)  # fmt: skip
