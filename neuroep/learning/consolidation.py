"""What keeps a network from forgetting: how much each weight matters to earlier tasks, and a pull back to them.

    penalty = ½ λ Σ_i F_i (θ_i − θ*_i)²,   whose gradient λ F (θ − θ*) is added to the task's.

Elastic weight consolidation (Kirkpatrick et al., PNAS 2017) has a term of this kind for each earlier task, F its
Fisher information and θ* where it ended. Their sum is one such term and a constant, with Σ F in place of F and the mean
of the θ* weighted by F in place of θ*, and is kept as that. Online EWC (Schwarz et al., ICML 2018) has one running
F ← γ F + F_task around the newest θ*. Synaptic intelligence (Zenke et al., ICML 2017) has the path integral of the
task's gradient,

    ω_i = −Σ_steps g_i Δθ_i,   F_i ← F_i + max(0, ω_i) / (Δθ_i² of the task + ξ),   λ = 2c,

with Δθ as the weights really moved: on hardware what was read back, not what was asked for. An ω below 0, of a weight
that only noise or other weights moved uphill, counts as 0: it would push the weight away without end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from neuroep.circuit import Circuit, read_size
from neuroep.learning.rules import Memory, Rule
from neuroep.ledger import Ledger, Phase
from neuroep.weights import FloatArray, Weights


class Anchor(NamedTuple):
    """A pull of each weight: its importance F ≥ 0 and the θ* it is pulled to, laid out like the weights."""

    importance: Weights
    centre: Weights

    @classmethod
    def none(cls, like: Weights) -> Anchor:
        """Return no pull at all, before the first task."""
        return cls(Weights.zeros(like.sizes, like.couplings.dtype), like.copy())

    def penalty(self, weights: Weights) -> float:
        """Return ½ Σ F (θ − θ*)²."""
        pairs = zip(self.importance[1:], weights[1:], self.centre[1:], strict=True)
        return 0.5 * float(sum((f * (now - star) ** 2).sum() for f, now, star in pairs))

    def joined(self, importance: Weights, centre: Weights) -> Anchor:
        """Return the pull of both: that of plain EWC after one more task."""
        found = []
        for f, star, more, newest in zip(self.importance[1:], self.centre[1:], importance[1:], centre[1:], strict=True):
            total = f + more
            share = np.divide(more, total, out=np.ones_like(total), where=total > 0.0)
            found.append((total, star + share * (newest - star)))
        sizes = importance.sizes
        return Anchor(*(Weights(sizes, couplings, biases) for couplings, biases in zip(*found, strict=True)))

    def moved(self, importance: Weights, centre: Weights, keep: float = 1.0) -> Anchor:
        """Return the pull around the newest weights alone: that of online EWC (keep = γ) and of SI."""
        parts = (keep * f + more for f, more in zip(self.importance[1:], importance[1:], strict=True))
        return Anchor(Weights(importance.sizes, *parts), centre.copy())


class Path:
    """ω of synaptic intelligence along one task.

    Parameters
    ----------
    weights : Weights
        Views of the weights as they are read, which change in place.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights, self.start, self._last = weights, weights.copy(), weights.copy()
        self.total = Weights.zeros(weights.sizes, weights.couplings.dtype)
        self._gradient = Weights.zeros(weights.sizes, weights.couplings.dtype)

    def step(self, gradient: Weights) -> None:
        """Take down the gradient of a step that is about to be made, after what the one before it has moved."""
        self._catch_up()
        for kept, part in zip(self._gradient[1:], gradient[1:], strict=True):
            kept[...] = part

    def _catch_up(self) -> None:
        parts = zip(self.total[1:], self._gradient[1:], self.weights[1:], self._last[1:], strict=True)
        for total, g, now, last in parts:
            np.subtract(now, last, out=last)
            last *= g
            total -= last
            last[...] = now

    def importance(self, damping: float) -> Weights:
        """Return max(0, ω) / (Δθ² + ξ) of the path so far; `damping` is ξ."""
        self._catch_up()
        parts = zip(self.total[1:], self.weights[1:], self.start[1:], strict=True)
        found = (np.maximum(total, 0.0) / ((now - start) ** 2 + damping) for total, now, start in parts)
        return Weights(self.weights.sizes, *found)


