"""Compiled reads of a coupling. Same definition, number by number, as `reads`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep import rng_kernels
from neuroep.circuit import Circuit
from neuroep.engines.cpu import blas
from neuroep.hardware.converters import quantize_scalar
from neuroep.kernel_cache import njit
from neuroep.ledger import Event
from neuroep.weights import FloatArray

IntArray = NDArray[np.int64]
_READ_UP, _READ_DOWN = int(Event.READ_UP), int(Event.READ_DOWN)
_LINE, _CONVERSION = int(Event.LINE), int(Event.CONVERSION)
_LIT_UP, _LIT_DOWN = int(Event.LIT_UP), int(Event.LIT_DOWN)
# Rows of a block's scratch that reads use: a tile's product, its conversion, what scales each sample back, what has
# changed on the lines, and what that changes in the sums.
_PART, _TRIAL, _BACK, _CHANGED, _CHANGE = 2, 3, 4, 5, 6
SKIPPED = 7
SCRATCH = 8
"""Rows of scratch, with those of the settling that calls."""


@njit(cache=True)
def quantize_into(source: FloatArray, count: int, bits: int, bound: float, out: FloatArray) -> None:
    """out ← the converter's grid value of each of `count` numbers."""
    step = 2.0 * bound / (2.0**bits - 2.0)
    grid: Any = source.dtype.type(step)
    inverse: Any = source.dtype.type(1.0 / step)
    top: Any = source.dtype.type(bound)
    for i in range(count):
        out[i] = quantize_scalar(source[i], grid, inverse, top)


@njit(cache=True)
def add_noise(
    sums: FloatArray, rows: int, n: int, ids: IntArray, offset: int, sigma: float, key: int, number: int, part: int
) -> None:
    """Add N(0, sigma²) to each weighted sum, a function of key, sample row, numbers of read and part, and unit."""
    spread = sums.dtype.type(sigma)
    for r in range(rows):
        low, high = rng_kernels.read_key(key, ids[r] + offset, number, part)
        for j in range(n):
            sums[r * n + j] += spread * sums.dtype.type(rng_kernels.standard_normal(low, high, j))


@njit(cache=True)
def manage_rows(source: FloatArray, rows: int, n: int, bound: float, out: FloatArray, back: FloatArray) -> None:
    """out ← each row scaled so that its largest magnitude is the bound; back ← what undoes it."""
    span = source.dtype.type(bound)
    least = span * np.finfo(source.dtype).tiny
    for r in range(rows):
        top = rng_kernels.bits_of(source.dtype.type(0.0))
        for j in range(n):  # magnitudes are ordered as their bits are, with NaN above all
            bits = rng_kernels.bits_of(abs(source[r * n + j]))
            top = bits if bits > top else top
        largest = rng_kernels.float_of(top)
        scale = span / (least if largest < least else largest)
        for j in range(n):
            out[r * n + j] = source[r * n + j] * scale
        back[r] = largest / span


@njit(cache=True)
def scale_rows(sums: FloatArray, rows: int, n: int, factor: float, managed: bool, back: FloatArray) -> None:
    """Multiply each row of sums by the factor and by what undoes its management."""
    for r in range(rows):
        scale = sums.dtype.type(factor)
        if managed:
            scale = scale * back[r]
        for j in range(n):
            sums[r * n + j] *= scale


@njit(cache=True)
def add_into(count: int, source: FloatArray, out: FloatArray) -> None:
    """out ← out + source."""
    for i in range(count):
        out[i] += source[i]


@njit(cache=True)
def convert(
    circuit: Circuit, k: int, rows: int, n: int, sigma: float, ids: IntArray, offset: int, key: int, number: int,
    part: int, sums: FloatArray,
) -> None:  # fmt: skip
    """Noise and ADC of one conversion."""
    if sigma > 0.0:
        add_noise(sums, rows, n, ids, offset, sigma, key, number, part)
    if circuit.adc_bits > 0:
        quantize_into(sums, rows * n, circuit.adc_bits, circuit.adc_bound[k], sums)


@njit(cache=True)
def read_parts(
    circuit: Circuit, k: int, upward: bool, rows: int, weights: FloatArray, lines: FloatArray, scratch: FloatArray,
    sums: FloatArray, ids: IntArray, offset: int, key: int, number: int, sigma: float, gemm: int,
) -> None:  # fmt: skip
    """sums ← all conversions of all tiles, added up."""
    below, size = circuit.sizes[k - 1], circuit.sizes[k]
    into, out = (below, size) if upward else (size, below)
    largest = circuit.tile_rows if upward else circuit.tile_columns
    height = largest if largest > 0 else into
    product, count = scratch[_PART if circuit.averaged > 1 else _TRIAL], rows * out
    sums[:count] = 0.0
    for first in range(0, into, height):
        held = min(height, into - first)
        if upward:
            blas.tile_up(gemm, rows, below, size, first, held, lines, weights, product)
        else:
            blas.tile_down(gemm, rows, below, size, first, held, lines, weights, product)
        spread = sigma * math.sqrt(held / into)
        for repeat in range(circuit.averaged):
            if circuit.averaged > 1:
                scratch[_TRIAL, :count] = product[:count]
            place = first // height * circuit.averaged + repeat
            convert(circuit, k, rows, out, spread, ids, offset, key, number, place, scratch[_TRIAL])
            add_into(count, scratch[_TRIAL], sums)


