"""What may keep a network from learning by EP: figures, the most of each that is sound, and what to change then."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroep.studies.figures import FIGURES, Case
from neuroep.studies.remedies import Remedy, remedies

#: What the shipped models, which train, stay under, on every device that they are trained on. A gradient that is lost
#: altogether is off by its own size, so noise must stay under 1.
LIMITS = {
    "loop gain": 1.0,
    "minima": 0.0,
    "unsettled": 0.0,
    "flat": 0.25,
    "saturated": 0.25,
    "nonlinear": 0.15,
    "step": 1.25,
    "noise": 0.99,
}
ADVICE = {
    "loop gain": "a smaller feedback gain (feedback), or smaller weights (layers.gain)",
    "minima": "a smaller feedback gain (feedback) or smaller weights (layers.gain, training.weight_decay)",
    "unsettled": "more phases.free_sweeps, or a smaller feedback gain (feedback)",
    "flat": "a smaller layers.gain, data of a smaller scale, or a bias in the middle of the units' range",
    "saturated": "a bias in the middle of the outputs' range, a smaller layers.gain, or linear outputs",
    "nonlinear": "a smaller nudge (phases.beta), or the centered estimator",
    "step": "smaller training.learning_rates, those of wide layers first",
    "noise": "a larger nudge (phases.beta), more programming.averaged_reads, or reads of changes (programming.reads)",
}
"""By name: what is changed beyond the limit, where no number of it has been found."""
OF_ANY_STATES = ("loop gain", "minima", "unsettled")
"""What is found where states diverge, too."""


class Finding(NamedTuple):
    """One figure, the most that is sound, and what to change if it is beyond that.

    Attributes
    ----------
    name : str
        A key of :data:`neuroep.studies.figures.FIGURES`.
    value, limit : float
        The figure, and the most that is sound.
    advice : str or None
        What to change, in words and numbers; None where the figure is sound.
    remedies : list of Remedy
        The same as settings: each mends the figure by itself.
    """

    name: str
    value: float
    limit: float
    advice: str | None
    remedies: list[Remedy]


def diagnose(case: Case, diverges: bool = False) -> list[Finding]:
    """Return every figure of a mounted network of which :func:`neuroep.physics.loop.covered` holds.

    Parameters
    ----------
    case : Case
        The network and its recipe.
    diverges : bool
        Whether free phases diverge: what needs an equilibrium is then left out.
    """
    with np.errstate(all="ignore"):  # states that leave the finite range are what some figures find
        return [_finding(name, case) for name in FIGURES if name in OF_ANY_STATES or not diverges]


def _finding(name: str, case: Case) -> Finding:
    value, limit = FIGURES[name](case), LIMITS[name]
    if value < limit or value == limit == 0.0:
        return Finding(name, value, limit, None, [])
    found = remedies(name, case, limit)
    numbers = " or ".join(", ".join(map(str, remedy)) for remedy in found)
    return Finding(name, value, limit, f"{numbers} ({ADVICE[name]})" if numbers else ADVICE[name], found)
