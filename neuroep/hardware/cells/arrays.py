"""Arrays of real devices: one step model, spread from device to device, some of them stuck.

How spreads are drawn is what aihwkit does (rpu_pulsed_device.cpp, rpu_linearstep_device.cpp), ξ ~ N(0, 1) for each
device: bounds w (1 + σξ); steps dw_min (g ± r), with a gain g = 1 + σξ or e^(σξ) and an asymmetry r = σξ of opposite
sign up and down; γ + σξ. A step that comes out negative is taken positive, and bounds are put on their side of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.hardware.cells.law import Column, Law, LawCode
from neuroep.hardware.cells.steps import ExpStep, LinearStep, Parameter, PiecewiseStep, PowStep, SoftBounds, StepModel
from neuroep.hardware.programming import check_range
from neuroep.weights import FloatArray

BISECTIONS = 40  # of a range, to find a symmetry point: to rounding in float64


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Standard deviations from device to device.

    Attributes
    ----------
    step : float
        Of the gain of dw_min; of its logarithm if `log_normal`.
    log_normal : bool
        Whether gains are log-normal with median 1, instead of normal with mean 1.
    low, high : float
        Of the bounds, relative.
    asymmetry : float
        Of what steps up gain and steps down lose, in units of dw_min.
    slope : float
        Of γ of linear steps, and of the exponent of power steps.
    reference : float
        Of the references that devices are read against, in units of the weight.
    """

    step: float = 0.0
    log_normal: bool = False
    low: float = 0.0
    high: float = 0.0
    asymmetry: float = 0.0
    slope: float = 0.0
    reference: float = 0.0

    def __post_init__(self) -> None:
        settle(self, "spread.")
        for field in fields(self):
            if field.name != "log_normal":
                check_range(getattr(self, field.name), 0.0, 100.0, f"spread.{field.name}")


def law_of(model: StepModel, dtype: DTypeLike) -> Law:
    """Return a step model as kernels take it, its numbers in the given type."""
    code: LawCode = LawCode.LINEAR
    shape: Sequence[Parameter] | FloatArray = ()
    if isinstance(model, ExpStep):
        code = LawCode.EXPONENTIAL
        shape = model.a_up, model.a_down, model.gamma_up, model.gamma_down, model.slope, model.offset
    elif isinstance(model, PowStep):
        code = LawCode.POWER
    elif isinstance(model, PiecewiseStep):
        code, shape = LawCode.PIECEWISE, _tables(model)
    real: Any = np.dtype(dtype).type
    numbers = (real(n) for n in (model.noise_floor, model.noise_slope, model.write_noise))
    return Law(int(code), np.asarray(shape, dtype), real(model.cycle_noise), model.additive, *numbers)


def _tables(model: PiecewiseStep) -> FloatArray:
    """Both tables on one grid, fine enough for either."""
    grid = np.linspace(0.0, 1.0, max(len(model.up), len(model.down)))
    on_grid = [np.interp(grid, np.linspace(0.0, 1.0, len(t)), t) for t in (model.up, model.down)]
    return np.concatenate(on_grid)


def draw_devices(
    model: StepModel,
    spread: Spread,
    count: int,
    dtype: DTypeLike,
    rng: np.random.Generator,
    stuck_share: float = 0.0,
    stuck_range: float = np.inf,
) -> FloatArray:
    """Draw fresh devices at weight 0, or at the bound nearest to it.

    Parameters
    ----------
    model : StepModel
        The nominal device; its parameters are single numbers.
    spread : Spread
        From device to device.
    count : int
        How many.
    dtype : dtype
        Of the result.
    rng : numpy.random.Generator
        Of everything drawn.
    stuck_share : float
        Share of devices that never move, at a weight uniform between their bounds.
    stuck_range : float
        Largest magnitude of that weight.

    Returns
    -------
    ndarray, shape (count, 8)
        In the order of :class:`~neuroep.hardware.cells.law.Column`.
    """
    _check_single(model)
    devices = np.zeros((count, len(Column)))
    low, high = _bounds(model, spread, count, rng)
    devices[:, Column.LOW], devices[:, Column.HIGH] = low, high
    up, down = _steps(model, spread, count, rng)
    devices[:, Column.UP], devices[:, Column.DOWN] = up, down
    devices[:, Column.SLOPE_UP], devices[:, Column.SLOPE_DOWN] = _slopes(model, spread, low, high, rng)
    devices[:, Column.VALUE] = np.clip(0.0, low, high)
    if stuck_share > 0.0:
        stuck = rng.random(count) < stuck_share
        reach = np.maximum(low[stuck], -stuck_range), np.minimum(high[stuck], stuck_range)
        devices[stuck, Column.VALUE] = rng.uniform(*reach)
        devices[stuck, Column.UP] = devices[stuck, Column.DOWN] = 0.0
    return devices.astype(dtype)


def _check_single(model: StepModel) -> None:
    for field in fields(model):
        if isinstance(getattr(model, field.name), np.ndarray):
            raise BadInput("an array", f"{type(model).__name__}.{field.name}", "one number: the spread is drawn")


def _varied(value: float, spread: float, count: int, rng: np.random.Generator) -> FloatArray:
    varied: FloatArray = value * (1.0 + spread * rng.standard_normal(count)) if spread else np.full(count, value)
    return varied


