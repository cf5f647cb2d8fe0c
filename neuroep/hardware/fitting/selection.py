"""Step models fitted to measured pulses: which model, which parameters, how sure, how noisy.

A curve is predicted as a whole, by the model's mean pulse again and again from a fitted start, and least squares
bring it to the reads. Models are ranked by AICc (Hurvich & Tsai, Biometrika 1989) on the curve's residuals,

    AICc = n ln(RMSE²) + 2k + 2k(k + 1)/(n − k − 1),

rather than by RMSE per parameter, since it weighs a parameter by what the data can tell. Residuals of neighbouring
reads are alike where pulses are noisy, so n is not the number N of reads but N (1 − r)/(1 + r), with r the best
model's correlation from read to read. The bounds count among the k parameters, fitted or taken from the data.

A model whose numbers the reads determine goes before one with doubtful numbers (`doubts`), and one with more
parameters than there are steps to tell them is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.cells.steps import StepModel
from neuroep.hardware.fitting.curves import Curves, Solution, apart, collect
from neuroep.hardware.fitting.descent import solve
from neuroep.hardware.fitting.doubts import doubts_of, too_few
from neuroep.hardware.fitting.noise import FittedNoise
from neuroep.hardware.fitting.pulse_data import PulseData, check
from neuroep.hardware.fitting.spread import spread_of
from neuroep.hardware.fitting.standard_errors import noise_of, standard_errors
from neuroep.hardware.fitting.step_families import FAMILIES, piecewise

MODELS = (*FAMILIES, "piecewise")
NODES = 9
ALIKE = 2.0
"""A difference in AICc that decides nothing: a usual rule of thumb."""
FINEST = 1e-6
"""Share of the range below which one fit is as good as another: no instrument reads finer."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A step model fitted to a measurement.

    Attributes
    ----------
    name : str
        constant, soft-bounds, linear, pow, exp or piecewise.
    model : StepModel
        With its noise: `cycle_noise`, `additive` and, where reads are noisy, `write_noise`.
    g_min_siemens, g_max_siemens : float
        Conductances at the model's w_min and w_max.
    errors : dict of str to float
        Standard errors by name: those of the model's parameters, and g_min_siemens, g_max_siemens. Infinite where the
        reads don't tell.
    rmse : float
        Root mean square residual of the curves, as a share of the measured range.
    r_squared : float
        Share of the reads' variance that the curves explain.
    aicc : float
        Corrected Akaike criterion; only differences between models mean something.
    free : int
        Number of parameters, bounds included.
    noise : FittedNoise
        From the residuals of single steps.
    curves : tuple of ndarray
        The fitted curve of each trace of the data, in siemens.
    step_spread, bounds_spread : float or None
        Standard deviations from device to device: of dw_min relative to it, and of the bounds relative to half
        the range; None with fewer than two devices. What the fits' own errors would give is taken off.
    doubts : dict of str to str
        Numbers that the reads don't determine, by name as in `errors`, and why.
    """

    name: str
    model: StepModel
    g_min_siemens: float
    g_max_siemens: float
    errors: Mapping[str, float]
    rmse: float
    r_squared: float
    aicc: float
    free: int
    noise: FittedNoise
    curves: tuple[NDArray[np.float64], ...]
    step_spread: float | None = None
    bounds_spread: float | None = None
    doubts: Mapping[str, str] = field(default_factory=dict)

    @property
    def pulses(self) -> float:
        """Pulses for the whole range at the step dw_min."""
        return float((self.model.w_max - self.model.w_min) / self.model.dw_min)

    @property
    def parameters(self) -> dict[str, float]:
        """The model's numbers by name: steps, asymmetry and shape."""
        family = FAMILIES.get(self.name)
        names = ("dw_min", "up_down", *(family.shape if family else ()))
        return {name: float(getattr(self.model, name)) for name in names}


class Ranking(NamedTuple):
    """Fitted models, the best one first, and why others were left out, by name."""

    fits: tuple[Fit, ...]
    left_out: Mapping[str, str]


def fit(
    data: PulseData,
    models: Sequence[str] = MODELS,
    frame: tuple[float, float] = (-1.0, 1.0),
    nodes: int = NODES,
) -> tuple[Fit, ...]:
    """Fit step models to measured pulses, the best one first: :func:`rank` without the models that are left out.

    Raises
    ------
    BadInput
        As there, and if all models are left out.
    """
    fits, left_out = rank(data, models, frame, nodes)
    if not fits:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise BadInput(f"no model can be fitted ({why})", data.name, "more reads, or the constant model")
    return fits


