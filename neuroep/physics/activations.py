"""Activations ρ and the potentials G whose slopes are their inverses, G' = ρ⁻¹.

With G in the energy, the exact minimiser of one layer given its neighbours is s = ρ(input).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from neuroep.weights import FloatArray


class Activation(IntEnum):
    """The function ρ that turns a unit's input into its state."""

    LINEAR = 0
    HARD_SIGMOID = 1
    TANH = 2
    RELU6 = 3
    DIODES = 4
    RELU = 5
    SIGMOID = 6

    @property
    def label(self) -> str:
        """The name used in TOML and on the command line."""
        return self.name.lower().replace("_", "-")


#: Lowest and highest state of each activation that is the same for all units; for diodes see :func:`bounds`.
RANGES: dict[Activation, tuple[float, float]] = {
    Activation.LINEAR: (-np.inf, np.inf),
    Activation.HARD_SIGMOID: (0.0, 1.0),
    Activation.TANH: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
    Activation.RELU: (0.0, np.inf),
    Activation.SIGMOID: (0.0, 1.0),
}
#: Those that only come near their bounds.
OPEN = (Activation.TANH, Activation.SIGMOID)
#: Those without a slope at a bound.
KINKED = (Activation.HARD_SIGMOID, Activation.RELU6, Activation.DIODES, Activation.RELU)
#: Names from elsewhere that can't be: with a falling stretch ρ has no inverse, so no G' is one.
FALLING = ("gelu", "silu", "swish", "mish", "hardswish", "hard-swish")


def why_not(name: str) -> str:
    """Return why no unit can have an activation of that name; empty where nothing speaks against it."""
    return ", which falls in places: no energy has it as its minimum" if name.lower() in FALLING else ""


def bounds(code: int, units: int) -> tuple[FloatArray | float, FloatArray | float]:
    """Return the lowest and the highest state of each of a layer's units, one number where they are alike.

    Diodes hold the first half of the units, ⌈units/2⌉, at 0 or above, and the others at 0 or below.
    """
    if code != Activation.DIODES:
        return RANGES[Activation(code)]
    first = np.arange(units) < (units + 1) // 2
    return np.where(first, 0.0, -np.inf), np.where(first, np.inf, 0.0)


def activate(code: int, inputs: FloatArray) -> FloatArray:
    """Return ρ(inputs) elementwise; units lie along the last axis."""
    if code == Activation.TANH:
        curve: FloatArray = np.tanh(inputs)
        return curve
    if code == Activation.SIGMOID:
        logistic: FloatArray = 0.5 + 0.5 * np.tanh(0.5 * inputs)
        return logistic
    clipped: FloatArray = np.clip(inputs, *bounds(code, _units(inputs)))
    return clipped.astype(inputs.dtype, copy=False)


def slope(code: int, inputs: FloatArray) -> FloatArray:
    """Return ρ'(inputs) elementwise; 0 at the kinks."""
    if code == Activation.TANH:
        return 1.0 - np.tanh(inputs) ** 2
    if code == Activation.SIGMOID:
        states = activate(code, inputs)
        return states * (1.0 - states)
    low, high = bounds(code, _units(inputs))
    return ((inputs > low) & (inputs < high)).astype(inputs.dtype)


def _units(values: FloatArray) -> int:
    return int(values.shape[-1]) if values.ndim else 1


def stuck_units(code: int, states: FloatArray, labels: NDArray[np.integer]) -> tuple[int, ...]:
    """Return the output units that no sample moves off a bound, where ρ' is 0: they have stopped learning.

    Parameters
    ----------
    code : int
        The outputs' activation.
    states : ndarray, shape (samples, n_L)
        Outputs.
    labels : ndarray of int, shape (samples,)
        A unit may well stay at its lowest state for samples of other classes alone.
    """
    low, high = (-np.inf, np.inf) if code in OPEN else bounds(code, states.shape[1])
    wanted = np.isin(np.arange(states.shape[1]), labels) | (states.shape[1] == 1)
    stuck = ((states <= low).all(axis=0) & wanted) | (states >= high).all(axis=0)
    return tuple(int(unit) for unit in np.flatnonzero(stuck))


def potential(code: int, states: FloatArray) -> FloatArray:
    """Return G(s) elementwise: ½s² inside the box, ½[(1 + s)ln(1 + s) + (1 − s)ln(1 − s)] of tanh.

    Of the logistic sigmoid s ln s + (1 − s)ln(1 − s).
    """
    if code in OPEN:
        tiny = np.finfo(states.dtype).tiny  # at a bound one term is 0·ln 0 = 0
        up, down = states - RANGES[Activation(code)][0], 1.0 - states
        bent: FloatArray = up * np.log(np.maximum(up, tiny)) + down * np.log(np.maximum(down, tiny))
        return 0.5 * bent if code == Activation.TANH else bent
    return 0.5 * states * states


def inverse(code: int, states: FloatArray) -> FloatArray:
    """Return G'(s) = ρ⁻¹(s) elementwise, inside the open range of ρ."""
    if code == Activation.SIGMOID:
        logit: FloatArray = np.log(states) - np.log1p(-states)
        return logit
    return np.arctanh(states) if code == Activation.TANH else states
