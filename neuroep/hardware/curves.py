"""Traces side by side as arrays, and the search for the step model whose curves come nearest to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.fit_noise import Noise, covariance
from neuroep.hardware.pulse_data import PulseData
from neuroep.hardware.step_families import Family, Floats, Steps
from neuroep.hardware.steps import StepModel

WIDTH = 1e-5
"""Half the width of a central difference, relative to a parameter of size 1: error 1e-10, rounding 1e-11."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Traces as columns, in positions: the measured range is [−1, 1].

    Attributes
    ----------
    positions : ndarray, shape (1 + K, T)
        0 where there was no read.
    read : ndarray of bool, shape (1 + K, T)
    directions : ndarray of int, shape (K, T)
        0 after a trace's end.
    lengths : tuple of int
        Pulses of each trace.
    low, high : float
        The range in siemens.
    """

    positions: Floats
    read: NDArray[np.bool_]
    directions: NDArray[np.int64]
    lengths: tuple[int, ...]
    low: float
    high: float

    @property
    def zero(self) -> float:
        """Position of no conductance."""
        return -1.0 - 2.0 * self.low / (self.high - self.low)

    def siemens_at(self, position: Any) -> Any:
        """Return conductances."""
        return self.low + (position + 1.0) / 2.0 * (self.high - self.low)

    def split(self, values: Floats) -> tuple[Floats, ...]:
        """Return the columns without what lies behind a trace's end."""
        return tuple(values[: 1 + length, k] for k, length in enumerate(self.lengths))

    def steps(self) -> Steps:
        """Return single steps: from read to read, without those that a bound has cut short."""
        before, size, direction = [], [], []
        for k, length in enumerate(self.lengths):
            at = np.flatnonzero(self.read[: 1 + length, k])
            x, sign = self.positions[at, k], self.directions[at[:-1], k]
            gap = np.diff(at)
            change = np.diff(x) * sign / gap
            cut = x[1:] * sign >= 1.0 - 1e-9
            before.append((x[:-1] + (gap > 1) * np.diff(x) / 2.0)[~cut])  # over a gap, the mean step is the middle's
            size.append(change[~cut])
            direction.append(sign[~cut])
        return Steps(np.concatenate(before), np.concatenate(size), np.concatenate(direction))

    def weights(self, solution: Solution) -> Floats:
        """Return the reads as weights of a model; NaN where there was none."""
        return np.where(self.read, _weights(self.positions, solution.model, solution.ends), np.nan)

    def follow(self, model: StepModel) -> Solution:
        """Return what a model without free parameters predicts from where the traces start."""
        path = _path(model, (-1.0, 1.0), self.positions[0], self.directions)
        return Solution(model, (-1.0, 1.0), path, self.rmse(path), None, np.empty(0), (0.0, 0.0))

    def rmse(self, path: Floats) -> float:
        """Return the root mean square residual as a share of the range."""
        return float(np.sqrt(np.mean((path - self.positions)[self.read] ** 2))) / 2.0


class Solution(NamedTuple):
    """A model with its curves: positions of its bounds, predicted positions (1 + K, T), and the θ it came from."""

    model: StepModel
    ends: tuple[float, float]
    positions: Floats
    rmse: float
    family: Family | None
    theta: Floats
    frame: tuple[float, float]

    def errors(self, curves: Curves, noise: Noise) -> dict[str, float]:
        """Return standard errors by name; a range taken from the data has that of a read."""
        unit = (curves.high - curves.low) / 2.0
        per_weight = (self.ends[1] - self.ends[0]) / float(self.model.w_max - self.model.w_min)
        plain = dict.fromkeys(("g_min_siemens", "g_max_siemens"), noise.read * per_weight * unit)
        if self.family is None:
            return plain
        size = self.family.size
        jacobian = _jacobian(self.family, self.theta, curves, self.frame) * curves.read[..., None] / per_weight
        weights = _weights(self.positions, self.model, self.ends)
        spread = covariance(jacobian, self.model, weights, curves.directions, noise)[:size, :size]
        slopes = np.asarray([_numbers(self.family, row, self.frame) for row in _around(self.theta[:size])])
        gradient = (slopes[::2] - slopes[1::2]) / (2.0 * WIDTH)
        variances = np.einsum("pn,pq,qn->n", gradient, spread, gradient)
        found = dict(zip(_names(self.family), np.sqrt(np.maximum(variances, 0.0)).tolist(), strict=True))
        return plain | {key: value * unit if "siemens" in key else value for key, value in found.items()}


