"""The search for the step model whose curves come nearest to the reads: of many devices at once, compiled.

Levenberg and Marquardt's damped least squares in a box. Each trace's start moves its own curve only, so it is taken out
of the problem first (variable projection): what is left has a handful of parameters, however many traces there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.fitting.curve_kernels import normal_equations, without_starts
from neuroep.hardware.fitting.curves import Curves, Solution, first_reads, jacobian, joined, paths
from neuroep.hardware.fitting.step_families import Family, Floats


class Care(NamedTuple):
    """When a search ends: relative gain of the sum of squares that is nothing, and the most steps."""

    enough: float
    steps: int


CAREFUL = Care(1e-11, 150)
ROUGH = Care(1e-7, 40)
"""Where only the spread of many fits counts."""
SHARES = np.asarray([1.0, 0.3, 0.05, 0.0])
"""Of a proposed move of a start that are tried."""
SMALL_GAINS = 3
"""In a row, or one that wasn't held back by damping, end a search."""
STILL = 1e-12
"""Relative step that is none."""
STUCK = 1e12
"""Damping at which no step is small enough to gain anything."""
NOTHING = 1e-26
"""Mean square residual, in positions, that is rounding."""


class _Search:
    """D problems side by side: θ (D, P), starts (T,), sums of squares (D,), damping (D,)."""

    def __init__(self, family: Family, many: Sequence[Curves], frame: tuple[float, float], care: Care) -> None:
        self.family, self.frame, self.care = family, frame, care
        self.curves, self.owner = joined(many)
        self.first, self.keep = first_reads(self.curves), self.curves.keep
        boxes = [family.limits(one.zero) for one in many]
        self.low, self.high = (np.stack([box[k] for box in boxes]) for k in (0, 1))
        self.heads = np.stack([family.guess(one.steps(), frame, one.zero) for one in many])
        self.starts = self.curves.starts
        self.farthest = 5.0 + np.abs(self.starts)
        self.whose = np.repeat(self.owner, np.diff(self.first))
        self.reads = np.bincount(self.whose, minlength=len(many))
        self.small = np.zeros(len(many), dtype=np.int64)
        self.damping = np.full(len(many), 1e-3)
        self.done = np.zeros(len(many), dtype=np.bool_)
        self.left = self.residual(self.heads, self.starts[None])[:, 0]
        self.cost = self.costs(self.left)
        size, traces = self.heads.shape[1], len(self.starts)
        self.normal, self.right = np.zeros((len(many), size, size)), np.zeros((len(many), size))
        self.scale = np.zeros((len(many), size))
        self.own = np.zeros(traces), np.zeros(traces), np.zeros((traces, size))

    def residual(self, heads: Floats, starts: Floats) -> Floats:
        """Reads less curves, (N, B), from B starts of each trace (B, T), of problems that aren't done."""
        every = heads[None][:, self.owner]
        active = ~self.done[self.owner]
        model, ends = self.family.build(every, self.frame), self.family.ends(every)
        path = paths(model, ends, starts, self.curves, self.keep, active)
        found: Floats = self.curves.positions[self.curves.read][:, None] - path
        return found

    def best_starts(self, heads: Floats, starts: Floats) -> tuple[Floats, Floats]:
        """Return starts on the way from the present ones to those proposed, and the residuals from there.

        Given θ, traces have nothing to do with each other: each takes what is best for itself, so that one at a
        bound, where curves bend, doesn't hold up the others.
        """
        tried = self.starts + SHARES[:, None] * (starts - self.starts)
        left = self.residual(heads, tried)
        trace = np.repeat(np.arange(len(starts)), np.diff(self.first))
        best = np.argmin([np.bincount(trace, column**2, len(starts)) for column in left.T], axis=0)
        return tried[best, np.arange(len(starts))], left[np.arange(len(left)), best[trace]]

    def costs(self, residual: Floats) -> Floats:
        """Sum of squares of each problem."""
        return np.asarray(np.bincount(self.whose, residual**2, len(self.heads)), dtype=np.float64)

    def linearise(self, fresh: NDArray[np.bool_]) -> None:
        """Renew the normal equations of some problems."""
        active = fresh[self.owner]
        box = (self.low, self.high)
        slopes, own = jacobian(self.family, self.heads, self.starts, self.curves, self.owner, self.frame, box, active)
        left = self.left.copy()
        without_starts(slopes, own, left, self.first, active, *self.own)
        normal_equations(slopes, left, self.first, self.owner, active, self.normal, self.right)
        self.scale = np.maximum(self.scale, np.einsum("dpp->dp", self.normal))

    def propose(self) -> tuple[Floats, Floats]:
        """Return θ and starts after one damped step, inside the box."""
        fixed = ((self.heads <= self.low) & (self.right < 0.0)) | ((self.heads >= self.high) & (self.right > 0.0))
        size = self.heads.shape[1]
        damped = self.normal * (~fixed[:, :, None] & ~fixed[:, None, :])
        extra = self.damping[:, None] * self.scale
        extra = np.where(fixed | (self.scale <= 0.0), 1.0, extra)
        damped[:, np.arange(size), np.arange(size)] += extra
        root = np.sqrt(np.einsum("dpp->dp", damped))
        scaled = damped / (root[:, :, None] * root[:, None, :])
        step = np.linalg.solve(scaled, (np.where(fixed, 0.0, self.right) / root)[..., None])[..., 0] / root
        heads = np.clip(self.heads + step, self.low, self.high)
        own, along, coupling = self.own
        rest = along - np.einsum("tp,tp->t", coupling, (heads - self.heads)[self.owner])
        move = rest / (np.where(own > 0.0, own, 1.0) * (1.0 + self.damping[self.owner]))
        return heads, np.clip(self.starts + move, -self.farthest, self.farthest)

    def advance(self) -> None:
        """Take steps that gain something, and say whose search is over."""
        heads, starts = self.propose()
        starts, left = self.best_starts(heads, starts)
        cost = self.costs(left)
        gain = self.cost - cost
        better = (gain > 0.0) & ~self.done
        small = gain <= self.care.enough * self.cost
        self.small = np.where(better, np.where(small, self.small + 1, 0), self.small)
        moved = np.abs(heads - self.heads) > STILL * (np.abs(self.heads) + STILL)
        ended = better & small & ((self.damping <= 1.0) | (self.small >= SMALL_GAINS))
        ended |= small & ~moved.any(axis=1)
        self.heads = np.where(better[:, None], heads, self.heads)
        self.starts = np.where(better[self.owner], starts, self.starts)
        self.left = np.where(better[self.whose], left, self.left)
        self.cost = np.where(better, cost, self.cost)
        self.damping = np.clip(np.where(better, self.damping / 10.0, self.damping * 10.0), 1e-15, None)
        ended |= (self.damping > STUCK) | (self.cost <= NOTHING * self.reads)
        self.linearise(better & ~ended)
        self.done |= ended

    def run(self) -> None:
        """Search until all problems are done."""
        self.linearise(~self.done)
        for _ in range(self.care.steps):
            self.advance()
            if self.done.all():
                return


def solve(family: Family, many: Sequence[Curves], frame: tuple[float, float], care: Care = CAREFUL) -> list[Solution]:
    """Return for each measurement the member of a family whose curves come nearest to the reads (least squares)."""
    search = _Search(family, many, frame, care)
    search.run()
    found = []
    for d, (one, head) in enumerate(zip(many, search.heads, strict=True)):
        low_end, high_end = family.ends(head)
        ends, starts = (float(low_end), float(high_end)), search.starts[search.owner == d]
        found.append(one.solution(family.build(head, frame), ends, starts, family, head, frame))
    return found
