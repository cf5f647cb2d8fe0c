"""The same phases in both simulators of spikes, and the spike trains of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from problems import Problem, kept, problem

from neuroep.circuit import Circuit
from neuroep.engines.base import Nudge
from neuroep.engines.spiking.brian.engine import BrianEngine
from neuroep.engines.spiking.brian.programs import Train
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.equilibrium import Equilibrium
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Skip
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray

#: 64-32-10 with a skip, which needs a layer to lead over and one to lead to; 200 steps are 200 ms.
SIZES, STEPS, KEY = (64, 32, 10, 32), 200, 5
A = Activation
KINDS = [(A.HARD_SIGMOID, A.HARD_SIGMOID, 0.5), (A.TANH, A.LINEAR, 0.5), (A.RELU6, A.LINEAR, 0.15),
         (A.SIGMOID, A.RELU, 0.5)]  # fmt: skip
#: Sums in another order, over 200 steps.
CLOSE = 1e-11


def drawn(kind: Any = KINDS[0], batch: int = 2) -> Problem:
    p = problem(SIZES, *kind[:2], feedback=0.7, batch=batch, skips=(Skip(1, 3, 0.5),))
    p.weights.biases[:] += 0.2
    return p._replace(x=np.clip(p.x, -1.0, 1.0))


def how(peak: float = 0.5, steps: int = STEPS, encoder: Encoder = Encoder.INTEGRATE_AND_FIRE) -> Spikes:
    return Spikes(encoder, steps, 50, 0.1, 0.2, peak)


def nudge(p: Problem, betas: tuple[float, ...]) -> Nudge:
    return Nudge(np.tile(p.targets, (len(betas), 1)), np.repeat(betas, len(p.x)))


def both_phases(engine: Any, p: Problem, plan: Spikes, betas: tuple[float, ...]) -> tuple[Any, ...]:
    circuit, ledger = p.circuit, Ledger.empty(p.sizes)
    free = kept(engine.settle_free(circuit, p.x, plan, KEY, ledger, Phase.FREE))
    trains = engine.trains if isinstance(engine, BrianEngine) else None
    nudged = kept(engine.settle_nudged(circuit, free, nudge(p, betas), plan, KEY, ledger))
    return free, nudged, ledger, trains


def assert_same(got: Equilibrium, wanted: Equilibrium) -> None:
    for a, b in zip((*got.states, *got.currents, got.residual), (*wanted.states, *wanted.currents, wanted.residual),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=0, atol=CLOSE)


def dense(train: Train, units: int) -> FloatArray:
    """Signed spikes, (steps, units)."""
    found = np.zeros((STEPS, units))
    found[train.step, train.unit] = train.sign
    return found


def trains_of_the_twin(circuit: Circuit, x: FloatArray, plan: Spikes) -> list[FloatArray]:
    """Signed spikes of each layer, (steps, samples · units)."""
    rasters: list[Any] = []
    SpikingEngine(1, rasters).settle_free(circuit, x, plan, KEY, Ledger.empty(SIZES), Phase.FREE)
    layers = np.split(rasters[0][0].transpose(1, 0, 2), np.cumsum(SIZES)[:-1], axis=2)
    return [layer.reshape(STEPS, -1) for layer in layers]


def assert_same_trains(engine: BrianEngine, p: Problem) -> None:
    _, _, _, trains = both_phases(engine, p, how(), (0.4,))
    for k, wanted in enumerate(trains_of_the_twin(p.circuit, p.x, how())):
        assert np.abs(wanted).sum() > STEPS
        np.testing.assert_array_equal(dense(trains[k], wanted.shape[1]), wanted)
