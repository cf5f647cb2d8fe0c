"""How much devices differ: each one fitted alone, all of them side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.steps import PiecewiseStep
from neuroep.hardware.fitting.curves import Curves, Solution
from neuroep.hardware.fitting.descent import ROUGH, solve
from neuroep.hardware.fitting.standard_errors import noise_of, standard_errors
from neuroep.hardware.fitting.step_families import FAMILIES, piecewise


def spread_of(
    name: str, devices: Sequence[Curves], frame: tuple[float, float], nodes: int, siemens: float
) -> tuple[float | None, float | None]:
    """Return standard deviations from device to device: of the step, relative to it, and of the bounds.

    What the fits' own errors would give is taken off. A device that wasn't pulsed both ways, or whose step its reads
    don't tell, is passed over; with fewer than two left there is nothing to say.

    Parameters
    ----------
    name : str
        The step model.
    devices : sequence of Curves
    frame, nodes
        As for `fitting.fit`.
    siemens : float
        The range; bounds are in halves of it.
    """
    both = [one for one in devices if {1, -1} <= set(one.directions.tolist())] if len(devices) > 1 else []
    if len(both) < 2:
        return None, None
    if name == "piecewise":
        solutions = [one.follow(piecewise(one.steps(), frame, nodes)) for one in both]
    else:
        solutions = solve(FAMILIES[name], both, frame, ROUGH)
    noises = [noise_of(one, found) for one, found in zip(both, solutions, strict=True)]
    errors = standard_errors(both, solutions, noises)
    told = [k for k, each in enumerate(errors) if np.isfinite(list(each.values())).all()]
    if len(told) < 2:
        return None, None
    steps = np.asarray([_step_siemens(both[k], solutions[k]) for k in told])
    sure = np.asarray([errors[k].get("dw_min", 0.0) / float(solutions[k].model.dw_min) for k in told])
    ends = []
    for side, key in enumerate(("g_min_siemens", "g_max_siemens")):
        values = np.asarray([both[k].siemens_at(solutions[k].ends[side]) for k in told])
        ends.append(_excess(values / (siemens / 2.0), np.asarray([errors[k][key] for k in told]) / (siemens / 2.0)))
    return _excess(steps / steps.mean(), sure), float(np.sqrt(np.mean(np.square(ends))))


def _step_siemens(curves: Curves, found: Solution) -> float:
    """A step in siemens: each device's weights are in units of its own range."""
    model = found.model
    table = float(np.mean([model.up, model.down])) if isinstance(model, PiecewiseStep) else 1.0
    per_weight = (found.ends[1] - found.ends[0]) / float(model.w_max - model.w_min)
    return float(model.dw_min) * table * per_weight * (curves.high - curves.low) / 2.0


def _excess(values: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(max(float(np.var(values, ddof=1)) - float(np.mean(errors**2)), 0.0)))
