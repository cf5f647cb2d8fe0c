"""The step models as families of curves: which numbers are free, in which box, and where a search starts.

A search runs over θ = (ln s₊, ln s₋, shape …, and for models whose steps vanish at a bound the bounds). The shape is

    constant      –
    soft-bounds   –, and bounds
    linear        γ₊, γ₋
    pow           γ₊, γ₋, and bounds
    exp           A₊, A₋, γ₊, γ₋, with slope a = 1 and offset b = 0

ExpStep's slope and offset only rescale γ and A, so no curve can tell them apart. Positions x put the measured range
at [−1, 1]; weights w put the model's range at the frame (w_min, w_max). Every θ in the boxes is a device that a profile
can state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.steps import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    SoftBounds,
    StepModel,
)

Floats = NDArray[np.float64]
FARTHEST = 2.0
"""How far a bound may lie, in positions: half the measured range beyond it. Farther out it would be a guess."""


class Steps(NamedTuple):
    """Single steps as they were read: positions before (n,), |change| a pulse (n,), directions (n,)."""

    before: Floats
    size: Floats
    direction: NDArray[np.int64]

    def along(self, sign: int) -> tuple[Floats, Floats]:
        """Return positions and sizes of one direction, sizes positive the way of the pulse."""
        chosen = self.direction == sign
        return self.before[chosen], self.size[chosen]

    def some(self, sign: int) -> tuple[Floats, Floats]:
        """Return the same; of a device that wasn't pulsed that way, those of the other way."""
        return self.along(sign if (self.direction == sign).any() else -sign)


