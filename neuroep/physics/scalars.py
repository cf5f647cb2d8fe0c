"""The scalar mathematics of the Hopfield network, and the codes of what kernels know, once for every compiled engine.

Same meaning, name by name, as the array definitions in `activations` and `costs`, which the tests hold them against.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import int32, njit, types
from numba.extending import overload

from neuroep.physics.activations import Activation
from neuroep.physics.costs import Cost
from neuroep.physics.hopfield import HOPFIELD
from neuroep.physics.resistive import RESISTIVE as _RESISTIVE
from neuroep.rng_kernels import float_of

LINEAR = int(Activation.LINEAR)
HARD_SIGMOID = int(Activation.HARD_SIGMOID)
TANH = int(Activation.TANH)
RELU6 = int(Activation.RELU6)
DIODES = int(Activation.DIODES)
RELU = int(Activation.RELU)
SIGMOID = int(Activation.SIGMOID)
RESISTIVE = _RESISTIVE.code
MSE = int(Cost.MSE)
CROSS_ENTROPY = int(Cost.CROSS_ENTROPY)
HINGE = int(Cost.HINGE)
SQUARED_HINGE = int(Cost.SQUARED_HINGE)
#: What compiled kernels have branches for; an engine that compiles refuses other codes.
ACTIVATIONS = (LINEAR, HARD_SIGMOID, TANH, RELU6, DIODES, RELU, SIGMOID)
PHYSICS = (HOPFIELD.code, RESISTIVE)
COSTS = (MSE, CROSS_ENTROPY, HINGE, SQUARED_HINGE)
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7 = (np.float32(1.0 / math.factorial(i)) for i in range(8))
_LEAST, _MOST, _PER_LN2 = np.float32(-87.0), np.float32(88.0), np.float32(1.0 / math.log(2.0))
_BIAS, _MANTISSA = np.int32(127), np.int32(23)
_LN2_HIGH = np.float32(355.0 / 512.0)  # few digits, so that its multiples are exact
_LN2_LOW = np.float32(math.log(2.0) - 355.0 / 512.0)
_P0, _P1, _Q1, _Q2 = (np.float32(c) for c in (945.0, 105.0, 420.0, 15.0))
_NEAR, _SATURATED = np.float32(0.75), np.float32(10.0)


@njit(inline="always")
def clip(x: float, low: float, high: float) -> float:
    """x held between low and high, NaN kept."""
    return low if x < low else (high if x > high else x)


@njit(inline="always")
def highest(code: int) -> float:
    """Highest state of an activation that clips at 0 and there."""
    return math.inf if code == RELU else (6.0 if code == RELU6 else 1.0)


@njit(inline="always")
def logistic(x: float, half: float) -> float:
    """1/(1 + e⁻ˣ) in the type of `half`, which is ½: without overflow."""
    return half + half * math.tanh(half * x)


@njit(inline="always")
def inverse(code: int, s: float) -> float:
    """ρ⁻¹(s) inside the open range of ρ."""
    if code == TANH:
        return math.atanh(s)
    return math.log(s) - math.log1p(-s) if code == SIGMOID else s


@njit(inline="always")
def nudged_hinge(u: float, y: float, beta: float, one: float) -> float:
    """Exact nudged output under the hinge cost."""
    margin = y * u
    if beta >= 0:
        if margin >= one:
            return u
        return u + beta * y if margin < one - beta else y
    return u + beta * y if margin < one - beta / 2 else u


@njit(inline="always")
def nudged_quadratic(u: float, y: float, beta: float, one: float) -> float:
    """Exact nudged output under ½(s − y)², before the activation's bounds."""
    return (u + beta * y) / (one + beta)


def exponential(x: Any) -> Any:
    """e^x in the type of x; in float32 without a call, so that loops vectorise, and right to a unit in the last."""
    return math.exp(x)


def _exponential_single(x: Any) -> Any:
    """2^n e^r with n = x/ln 2, rounded, and the Taylor series of e^r up to r⁷ for |r| <= ½ ln 2 (next term 5e-9)."""
    x = clip(x, _LEAST, _MOST)
    n = np.rint(x * _PER_LN2)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = _E0 + r * (_E1 + r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * _E7))))))
    return series * float_of(int32(int32(int32(n) + _BIAS) << _MANTISSA))


def _exponential_double(x: Any) -> Any:
    return math.exp(x)


@overload(exponential)
def _overload_exponential(x: Any) -> Any:
    return _exponential_single if x is types.float32 else _exponential_double


def tangent(x: Any) -> Any:
    """tanh x in the type of x; in float32 without a call, so that loops vectorise, and right to some units in the last.

    A network of tanh units spends most of its settling here.
    """
    return math.tanh(x)


def _tangent_single(x: Any) -> Any:
    """Padé's x(945 + 105t + t²)/(945 + 420t + 15t²), t = x², for |x| < ¾; beyond, ±(1 − 2/(e^{2|x|} + 1))."""
    size = clip(abs(x), _E0 - _E0, _SATURATED)
    t = size * size
    near = size * (_P0 + t * (_P1 + t)) / (_P0 + t * (_Q1 + t * _Q2))
    far = _E0 - (_E0 + _E0) / (exponential(size + size) + _E0)
    found = near if size < _NEAR else far
    return -found if x < _E0 - _E0 else found


# without reordering, which would undo the argument's reduction, and without checks of divisors, which are never 0
@overload(tangent, jit_options={"fastmath": False, "error_model": "numpy"})
def _overload_tangent(x: Any) -> Any:
    return _tangent_single if x is types.float32 else _tangent_double


def _tangent_double(x: Any) -> Any:
    return math.tanh(x)
