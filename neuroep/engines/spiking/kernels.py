"""Compiled settling by spikes, sample by sample and event by event: what doesn't fire costs no sum.

The definition is that of :mod:`neuroep.solvers.spikes`, step by step in brian2's order. Copies of a sample that differ
in their nudge see the same spikes of the input, which are worked out once.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import int32, uint32
from numpy.typing import NDArray

from neuroep.circuit import Skips
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.rng_kernels import hashed, read_key
from neuroep.weights import FloatArray

IntArray = NDArray[np.int64]
Raster = NDArray[np.int8]
IF, SIGMA_DELTA, POISSON, GRADED = range(4)
SPIKE, ACTIVE, IDLE, SYNOP = range(4)
"""Rows of what :func:`settle` counts, each by layer; a synaptic operation by the coupling that it goes through."""


class Wiring(NamedTuple):
    """A circuit as spikes run through it.

    `up` holds W_k row by row, `down` γW_kᵀ, both where `starts` says; `signed` who may send spikes of −1.
    """

    sizes: IntArray
    units: IntArray
    starts: IntArray
    activations: IntArray
    signed: NDArray[np.bool_]
    up: FloatArray
    down: FloatArray
    biases: FloatArray
    skips: Skips
    feedback: float


class Constants(NamedTuple):
    """Of a phase: the code, its steps, the last of them that count, ε, λ, p, g, and what one spike weighs."""

    encoder: int
    steps: int
    window: int
    relaxation: float
    leak: float
    peak: float
    grain: float
    scale: float


class Inputs(NamedTuple):
    """The clamped input of B samples: x, accumulators and what was sent last, each (B, n_0)."""

    x: FloatArray
    accumulated: FloatArray
    before: FloatArray


class Cells(NamedTuple):
    """Of C copies of B samples: membranes, currents, accumulators, states sent last, (C, B, units)."""

    membrane: FloatArray
    current: FloatArray
    accumulated: FloatArray
    before: FloatArray


@njit(inline="always")
def activated(code: int, v: float, zero: Any, one: Any, half: Any) -> float:
    """ρ(v)."""
    if code == scalars.HARD_SIGMOID:
        return scalars.clip(v, zero, one)
    if code == scalars.LINEAR:
        return v
    if code == scalars.TANH:
        return math.tanh(v)
    if code == scalars.SIGMOID:
        return scalars.logistic(v, half)
    return scalars.clip(v, zero, one * scalars.highest(code))


@njit(cache=True)
def encode(
    constants: Constants, signed: bool, s: FloatArray, accumulated: FloatArray, before: FloatArray, low: int, high: int,
    fired: IntArray, signs: FloatArray,
) -> int:  # fmt: skip
    """Turn a layer's states into the spikes of one step; return how many, their units in `fired`, values in `signs`."""
    real = accumulated.dtype.type
    one, zero, peak, kept = real(1.0), real(0.0), real(constants.peak), real(1.0 - constants.leak)
    leak: Any = real(constants.leak)
    most: Any = real(1.0 / constants.peak)
    found = 0
    grain: Any = real(constants.grain)
    for i in range(len(s)):
        if constants.encoder == GRADED:
            value = np.rint((s[i] - before[i]) / grain) * grain
            if value != zero:
                before[i] += value
                fired[found], signs[found] = i, value
                found += 1
            continue
        state = scalars.clip(s[i], -most, most)
        if constants.encoder == POISSON:
            chance = real(int32(hashed(low, high, uint32(i)) >> uint32(8))) * real(2.0**-24)
            if chance < peak * abs(state):
                fired[found], signs[found] = i, one if state > zero else -one
                found += 1
            continue
        if constants.encoder == SIGMA_DELTA:
            accumulated[i] += (state - kept * before[i]) / leak
            before[i] = state
        else:
            accumulated[i] += peak * state
        if accumulated[i] >= one:
            accumulated[i] -= one
            fired[found], signs[found] = i, one
            found += 1
        elif signed and accumulated[i] <= -one:
            accumulated[i] += one
            fired[found], signs[found] = i, -one
            found += 1
    return found


@njit(cache=True, fastmath={"contract"})
def deliver(scale: Any, sign: float, weights: FloatArray, into: FloatArray) -> None:
    """Add one spike's weights to the currents of those it reaches."""
    gain = scale * sign
    for j in range(len(into)):
        into[j] += gain * weights[j]


@njit(cache=True)
def membranes(
    wiring: Wiring, constants: Constants, k: int, states: FloatArray, v: FloatArray, current: FloatArray,
    targets: FloatArray, beta: float,
) -> None:  # fmt: skip
    """Write the states of layer k, then let membranes and currents take a step."""
    real = v.dtype.type
    zero, one, half = real(0.0), real(1.0), real(0.5)
    relaxation, kept, code = real(constants.relaxation), real(1.0 - constants.leak), wiring.activations[k]
    first, output = wiring.units[k - 1], k == len(wiring.sizes) - 1
    for i in range(len(v)):
        states[i] = activated(code, v[i], zero, one, half)
        pull = current[i] + wiring.biases[first + i] - v[i]
        if output:
            pull += beta * (targets[i] - states[i])
        v[i] += relaxation * pull
        current[i] *= kept