def _bounds(
    model: StepModel, spread: Spread, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    nominal_low, nominal_high = (float(np.asarray(b)) for b in (model.w_min, model.w_max))
    high = np.abs(_varied(nominal_high, spread.high, count, rng))
    low = _varied(nominal_low, spread.low, count, rng)
    low = -np.abs(low) if nominal_low <= 0.0 else np.minimum(low, high)
    return low, high


def _steps(
    model: StepModel, spread: Spread, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    beta, size = float(np.asarray(model.up_down)), float(np.asarray(model.dw_min))
    drawn = spread.step * rng.standard_normal(count) if spread.step else np.zeros(count)
    gain = np.exp(drawn) if spread.log_normal else 1.0 + drawn
    lean = spread.asymmetry * rng.standard_normal(count) if spread.asymmetry else 0.0
    return np.abs(size * (gain + min(beta, 0.0) + lean)), np.abs(size * (gain - max(beta, 0.0) - lean))


def _slopes(
    model: StepModel, spread: Spread, low: FloatArray, high: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray | float, FloatArray | float]:
    """Columns SLOPE_UP and SLOPE_DOWN. Linear steps vanish at the mean bound, soft bounds at the device's own."""
    if isinstance(model, SoftBounds):
        return 1.0 / high, 1.0 / low
    if not isinstance(model, LinearStep | PowStep):
        return 0.0, 0.0
    up, down = (_gamma(float(np.asarray(g)), spread, len(low), rng) for g in (model.gamma_up, model.gamma_down))
    if isinstance(model, PowStep):
        return up, down
    return up / float(np.asarray(model.w_max)), down / float(np.asarray(model.w_min))


def _gamma(value: float, spread: Spread, count: int, rng: np.random.Generator) -> FloatArray | float:
    return np.abs(value + spread.slope * rng.standard_normal(count)) if spread.slope else value


def mean_steps(devices: FloatArray, law: Law) -> tuple[FloatArray, FloatArray]:
    """Return each device's noiseless step up and step down where it is, both as positive numbers, before clipping."""
    w, low, high = (devices[:, c].astype(np.float64) for c in (Column.VALUE, Column.LOW, Column.HIGH))
    ys = []
    for up, slope in ((True, devices[:, Column.SLOPE_UP]), (False, devices[:, Column.SLOPE_DOWN])):
        ys.append(_relative(w, up, low, high, slope.astype(np.float64), law))
    return devices[:, Column.UP] * ys[0], devices[:, Column.DOWN] * ys[1]


def _relative(w: FloatArray, up: bool, low: FloatArray, high: FloatArray, slope: FloatArray, law: Law) -> FloatArray:
    """y₊ or y₋, as `pulse_kernels.pulse`."""
    relative: FloatArray
    if law.code == LawCode.LINEAR:
        relative = 1.0 - slope * w
    elif law.code == LawCode.EXPONENTIAL:
        z = law.shape[4] * 2.0 * w / (high - low) + law.shape[5]
        grown = law.shape[0] * np.exp(law.shape[2] * z) if up else law.shape[1] * np.exp(-law.shape[3] * z)
        relative = np.maximum(1.0 - grown, 0.0)
    elif law.code == LawCode.POWER:
        relative = (np.maximum(high - w if up else w - low, 0.0) / (high - low)) ** slope
    else:
        half = len(law.shape) // 2
        table = law.shape[:half] if up else law.shape[half:]
        relative = np.interp((w - low) / (high - low), np.linspace(0.0, 1.0, half), table)
    return relative


def symmetry_points(devices: FloatArray, law: Law) -> FloatArray:
    """Return where each device's steps up and down are equal, by bisection; a bound where one is larger everywhere.

    Alternating pulses lead a device there; stuck devices are where they are. Steps up shrink and steps down grow with
    the weight in every model.
    """
    low, high = devices[:, Column.LOW].astype(np.float64), devices[:, Column.HIGH].astype(np.float64)
    probe = devices.astype(np.float64)
    for _ in range(BISECTIONS):
        probe[:, Column.VALUE] = 0.5 * (low + high)
        up, down = mean_steps(probe, law)
        middle = probe[:, Column.VALUE]
        low, high = np.where(up >= down, middle, low), np.where(up <= down, middle, high)
    stuck = devices[:, Column.UP] == 0.0
    points: FloatArray = np.where(stuck, devices[:, Column.VALUE], 0.5 * (low + high)).astype(devices.dtype)
    return points


def nominal_step(model: StepModel, at: float) -> float:
    """Return the mean of the nominal device's steps up and down at a weight: what one pulse is taken for."""
    return 0.5 * float(model.step(at, 1) - model.step(at, -1))


def check_pulses(model: StepModel, nominal: Callable[[], float], where: str) -> None:
    """Refuse cells whose pulses can't be counted on: a step that is no number, or nothing where weights stand.

    Parameters
    ----------
    model : StepModel
        The cell.
    nominal : callable
        Returns what one pulse is taken for; called once the steps are known to be finite numbers of one device.
    where : str
        The cell's name in errors.
    """
    low, high = (float(np.min(bound)) for bound in (model.w_min, model.w_max))
    weights = np.linspace(low, high, 65)[:, None]
    with np.errstate(all="ignore"):
        steps = [model.step(weights, direction) for direction in (1, -1)]
        if not np.isfinite(steps).all():
            raise BadInput("a step that isn't finite", where, "finite steps over w_min to w_max")
        step = nominal() if np.size(steps[0][0]) == 1 else 1.0  # a cell of several devices can't be mounted
    if not step > 0.0:
        raise BadInput(f"a pulse moves a weight of 0 by {step:g}", where, "parameters that give a step there")
