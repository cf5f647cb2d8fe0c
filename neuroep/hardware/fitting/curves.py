"""Traces as flat arrays, a step model's curves through them, and how sure its parameters are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.law import LawCode
from neuroep.hardware.cells.steps import ExpStep, LinearStep, PiecewiseStep, PowStep, SoftBounds, StepModel
from neuroep.hardware.fitting.curve_kernels import HEAD, follow
from neuroep.hardware.fitting.pulse_data import PulseData, Trace
from neuroep.hardware.fitting.step_families import Family, Floats, Steps

Whole = NDArray[np.int64]
WIDTH = 1e-5
"""Half the width of a central difference, relative to a parameter of size 1: error 1e-10, rounding 1e-11."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Traces one after the other, in positions: the measured range is [−1, 1].

    A state is where a trace's pulses have led: its start, and after each pulse.

    Attributes
    ----------
    positions : ndarray, shape (S,)
        Of all states; 0 where there was no read.
    counts : ndarray of int, shape (S,)
        How often a state was read.
    directions : ndarray of int, shape (S,)
        Of the pulse that led to a state; 0 at a trace's start.
    offsets : ndarray of int, shape (T + 1,)
        Where the traces begin.
    low, high : float
        The range in siemens.
    repeats : (float, int)
        Variance of repeated reads of one state, in positions², and its degrees of freedom.
    """

    positions: Floats
    counts: Whole
    directions: Whole
    offsets: Whole
    low: float
    high: float
    repeats: tuple[float, int]

    @property
    def read(self) -> NDArray[np.bool_]:
        """Whether a state was read."""
        return self.counts > 0

    @property
    def keep(self) -> Whole:
        """Number of each state's read among all reads, or −1."""
        return np.where(self.read, np.cumsum(self.read) - 1, -1)

    @property
    def starts(self) -> Floats:
        """First read of each trace."""
        reads = np.append(self.positions[self.read], 0.0)
        return reads[np.searchsorted(np.flatnonzero(self.read), self.offsets[:-1])]

    @property
    def zero(self) -> float:
        """Position of no conductance."""
        return -1.0 - 2.0 * self.low / (self.high - self.low)

    def siemens_at(self, position: Any) -> Any:
        """Return conductances."""
        return self.low + (position + 1.0) / 2.0 * (self.high - self.low)

    def split(self, values: Floats) -> tuple[Floats, ...]:
        """Return one array a trace."""
        return tuple(np.split(values, self.offsets[1:-1]))

    def steps(self) -> Steps:
        """Return single steps: from read to read, without those that a bound has cut short, unless all of a way are."""
        at = np.flatnonzero(self.read)
        trace = np.searchsorted(self.offsets, at, side="right")
        same = np.diff(trace) == 0
        gap = np.diff(at)[same]
        x, sign = self.positions[at], self.directions[np.minimum(at[:-1] + 1, len(self.directions) - 1)][same]
        move = np.diff(x)[same]
        cut = x[1:][same] * sign >= 1.0 - 1e-9
        for way in (1, -1):
            cut &= (sign != way) | (~cut & (sign == way)).any()
        before = x[:-1][same] + (gap > 1) * move / 2.0  # over a gap, the mean step is the middle's
        return Steps(before[~cut], (move * sign / gap)[~cut], sign[~cut])

    def weights(self, solution: Solution) -> Floats:
        """Return the reads as weights of a model; NaN where there was none."""
        return np.where(self.read, weights_of(self.positions, solution.model, solution.ends), np.nan)

    def follow(self, model: StepModel) -> Solution:
        """Return what a model without free parameters predicts from where the traces start."""
        return self.solution(model, (-1.0, 1.0), self.starts, None, np.empty(0), (0.0, 0.0))

    def solution(
        self,
        model: StepModel,
        ends: tuple[float, float],
        starts: Floats,
        family: Family | None,
        head: Floats,
        frame: tuple[float, float],
    ) -> Solution:
        """Return a model with its curves."""
        everything = np.arange(len(self.positions))
        path = paths(model, ends, starts[None, :], self, everything)[:, 0]
        return Solution(model, ends, path, self.rmse(path), family, head, starts, frame)

    def rmse(self, path: Floats) -> float:
        """Return the root mean square residual as a share of the range."""
        return float(np.sqrt(np.mean((path - self.positions)[self.read] ** 2))) / 2.0


class Solution(NamedTuple):
    """A model with its curves: positions of its bounds, predicted positions (S,), and the θ it came from."""

    model: StepModel
    ends: tuple[float, float]
    positions: Floats
    rmse: float
    family: Family | None
    head: Floats
    starts: Floats
    frame: tuple[float, float]


def apart(data: PulseData) -> list[Curves]:
    """Return each device's traces, in positions of its own range."""
    return [collect(traces) for traces in _by_device(data.traces).values()]


def _by_device(traces: Sequence[Trace]) -> dict[str, list[Trace]]:
    found: dict[str, list[Trace]] = {}
    for trace in traces:
        found.setdefault(trace.device, []).append(trace)
    return found