def rank(
    data: PulseData,
    models: Sequence[str] = MODELS,
    frame: tuple[float, float] = (-1.0, 1.0),
    nodes: int = NODES,
) -> Ranking:
    """Fit step models to measured pulses.

    All devices and cycles share the parameters; each trace has a start of its own. The range is that of the reads,
    a mean over devices; for models whose steps vanish at a bound (soft-bounds, pow) it is fitted.

    Parameters
    ----------
    data : PulseData
    models : sequence of str
        Names out of ``MODELS``.
    frame : (float, float)
        Weights at the ends of the range, w_min < 0 < w_max. Which weight is called 0 is a matter of words: it
        changes dw_min, up_down and shape, never the curve.
    nodes : int
        Length of the tables of `piecewise`, 3 or more.

    Returns
    -------
    Ranking
        Models without doubtful numbers first, by AICc, the least first; of models within 2 of the least, the one
        with the fewest parameters leads. Then those with doubtful numbers, likewise.

    Raises
    ------
    BadInput
        If a name or the frame can't be used, or no step model could fit the data.
    """
    for name in models:
        if name not in MODELS:
            raise UnknownName("step model", name, MODELS, "models")
    if not (frame[0] < 0.0 < frame[1] and np.isfinite(frame).all()):
        raise BadInput(f"the frame {frame}", "frame", "w_min < 0 < w_max")
    if nodes < 3:
        raise BadInput(f"{nodes} nodes", "nodes", "3 or more")
    check(data, data.name)
    curves = collect(data.traces)
    steps = curves.steps()
    reasons = {name: too_few(steps, name, nodes) for name in dict.fromkeys(models)}
    left_out = {name: reason for name, reason in reasons.items() if reason}
    found = [_one(name, curves, frame, nodes) for name in reasons if name not in left_out]
    if not found:
        return Ranking((), left_out)
    count = _independent(curves, min(found, key=lambda one: one[1].rmse)[1], max(one[0].free for one in found))
    ranked = _order([_ranked(one, count) for one, _ in found])
    devices = apart(data)
    return Ranking(tuple(_with_spread(one, devices, frame, nodes) for one in ranked), left_out)


def _one(name: str, curves: Curves, frame: tuple[float, float], nodes: int) -> tuple[Fit, Solution]:
    if name == "piecewise":
        solution = curves.follow(piecewise(curves.steps(), frame, nodes))
        free = 2 * nodes + 2
    else:
        (solution,) = solve(FAMILIES[name], [curves], frame)
        free = FAMILIES[name].size + (0 if FAMILIES[name].bounds else 2)
    noise = noise_of(curves, solution)
    (errors,) = standard_errors([curves], [solution], [noise])
    model = replace(solution.model, cycle_noise=noise.cycle, additive=noise.additive, write_noise=noise.read)
    low, high = (max(float(curves.siemens_at(end)), 0.0) for end in solution.ends)  # bounds end at 0 but for rounding
    variance = float(np.var(curves.positions[curves.read]))
    r_squared = 1.0 - (2.0 * solution.rmse) ** 2 / variance
    drawn = curves.split(curves.siemens_at(solution.positions))
    made = Fit(name, model, low, high, errors, solution.rmse, r_squared, np.nan, free, noise, drawn)
    return replace(made, doubts=doubts_of(curves, solution, errors)), solution


def _independent(curves: Curves, best: Solution, free: int) -> float:
    """Number of independent residuals of the best model, and enough for the criterion to exist."""
    residual = np.where(curves.read, best.positions - curves.positions, np.nan)
    products = residual[:-1] * residual[1:]
    pairs = np.isfinite(products) & (curves.directions[1:] != 0)
    total = float(np.nanmean(residual**2))
    if not pairs.any() or total < (2.0 * FINEST) ** 2:
        r = 0.0
    else:
        r = min(max(float(products[pairs].mean()) / total, 0.0), 0.999)
    return max(float(curves.read.sum()) * (1.0 - r) / (1.0 + r), free + 3.0)


def _ranked(one: Fit, count: float) -> Fit:
    k = one.free
    correction = 2.0 * k * (k + 1.0) / (count - k - 1.0)
    return replace(one, aicc=count * float(np.log(one.rmse**2 + FINEST**2)) + 2.0 * k + correction)


def _order(found: Sequence[Fit]) -> list[Fit]:
    """Those without doubts first; by AICc, but of those within ALIKE of the least the fewest parameters lead."""
    ordered: list[Fit] = []
    for doubtful in (False, True):
        some = [one for one in found if bool(one.doubts) is doubtful]
        least = min((one.aicc for one in some), default=0.0)
        alike = [one for one in some if one.aicc <= least + ALIKE]
        ordered += sorted(alike, key=lambda one: (one.free, MODELS.index(one.name)))
        ordered += sorted((one for one in some if one not in alike), key=lambda one: one.aicc)
    return ordered


def _with_spread(one: Fit, devices: Sequence[Curves], frame: tuple[float, float], nodes: int) -> Fit:
    """Fit each device alone, and tell how much they differ."""
    step, bounds = spread_of(one.name, devices, frame, nodes, one.g_max_siemens - one.g_min_siemens)
    return replace(one, step_spread=step, bounds_spread=bounds)
