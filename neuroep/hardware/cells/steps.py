"""How far one pulse moves a device: the step models of pulsed analog memory.

A device's weight w lies in [w_min, w_max]. A pulse in direction d = ±1 changes it by

    Δw = d · s_d · y_d(w),    s₊ = Δw_min · (1 + min(β, 0)),    s₋ = Δw_min · (1 − max(β, 0)),

then clips it to the range. β (`up_down`) is the asymmetry: it shrinks the steps of one direction only, as the code of
aihwkit does (its documentation says 1 + dβ). The models differ in the relative size y_d:

    ConstantStep    y = 1
    LinearStep      y₊ = 1 − γ₊ w/w_max,    y₋ = 1 − γ₋ w/w_min
    SoftBounds      LinearStep with γ = 1, read as w − r against a reference r
    ExpStep         y_d = max(1 − A_d exp(d γ_d z), 0),    z = 2 a w/(w_max − w_min) + b
    PowStep         y₊ = ω^γ₊,    y₋ = (1 − ω)^γ₋,    ω = (w_max − w)/(w_max − w_min)
    PiecewiseStep   y_d interpolated in a table over the range

From pulse to pulse (cycle to cycle) y varies: to y (1 + σξ), or to y + σξ if `additive`, ξ ~ N(0, 1); or with a
standard deviation that grows with the weight. Write noise
leaves w alone and shows in what is read.

Equations: Rasch et al., AICAS 2021 (aihwkit); Fusi & Abbott, Nat. Neurosci. 2007 (PowStep). Weights are dimensionless.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.weights import FloatArray

Parameter = float | FloatArray
"""A number for all devices, or an array of one for each, which broadcasts against the weights."""


def _require(holds: bool | np.bool_ | NDArray[np.bool_], what: str, where: str, allowed: str) -> None:
    if not np.all(holds):
        raise BadInput(what, where, allowed)


@dataclass(frozen=True, kw_only=True, eq=False)
class StepModel(ABC):
    """What all step models share: range, size and asymmetry of the step, noise.

    Attributes
    ----------
    dw_min : float or ndarray
        Size of the step where y = 1, in units of the weight, > 0.
    w_min, w_max : float or ndarray
        Range of the weight, w_min < w_max.
    up_down : float or ndarray
        Asymmetry β, −1 to 1: positive shrinks steps down, negative steps up.
    cycle_noise : float
        Standard deviation σ of y from pulse to pulse, >= 0.
    additive : bool
        Whether σ is in units of dw_min instead of the step itself.
    noise_floor, noise_slope : float
        Noise that isn't additive has the standard deviation σ (|Δw| + floor + slope · |w|), both >= 0.
    write_noise : float
        Standard deviation of the apparent weight about the weight after a write, in units of the weight, >= 0.

    Raises
    ------
    BadInput
        If a value is out of range or not finite.
    """

    dw_min: Parameter
    w_min: Parameter
    w_max: Parameter
    up_down: Parameter = 0.0
    cycle_noise: float = 0.0
    additive: bool = False
    noise_floor: float = 0.0
    noise_slope: float = 0.0
    write_noise: float = 0.0

    def __post_init__(self) -> None:
        settle(self, f"{type(self).__name__}.")
        name = type(self).__name__
        _require(np.greater(self.dw_min, 0.0) & np.isfinite(self.dw_min), "no step", f"{name}.dw_min", "more than 0")
        finite = np.isfinite(self.w_min) & np.isfinite(self.w_max)
        _require(np.less(self.w_min, self.w_max) & finite, "an empty range", f"{name}.w_max", "more than w_min")
        _require(np.abs(self.up_down) <= 1.0, "out of range", f"{name}.up_down", "-1 to 1")
        for key in ("cycle_noise", "noise_floor", "noise_slope", "write_noise"):
            _require(0.0 <= getattr(self, key) < np.inf, "out of range", f"{name}.{key}", "0 or more")

    @property
    def bounds(self) -> tuple[Parameter, Parameter]:
        """Return the lowest and the highest weight that can be read without noise."""
        return self.w_min, self.w_max

    @property
    def scales(self) -> tuple[Parameter, Parameter]:
        """Return s₊ and s₋, the sizes of steps up and down where y = 1."""
        up = self.dw_min * (1.0 + np.minimum(self.up_down, 0.0))
        return up, self.dw_min * (1.0 - np.maximum(self.up_down, 0.0))

    def step(self, w: ArrayLike, direction: ArrayLike) -> FloatArray:
        """Return the mean change Δw by one pulse, before clipping to the range.

        Parameters
        ----------
        w : array_like
            Weights; float32 stays float32.
        direction : array_like
            1 for a pulse up, −1 for one down, 0 for none; broadcasts against `w`.
        """
        w, direction = _floats(w), np.asarray(direction)
        up, down = self.scales
        falling = np.where(direction < 0, -down * self._relative(w, False), 0.0)
        return np.where(direction > 0, up * self._relative(w, True), falling).astype(w.dtype, copy=False)

    def pulse(self, w: ArrayLike, direction: ArrayLike, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the weights after one pulse, clipped to the range.

        Parameters
        ----------
        w, direction : array_like
            As for :meth:`step`.
        rng : numpy.random.Generator, optional
            Draws the cycle noise; without it the pulse is the mean one.
        """
        w, direction = _floats(w), np.asarray(direction)
        change = self.step(w, direction)
        if rng is not None and self.cycle_noise > 0.0:
            rng = checks.randomness(rng)
            up, down = self.scales
            constant = np.where(direction > 0, up, down)
            size = constant if self.additive else np.abs(change) + self.noise_floor + self.noise_slope * np.abs(w)
            size = size * np.abs(direction)
            change = change + size * self.cycle_noise * rng.standard_normal(change.shape)
        moved: FloatArray = np.clip(w + change, *self.bounds)
        return moved.astype(w.dtype, copy=False)

    def curve(self, start: ArrayLike, up: int, down: int, rng: np.random.Generator | None = None) -> FloatArray:
        """Return the weights before and after each of `up` pulses up followed by `down` pulses down.

        Parameters
        ----------
        start : array_like, shape (...)
            Weights before the first pulse, of the shape that results: array parameters don't widen it.
        up, down : int
            Numbers of pulses, >= 0.
        rng : numpy.random.Generator, optional
            Draws the cycle noise.

        Returns
        -------
        ndarray, shape (1 + up + down, ...)

        Raises
        ------
        BadInput
            If a number of pulses is negative.
        """
        up, down = (checks.count(pulses, "pulses", 0) for pulses in (up, down))
        first = _floats(start)
        _require(np.isfinite(first), "not a number", "start", "finite weights")
        weights = np.empty((1 + up + down, *first.shape), dtype=first.dtype)
        weights[0] = first
        for k in range(up + down):
            weights[k + 1] = self.pulse(weights[k], 1 if k < up else -1, rng)
        return weights

    def apparent(self, w: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Return what is read of weights just written: w + write noise, not clipped. Pulses act on w itself."""
        w = _floats(w)
        seen: FloatArray = w + self.write_noise * rng.standard_normal(w.shape)
        return seen.astype(w.dtype, copy=False)

    @abstractmethod
    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        """Relative size y₊ (`up`) or y₋ of the step at w."""


def _floats(values: ArrayLike) -> FloatArray:
    return checks.reals(values, "weights")


class ConstantStep(StepModel):
    """Steps of one size everywhere: y = 1."""

    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        return np.ones_like(w)


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearStep(StepModel):
    """Steps that shrink linearly towards the bound they lead to: y₊ = 1 − γ₊ w/w_max, y₋ = 1 − γ₋ w/w_min.

    Attributes
    ----------
    gamma_up, gamma_down : float or ndarray
        By which part a step at the bound is smaller than at w = 0; 1 gives soft bounds. w_min < 0 < w_max.
    """

    gamma_up: Parameter = 0.0
    gamma_down: Parameter = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_around_zero(self)
        for key in ("gamma_up", "gamma_down"):
            _require(np.isfinite(getattr(self, key)), "not a number", f"LinearStep.{key}", "finite numbers")

    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        gamma, bound = (self.gamma_up, self.w_max) if up else (self.gamma_down, self.w_min)
        relative: FloatArray = 1.0 - gamma / bound * w
        return relative


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftBounds(StepModel):
    """Steps that vanish at the bound they lead to, of a device read against a fixed reference.

    The weight is the difference w = h − r, with h in [w_min, w_max] the device and r its reference, so
    y₊ = 1 − (w + r)/w_max and y₋ = 1 − (w + r)/w_min, and w lies in [w_min − r, w_max − r].

    Attributes
    ----------
    reference : float or ndarray
        r, 0 for none. w_min < 0 < w_max.
    """

    reference: Parameter = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_around_zero(self)
        _require(np.isfinite(self.reference), "not a number", "SoftBounds.reference", "finite numbers")

    @property
    def bounds(self) -> tuple[Parameter, Parameter]:
        """Return the bounds less the reference."""
        return self.w_min - self.reference, self.w_max - self.reference

    @property
    def symmetry_point(self) -> Parameter:
        """Return the h at which steps up and down are equal: (s₊ − s₋)/(s₊/w_max − s₋/w_min)."""
        up, down = self.scales
        return (up - down) / (up / self.w_max - down / self.w_min)

    def centred(self) -> Self:
        """Return the device read against its symmetry point: alternating pulses then lead to w = 0."""
        return replace(self, reference=self.symmetry_point)

    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        relative: FloatArray = 1.0 - (w + self.reference) / (self.w_max if up else self.w_min)
        return relative


@dataclass(frozen=True, kw_only=True, eq=False)
class ExpStep(StepModel):
    """Steps with an exponential dependence: y_d = max(1 − A_d exp(d γ_d z), 0), z = 2 a w/(w_max − w_min) + b.

    Attributes
    ----------
    a_up, a_down : float or ndarray
        Amplitudes A₊ and A₋; negative ones make steps larger than dw_min.
    gamma_up, gamma_down : float or ndarray
        Exponents γ₊ and γ₋.
    slope, offset : float or ndarray
        a and b of z.
    """

    a_up: Parameter
    a_down: Parameter
    gamma_up: Parameter
    gamma_down: Parameter
    slope: Parameter
    offset: Parameter

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("a_up", "a_down", "gamma_up", "gamma_down", "slope", "offset"):
            _require(np.isfinite(getattr(self, key)), "not a number", f"ExpStep.{key}", "finite numbers")

    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        z = 2.0 * self.slope / (self.w_max - self.w_min) * w + self.offset
        exponential = self.a_up * np.exp(self.gamma_up * z) if up else self.a_down * np.exp(-self.gamma_down * z)
        relative: FloatArray = np.maximum(1.0 - exponential, 0.0)
        return relative


@dataclass(frozen=True, kw_only=True, eq=False)
class PowStep(StepModel):
    """Steps that go with a power of the distance to the bound they lead to: y₊ = ω^γ₊, y₋ = (1 − ω)^γ₋.

    Attributes
    ----------
    gamma_up, gamma_down : float or ndarray
        Exponents, >= 0: 0 gives constant steps, 1 soft bounds.
    """

    gamma_up: Parameter
    gamma_down: Parameter

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("gamma_up", "gamma_down"):
            value = getattr(self, key)
            _require(np.isfinite(value) & np.greater_equal(value, 0.0), "out of range", f"PowStep.{key}", "0 or more")

    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        distance = (self.w_max - w) if up else (w - self.w_min)
        # rounding may leave a weight just outside the range, where a power isn't defined
        omega = np.maximum(distance / (self.w_max - self.w_min), 0.0)
        relative: FloatArray = omega ** (self.gamma_up if up else self.gamma_down)
        return relative


@dataclass(frozen=True, kw_only=True, eq=False)
class PiecewiseStep(StepModel):
    """Steps from a measured table, interpolated linearly.

    Attributes
    ----------
    up, down : tuple of float
        y₊ and y₋ at evenly spaced weights from w_min to w_max, at least two and finite.
    """

    up: tuple[float, ...]
    down: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, table in (("up", self.up), ("down", self.down)):
            right = len(table) > 1 and bool(np.isfinite(table).all())
            _require(right, "not a table", f"PiecewiseStep.{key}", "at least two finite numbers")

    def _relative(self, w: FloatArray, up: bool) -> FloatArray:
        table = self.up if up else self.down
        place = (w - self.w_min) / (self.w_max - self.w_min)
        relative: FloatArray = np.interp(place, np.linspace(0.0, 1.0, len(table)), table)
        return relative


def _require_around_zero(model: StepModel) -> None:
    around = np.less(model.w_min, 0.0) & np.greater(model.w_max, 0.0)
    _require(around, "a range without 0 inside", f"{type(model).__name__}.w_min", "w_min < 0 < w_max")