@njit(cache=True)
def send(
    wiring: Wiring, scale: Any, k: int, fired: IntArray, signs: FloatArray, count: int, current: FloatArray,
    reached: NDArray[np.bool_], counts: IntArray,
) -> None:  # fmt: skip
    """Deliver the spikes of layer k upward, downward and along skips."""
    sizes, units, starts, last = wiring.sizes, wiring.units, wiring.starts, len(wiring.sizes) - 1
    real = current.dtype.type
    if count == 0:
        return
    for n in range(count):
        i, sign = fired[n], signs[n]
        if k < last:
            begin = starts[k] + i * sizes[k + 1]
            deliver(scale, sign, wiring.up[begin : begin + sizes[k + 1]], current[units[k] : units[k + 1]])
        if k > 1:
            begin = starts[k - 1] + i * sizes[k - 1]
            deliver(scale, sign, wiring.down[begin : begin + sizes[k - 1]], current[units[k - 2] : units[k - 1]])
        if k > 0:
            for at in range(wiring.skips.out[k], wiring.skips.out[k + 1]):
                target, gain = wiring.skips.targets[at], wiring.skips.leaving[at]
                current[units[target - 1] + i] += scale * sign * real(gain)
                reached[target] = True
            for at in range(wiring.skips.into[k], wiring.skips.into[k + 1]):
                source, gain = wiring.skips.sources[at], wiring.skips.entering[at]
                current[units[source - 1] + i] += scale * sign * real(gain * wiring.feedback ** (k - source))
                reached[source] = True
    counts[SPIKE, k] += count
    if k < last:
        counts[SYNOP, k + 1] += count * sizes[k + 1]
        reached[k + 1] = True
    if k > 1:
        counts[SYNOP, k] += count * sizes[k - 1]
        reached[k - 1] = True


@njit(cache=True)
def tally(sizes: IntArray, found: IntArray, reached: NDArray[np.bool_], counts: IntArray) -> None:
    """Count units that sent or got a spike in one step, and the others."""
    for k in range(1, len(sizes)):
        active = sizes[k] if reached[k] else found[k]
        counts[ACTIVE, k] += active
        counts[IDLE, k] += sizes[k] - active


@njit(cache=True)
def finish(constants: Constants, membrane: FloatArray, start: FloatArray, means: FloatArray) -> float:
    """Make sums of a window's states their means; return the norm of the membranes' mean velocity since `start`."""
    squares = 0.0
    for i in range(len(means)):
        means[i] /= means.dtype.type(constants.window)
        squares += ((membrane[i] - start[i]) / (constants.window * constants.relaxation)) ** 2
    return math.sqrt(squares)


@njit(cache=True)
def note(fired: IntArray, signs: FloatArray, count: int, into: Raster) -> None:
    """Note a layer's spikes of one step."""
    for n in range(count):
        into[fired[n]] = 1 if signs[n] > 0 else -1


@njit(cache=True, nogil=True)
def settle(
    wiring: Wiring, constants: Constants, inputs: Inputs, cells: Cells, targets: FloatArray, beta: FloatArray, key: Any,
    first: int, last: int, means: FloatArray, velocity: FloatArray, counts: IntArray, raster: Raster,
) -> None:  # fmt: skip
    """Run the copies of samples first..last − 1 through a phase.

    Parameters
    ----------
    wiring, constants : Wiring, Constants
        The circuit, and how.
    inputs, cells : Inputs, Cells
        Where samples and copies stand; changed in place.
    targets, beta : ndarray, shapes (C, B, n_L) and (C, B)
        The nudge of each copy.
    key : int
        Of chance.
    first, last : int
        Samples.
    means : ndarray, shape (C, B, units)
        Mean states of the last `window` steps.
    velocity : ndarray, shape (C, B)
        Norm of the membranes' mean velocity over them, in units of their time constant.
    counts : ndarray of int64, shape (4, L + 1)
        Added to.
    raster : ndarray of int8, shape (C, B, steps, n_0 + units)
        Where spikes are noted, as 1 and −1; empty where nobody looks.
    """
    real, sizes, units = means.dtype.type, wiring.sizes, wiring.units
    depth, widest, scale = len(sizes) - 1, sizes.max(), real(constants.scale)
    copies, window = len(cells.membrane), constants.window
    fired, signs = np.empty((depth + 1, widest), np.int64), np.empty((depth + 1, widest), means.dtype)
    found, reached = np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.bool_)
    states, start = np.empty(units[depth], means.dtype), np.empty((copies, units[depth]), means.dtype)
    for row in range(first, last):
        means[:, row] = 0.0
        for step in range(constants.steps):
            low, high = read_key(key, row, step, 0)
            found[0] = encode(constants, True, inputs.x[row], inputs.accumulated[row], inputs.before[row], low, high,
                              fired[0], signs[0])  # fmt: skip
            for c in range(copies):
                if step == constants.steps - window:
                    start[c] = cells.membrane[c, row]
                current, reached[:] = cells.current[c, row], False
                for k in range(1, depth + 1):
                    layer = slice(units[k - 1], units[k])
                    membranes(wiring, constants, k, states[layer], cells.membrane[c, row, layer], current[layer],
                              targets[c, row], beta[c, row])  # fmt: skip
                    low, high = read_key(key, row, step, 1 + c * depth + k)
                    found[k] = encode(
                        constants, wiring.signed[k], states[layer], cells.accumulated[c, row, layer],
                        cells.before[c, row, layer], low, high, fired[k], signs[k],
                    )  # fmt: skip
                for k in range(depth + 1):
                    send(wiring, scale, k, fired[k], signs[k], found[k], current, reached, counts)
                    if raster.size:
                        note(fired[k], signs[k], found[k], raster[c, row, step, sizes[0] + units[k - 1] if k else 0 :])
                tally(sizes, found, reached, counts)
                if step >= constants.steps - window:
                    means[c, row] += states
        for c in range(copies):
            velocity[c, row] = finish(constants, cells.membrane[c, row], start[c], means[c, row])
