"""brian2 and the compiled twin are two simulators of the same equations: same keys, same spike trains."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
import pytest
from problems import Problem, kept, problem

from neuroep.circuit import Circuit
from neuroep.engines.base import Nudge
from neuroep.engines.spiking.brian.engine import BrianEngine
from neuroep.engines.spiking.brian.programs import Train
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.engines.spiking.plasticity import Traces, learn
from neuroep.equilibrium import Equilibrium
from neuroep.errors import NotAvailable
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Skip
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray

#: 64-32-10 with a skip, which needs a layer to lead over; 200 steps are 200 ms.
SIZES, STEPS, KEY = (64, 32, 16, 32, 10), 200, 5
A = Activation
KINDS = [(A.HARD_SIGMOID, A.HARD_SIGMOID, 0.5), (A.TANH, A.LINEAR, 0.5), (A.RELU6, A.LINEAR, 0.15),
         (A.SIGMOID, A.RELU, 0.5)]  # fmt: skip
TRACES = Traces(12.0, 40.0)
#: Sums in another order, over 200 steps.
CLOSE = 1e-11


def drawn(kind: Any = KINDS[0], sizes: tuple[int, ...] = SIZES, batch: int = 2) -> Problem:
    p = problem(sizes, *kind[:2], feedback=0.7, batch=batch, skips=(Skip(1, 3, 0.5),))
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


@pytest.mark.parametrize("kind", [KINDS[0], *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[1:])])
def test_phases_events_and_plasticity_are_the_twin_s(kind: Any) -> None:
    p, plan, betas = drawn(kind), how(kind[2]), (0.4, -0.4)
    ours, theirs = SpikingEngine(1), BrianEngine()
    free, nudged, ledger, _ = both_phases(ours, p, plan, betas)
    got_free, got_nudged, got_ledger, _ = both_phases(theirs, p, plan, betas)
    assert_same(got_free, free)
    assert_same(got_nudged, nudged)
    rates = 1.0 / (nudge(p, betas).beta * 4)
    wanted = learn(p.circuit, free, nudge(p, betas), plan, TRACES, rates, ledger)
    got = theirs.learn(p.circuit, got_free, nudge(p, betas), plan, TRACES, rates, got_ledger)
    assert_same(got.equilibrium, wanted.equilibrium)
    np.testing.assert_allclose(got.changes.couplings, wanted.changes.couplings, rtol=0, atol=CLOSE)
    np.testing.assert_allclose(got.changes.biases, wanted.changes.biases, rtol=0, atol=CLOSE)
    assert np.abs(wanted.changes.couplings).max() > 0.01
    np.testing.assert_array_equal(got_ledger.counts, ledger.counts)


def test_spike_trains_are_the_twin_s() -> None:
    assert_same_trains(BrianEngine(), drawn())


@pytest.mark.slow
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
def test_compiled_targets_send_the_same_spikes_and_are_built_once(target: str) -> None:
    p, before = drawn(), set(os.listdir(tempfile.gettempdir()))
    engine = BrianEngine(target)
    assert_same_trains(engine, p)
    p.weights.couplings[:] *= 0.9  # other weights, in the same program
    other = both_phases(SpikingEngine(1), p, how(), (0.4,))
    again = both_phases(engine, p, how(), (0.4,))
    for got, wanted in zip(again[:2], other[:2], strict=True):
        assert_same(got, wanted)
    np.testing.assert_array_equal(again[2].counts, other[2].counts)
    assert engine.built == 1
    del engine
    assert {name for name in set(os.listdir(tempfile.gettempdir())) - before if "brian" in name} == set()


def test_what_it_can_t_do_is_said_with_the_remedy() -> None:
    p, engine = drawn(), BrianEngine()
    assert engine.supports(p.circuit, how()) is None
    for plan, circuit, what in (
        (how(1.0, encoder=Encoder.SIGMA_DELTA), p.circuit, "the code 'sigma-delta'"),
        (how(), p.circuit._replace(down=-p.circuit.up), "weights that differ upward and downward"),
    ):
        assert engine.supports(circuit, plan) == f"{what} on the brian2 engine: use --engine spiking"


def test_compiled_targets_ask_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    for target in ("cython", "cpp_standalone"):
        with pytest.raises(NotAvailable, match=r"without a C\+\+ compiler: install g\+\+, or use numpy"):
            BrianEngine(target)
    BrianEngine("numpy")