class Family(NamedTuple):
    """One model: its class, the names and boxes of its shape, and whether its bounds are fitted."""

    name: str
    kind: type[StepModel]
    shape: tuple[str, ...] = ()
    box: tuple[tuple[float, float], ...] = ()
    bounds: bool = False

    @property
    def size(self) -> int:
        """Length of θ."""
        return 2 + len(self.shape) + 2 * self.bounds

    def limits(self, zero: float = -FARTHEST) -> tuple[Floats, Floats]:
        """Return the lowest and the highest θ; no bound lies below `zero`, the position of no conductance."""
        box = [(-20.0, 5.0)] * 2 + list(self.box)
        box += [(max(zero, -FARTHEST), -0.5), (0.5, FARTHEST)] if self.bounds else []
        return np.asarray([low for low, _ in box]), np.asarray([high for _, high in box])

    def build(self, theta: Floats, frame: tuple[float, float]) -> StepModel:
        """Return the model of θ, shape (..., size): its parameters have the shape (...)."""
        up, down = np.exp(theta[..., 0]), np.exp(theta[..., 1])
        larger = np.maximum(up, down)
        shape: dict[str, Any] = {name: theta[..., 2 + k] for k, name in enumerate(self.shape)}
        if self.kind is ExpStep:
            shape |= {"slope": 1.0, "offset": 0.0}
        # β of the one-sided rule: s₋ = s₊(1 − β) where up steps are larger, s₊ = s₋(1 + β) where down steps are
        asymmetry = (up - down) / larger
        return self.kind(dw_min=larger, w_min=frame[0], w_max=frame[1], up_down=asymmetry, **shape)

    def ends(self, theta: Floats) -> tuple[Any, Any]:
        """Return the positions of the model's bounds."""
        return (theta[..., -2], theta[..., -1]) if self.bounds else (-1.0, 1.0)

    def guess(self, steps: Steps, frame: tuple[float, float], zero: float) -> Floats:
        """Return a θ to start from, by regression of single steps on the position, each direction alone."""
        sides = [_SIDES[self.name](*steps.some(sign), sign, frame) for sign in (1, -1)]
        scales = [np.log(max(side[0], 1e-9)) for side in sides]
        shape = [side[k] for k in range(1, 1 + len(self.shape) // 2) for side in sides]
        ends = [sides[1][-1], sides[0][-1]] if self.bounds else []
        low, high = self.limits(zero)
        inside = 1e-3 * np.minimum(high - low, 1.0)
        return np.clip(np.asarray([*scales, *shape, *ends], dtype=np.float64), low + inside, high - inside)


FAMILIES = {
    family.name: family
    for family in (
        Family("constant", ConstantStep),
        Family("soft-bounds", SoftBounds, bounds=True),
        Family("linear", LinearStep, ("gamma_up", "gamma_down"), ((-20.0, 5.0),) * 2),
        Family("pow", PowStep, ("gamma_up", "gamma_down"), ((0.0, 20.0),) * 2, bounds=True),
        Family(
            "exp", ExpStep, ("a_up", "a_down", "gamma_up", "gamma_down"), ((-100.0, 100.0),) * 2 + ((-20.0, 20.0),) * 2
        ),
    )
}


def _half(frame: tuple[float, float]) -> float:
    return (frame[1] - frame[0]) / 2.0


def _line(x: Floats, size: Floats) -> tuple[float, float]:
    """Value at x = 0 and slope of the line through the sizes; no slope where x is the same all over."""
    centred = x - x.mean()
    square = float(centred @ centred)
    slope = float(centred @ size) / square if square > 0.0 else 0.0
    return float(size.mean()) - slope * float(x.mean()), slope


def _constant(x: Floats, size: Floats, sign: int, frame: tuple[float, float]) -> tuple[float, ...]:
    return (float(size.mean()) * _half(frame),)


def _linear(x: Floats, size: Floats, sign: int, frame: tuple[float, float]) -> tuple[float, ...]:
    value, slope = _line(x, size)
    middle, half, bound = (frame[0] + frame[1]) / 2.0, _half(frame), frame[1] if sign > 0 else frame[0]
    at_zero = value - slope * middle / half
    if at_zero <= 0.0:
        return float(size.mean()) * half, 0.0
    return at_zero * half, -slope / half * bound / at_zero


def _soft(x: Floats, size: Floats, sign: int, frame: tuple[float, float]) -> tuple[float, ...]:
    """The step is κ times the distance to the bound: κ is the same in positions and weights, and s = κ |bound|."""
    value, slope = _line(x, size)
    bound = abs(frame[1] if sign > 0 else frame[0])
    if slope * sign >= 0.0:
        return float(size.mean()) / _half(frame) * bound, sign * 1.5
    return -slope * sign * bound, -value / slope


def _pow(x: Floats, size: Floats, sign: int, frame: tuple[float, float]) -> tuple[float, ...]:
    ends = np.asarray([1.0, 1.05, 1.2, 1.5])[:, None, None]
    gammas = np.asarray([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0])[:, None]
    columns = (np.maximum(ends - sign * x, 0.0) / (1.0 + ends)) ** gammas
    squares = np.sum(columns**2, axis=-1)
    scales = columns @ size / np.where(squares > 0.0, squares, 1.0)
    errors = np.sum((size - scales[..., None] * columns) ** 2, axis=-1)
    k, m = np.unravel_index(int(np.argmin(errors)), errors.shape)
    end = float(ends[k, 0, 0])
    return float(scales[k, m]) * 2.0 / (1.0 + end) * _half(frame), float(gammas[m, 0]), sign * end


def _exp(x: Floats, size: Floats, sign: int, frame: tuple[float, float]) -> tuple[float, ...]:
    best = (np.inf, float(size.mean()), 0.0, 1.0)
    z = x + (frame[0] + frame[1]) / (frame[1] - frame[0])
    for gamma in (-8.0, -5.0, -3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0):
        grown = -np.exp(sign * gamma * z)
        value, slope = _line(grown, size)
        error = float(np.sum((size - value - slope * grown) ** 2))
        if value > 0.0:
            best = min(best, (error, value, slope / value, gamma))
    return best[1] * _half(frame), best[2], best[3]


_SIDES = {"constant": _constant, "soft-bounds": _soft, "linear": _linear, "pow": _pow, "exp": _exp}


def piecewise(steps: Steps, frame: tuple[float, float], nodes: int) -> PiecewiseStep:
    """Return the table of mean steps at evenly spaced positions: least squares over hat functions.

    A touch of smoothing on second differences fills nodes that no step came near.
    """
    place = np.linspace(-1.0, 1.0, nodes)
    bend = np.diff(np.eye(nodes), n=2, axis=0)
    tables = []
    for sign in (1, -1):
        x, size = steps.some(sign)
        hats = np.stack([np.interp(x, place, row) for row in np.eye(nodes)], axis=1)
        normal = hats.T @ hats
        smooth = 1e-7 * np.trace(normal) / nodes * (bend.T @ bend)
        table = np.linalg.lstsq(normal + smooth, hats.T @ size, rcond=None)[0]
        tables.append(np.maximum(table, 0.0) * _half(frame))
    mean = max(float(np.mean(tables)), 1e-12)
    up, down = (tuple((table / mean).tolist()) for table in tables)
    return PiecewiseStep(dw_min=mean, w_min=frame[0], w_max=frame[1], up=up, down=down)
