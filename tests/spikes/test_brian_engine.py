"""brian2 and the compiled twin are two simulators of the same equations: same keys, same spike trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulators import CLOSE, KINDS, assert_same, assert_same_trains, both_phases, dense, drawn, how, nudge

from neuroep.engines.spiking.brian.engine import BrianEngine
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.engines.spiking.plasticity import Traces, learn
from neuroep.errors import NotAvailable
from neuroep.recipe import Encoder

TRACES = Traces(12.0, 40.0)


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


def test_a_large_minibatch_in_portions_is_the_same() -> None:
    """Three samples as two and one, their two nudged copies one sample at a time."""
    p, plan, betas = drawn(batch=3), how(steps=60), (0.4, -0.4)
    room = 2 * len(p.weights.couplings)
    whole, parted = BrianEngine(), BrianEngine(most_synapses=room)
    rates, found = 1.0 / (nudge(p, betas).beta * 6), []
    for engine in (whole, parted):
        free, nudged, ledger, trains = both_phases(engine, p, plan, betas)
        learned = engine.learn(p.circuit, free, nudge(p, betas), plan, TRACES, rates, ledger)
        found.append((free, nudged, ledger, [dense(t, 3 * n) for t, n in zip(trains, p.sizes, strict=True)], learned))
    for wanted, got in zip(found[0][:2], found[1][:2], strict=True):
        assert_same(got, wanted)
    np.testing.assert_array_equal(found[1][2].counts, found[0][2].counts)
    for wanted, got in zip(found[0][3], found[1][3], strict=True):
        np.testing.assert_array_equal(got, wanted)
    learnt, parts = found[0][4].changes, found[1][4].changes
    np.testing.assert_allclose(parts.couplings, learnt.couplings, rtol=0, atol=CLOSE)
    np.testing.assert_allclose(parts.biases, learnt.biases, rtol=0, atol=CLOSE)
    assert (whole.built, parted.built) == (3, 4)


def test_spike_trains_are_the_twin_s() -> None:
    """Also where a network runs again, with other weights, and is not built again."""
    engine, p = BrianEngine(), drawn()
    assert_same_trains(engine, p)
    p.weights.couplings[:] *= 0.9
    assert_same_trains(engine, p)
    assert engine.built == 1


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
