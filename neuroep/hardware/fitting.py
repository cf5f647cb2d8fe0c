"""Step models fitted to measured pulses: which model, which parameters, how sure, how noisy.

A curve is predicted as a whole, by the model's mean pulse again and again from a fitted start, and least squares
bring it to the reads. Models are ranked by AICc (Hurvich & Tsai, Biometrika 1989) on the curve's residuals,

    AICc = n ln(RMSE²) + 2k + 2k(k + 1)/(n − k − 1),

rather than by RMSE per parameter, since it weighs a parameter by what the data can tell. Residuals of neighbouring
reads are alike where pulses are noisy, so n is not the number N of reads but N (1 − r)/(1 + r), with r the best
model's correlation from read to read. The bounds count among the k parameters, fitted or taken from the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.curves import Curves, Solution, collect, solve
from neuroep.hardware.fit_noise import Noise, estimate
from neuroep.hardware.pulse_data import PulseData
from neuroep.hardware.step_families import FAMILIES, piecewise
from neuroep.hardware.steps import PiecewiseStep, StepModel

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
        Standard errors by name: those of the model's parameters, and g_min_siemens, g_max_siemens.
    rmse : float
        Root mean square residual of the curves, as a share of the measured range.
    r_squared : float
        Share of the reads' variance that the curves explain.
    aicc : float
        Corrected Akaike criterion; only differences between models mean something.
    free : int
        Number of parameters, bounds included.
    noise : Noise
        From the residuals of single steps.
    curves : tuple of ndarray
        The fitted curve of each trace of the data, in siemens.
    step_spread, bounds_spread : float or None
        Standard deviations from device to device: of dw_min relative to it, and of the bounds relative to half
        the range; None with fewer than two devices. What the fits' own errors would give is taken off.
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
    noise: Noise
    curves: tuple[NDArray[np.float64], ...]
    step_spread: float | None = None
    bounds_spread: float | None = None

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


def fit(
    data: PulseData,
    models: Sequence[str] = MODELS,
    frame: tuple[float, float] = (-1.0, 1.0),
    nodes: int = NODES,
) -> tuple[Fit, ...]:
    """Fit step models to measured pulses, the best one first.

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
    tuple of Fit
        By AICc, the least first; of models within 2 of the least, the one with the fewest parameters leads.

    Raises
    ------
    BadInput
        If a name or the frame can't be used, or the data are too few for a model.
    """
    for name in models:
        if name not in MODELS:
            raise UnknownName("step model", name, MODELS, "models")
    if not (frame[0] < 0.0 < frame[1] and np.isfinite(frame).all()):
        raise BadInput(f"the frame {frame}", "frame", "w_min < 0 < w_max")
    if nodes < 3:
        raise BadInput(f"{nodes} nodes", "nodes", "3 or more")
    curves = collect(data)
    found = [_one(name, curves, frame, nodes) for name in dict.fromkeys(models)]
    count = _independent(curves, min(found, key=lambda one: one[1].rmse)[1], max(one[0].free for one in found))
    ranked = _order([_ranked(one, count) for one, _ in found])
    return tuple(_with_spread(one, data, frame, nodes) for one in ranked)


def _one(name: str, curves: Curves, frame: tuple[float, float], nodes: int) -> tuple[Fit, Solution]:
    if name == "piecewise":
        solution = curves.follow(piecewise(curves.steps(), frame, nodes))
        free = 2 * nodes + 2
    else:
        solution = solve(FAMILIES[name], curves, frame)
        free = FAMILIES[name].size + (0 if FAMILIES[name].bounds else 2)
    noise = estimate(solution.model, curves.weights(solution), curves.directions)
    errors = solution.errors(curves, noise)
    model = replace(solution.model, cycle_noise=noise.cycle, additive=noise.additive, write_noise=noise.read)
    low, high = (curves.siemens_at(end) for end in solution.ends)
    reads = curves.positions[curves.read]
    variance = float(np.var(reads))
    r_squared = 1.0 - (2.0 * solution.rmse) ** 2 / variance
    drawn = curves.split(curves.siemens_at(solution.positions))
    made = Fit(name, model, float(low), float(high), errors, solution.rmse, r_squared, np.nan, free, noise, drawn)
    return made, solution


def _independent(curves: Curves, best: Solution, free: int) -> float:
    """Number of independent residuals of the best model, and enough for the criterion to exist."""
    residual = np.where(curves.read, best.positions - curves.positions, np.nan)
    products = residual[:-1] * residual[1:]
    pairs = np.isfinite(products)
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
    """By AICc; but those within ALIKE of the least are as good, and the one with the fewest parameters leads."""
    least = min(one.aicc for one in found)

    def place(one: Fit) -> tuple[float, int, int]:
        return (0.0, one.free, MODELS.index(one.name)) if one.aicc <= least + ALIKE else (1.0 + one.aicc - least, 0, 0)

    return sorted(found, key=place)


def _with_spread(one: Fit, data: PulseData, frame: tuple[float, float], nodes: int) -> Fit:
    """Fit each device alone, and tell how much they differ."""
    if len(data.devices) < 2:
        return one
    alone = [_one(one.name, collect(data.of(device)), frame, nodes)[0] for device in data.devices]
    range_siemens = one.g_max_siemens - one.g_min_siemens
    # a step in siemens: each device's weights are in units of its own range
    steps = np.asarray([_step_siemens(each) for each in alone])
    errors = np.asarray([each.errors.get("dw_min", 0.0) / float(each.model.dw_min) for each in alone])
    step = _excess(steps / steps.mean(), errors)
    ends = []
    for key in ("g_min_siemens", "g_max_siemens"):
        values, sure = ([getattr(each, key) for each in alone], [each.errors.get(key, 0.0) for each in alone])
        ends.append(_excess(np.asarray(values) / (range_siemens / 2.0), np.asarray(sure) / (range_siemens / 2.0)))
    return replace(one, step_spread=step, bounds_spread=float(np.sqrt(np.mean(np.square(ends)))))


def _step_siemens(one: Fit) -> float:
    range_siemens = one.g_max_siemens - one.g_min_siemens
    table = 1.0
    if isinstance(one.model, PiecewiseStep):
        table = float(np.mean([one.model.up, one.model.down]))
    return float(one.model.dw_min) * table * range_siemens / float(one.model.w_max - one.model.w_min)


def _excess(values: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(max(float(np.var(values, ddof=1)) - float(np.mean(errors**2)), 0.0)))
