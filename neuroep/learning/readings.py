"""How a minibatch's gradient is read: by finite differences in β, by scaled displacements, or around a circle."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Courses, Engine
from neuroep.engines.base import refuse_off_host, refuse_unsupported
from neuroep.equilibrium import Equilibrium
from neuroep.learning.methods.complex_states import check_holomorphic
from neuroep.learning.methods.displaced_phases import (
    accumulate_displacements,
    displacement_gradients,
    settle_displaced_phases,
)
from neuroep.learning.methods.displacement import refuse_hardware
from neuroep.learning.methods.estimators import Scheme, scheme
from neuroep.learning.methods.holomorphic import (
    accumulate_holomorphic,
    circle,
    holomorphic_gradients,
    settle_holomorphic_phases,
)
from neuroep.learning.methods.phases import accumulate_gradient, plans, settle_phases, step_keys, sweep_plans
from neuroep.learning.methods.phases import ep_gradients as difference_gradients
from neuroep.learning.methods.reach import refuse_faint
from neuroep.ledger import Ledger
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream
from neuroep.solvers.problems import check as refuse_clocked
from neuroep.weights import FloatArray, Weights


class SettledPhases(NamedTuple):
    """What settling a minibatch gave: the free equilibrium, the nudged copies (with a `code` each), their nudges.

    `place` names the step, for the rounding of traces.
    """

    free: Equilibrium
    nudged: Any
    nudges: Any
    place: tuple[int, ...] = ()


class Reading(Protocol):
    """Settles a minibatch, then adds its gradient to where it goes.

    Each kind refuses, as soon as it is made, circuits whose gradient it can't read.
    """

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int, ...], ledger: Ledger) -> SettledPhases:
        """Settle the free phase and the nudged ones; `place` names the step, for signs and read noise."""
        ...

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """Add the estimate of dC/dθ, mean over the minibatch."""
        ...


class Difference:
    """Finite differences of raw states: one-sided, random-sign, centered."""

    def __init__(self, engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> None:
        refuse_faint(circuit, phases)
        self.engine, self.circuit, self.phases, self.seed = engine, circuit, phases, seed
        self.plans = plans(phases, len(circuit.sizes) - 1)
        refuse_unsupported(engine, circuit, self.plans.free)
        if isinstance(self.plans, Courses):
            refuse_clocked(circuit, np.full(1, phases.beta), self.plans.free.solver.stochastic)
        self._schemes: dict[int, Scheme] = {}

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int, ...], ledger: Ledger) -> SettledPhases:
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

    def nudges(self, batch: int, place: tuple[int, ...]) -> Scheme:
        """Return the nudges of a minibatch; only random signs differ from step to step."""
        kind, dtype = self.phases.estimator, self.circuit.up.dtype
        if kind is Estimator.RANDOM_SIGN:
            return scheme(kind, self.phases.beta, batch, stream(self.seed, "signs", *place), dtype)
        if batch not in self._schemes:
            self._schemes[batch] = scheme(kind, self.phases.beta, batch, dtype=dtype)
        return self._schemes[batch]


class Displaced(Difference):
    """The same estimators on scaled displacements, which float32 resolves at any depth."""

    def __init__(self, engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> None:
        refuse_hardware(circuit, "scaled displacements")
        super().__init__(engine, circuit, phases, seed)
        self.sweeps = sweep_plans(phases, len(circuit.sizes) - 1)

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int, ...], ledger: Ledger) -> SettledPhases:
        """See Reading."""
        nudges = self.nudges(len(x), place)
        return SettledPhases(
            *settle_displaced_phases(self.engine, self.circuit, x, targets, self.sweeps, nudges, ledger), nudges
        )

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Reading."""
        accumulate_displacements(self.engine, self.circuit, x, targets, *settled[:3], into, ledger)


class Holomorphic:
    """N points on a circle of complex β."""

    def __init__(self, engine: Engine, circuit: Circuit, phases: Phases) -> None:
        check_holomorphic(circuit)
        refuse_faint(circuit, phases)
        self.engine, self.circuit = engine, circuit
        self.around, self.plans = circle(phases.beta, phases.points), sweep_plans(phases, len(circuit.sizes) - 1)
        refuse_unsupported(engine, circuit, self.plans.free)

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int, ...], ledger: Ledger) -> SettledPhases:
        """See Reading."""
        found = settle_holomorphic_phases(self.engine, self.circuit, x, targets, self.plans, self.around, ledger)
        return SettledPhases(*found, self.around)

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Reading."""
        accumulate_holomorphic(self.engine, self.circuit, x, targets, *settled[:3], into, ledger)


def reading(engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> Reading:
    """Return how a recipe reads its gradients.

    Raises
    ------
    BadInput
        If the circuit's can't be read so.
    NotAvailable
        If the engine can't.
    """
    _refuse_off_host(engine, phases)
    if phases.estimator is Estimator.HOLOMORPHIC:
        return Holomorphic(engine, circuit, phases)
    return (Displaced if phases.scaled else Difference)(engine, circuit, phases, seed)


def _refuse_off_host(engine: Engine, phases: Phases) -> None:
    if phases.estimator is Estimator.HOLOMORPHIC:
        refuse_off_host(engine, "the holomorphic estimator's phases")
    if phases.scaled:
        refuse_off_host(engine, "scaled displacements")
    if phases.in_time:
        refuse_off_host(engine, "phases in continuous time")


def ep_gradients(
    engine: Engine, circuit: Circuit, x: FloatArray, targets: FloatArray, phases: Phases, seed: int = 0
) -> Weights:
    """Return EP's estimate of dC/dθ, mean over the samples, by the recipe's own reading.

    Parameters
    ----------
    engine, circuit
        Where to settle, and a mounted network.
    x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
        Inputs and y, brought to the circuit's float type.
    phases : Phases
        Estimator, β, sweeps, tolerance. Continual estimators have no gradient of their own: theirs is the
        one-sided or the centered one, which they reach as learning rates vanish.
    seed : int
        Of random signs and read noise.

    Raises
    ------
    BadInput
        If inputs or targets don't fit the circuit, or its gradient can't be read so, or isn't finite at this depth.
    NotAvailable
        If the engine can't read it so.
    """
    _refuse_off_host(engine, phases)
    inputs, outputs, dtype = int(circuit.sizes[0]), int(circuit.sizes[-1]), circuit.up.dtype
    x = checks.array(x, "x", ("batch", inputs), dtype)
    targets = checks.array(targets, "targets", (len(x), outputs), dtype)
    refuse_faint(circuit, phases, measured=True)
    if phases.estimator is Estimator.HOLOMORPHIC:
        return holomorphic_gradients(engine, circuit, x, targets, phases, phases.points)
    if phases.scaled:
        return displacement_gradients(engine, circuit, x, targets, phases, seed)
    return difference_gradients(engine, circuit, x, targets, phases, seed)
