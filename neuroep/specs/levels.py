"""A device from what a datasheet has: number of states, conductance range, nonlinearity labels."""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import LinearStep
from neuroep.specs.nonlinearity import exponent_of, slope_of


class Levels(NamedTuple):
    """A device of n states: the step model on [−1, 1], its range in siemens, and what it was made of."""

    model: LinearStep
    g_min_siemens: float
    g_max_siemens: float
    levels: int
    nonlinearity_up: float
    nonlinearity_down: float


def from_levels(
    n: int, g_min_siemens: float, g_max_siemens: float, nonlinearity_up: float = 0.0, nonlinearity_down: float = 0.0
) -> Levels:
    """Return the linear-step device that goes through n states from one end of its range to the other.

    n counts both ends, so n − 1 pulses lead from w = −1 to w = 1: steps of 2/(n − 1) where they are constant.
    With a label the step is linear in the weight, s (1 − γ w), with γ = tanh(1/(2A)); from the recursion
    1/γ − w ← (1 − γ s)(1/γ − w) the same n − 1 pulses need s = (1 − ((1 − γ)/(1 + γ))^(1/(n − 1)))/γ, and
    (1 − γ)/(1 + γ) = e^(−1/A).

    Parameters
    ----------
    n : int
        States, 2 to a billion.
    g_min_siemens, g_max_siemens : float
        0 <= g_min < g_max.
    nonlinearity_up, nonlinearity_down : float
        NeuroSim's labels NL, −8.5 to 9, positive where steps shrink towards the bound (NeuroSim writes those of
        depression with a minus sign).

    Raises
    ------
    BadInput
        If a number is out of range.
    """
    if not 2 <= n <= 10**9 or n != int(n):
        raise BadInput(f"{n} levels", "levels", "a whole number, 2 to a billion")
    if not (0.0 <= g_min_siemens < g_max_siemens < math.inf):
        raise BadInput(f"{g_min_siemens:g} S to {g_max_siemens:g} S", "range", "0 <= g_min < g_max")
    up, down = slope_of(nonlinearity_up), slope_of(nonlinearity_down)
    rise, fall = (_scale(exponent_of(label), n - 1) for label in (nonlinearity_up, nonlinearity_down))
    model = LinearStep(
        dw_min=max(rise, fall),
        w_min=-1.0,
        w_max=1.0,
        up_down=(rise - fall) / max(rise, fall),
        gamma_up=up,
        gamma_down=down,
    )
    return Levels(model, g_min_siemens, g_max_siemens, n, nonlinearity_up, nonlinearity_down)


def _scale(exponent: float, pulses: int) -> float:
    """Step at w = 0 with which `pulses` pulses cross the range, for u = 1/A with the label's sign."""
    if abs(exponent) < 1e-9:
        return 2.0 / pulses
    return -math.expm1(-exponent / pulses) / math.tanh(exponent / 2.0)