def collect(traces: Sequence[Trace]) -> Curves:
    """Return traces as arrays; the range is the mean of the devices' own."""
    siemens = np.concatenate([trace.siemens for trace in traces]).astype(np.float64)
    once = [np.isfinite(trace.siemens).astype(np.int64) for trace in traces]
    counts = [one if trace.counts is None else trace.counts for trace, one in zip(traces, once, strict=True)]
    own = {device: [trace.siemens for trace in some] for device, some in _by_device(traces).items()}
    low, high = (
        float(np.mean([end(np.concatenate(reads)) for reads in own.values()])) for end in (np.nanmin, np.nanmax)
    )
    read, total = np.isfinite(siemens), np.concatenate(counts)
    scatter = sum(float(np.sum(trace.scatter)) for trace in traces if trace.scatter is not None)
    freedom = int(np.sum(np.maximum(total - 1, 0)))
    unit = (high - low) / 2.0
    return Curves(
        np.where(read, (siemens - low) / unit - 1.0, 0.0),
        total,
        np.concatenate([np.append(0, trace.directions) for trace in traces]).astype(np.int64),
        np.cumsum([0] + [len(trace.siemens) for trace in traces]),
        low,
        high,
        (scatter / max(freedom, 1) / unit**2, freedom),
    )


def joined(many: Sequence[Curves]) -> tuple[Curves, Whole]:
    """Return the traces of several measurements one after the other, each in its own positions, and whose each is."""
    if len(many) == 1:
        return many[0], np.zeros(len(many[0].offsets) - 1, dtype=np.int64)
    bases = np.cumsum([0] + [len(one.positions) for one in many])
    offsets = np.concatenate([one.offsets[:-1] + base for one, base in zip(many, bases[:-1], strict=True)])
    positions, counts, directions = (
        np.concatenate([getattr(one, key) for one in many]) for key in ("positions", "counts", "directions")
    )
    owner = np.repeat(np.arange(len(many)), [len(one.offsets) - 1 for one in many])
    return Curves(positions, counts, directions, np.append(offsets, bases[-1]), -1.0, 1.0, (0.0, 0)), owner


def first_reads(curves: Curves) -> Whole:
    """Return at which read each trace begins, and the number of reads at the end."""
    return np.append(0, np.cumsum(curves.read))[curves.offsets]


def paths(
    model: StepModel, ends: Any, starts: Floats, curves: Curves, keep: Whole, active: NDArray[np.bool_] | None = None
) -> Floats:
    """Return positions of kept states, shape (states, B), for models of shape (B, T) and starts (B, T)."""
    rows, traces = starts.shape
    code, numbers = _flat(model, ends, (rows, traces))
    out = np.zeros((int(keep.max()) + 1, rows))
    every = np.ones(traces, dtype=np.bool_) if active is None else active
    follow(code, numbers, np.ascontiguousarray(starts), curves.directions, curves.offsets, keep, every, out)
    return out


def _flat(model: StepModel, ends: Any, shape: tuple[int, int]) -> tuple[int, Floats]:
    """Return a model's law and its numbers, shape (B, T, HEAD + shape)."""
    code, inner = LawCode.LINEAR, list[Any]([0.0, 0.0])
    if isinstance(model, LinearStep):
        inner = [model.gamma_up / model.w_max, model.gamma_down / model.w_min]
    elif isinstance(model, SoftBounds):
        inner = [1.0 / model.w_max, 1.0 / model.w_min]
    elif isinstance(model, PowStep):
        code, inner = LawCode.POWER, [model.gamma_up, model.gamma_down]
    elif isinstance(model, ExpStep):
        keys = ("a_up", "a_down", "gamma_up", "gamma_down", "slope", "offset")
        code, inner = LawCode.EXPONENTIAL, [getattr(model, key) for key in keys]
    elif isinstance(model, PiecewiseStep):
        code, inner = LawCode.PIECEWISE, [*model.up, *model.down]
    numbers = np.empty((*shape, HEAD + len(inner)))
    for k, value in enumerate((*model.scales, model.w_min, model.w_max, *ends, *inner)):
        numbers[..., k] = value
    return int(code), numbers


def weights_of(positions: Any, model: StepModel, ends: tuple[Any, Any]) -> Any:
    """Return positions as weights of a model whose bounds are at `ends`."""
    return model.w_min + (positions - ends[0]) / (ends[1] - ends[0]) * (model.w_max - model.w_min)


def around(heads: Floats) -> Floats:
    """Each parameter of θ (..., P) a little larger, then a little smaller: shape (2P, ..., P)."""
    size = heads.shape[-1]
    moves = WIDTH * np.stack([np.eye(size), -np.eye(size)], axis=1).reshape(2 * size, *(1,) * (heads.ndim - 1), size)
    rows: Floats = heads + moves
    return rows


def jacobian(
    family: Family,
    heads: Floats,
    starts: Floats,
    curves: Curves,
    owner: Whole,
    frame: tuple[float, float],
    limits: tuple[Floats, Floats],
    active: NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats]:
    """∂position/∂θ of the reads, (N, P), and of each trace's own start, (N,), by central differences in one pass.

    At the edge of the box differences are one-sided.

    Parameters
    ----------
    heads : ndarray, shape (D, P)
        θ of D problems, without the starts.
    starts : ndarray, shape (T,)
    owner : ndarray of int, shape (T,)
        Whose each trace is.
    limits : (ndarray, ndarray)
        The boxes (D, P).
    active : ndarray of bool, shape (T,), optional
        Other traces have slopes of 0.
    """
    rows = np.clip(around(heads), *limits)
    every = np.concatenate([rows, heads[None], heads[None]])[:, owner]
    moved = np.repeat(starts[None], len(every), axis=0)
    moved[-2] += WIDTH
    moved[-1] -= WIDTH
    path = paths(family.build(every, frame), family.ends(every), moved, curves, curves.keep, active)
    trace = np.repeat(np.arange(len(owner)), np.diff(first_reads(curves)))
    widths = np.abs(rows[::2] - rows[1::2]).max(axis=2).T  # (D, P): only its own parameter differs
    slopes = (path[:, :-2:2] - path[:, 1:-2:2]) / widths[owner[trace]]
    return slopes, (path[:, -2] - path[:, -1]) / (2.0 * WIDTH)
