"""Which numbers of a fit the reads don't determine, and which models they are too few for."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from neuroep.hardware.fitting.curves import Curves, Solution
from neuroep.hardware.fitting.standard_errors import names_of
from neuroep.hardware.fitting.step_families import FAMILIES, Family, Steps

UNSURE = 0.1
"""Standard error of a bound, as a share of what was read, from which on it is a guess."""
BEYOND = 0.25
"""How far a bound may lie beyond the reads, as a share of what was read."""
HALF = 0.5
"""Standard error of a step, relative to it, and of the asymmetry, from which on they are guesses."""
EDGE = 1e-6


def too_few(steps: Steps, name: str, nodes: int) -> str:
    """Return why there are too few single steps for a model's parameters, or nothing."""
    if name == "constant":
        return ""
    needed = nodes if name == "piecewise" else FAMILIES[name].size // 2
    for sign, way in ((1, "up"), (-1, "down")):
        count = len(steps.along(sign)[0])
        if count <= needed:
            return f"{count} steps {way} for {needed} parameters of steps {way}"
    return ""


def doubts_of(curves: Curves, solution: Solution, errors: Mapping[str, float]) -> dict[str, str]:
    """Return the numbers that the reads don't determine, by name, and why.

    Parameters
    ----------
    curves : Curves
    solution : Solution
    errors : mapping of str to float
        Its standard errors.
    """
    found, family = {}, solution.family
    reads = curves.positions[curves.read]
    if (2.0 * solution.rmse) ** 2 >= float(np.var(reads)):
        found["dw_min"] = "the curves are no nearer to the reads than their mean"
    names = () if family is None else names_of(family)
    for key in (name for name in names if "siemens" not in name):
        value = abs(float(getattr(solution.model, key)))
        if errors[key] > {"dw_min": HALF * value, "up_down": HALF}.get(key, max(1.0, value)):
            found[key] = _why(errors[key], f"± {errors[key]:.2g}")
    span = curves.high - curves.low
    for key, beyond in (
        ("g_min_siemens", float(reads.min()) - solution.ends[0]),
        ("g_max_siemens", solution.ends[1] - float(reads.max())),
    ):
        if errors[key] > UNSURE * span:
            found[key] = _why(errors[key], f"± {1e6 * errors[key]:.2g} uS for reads over {1e6 * span:.3g} uS")
        elif beyond > 2.0 * BEYOND:
            found[key] = f"beyond the reads by {beyond / 2.0:.0%} of their range"
    return found | (_at_edges(family, solution, curves.zero) if family else {})


def _why(error: float, text: str) -> str:
    return f"{text}: the reads don't tell" if math.isfinite(error) else "the reads don't tell"


def _at_edges(family: Family, solution: Solution, zero: float) -> dict[str, str]:
    """Parameters at the edge of their box; but an exponent of 0 is a constant step, and no conductance is a bound."""
    low, high = family.limits(zero)
    near = EDGE * (high - low)
    names = ("dw_min", "dw_min", *family.shape, *(("g_min_siemens", "g_max_siemens") if family.bounds else ()))
    natural = (low == 0.0) & np.asarray(["gamma" in name for name in names])
    natural |= (low == zero) & np.asarray([name == "g_min_siemens" for name in names])
    edge = ((solution.head <= low + near) & ~natural) | (solution.head >= high - near)
    return {name: "at the edge of what was searched" for name, there in zip(names, edge.tolist(), strict=True) if there}