@njit(cache=True)
def lit_lines(count: int, lines: FloatArray) -> int:
    """Return how many of the first lines carry something else than zero."""
    lit = 0
    for i in range(count):
        lit += lines[i] != 0
    return lit


@njit(cache=True)
def read(
    circuit: Circuit, k: int, upward: bool, rows: int, weights: FloatArray, source: FloatArray, lines: FloatArray,
    scratch: FloatArray, sums: FloatArray, ids: IntArray, offset: int, key: int, sweep: int, gemm: int,
) -> int:  # fmt: skip
    """One read of coupling k. `lines` is scratch for what drives it; return how many carry something."""
    below, size = circuit.sizes[k - 1], circuit.sizes[k]
    into, out = (below, size) if upward else (size, below)
    sigma = circuit.noise_up[k] if upward else circuit.noise_down[k]
    bound = circuit.dac_bound[k - 1 if upward else k]
    # without noise and ADC the conversions of tiles and repeats add up to the plain product
    plain = not sigma > 0.0 and circuit.adc_bits == 0
    managed = circuit.managed != 0 and not (plain and circuit.dac_bits == 0)
    driven = source
    if managed:
        manage_rows(source, rows, into, bound, lines, scratch[_BACK])
        driven = lines
    if circuit.dac_bits > 0:
        quantize_into(driven, rows * into, circuit.dac_bits, bound, lines)
        driven = lines
    largest = circuit.tile_rows if upward else circuit.tile_columns
    whole = plain or (circuit.averaged == 1 and not 0 < largest < into)
    number = (sweep * len(circuit.sizes) + k) * 2 + (1 if upward else 0)
    if not whole:
        read_parts(circuit, k, upward, rows, weights, driven, scratch, sums, ids, offset, key, number, sigma, gemm)
    elif upward:
        blas.product_up(gemm, rows, below, size, driven, weights, 1.0, 0.0, sums)
    else:
        blas.product_down(gemm, rows, below, size, driven, weights, 1.0, 0.0, sums)
    if whole and not plain:
        convert(circuit, k, rows, out, sigma, ids, offset, key, number, 0, sums)
    if managed or not whole:
        scale_rows(sums, rows, out, 1.0 if whole else 1.0 / circuit.averaged, managed, scratch[_BACK])
    return lit_lines(rows * into, driven)


@njit(cache=True)
def read_change(
    circuit: Circuit, k: int, upward: bool, rows: int, weights: FloatArray, source: FloatArray, driven: FloatArray,
    lines: FloatArray, scratch: FloatArray, sums: FloatArray, ids: IntArray, offset: int, key: int, sweep: int,
    gemm: int,
) -> int:  # fmt: skip
    """Add to the sums what the lines' change since they were `driven` gives, and note what they hold now.

    Returns how many lines carried something.
    """
    into, out = circuit.sizes[k - 1], circuit.sizes[k]
    if not upward:
        into, out = out, into
    changed, back = scratch[_CHANGED], scratch[_BACK]
    for i in range(rows * into):
        changed[i] = source[i] - driven[i]
    lit = read(circuit, k, upward, rows, weights, changed, lines, scratch, scratch[_CHANGE], ids, offset, key, sweep,
               gemm)  # fmt: skip
    add_into(rows * out, scratch[_CHANGE], sums)
    if circuit.dac_bits == 0:
        driven[: rows * into] = source[: rows * into]
        return lit
    for r in range(rows):
        scale = back[r] if circuit.managed != 0 else driven.dtype.type(1.0)
        for j in range(into):
            driven[r * into + j] += lines[r * into + j] * scale
    return lit


@njit(cache=True)
def bring_up_to_date(
    circuit: Circuit, registers: bool, k: int, upward: bool, rows: int, weights: FloatArray, source: FloatArray,
    driven: FloatArray, scratch: FloatArray, sums: FloatArray, ids: IntArray, offset: int, key: int, sweep: int,
    gemm: int,
) -> int:  # fmt: skip
    """Read coupling k: what has changed on its lines, where registers keep lines and sums, else the states.

    Returns how many lines carried something.
    """
    if registers:
        return read_change(circuit, k, upward, rows, weights, source, driven, scratch[0], scratch, sums, ids, offset,
                           key, sweep, gemm)  # fmt: skip
    return read(circuit, k, upward, rows, weights, source, scratch[0], scratch, sums, ids, offset, key, sweep, gemm)


@njit(cache=True)
def count_read(circuit: Circuit, counts: IntArray, k: int, upward: bool, rows: int, lit: int) -> None:
    """Count a read of coupling k and its conversions, as `circuit.read_size` and `Ledger.add_read` do."""
    below, size = circuit.sizes[k - 1], circuit.sizes[k]
    across = -(-size // circuit.tile_columns) if circuit.tile_columns > 0 else 1
    along = -(-below // circuit.tile_rows) if circuit.tile_rows > 0 else 1
    counts[_READ_UP if upward else _READ_DOWN, k] += rows * circuit.averaged
    counts[_LINE if upward else _CONVERSION, k] += rows * circuit.averaged * below * across
    counts[_CONVERSION if upward else _LINE, k] += rows * circuit.averaged * size * along
    counts[_LIT_UP if upward else _LIT_DOWN, k] += lit * circuit.averaged
