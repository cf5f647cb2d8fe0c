"""The scalar mathematics of the Hopfield network, written once for every compiled engine.

Same meaning, name by name, as the array definitions in `activations`, `costs` and `neuroep.rng`,
which the tests hold them against.
"""

from __future__ import annotations

import math

from numba import njit, uint64

from neuroep.network import Activation, Cost

LINEAR = int(Activation.LINEAR)
HARD_SIGMOID = int(Activation.HARD_SIGMOID)
TANH = int(Activation.TANH)
RELU6 = int(Activation.RELU6)
MSE = int(Cost.MSE)
CROSS_ENTROPY = int(Cost.CROSS_ENTROPY)
HINGE = int(Cost.HINGE)


@njit(inline="always")
def clip(x: float, low: float, high: float) -> float:
    """x held between low and high, NaN kept."""
    return low if x < low else (high if x > high else x)


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


@njit(inline="always")
def mix(z: int) -> int:
    """Finaliser of splitmix64 (Steele et al., OOPSLA 2014)."""
    z = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB)
    return z ^ (z >> uint64(31))


@njit(inline="always")
def combine(key: int, index: int) -> int:
    """Key of the index-th child of a key."""
    return mix(uint64(key) + uint64(0x9E3779B97F4A7C15) * (uint64(index) + uint64(1)))


@njit(inline="always")
def standard_normal(key: int) -> float:
    """One N(0, 1) number from one 64-bit hash (Box–Muller)."""
    radius = (float(key >> uint64(32)) + 0.5) * 2.0**-32
    angle = float(key & uint64(0xFFFFFFFF)) * 2.0**-32
    return math.sqrt(-2.0 * math.log(radius)) * math.cos(2.0 * math.pi * angle)
