"""Finite differences of raw states, which each device and engine gives: one-sided, random-sign, centered."""

from __future__ import annotations

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Courses, Engine
from neuroep.engines.base import refuse_unsupported
from neuroep.equilibrium import Equilibrium
from neuroep.learning.methods.base import SettledPhases
from neuroep.learning.methods.estimators import Scheme, scheme
from neuroep.learning.methods.phases import plans, settle_phases, step_keys
from neuroep.learning.methods.samplewise import Draw, Slopes, difference_slopes, drawn_nudge, halves
from neuroep.learning.traced import traced, traced_equilibrium
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream
from neuroep.solvers.problems import check as refuse_clocked
from neuroep.weights import FloatArray


def accumulate_gradient(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    free: Equilibrium,
    nudged: Equilibrium,
    nudges: Scheme,
    into: Accumulation,
    ledger: Ledger,
    rng: np.random.Generator | None = None,
) -> None:
    """Add the estimate of dC/dθ, mean over the minibatch, to where it goes; `rng` rounds the circuit's traces."""
    x = x if nudged.inputs is None else nudged.inputs
    if circuit.trace_bits and rng is not None:
        x, free, nudged = traced(circuit, 0, x, rng), *(traced_equilibrium(circuit, e, rng) for e in (free, nudged))
    states = nudged.states
    if nudges.with_free:
        states = tuple(np.concatenate(pair) for pair in zip(free.states, nudged.states, strict=True))
    engine.contrast(circuit, x, states, nudges.coefficients, into, ledger)
    engine.readout_gradient(circuit, free, targets, into, ledger)


class Difference:
    """Finite differences of raw states: one-sided, random-sign, centered."""

    def __init__(self, engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> None:
        self.engine, self.circuit, self.phases, self.seed = engine, circuit, phases, seed
        self.plans = plans(phases, len(circuit.sizes) - 1)
        refuse_unsupported(engine, circuit, self.plans.free)
        if isinstance(self.plans, Courses):
            refuse_clocked(circuit, np.full(1, phases.beta), self.plans.free.solver.stochastic)
        self._schemes: dict[int, Scheme] = {}

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int | str, ...], ledger: Ledger) -> SettledPhases:
        """See Reading."""
        nudges, keys = self.nudges(len(x), place), step_keys(self.circuit, self.plans.free, self.seed, *place)
        found = settle_phases(self.engine, self.circuit, x, targets, self.plans, nudges, keys, ledger)
        return SettledPhases(*found, nudges, place)

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Reading."""
        rng = stream(self.seed, "traces", *settled.place)
        accumulate_gradient(self.engine, self.circuit, x, targets, *settled[:3], into, ledger, rng)

    def slopes(self, x: FloatArray, draw: Draw, place: tuple[int | str, ...], ledger: Ledger) -> list[Slopes]:
        """See Samplewise."""
        nudges, keys = self.nudges(len(x), place), step_keys(self.circuit, self.plans.free, self.seed, *place)
        drive = self.engine.drive(self.circuit, x, keys.drive, ledger, Phase.FREE)
        free = self.engine.settle_free(self.circuit, drive, self.plans.free, keys.free, ledger, Phase.FREE)
        targets = draw(free.output)
        nudge = drawn_nudge(targets, nudges)
        nudged = self.engine.settle_nudged(self.circuit, free, nudge, self.plans.nudged, keys.nudged, ledger)
        if self.circuit.trace_bits:
            rng = stream(self.seed, "traces", *place)
            x = traced(self.circuit, 0, x, rng)
            free, nudged = (traced_equilibrium(self.circuit, e, rng) for e in (free, nudged))
        pairs = []
        for k in range(1, self.circuit.last + 1):
            first, second, slope = halves(nudged.states[k - 1], free.states[k - 1], nudges)
            pairs.append((0.5 * (first + second), slope / float(self.circuit.reach[k]) * (first - second)))
        return difference_slopes(self.circuit, x, pairs, free, targets)

    def nudges(self, batch: int, place: tuple[int | str, ...]) -> Scheme:
        """Return the nudges of a minibatch; only random signs differ from step to step."""
        kind, dtype = self.phases.estimator, self.circuit.up.dtype
        if kind is Estimator.RANDOM_SIGN:
            return scheme(kind, self.phases.beta, batch, stream(self.seed, "signs", *place), dtype)
        if batch not in self._schemes:
            self._schemes[batch] = scheme(kind, self.phases.beta, batch, dtype=dtype)
        return self._schemes[batch]
