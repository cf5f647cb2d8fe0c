"""What Loihi's learning engine does in integers: traces, one epoch of a rule, the write-back of a weight.

A trace x is 7 bits. Each epoch it decays to x e^(−1/τ), rounded up or down at random so that the mean is right, and a
spike adds an impulse that may have a fraction, rounded in the same way (lava; 8 fractional bits there, 7 in
nengo-loihi). In the accumulator a weight has 7 bits below its mantissa, which are rounded away at random when it is
written back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neuroep.checks import integers
from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.loihi.learning import ACCUMULATOR_BITS, Product, check_rule
from neuroep.hardware.loihi.neurons import BoolArray, IntArray, mantissa_range, mantissa_step
from neuroep.hardware.programming import check_range, check_whole, stochastic_round

TRACE_TOP = 127
FRACTION_BITS = 7
DRAWS = ("element", "matrix")


def decayed_trace(trace: IntArray, tau: float, rng: np.random.Generator) -> IntArray:
    """Return traces one epoch later: x e^(−1/τ), rounded at random without bias.

    Parameters
    ----------
    trace : ndarray of int64
        0 to 127.
    tau : float
        Time constant in epochs, > 0.
    rng : numpy.random.Generator
        Draws one number an entry.

    Raises
    ------
    BadInput
        If `tau` isn't a positive number.
    """
    check_range(tau, 1e-3, 1e9, "tau")
    return stochastic_round(integers(trace, "trace") * math.exp(-1.0 / tau), rng).astype(np.int64)


def spiked_trace(
    trace: IntArray, spikes: BoolArray, impulse: float, rng: np.random.Generator, fraction_bits: int = 8
) -> IntArray:
    """Return traces after spikes: each adds the impulse, rounded at random without bias, up to 127.

    Parameters
    ----------
    trace : ndarray of int64
        0 to 127.
    spikes : ndarray of bool
        Who fired; of the same shape.
    impulse : float
        0 to 127; what it has below 2^−`fraction_bits` is cut off.
    rng : numpy.random.Generator
        Draws one number an entry.
    fraction_bits : int
        8 as in lava, 7 as in nengo-loihi.

    Raises
    ------
    BadInput
        If a value is out of range.
    """
    check_range(impulse, 0.0, float(TRACE_TOP), "impulse")
    check_whole(fraction_bits, 0, 8, "fraction_bits")
    kept = math.floor(math.ldexp(impulse, fraction_bits)) * 2.0**-fraction_bits
    trace = integers(trace, "trace")
    if np.shape(spikes) not in ((), trace.shape):
        raise BadInput(f"shape {np.shape(spikes)}", "spikes", f"{trace.shape}, that of the traces")
    added = stochastic_round(np.full(trace.shape, kept), rng).astype(np.int64)
    after: IntArray = np.minimum(trace + np.where(spikes, added, 0), TRACE_TOP)
    return after


def lifted(mantissas: IntArray) -> IntArray:
    """Return weights as the accumulator holds them: mantissa · 2^7."""
    up: IntArray = integers(mantissas, "mantissas") << FRACTION_BITS
    return up


def write_back(
    accumulator: IntArray,
    sign_mode: str,
    rng: np.random.Generator,
    draws: str = "element",
    weight_bits: int | None = None,
) -> IntArray:
    """Return the mantissas of an accumulator, its low bits rounded at random, within the sign mode's range.

    Parameters
    ----------
    accumulator : ndarray of int64
        From :func:`apply_rule`.
    sign_mode : str
        ``"mixed"``, ``"excitatory"`` or ``"inhibitory"``.
    rng : numpy.random.Generator
        Source of the rounding.
    draws : str
        One random number for each ``"element"`` (nengo-loihi) or for the whole ``"matrix"`` (lava). Both are unbiased;
        with ``"matrix"`` the errors of all weights go together.
    weight_bits : int, optional
        Bits of a stored weight. The bits it has no room for are rounded away together with the low 7 (nengo-loihi). By
        default only those 7 are, and every mantissa of the range is kept (lava).

    Raises
    ------
    UnknownName
        If a mode isn't known.
    BadInput
        If the chip has no such width.
    """
    low, high = mantissa_range(sign_mode)
    step = 1 if weight_bits is None else mantissa_step(sign_mode, weight_bits)
    if draws not in DRAWS:
        raise UnknownName("way to draw", draws, DRAWS)
    accumulator = integers(accumulator, "accumulator")
    shape = accumulator.shape if draws == "element" else ()
    coarse = step << FRACTION_BITS
    noise: NDArray[np.int64] = rng.integers(0, coarse, shape)
    rounded: IntArray = np.clip((accumulator + noise) // coarse * step, low, high // step * step)
    return rounded


def apply_rule(rule: tuple[Product, ...], values: Mapping[str, IntArray], start: IntArray) -> IntArray:
    """Return the accumulator after one epoch: `start` plus every product, each step saturated to 15 bits and sign.

    Parameters
    ----------
    rule : tuple of Product
        A legal rule.
    values : mapping of str to ndarray of int64
        Each variable's value, broadcastable to the shape of `start`; 0 or 1 for x0, y0 and u_k.
    start : ndarray of int64
        Accumulator before, w · 2^7.

    Returns
    -------
    ndarray of int64
        Factors are saturated to their width, products shifted right (rounding down) to 15 bits, then scaled by the
        exponent; so lava's bit-approximate engine.

    Raises
    ------
    BadInput
        If the rule isn't legal or a value is missing.
    """
    problems = check_rule(rule).problems
    if problems:
        raise BadInput(problems[0], "learning rule", "rules without problems")
    missing = sorted({f.variable for product in rule for f in product.factors} - set(values))
    if missing:
        raise BadInput(f"no value for {missing[0]!r}", "values", "one for every variable of the rule")
    total = fit_accumulator(start)
    for product in rule:
        total = fit_accumulator(total + fit_accumulator(_multiplied(product, values)))
    return total


def _multiplied(product: Product, values: Mapping[str, IntArray]) -> IntArray:
    mantissa, exponent = product.split() or (0, 0)
    result = np.asarray(mantissa, dtype=np.int64)
    for factor in product.factors:
        value = integers(values[factor.variable], factor.variable) + factor.constant
        top = 1 << max(factor.bits, 1)
        result = result * (np.sign(value) if factor.sign else np.clip(value, -top, top - 1))
    result = result >> product.shift
    return result << exponent if exponent >= 0 else result >> -exponent


def fit_accumulator(x: IntArray) -> IntArray:
    """Return x saturated to the accumulator's 15 bits and sign, −2^15 to 2^15 − 1."""
    fit: IntArray = np.clip(integers(x, "x"), -(1 << ACCUMULATOR_BITS), (1 << ACCUMULATOR_BITS) - 1)
    return fit
