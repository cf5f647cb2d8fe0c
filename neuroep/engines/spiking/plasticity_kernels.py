"""Compiled settling by spikes with plastic synapses: a phase of :mod:`neuroep.engines.spiking.kernels`, with traces."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuroep.engines.spiking.kernels import (
    Cells,
    Constants,
    Inputs,
    IntArray,
    Wiring,
    encode,
    finish,
    membranes,
    send,
    tally,
)
from neuroep.kernel_cache import njit
from neuroep.weights import FloatArray

SPIKE, ACTIVE, IDLE, SYNOP, LEARN = range(5)
"""Rows of what is counted; the first as in `kernels`."""


class Marks(NamedTuple):
    """Traces: fast and slow ones of the input, (B, n_0), and of the cells, (C, B, units)."""

    input_fast: FloatArray
    input_slow: FloatArray
    fast: FloatArray
    slow: FloatArray


@njit(cache=True)
def fade(fast: FloatArray, slow: FloatArray, kept_fast: Any, kept_slow: Any, apart: Any, slopes: FloatArray) -> None:
    """Write what traces say of the rate's change a step, then let them decay by one."""
    for i in range(len(fast)):
        slopes[i] = (fast[i] - slow[i]) / apart
        fast[i] *= kept_fast
        slow[i] *= kept_slow


@njit(cache=True)
def mark(
    fired: IntArray, signs: FloatArray, count: int, fast: FloatArray, slow: FloatArray, by_fast: Any, by_slow: Any
) -> None:
    """Add spikes to the traces of who sent them."""
    for n in range(count):
        fast[fired[n]] += signs[n] * by_fast
        slow[fired[n]] += signs[n] * by_slow


@njit(cache=True)
def grow(
    k: int, sizes: IntArray, start: int, fired: IntArray, signs: FloatArray, found: IntArray, below: FloatArray,
    above: FloatArray, rate: Any, change: FloatArray,
) -> int:  # fmt: skip
    """Change coupling k by the spikes of both its ends; return how many synapses did."""
    rows, columns = sizes[k - 1], sizes[k]
    for n in range(found[k - 1]):
        amount, begin = rate * signs[k - 1, n], start + fired[k - 1, n] * columns
        for j in range(columns):
            change[begin + j] += amount * above[j]
    for n in range(found[k]):
        amount, begin = rate * signs[k, n], start + fired[k, n]
        for i in range(rows):
            change[begin + i * columns] += amount * below[i]
    updated: int = found[k - 1] * columns + found[k] * rows
    return updated


@njit(cache=True)
def learn(
    wiring: Wiring, constants: Constants, spans: tuple[float, float], inputs: Inputs, cells: Cells, marks: Marks,
    targets: FloatArray, beta: FloatArray, rates: FloatArray, means: FloatArray, velocity: FloatArray,
    change: FloatArray, grown: FloatArray, counts: IntArray,
) -> None:  # fmt: skip
    """Run all copies of all samples through an integrate-and-fire phase with plastic synapses.

    Parameters
    ----------
    wiring, constants, inputs, cells, targets, beta, means, velocity
        As in `kernels.settle`.
    spans : tuple of float
        Time constants of the fast and the slow trace, in steps.
    marks : Marks
        Traces; changed in place.
    rates : ndarray, shape (C, B)
        Factor of each row's change.
    change, grown : ndarray
        Of couplings and biases, added to, laid out as in `Weights`.
    counts : ndarray of int64, shape (5, L + 1)
        Added to.
    """
    real, sizes, units = means.dtype.type, wiring.sizes, wiring.units
    depth, widest, scale = len(sizes) - 1, sizes.max(), real(constants.scale)
    fast, slow = spans
    kept, apart = (real(1.0 - 1.0 / fast), real(1.0 - 1.0 / slow)), real(slow - fast)
    by, charge = (real(1.0 / (constants.peak * fast)), real(1.0 / (constants.peak * slow))), real(1.0 / constants.peak)
    fired, signs = np.empty((depth + 1, widest), np.int64), np.empty((depth + 1, widest), means.dtype)
    found, reached = np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.bool_)
    states, slopes = np.empty(units[depth], means.dtype), np.empty((depth + 1, widest), means.dtype)
    copies, rows = beta.shape
    start = np.empty((copies, units[depth]), means.dtype)
    none: Any = np.uint32(0)
    means[:] = 0.0
    for row in range(rows):
        for step in range(constants.steps):
            found[0] = encode(constants, True, inputs.x[row], inputs.accumulated[row], inputs.before[row], none, none,
                              fired[0], signs[0])  # fmt: skip
            fade(marks.input_fast[row], marks.input_slow[row], kept[0], kept[1], apart, slopes[0])
            for c in range(copies):
                if step == constants.steps - constants.window:
                    start[c] = cells.membrane[c, row]
                current, reached[:] = cells.current[c, row], False
                for k in range(1, depth + 1):
                    layer = slice(units[k - 1], units[k])
                    ahead, behind = marks.fast[c, row, layer], marks.slow[c, row, layer]
                    fade(ahead, behind, kept[0], kept[1], apart, slopes[k])
                    grown[layer] += rates[c, row] * slopes[k, : sizes[k]]
                    membranes(wiring, constants, k, states[layer], cells.membrane[c, row, layer], current[layer],
                              targets[c, row], beta[c, row])  # fmt: skip
                    found[k] = encode(
                        constants, wiring.signed[k], states[layer], cells.accumulated[c, row, layer],
                        cells.before[c, row, layer], none, none, fired[k], signs[k],
                    )  # fmt: skip
                for k in range(depth + 1):
                    send(wiring, scale, k, fired[k], signs[k], found[k], current, reached, counts)
                for k in range(1, depth + 1):
                    counts[LEARN, k] += grow(
                        k, sizes, wiring.starts[k - 1], fired, signs, found, slopes[k - 1], slopes[k],
                        charge * rates[c, row], change,
                    )  # fmt: skip
                    layer = slice(units[k - 1], units[k])
                    mark(fired[k], signs[k], found[k], marks.fast[c, row, layer], marks.slow[c, row, layer], *by)
                tally(sizes, found, reached, counts)
                if step >= constants.steps - constants.window:
                    means[c, row] += states
            mark(fired[0], signs[0], found[0], marks.input_fast[row], marks.input_slow[row], *by)
        for c in range(copies):
            velocity[c, row] = finish(constants, cells.membrane[c, row], start[c], means[c, row])