class Readout(NamedTuple):
    """How weights are read back from hardware: line by line, each counted as a read of one row.

    Attributes
    ----------
    circuit : Circuit
        Whose couplings are read from below.
    ledger : Ledger
        Takes the events, in Phase.UPDATE.
    """

    circuit: Circuit
    ledger: Ledger

    def read(self) -> None:
        """Count one reading of all weights."""
        for k in range(1, len(self.circuit.sizes)):
            lines = int(self.circuit.sizes[k - 1])
            self.ledger.add_read(Phase.UPDATE, True, k, lines, *read_size(self.circuit, k, True))


class Consolidating:
    """A rule of descent to whose gradient an anchor's pull is added.

    Parameters
    ----------
    rule : Rule
        What turns the sum into a direction.
    weights : Weights
        Views of the weights as they are read.
    anchor : Anchor, optional
        What pulls.
    strength : float
        λ.
    path : Path, optional
        Takes down the task's own gradient.
    rates : sequence of float
        Learning rates η_k of plain descent: the sum is then divided by 1 + η λ F, as an implicit step's is, so that no
        pull overshoots θ*, however strong. Empty for rules that scale their steps themselves.
    readout : Readout, optional
        Counts what reading the weights back takes, where they aren't numbers in a memory.
    """

    keep, plain = 0.0, False

    def __init__(
        self,
        rule: Rule,
        weights: Weights,
        anchor: Anchor | None = None,
        strength: float = 0.0,
        path: Path | None = None,
        rates: Sequence[float] = (),
        readout: Readout | None = None,
    ) -> None:
        self._rule, self._weights, self._path, self._readout = rule, weights, path, readout
        self._pull = None if anchor is None else _scaled(anchor.importance, strength)
        self._centre = None if anchor is None else anchor.centre
        self._damping = None if self._pull is None or not rates else _damping(self._pull, rates)

    def fresh(self, like: Weights) -> Memory:
        """See Rule: the rule's own, and the velocity where it has momentum, since the buffer holds the gradient."""
        memory = self._rule.fresh(like)
        if self._rule.keep:
            velocity = Weights.zeros(like.sizes, like.couplings.dtype)
            memory |= {"velocity_couplings": velocity.couplings, "velocity_biases": velocity.biases}
        return memory

    def turn(self, gradient: Weights, couplings: FloatArray, memory: Memory) -> None:
        """See Rule."""
        if self._readout is not None:
            self._readout.read()
        if self._path is not None:
            self._path.step(gradient)
        self._add_pull(gradient)
        keep = self._rule.keep
        if not keep:
            self._rule.turn(gradient, couplings, memory)
            return
        velocities = [cast(FloatArray, memory[f"velocity_{name}"]) for name in ("couplings", "biases")]
        for g, velocity in zip(gradient[1:], velocities, strict=True):
            g += keep * velocity
        self._rule.turn(gradient, couplings, memory)
        for g, velocity in zip(gradient[1:], velocities, strict=True):
            velocity[...] = g

    def _add_pull(self, gradient: Weights) -> None:
        if self._pull is None or self._centre is None:
            return
        for g, pull, now, star in zip(gradient[1:], self._pull[1:], self._weights[1:], self._centre[1:], strict=True):
            g += pull * (now - star)
        if self._damping is not None:
            for g, damping in zip(gradient[1:], self._damping[1:], strict=True):
                g *= damping


def _scaled(importance: Weights, strength: float) -> Weights:
    return Weights(importance.sizes, strength * importance.couplings, strength * importance.biases)


def _damping(pull: Weights, rates: Sequence[float]) -> Weights:
    """1 / (1 + η λ F)."""
    found = pull.copy()
    for k, rate in enumerate(rates, start=1):
        for part in (found.coupling(k), found.bias(k)):
            np.reciprocal(1.0 + rate * part, out=part)
    return found
