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

    @property
    def label(self) -> str:
        """The name used in TOML and on the command line."""
        return self.name.lower().replace("_", "-")


#: Lowest and highest state of each activation.
RANGES: dict[Activation, tuple[float, float]] = {
    Activation.LINEAR: (-np.inf, np.inf),
    Activation.HARD_SIGMOID: (0.0, 1.0),
    Activation.TANH: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}


def activate(code: int, inputs: FloatArray) -> FloatArray:
    """Return ρ(inputs) elementwise."""
    if code == Activation.TANH:
        curve: FloatArray = np.tanh(inputs)
        return curve
    low, high = RANGES[Activation(code)]
    clipped: FloatArray = np.clip(inputs, low, high)
    return clipped


def slope(code: int, inputs: FloatArray) -> FloatArray:
    """Return ρ'(inputs) elementwise; 0 at the kinks."""
    if code == Activation.TANH:
        return 1.0 - np.tanh(inputs) ** 2
    low, high = RANGES[Activation(code)]
    return ((inputs > low) & (inputs < high)).astype(inputs.dtype)


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
    low, high = (-np.inf, np.inf) if code == Activation.TANH else RANGES[Activation(code)]
    wanted = np.isin(np.arange(states.shape[1]), labels) | (states.shape[1] == 1)
    stuck = ((states <= low).all(axis=0) & wanted) | (states >= high).all(axis=0)
    return tuple(int(unit) for unit in np.flatnonzero(stuck))


def potential(code: int, states: FloatArray) -> FloatArray:
    """Return G(s) elementwise: ½s² inside the box, for tanh ½[(1 + s)ln(1 + s) + (1 − s)ln(1 − s)]."""
    if code == Activation.TANH:
        tiny = np.finfo(states.dtype).tiny  # at ±1 one term is 0·ln 0 = 0
        up, down = 1.0 + states, 1.0 - states
        bent: FloatArray = 0.5 * (up * np.log(np.maximum(up, tiny)) + down * np.log(np.maximum(down, tiny)))
        return bent
    return 0.5 * states * states


def inverse(code: int, states: FloatArray) -> FloatArray:
    """Return G'(s) = ρ⁻¹(s) elementwise, inside the open range of ρ."""
    return np.arctanh(states) if code == Activation.TANH else states
