"""Continual EP: weights that learn while the nudged phase runs (Ernoult et al., 2020, arXiv 2005.04168).

    s_{t+1} = sweep(s_t; θ_t, β)
    θ_{t+1} = θ_t + (η_k / (β γ^{D−k})) [∂Φ/∂θ(s_{t+1}) − ∂Φ/∂θ(s_t)],   t = 0..K−1,   s_0 = s⁰

with ∂Φ/∂W_k = s_{k−1} s_kᵀ and ∂Φ/∂b_k = s_k, mean over the minibatch. Local in space and in time: nothing remembers
the free equilibrium. While θ stands still the changes add up to the one-sided contrast of EP; as η → 0 so does
C-EP, and the difference is O(η). It wants learning rates some ten to twenty times smaller than EP's.

The symmetric form nudges by +β for K sweeps at half the rate, lets go for K sweeps without learning, and nudges by
−β for K sweeps, with the opposite sign: together the centered contrast, if K sweeps are enough to let go.

A softmax read-out is no part of the dynamics; its exact, local gradient is taken once, at the free
equilibrium. Every update goes through the device, so hardware is programmed K (or 2K) times a step.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.engines import Accumulation, Engine, Keys, Nudge, Plan, Plans
from neuroep.equilibrium import Equilibrium
from neuroep.hardware.device import Device, Mounted, Update
from neuroep.learning.methods.phases import step_keys, sweep_plans
from neuroep.learning.traced import traced, traced_layers
from neuroep.learning.trainer import Progress, Trainer
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights


class _Stretch(NamedTuple):
    """A stretch of the nudged phase: its β, and the factor 1/β or 1/2β on its changes (0: no learning)."""

    beta: float
    slope: float


def stretches(beta: float, symmetric: bool) -> tuple[_Stretch, ...]:
    """Return the stretches of the nudged phase, in order."""
    if not symmetric:
        return (_Stretch(beta, 1.0 / beta),)
    half = 0.5 / beta
    return _Stretch(beta, half), _Stretch(0.0, 0.0), _Stretch(-beta, -half)


class Continual:
    """One minibatch of continual EP on a device.

    Parameters
    ----------
    engine, device, mounted
        Where it runs, what it runs on, and the mounted network, whose weights change.
    plan : Plans
        How the free phase settles; order and number K of the nudged sweeps (its tolerance isn't used).
    beta : float
        Nudging strength.
    symmetric : bool
        Whether −β follows +β.
    """

    def __init__(
        self, engine: Engine, device: Device, mounted: Mounted, plan: Plans, beta: float, symmetric: bool = False
    ) -> None:
        self.engine, self.device, self.mounted, self.plan = engine, device, mounted, plan
        self.stretches = stretches(beta, symmetric)

    def step(
        self,
        x: FloatArray,
        targets: FloatArray,
        rates: tuple[float, ...],
        seed: int,
        place: tuple[int | str, ...],
        rng: np.random.Generator,
        ledger: Ledger,
    ) -> tuple[Equilibrium, Equilibrium]:
        """Settle and learn one minibatch.

        Parameters
        ----------
        x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
            Clamped input, and y.
        rates : tuple of float
            Factor on the gradient per coupling: the negative learning rates.
        seed, place : int, tuple of int
            Of the read noise: the user's seed, and which step it is.
        rng : numpy.random.Generator
            Of the device's programming.
        ledger : Ledger
            Takes the events.

        Returns
        -------
        tuple of Equilibrium
            Free, before anything was learned, and the last nudged one.
        """
        circuit = self.mounted.circuit
        keys = step_keys(circuit, self.plan.free, seed, *place)
        drive = self.engine.drive(circuit, x, keys.drive, ledger, Phase.FREE)
        free = self.engine.settle_free(circuit, drive, self.plan.free, keys.free, ledger, Phase.FREE)
        gradient, now, number = Weights.zeros(ledger.sizes, circuit.up.dtype), free, 0
        if circuit.last < len(free.states):
            into = Accumulation(gradient, (1.0,) * len(rates), 0.0)
            self.engine.readout_gradient(circuit, free, targets, into, ledger)
            self.device.program(self.mounted, Update(gradient, rates), rng, ledger)
            gradient = Weights.zeros(ledger.sizes, circuit.up.dtype)
        noise = stream(seed, "traces", *place)
        x_seen, seen = traced(circuit, 0, x, noise), traced_layers(circuit, now.states, noise)
        for stretch in self.stretches:
            nudge = Nudge(targets, np.full(len(x), stretch.beta, dtype=circuit.up.dtype))
            for _ in range(self.plan.nudged.sweeps):
                number += 1
                before = tuple(s.copy() for s in seen)
                now = self._sweep(now, x, nudge, step_keys(circuit, self.plan.free, seed, *place, number), ledger)
                seen = traced_layers(circuit, now.states, noise)
                if stretch.slope:
                    self._learn(x_seen, before, seen, stretch.slope, gradient, rates, rng, ledger)
        return free, now

    def _sweep(self, now: Equilibrium, x: FloatArray, nudge: Nudge, keys: Keys, ledger: Ledger) -> Equilibrium:
        """Return the states one sweep later. The weights have changed, so every sum is read anew."""
        circuit = self.mounted.circuit
        drive = self.engine.drive(circuit, x, keys.drive, ledger, Phase.NUDGED)
        fresh = np.zeros(len(now.states), dtype=bool)
        fresh[0] = True
        start = now._replace(currents=(drive, *now.currents[1:]), fresh=fresh)
        one = Plan(self.plan.nudged.order, 1, 0.0)
        return self.engine.settle_nudged(circuit, start, nudge, one, keys.nudged, ledger)

    def _learn(
        self,
        x: FloatArray,
        before: tuple[FloatArray, ...],
        now: tuple[FloatArray, ...],
        slope: float,
        gradient: Weights,
        rates: tuple[float, ...],
        rng: np.random.Generator,
        ledger: Ledger,
    ) -> None:
        """Program what one sweep changed."""
        weight = np.full(len(x), slope / len(x), dtype=x.dtype)
        states = tuple(np.concatenate(pair) for pair in zip(before, now, strict=True))
        into = Accumulation(gradient, (1.0,) * len(rates), 0.0)
        self.engine.contrast(self.mounted.circuit, x, states, np.concatenate([-weight, weight]), into, ledger)
        self.device.program(self.mounted, Update(gradient, rates), rng, ledger)


class ContinualTrainer(Trainer):
    """Training by continual EP, plain or symmetric as the estimator of its phases says.

    Plain gradient descent only: a momentum or a weight decay would need memory of its own at each sweep.
    """

    @cached_property
    def continual(self) -> Continual:
        """How a minibatch is settled and learned."""
        symmetric = self.phases.estimator is Estimator.CONTINUAL_SYMMETRIC
        plan = sweep_plans(self.phases, len(self.mounted.circuit.sizes) - 1)
        return Continual(self.engine, self.device, self.mounted, plan, self.phases.beta, symmetric)

    def step(
        self,
        batch: NDArray[np.intp],
        place: tuple[int, int],
        rates: tuple[float, ...],
        rng: np.random.Generator,
        progress: Progress,
    ) -> FloatArray:
        """Settle and learn one minibatch; return the free outputs, (batch, n_L)."""
        x, targets = self.samples.x.take(batch, axis=0), self.samples.targets.take(batch, axis=0)
        free, nudged = self.continual.step(x, targets, rates, self.seed, place, rng, progress.ledger)
        self._check(place, nudged.code)
        return free.output.copy()


def trainer_for(phases: Phases) -> type[Trainer]:
    """Return the kind of trainer that a recipe's estimator needs."""
    return ContinualTrainer if phases.estimator.is_continual else Trainer