def collect(data: PulseData) -> Curves:
    """Return the traces of a measurement as arrays; the range is the mean of the devices' own."""
    lengths = tuple(len(trace.directions) for trace in data.traces)
    shape = (1 + max(lengths), len(lengths))
    siemens = np.full(shape, np.nan)
    directions = np.zeros((shape[0] - 1, shape[1]), dtype=np.int64)
    for k, trace in enumerate(data.traces):
        siemens[: 1 + lengths[k], k] = trace.siemens
        directions[: lengths[k], k] = trace.directions
    own = [
        np.concatenate([trace.siemens for trace in data.traces if trace.device == device]) for device in data.devices
    ]
    low, high = (float(np.mean([end(reads) for reads in own])) for end in (np.nanmin, np.nanmax))
    read = np.isfinite(siemens)
    positions = np.where(read, 2.0 * (siemens - low) / (high - low) - 1.0, 0.0)
    return Curves(positions, read, directions, lengths, low, high)


def solve(family: Family, curves: Curves, frame: tuple[float, float]) -> Solution:
    """Return the member of a family whose curves come nearest to the reads (least squares)."""
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    theta = np.concatenate([family.guess(curves.steps(), frame, curves.zero), curves.positions[0]])
    low, high = family.limits(curves.zero)
    wide = np.full(len(curves.lengths), 5.0)
    found = least_squares(
        lambda at: (_predict(family, at, curves, frame) - curves.positions)[curves.read],
        theta,
        lambda at: _jacobian(family, at, curves, frame)[curves.read],
        (np.concatenate([low, -wide]), np.concatenate([high, wide])),
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-13,
        gtol=1e-13,
        max_nfev=150,
    )
    path = _predict(family, found.x, curves, frame)
    model = family.build(found.x[: family.size], frame)
    low_end, high_end = family.ends(found.x[: family.size])
    return Solution(model, (float(low_end), float(high_end)), path, curves.rmse(path), family, found.x, frame)


def _weights(positions: Any, model: StepModel, ends: tuple[Any, Any]) -> Any:
    return model.w_min + (positions - ends[0]) / (ends[1] - ends[0]) * (model.w_max - model.w_min)


def _path(model: StepModel, ends: tuple[Any, Any], start: Floats, directions: NDArray[np.int64]) -> Floats:
    """Positions before and after each mean pulse; θ of shape (B, 1) widens a start of shape (T,) or (B, T)."""
    w = np.asarray(_weights(start, model, ends), dtype=np.float64)
    path = np.empty((1 + len(directions), *w.shape))
    path[0] = w
    for k, direction in enumerate(directions):
        path[k + 1] = model.pulse(path[k], direction)
    positions: Floats = ends[0] + (path - model.w_min) / (model.w_max - model.w_min) * (ends[1] - ends[0])
    return positions


def _predict(family: Family, theta: Floats, curves: Curves, frame: tuple[float, float]) -> Floats:
    head = theta[: family.size]
    return _path(family.build(head, frame), family.ends(head), theta[family.size :], curves.directions)


def _around(head: Floats) -> Floats:
    """Each parameter a little larger, then a little smaller."""
    moves = WIDTH * np.eye(len(head))
    return np.stack([head + moves, head - moves], axis=1).reshape(-1, len(head))


def _jacobian(family: Family, theta: Floats, curves: Curves, frame: tuple[float, float]) -> Floats:
    """∂position/∂θ, shape (1 + K, T, P + T), by central differences, all in one pass over the pulses.

    Starts move all at once: each moves its own trace only. At the edge of the box differences are one-sided.
    """
    size, traces = family.size, len(curves.lengths)
    low, high = family.limits(curves.zero)
    rows = np.clip(_around(theta[:size]), low, high)
    heads = np.concatenate([rows, theta[None, :size], theta[None, :size]])
    starts = np.repeat(theta[None, size:], len(heads), axis=0)
    starts[-2] += WIDTH
    starts[-1] -= WIDTH
    wide = heads[:, None, :]
    path = _path(family.build(wide, frame), family.ends(wide), starts, curves.directions)
    widths = np.append((rows[::2] - rows[1::2]).max(axis=1), 2.0 * WIDTH)
    slopes = (path[:, ::2] - path[:, 1::2]) / widths[:, None]
    jacobian = np.zeros((len(path), traces, size + traces))
    jacobian[:, :, :size] = np.moveaxis(slopes[:, :size], 1, 2)
    own = np.arange(traces)
    jacobian[:, own, size + own] = slopes[:, size]
    return jacobian


def _names(family: Family) -> tuple[str, ...]:
    ends = ("g_min_siemens", "g_max_siemens") if family.bounds else ()
    return ("dw_min", "up_down", *family.shape, *ends)


def _numbers(family: Family, head: Floats, frame: tuple[float, float]) -> list[float]:
    """The numbers that a model and its range have, as a function of θ; bounds in positions."""
    low, high = family.limits()
    head = np.clip(head, low, high)
    model = family.build(head, frame)
    shape = [float(getattr(model, name)) for name in ("dw_min", "up_down", *family.shape)]
    return shape + ([float(head[-2]), float(head[-1])] if family.bounds else [])
