"""A device from what a datasheet has: number of states, conductance range, nonlinearity labels."""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.hardware.steps import LinearStep
from neuroep.specs.nonlinearity import slope_of


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
    1/γ − w ← (1 − γ s)(1/γ − w) the same n − 1 pulses need s = (1 − ((1 − γ)/(1 + γ))^(1/(n − 1)))/γ.

    Parameters
    ----------
    n : int
        States, 2 to a billion.
    g_min_siemens, g_max_siemens : float
        0 <= g_min < g_max.
    nonlinearity_up, nonlinearity_down : float
        NeuroSim's labels NL, −9 to 9, positive where steps shrink towards the bound (NeuroSim writes those of
        depression with a minus sign).

    Raises
    ------
    BadInput
        If a number is out of range.
    """
    if not 2 <= n <= 10**9:
        raise BadInput(f"{n} levels", "levels", "2 or more")
    if not (0.0 <= g_min_siemens < g_max_siemens < math.inf):
        raise BadInput(f"{g_min_siemens:g} S to {g_max_siemens:g} S", "range", "0 <= g_min < g_max")
    up, down = slope_of(nonlinearity_up), slope_of(nonlinearity_down)
    rise, fall = _scale(up, n - 1), _scale(down, n - 1)
    model = LinearStep(
        dw_min=max(rise, fall),
        w_min=-1.0,
        w_max=1.0,
        up_down=(rise - fall) / max(rise, fall),
        gamma_up=up,
        gamma_down=down,
    )
    return Levels(model, g_min_siemens, g_max_siemens, n, nonlinearity_up, nonlinearity_down)


def _scale(gamma: float, pulses: int) -> float:
    if abs(gamma) < 1e-9:
        return 2.0 / pulses
    return -math.expm1(-2.0 * math.atanh(gamma) / pulses) / gamma
