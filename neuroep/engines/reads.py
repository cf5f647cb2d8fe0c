"""What one read of a coupling gives, in plain numpy: the definition that compiled engines keep to."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, coupling_down, coupling_up, reads_exactly
from neuroep.hardware.converters import quantize
from neuroep.rng import counter_normal
from neuroep.weights import FloatArray


class DrivenLines(NamedTuple):
    """What drives an array: the converted lines (rows, n), what scales their sums back, and what they stand for."""

    driven: FloatArray
    back: FloatArray | np.floating
    meant: FloatArray


def read(
    circuit: Circuit, k: int, upward: bool, source: FloatArray, noise_key: int, rows: NDArray[np.intp], sweep: int
) -> FloatArray:
    """Return the weighted sums of one read of coupling k.

    Lines are scaled to the DAC's range (where managed) and converted; each tile's product gets its noise and goes
    through its ADC, `averaged` times; the results are added up digitally and scaled back.

    Parameters
    ----------
    circuit : Circuit
        What is read.
    k : int
        Coupling 1..L.
    upward : bool
        From below; else from above.
    source : ndarray, shape (rows, lines)
        States that drive the lines.
    noise_key : int
        Of the phase.
    rows : ndarray of int
        Rows of the whole minibatch, which name the noise.
    sweep : int
        Number of the sweep, which names the read.

    Returns
    -------
    ndarray, shape (rows, sums)
    """
    weights = _weights(circuit, k, upward, False)
    return _converted(circuit, k, upward, weights, _lines(circuit, k, upward, source), noise_key, rows, sweep)


def read_change(
    circuit: Circuit, k: int, upward: bool, source: FloatArray, driven: FloatArray, noise_key: int,
    rows: NDArray[np.intp], sweep: int, nudged: bool,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Read what has changed on the lines of coupling k since they were last driven.

    Parameters
    ----------
    driven : ndarray, shape (rows, lines)
        What the lines were last brought to. What a DAC rounds away stays in the difference and is driven next time.
    nudged : bool
        Whether the phase is a nudged one, in which adjoint circuits read through the other direction's weights.

    Returns
    -------
    change : ndarray, shape (rows, sums)
        To be added to the sums.
    driven : ndarray, shape (rows, lines)
        What the lines are brought to now.
    """
    lines = _lines(circuit, k, upward, source - driven)
    weights = _weights(circuit, k, upward, nudged and bool(circuit.adjoint))
    change = _converted(circuit, k, upward, weights, lines, noise_key, rows, sweep)
    return change, driven + lines.meant if circuit.dac_bits else source.copy()


def lit_lines(circuit: Circuit, k: int, upward: bool, source: FloatArray) -> int:
    """Return how many lines carry something in a read of coupling k that `source` drives: no zero, once converted."""
    return int(np.count_nonzero(_lines(circuit, k, upward, source).driven))


def _weights(circuit: Circuit, k: int, upward: bool, other: bool) -> FloatArray:
    """What a read multiplies with, (lines, sums); the other direction's weights for adjoint reads."""
    found = (coupling_up if upward != other else coupling_down)(circuit, k)
    return found if upward else found.T


def _lines(circuit: Circuit, k: int, upward: bool, source: FloatArray) -> DrivenLines:
    one = source.dtype.type(1.0)
    if reads_exactly(circuit):
        return DrivenLines(source, one, source)
    bound = source.dtype.type(circuit.dac_bound[k - 1 if upward else k])
    lines, back = _managed(source, bound) if circuit.managed else (source, one)
    lines = quantize(lines, circuit.dac_bits, float(bound))
    return DrivenLines(lines, back, lines * back)


def _converted(
    circuit: Circuit, k: int, upward: bool, weights: FloatArray, lines: DrivenLines, noise_key: int,
    rows: NDArray[np.intp], sweep: int,
) -> FloatArray:  # fmt: skip
    driven = lines.driven
    if reads_exactly(circuit):
        return driven @ weights
    number = (sweep * len(circuit.sizes) + k) * 2 + int(upward)
    sigma = float((circuit.noise_up if upward else circuit.noise_down)[k])
    height = (circuit.tile_rows if upward else circuit.tile_columns) or driven.shape[1]
    total = np.zeros((len(driven), weights.shape[1]), dtype=driven.dtype)
    for tile, first in enumerate(range(0, driven.shape[1], height)):
        part = driven[:, first : first + height]
        product = part @ weights[first : first + height]
        spread = driven.dtype.type(sigma * math.sqrt(part.shape[1] / driven.shape[1]))
        for place in range(tile * circuit.averaged, (tile + 1) * circuit.averaged):
            noisy = product
            if spread > 0.0:
                noise = counter_normal(noise_key, rows, number, product.shape[1], place)
                noisy = product + spread * noise.astype(product.dtype)
            total += quantize(noisy, circuit.adc_bits, float(circuit.adc_bound[k]))
    averaged: FloatArray = total * (driven.dtype.type(1.0 / circuit.averaged) * lines.back)
    return averaged


def _managed(source: FloatArray, bound: np.floating) -> tuple[FloatArray, FloatArray]:
    """Return lines that span the bound, and what scales their sums back, row by row."""
    largest = np.abs(source).max(axis=1, keepdims=True)
    # below the smallest normal number a row can't be scaled up; rows of zeros stay zero and are read as zero
    scale = bound / np.maximum(largest, bound * np.finfo(source.dtype).tiny)
    return source * scale, largest / bound
