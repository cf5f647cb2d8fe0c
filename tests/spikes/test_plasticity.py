"""What synapses take up from spikes and traces alone: the contrast of the continuous network's equilibria."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from problems import Problem, cosine, kept, plan, problem, settle, settle_nudged

from neuroep.engines import Accumulation, create
from neuroep.engines.base import Nudge
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.engines.spiking.plasticity import Learned, Traces, learn
from neuroep.errors import BadInput
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import Weights

SIZES, BETA, COPIES = (20, 16, 12, 6), 0.4, 2


def drawn() -> Problem:
    p = problem(SIZES, Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, feedback=0.6, batch=12)
    p.weights.biases[:] += 0.25
    return p._replace(x=np.clip(np.abs(p.x), 0.0, 1.0))


def how(steps: int, encoder: Encoder = Encoder.INTEGRATE_AND_FIRE) -> Spikes:
    return Spikes(encoder, steps, 20, 0.1, 0.2, 0.5)


def centered(p: Problem) -> tuple[Nudge, Any]:
    """Both nudges, and the η of each row."""
    signs = np.repeat([1.0, -1.0], len(p.x))
    return Nudge(np.tile(p.targets, (COPIES, 1)), BETA * signs), signs / (2.0 * BETA * len(p.x))


def learned(p: Problem, steps: int, traces: Traces) -> tuple[Learned, Ledger]:
    ledger, (nudge, rates) = Ledger.empty(SIZES), centered(p)
    free = kept(SpikingEngine(1).settle_free(p.circuit, p.x, how(400), 3, ledger, Phase.FREE))
    return learn(p.circuit, free, nudge, how(steps), traces, rates, ledger), ledger


def contrast(p: Problem) -> Weights:
    """The centered difference of the continuous network's equilibria, as descent would add it."""
    reference, found, (nudge, rates) = create("reference"), Weights.zeros(SIZES, np.float64), centered(p)
    free = settle(reference, p.circuit, p.x, plan(3, 2000, 1e-12))
    nudged = settle_nudged(reference, p.circuit, free, *nudge, plan(3, 2000, 1e-12))
    into = Accumulation(found, (-1.0,) * 3, 0.0)
    reference.contrast(p.circuit, p.x, nudged.states, rates, into, Ledger.empty(SIZES))
    return found


def test_changes_tend_to_the_contrast_as_a_phase_gets_longer() -> None:
    p = drawn()
    wanted, found = contrast(p), []
    for steps in (40, 120, 480):
        changes = learned(p, steps, Traces(steps / 12, steps / 3))[0].changes
        found.append([cosine(changes.coupling(k), wanted.coupling(k)) for k in (1, 2, 3)])
        found[-1].append(cosine(changes.biases, wanted.biases))
    assert (np.diff(found, axis=0) > -1e-3).all()
    assert min(found[0]) < 0.9
    assert min(found[-1]) > 0.95
    for got, exact in ((changes.couplings, wanted.couplings), (changes.biases, wanted.biases)):
        assert np.linalg.norm(got) == pytest.approx(float(np.linalg.norm(exact)), rel=0.1)


def test_one_nudge_of_random_sign_does_in_a_longer_phase() -> None:
    """Against (nudged − free)/β of the continuous network: one copy's ripple isn't taken off by another's."""
    p, ledger = drawn(), Ledger.empty(SIZES)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(p.x))
    nudge, rates = Nudge(p.targets, BETA * signs), signs / (BETA * len(p.x))
    reference, wanted = create("reference"), Weights.zeros(SIZES, np.float64)
    free = settle(reference, p.circuit, p.x, plan(3, 2000, 1e-12))
    nudged = settle_nudged(reference, p.circuit, free, *nudge, plan(3, 2000, 1e-12))
    states = tuple(np.concatenate(pair) for pair in zip(free.states, nudged.states, strict=True))
    into = Accumulation(wanted, (-1.0,) * 3, 0.0)
    reference.contrast(p.circuit, p.x, states, np.concatenate([-rates, rates]), into, ledger)
    begin = kept(SpikingEngine(1).settle_free(p.circuit, p.x, how(400), 3, ledger, Phase.FREE))
    changes = learn(p.circuit, begin, nudge, how(480), Traces(40.0, 160.0), rates, ledger).changes
    assert min(cosine(changes.coupling(k), wanted.coupling(k)) for k in (1, 2, 3)) > 0.9
    assert cosine(changes.biases, wanted.biases) > 0.99


def test_without_a_nudge_rates_stay_and_weights_with_them() -> None:
    """By one copy's spikes alone, since the other's change is the same with the other sign."""
    p = drawn()
    nudge, rates = centered(p)
    nudge.beta[:], rates[len(p.x) :] = 0.0, 0.0
    ledger = Ledger.empty(SIZES)
    free = kept(SpikingEngine(1).settle_free(p.circuit, p.x, how(400), 3, ledger, Phase.FREE))
    still = learn(p.circuit, free, nudge, how(480), Traces(40.0, 160.0), rates, ledger).changes
    moved = contrast(p)
    assert np.linalg.norm(still.couplings) < 0.25 * np.linalg.norm(moved.couplings)
    assert np.linalg.norm(still.biases) < 0.1 * np.linalg.norm(moved.biases)


def test_synapses_are_counted_when_a_spike_passes() -> None:
    p = drawn()
    ledger = learned(p, 100, Traces(8.0, 30.0))[1]
    spikes, updates = ledger.counts[Phase.NUDGED, Event.SPIKE], ledger.counts[Phase.UPDATE, Event.LEARN]
    assert spikes[0] % COPIES == 0  # copies share their input, which is sent to each of them
    for k in range(1, len(SIZES)):
        assert updates[k] == spikes[k - 1] * SIZES[k] + spikes[k] * SIZES[k - 1]


def test_what_can_t_learn_is_refused() -> None:
    p = drawn()
    nudge, rates = centered(p)
    ledger = Ledger.empty(SIZES)
    free = kept(SpikingEngine(1).settle_free(p.circuit, p.x, how(20), 3, ledger, Phase.FREE))
    for plan_, traces, what in (
        (how(20), Traces(5.0, 5.0), "time constants of 5 and 5 steps"),
        (how(20), Traces(1.0, 5.0), "time constants of 1 and 5 steps"),
        (how(20, Encoder.POISSON), Traces(5.0, 20.0), "plasticity with poisson"),
    ):
        with pytest.raises(BadInput, match=what):
            learn(p.circuit, free, nudge, plan_, traces, rates, ledger)
