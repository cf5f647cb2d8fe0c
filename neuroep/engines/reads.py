"""What one read of a coupling gives, in plain numpy: the definition that compiled engines keep to."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, reads_exactly
from neuroep.hardware.converters import quantize
from neuroep.physics import hopfield
from neuroep.rng import counter_normal
from neuroep.weights import FloatArray


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
    weights = hopfield.coupling_up(circuit, k) if upward else hopfield.coupling_down(circuit, k).T
    if reads_exactly(circuit):
        return source @ weights
    bound = source.dtype.type(circuit.dac_bound[k - 1 if upward else k])
    lines, back = _managed(source, bound) if circuit.managed else (source, source.dtype.type(1.0))
    lines = quantize(lines, circuit.dac_bits, float(bound))
    number = (sweep * len(circuit.sizes) + k) * 2 + int(upward)
    sigma = float((circuit.noise_up if upward else circuit.noise_down)[k])
    height = (circuit.tile_rows if upward else circuit.tile_columns) or lines.shape[1]
    total = np.zeros((len(source), weights.shape[1]), dtype=source.dtype)
    for tile, first in enumerate(range(0, lines.shape[1], height)):
        part = lines[:, first : first + height]
        product = part @ weights[first : first + height]
        spread = source.dtype.type(sigma * math.sqrt(part.shape[1] / lines.shape[1]))
        for place in range(tile * circuit.averaged, (tile + 1) * circuit.averaged):
            noisy = product
            if spread > 0.0:
                noise = counter_normal(noise_key, rows, number, product.shape[1], place)
                noisy = product + spread * noise.astype(product.dtype)
            total += quantize(noisy, circuit.adc_bits, float(circuit.adc_bound[k]))
    averaged: FloatArray = total * (source.dtype.type(1.0 / circuit.averaged) * back)
    return averaged


def _managed(source: FloatArray, bound: np.floating) -> tuple[FloatArray, FloatArray]:
    """Return lines that span the bound, and what scales their sums back, row by row."""
    largest = np.abs(source).max(axis=1, keepdims=True)
    # below the smallest normal number a row can't be scaled up; rows of zeros stay zero and are read as zero
    scale = bound / np.maximum(largest, bound * np.finfo(source.dtype).tiny)
    return source * scale, largest / bound
