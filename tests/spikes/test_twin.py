"""The compiled spiking engine: the equations written out, and the continuous network that rates tend to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from definition import ByHand

from neuroep.circuit import coupling_up
from neuroep.engines import Keys, Nudge, create
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.equilibrium import ResultCode
from neuroep.errors import NeuroepError
from neuroep.hardware.device import Ideal
from neuroep.learning.methods.phases import plans
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Network, Skip, chain, initial_weights
from neuroep.recipe import Encoder, Estimator, Phases
from neuroep.rng import counter_uniform
from neuroep.solvers.spikes import Spikes, Spiking
from neuroep.weights import Weights

SIZES, SKIPS = (7, 6, 6, 6, 3), (Skip(1, 3, 0.5),)
HARD, TANH, LINEAR = Activation.HARD_SIGMOID, Activation.TANH, Activation.LINEAR
SWEPT = Phases(free_sweeps=5000, nudged_sweeps=5000, tolerance=1e-13)


def network(hidden: Activation = HARD, output: Activation = HARD, gain: float = 0.9, bias: float = 0.2) -> Network:
    made = chain(SIZES, hidden, output, feedback=0.6, gain=gain, bias=bias)
    couplings = (*made.couplings[:-1], replace(made.couplings[-1], bias=bias))
    return Network(made.layers, couplings, feedback=made.feedback, skips=SKIPS)


def mounted(of: Network, dtype: Any = np.float64, seed: int = 0) -> tuple[Any, Weights]:
    rng = np.random.default_rng(seed)
    weights = initial_weights(of, rng, dtype)
    return Ideal().mount(of, weights, rng).circuit, weights


def inputs(rows: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).uniform(0.0, 1.0, (rows, SIZES[0]))


def how(encoder: Encoder, steps: int, window: int = 10, free_copy: bool = False) -> Spikes:
    if encoder is Encoder.GRADED:
        return Spikes(encoder, steps, window, 0.3, 0.0, 0.0, free_copy, 1.0 / 32.0)
    return Spikes(encoder, steps, window, 0.15, 0.25, 1.0 if encoder is Encoder.SIGMA_DELTA else 0.5, free_copy)


def rest(circuit: Any, x: Any) -> list[Any]:
    """The continuous network's equilibrium."""
    engine, aside = create("reference"), Ledger.empty(tuple(circuit.sizes))
    drive = engine.drive(circuit, x, 0, aside, Phase.FREE)
    plan: Any = plans(SWEPT, len(circuit.sizes) - 1).free
    return list(engine.settle_free(circuit, drive, plan, 0, aside, Phase.FREE).states)


@pytest.mark.parametrize(("hidden", "output"), [(HARD, HARD), (TANH, LINEAR), (Activation.SIGMOID, LINEAR)])
@pytest.mark.parametrize("encoder", [Encoder.INTEGRATE_AND_FIRE, Encoder.SIGMA_DELTA, Encoder.GRADED])
def test_both_phases_are_the_equations_step_by_step(encoder: Encoder, hidden: Activation, output: Activation) -> None:
    """States, spikes and synaptic operations of each sample, in float64: sums differ in their last bits alone."""
    circuit, _ = mounted(network(hidden, output, gain=1.5))
    x, beta, key = inputs(5), np.array([0.4, 0.4, -0.4, 0.3, -0.2]), 11
    targets = np.random.default_rng(2).uniform(0.0, 1.0, (5, SIZES[-1]))
    engine, ledger = create("spiking", 1), Ledger.empty(SIZES)
    free = engine.settle_free(circuit, x, how(encoder, 70), key, ledger, Phase.FREE)
    nudged = engine.settle_nudged(circuit, free, Nudge(targets, beta), how(encoder, 40), 12, ledger)
    begin = counter_uniform(key, np.arange(5), sum(SIZES))
    spikes, synops = np.zeros((2, len(SIZES)), int), np.zeros((2, len(SIZES)), int)
    for row in range(5):
        by_hand = ByHand(circuit, x[row], begin[row], how(encoder, 70), SKIPS)
        for phase, found, at in ((0, free, (70,)), (1, nudged, (40, targets[row], beta[row]))):
            before = by_hand.spikes.copy(), by_hand.synops.copy()
            for state, wanted in zip(found.states, by_hand.run(*at), strict=True):
                np.testing.assert_allclose(state[row], wanted, atol=1e-12)
            spikes[phase] += by_hand.spikes - before[0]
            synops[phase] += by_hand.synops - before[1]
    for phase, row in ((Phase.FREE, 0), (Phase.NUDGED, 1)):
        assert (ledger.counts[phase, Event.SPIKE] == spikes[row]).all()
        assert (ledger.counts[phase, Event.SYNOP] == synops[row]).all()
        units = ledger.counts[phase, Event.ACTIVE] + ledger.counts[phase, Event.IDLE]
        assert (units[1:] == 5 * (70, 40)[row] * np.array(SIZES[1:])).all()
        assert ledger.counts[phase, Event.BARRIER, 0] == 5 * (70, 40)[row]


def test_units_are_idle_only_where_no_spike_goes_in_or_out() -> None:
    """Two couplings and one spike a unit at most: the spikes by hand say who is touched."""
    of = chain((3, 4, 2), HARD, HARD, gain=0.5)
    circuit, _ = mounted(of)
    x = np.array([[0.3, 0.0, 0.1]])
    ledger, key = Ledger.empty((3, 4, 2)), 5
    create("spiking", 1).settle_free(circuit, x, how(Encoder.INTEGRATE_AND_FIRE, 50), key, ledger, Phase.FREE)
    by_hand = ByHand(circuit, x[0], counter_uniform(key, np.arange(1), 9)[0], how(Encoder.INTEGRATE_AND_FIRE, 50))
    by_hand.run(50)
    active = [0, 0, 0]
    for q in by_hand.trains:
        active[1] += 4 if q[0].any() or q[2].any() else int(np.count_nonzero(q[1]))
        active[2] += 2 if q[1].any() else int(np.count_nonzero(q[2]))
    assert ledger.counts[Phase.FREE, Event.ACTIVE].tolist() == active
    assert 0 < active[1] < 200


@pytest.mark.parametrize("encoder", [Encoder.INTEGRATE_AND_FIRE, Encoder.SIGMA_DELTA])
def test_rasters_are_the_spikes_step_by_step(encoder: Encoder) -> None:
    circuit, _ = mounted(network(TANH, LINEAR, gain=1.5))
    rasters: list[Any] = []
    x, engine = inputs(2), SpikingEngine(1, rasters)
    engine.settle_free(circuit, x, how(encoder, 60), 4, Ledger.empty(SIZES), Phase.FREE)
    for row in range(2):
        by_hand = ByHand(circuit, x[row], counter_uniform(4, np.arange(2), sum(SIZES))[row], how(encoder, 60), SKIPS)
        by_hand.run(60)
        np.testing.assert_array_equal(rasters[0][0, row], [np.concatenate(q) for q in by_hand.trains])


def test_graded_spikes_are_sent_of_changes_alone_and_leave_half_a_grain() -> None:
    """Sources are off by half a grain at most; what comes in of that and of other states' errors bounds a state's."""
    sizes, feedback = (7, 6, 6, 3), 0.6
    circuit, _ = mounted(chain(sizes, TANH, LINEAR, feedback=feedback, gain=0.3))
    ups = [np.abs(coupling_up(circuit, k)) for k in (1, 2, 3)]
    downs = [feedback * w.sum(axis=1) for w in ups[1:]] + [np.zeros(3)]
    into = max(float((w.sum(axis=0) + down).max()) for w, down in zip(ups, downs, strict=True))
    assert into < 0.9
    x, engine = inputs(8), create("spiking", 1)
    wanted = np.concatenate(rest(circuit, x), axis=1)
    for grain in (1 / 16, 1 / 64, 1 / 256):
        plan, ledger = how(Encoder.GRADED, 300, 1)._replace(grain=grain), Ledger.empty(sizes)
        free = engine.settle_free(circuit, x, plan, 0, ledger, Phase.FREE)
        off = np.abs(np.concatenate(free.states, axis=1) - wanted).max()
        assert 0.0 < off < 0.5 * grain * into / (1.0 - into) + 1e-12
        still = Nudge(np.zeros((8, sizes[-1])), np.zeros(8))
        engine.settle_nudged(circuit, free, still, plan, 0, ledger)
        sent = ledger.counts[:, Event.SPIKE].sum(axis=1)
        assert sent[Phase.NUDGED] == 0 < sent[Phase.FREE], "at rest nothing is sent"


def slope(encoder: Encoder, times: list[int], seeds: int) -> float:
    """The exponent in T of the error of rates, of units that stay inside ρ's linear stretch.

    Sigma-delta's error is the change of (1 − λ)/λ s + I/λ + v/ε over T, which is as one over T once T is longer than
    the slow beats of its patterns; the faster currents and membranes follow, the sooner.
    """
    circuit, _ = mounted(network(gain=0.3, bias=0.35))
    x = inputs(32)
    wanted = np.concatenate(rest(circuit, x), axis=1)
    assert 0.1 < wanted.min() < wanted.max() < 0.9
    errors = []
    for steps in times:
        plan, squares = how(encoder, 200 + steps, steps), []
        if encoder is Encoder.SIGMA_DELTA:
            plan = plan._replace(relaxation=0.6, leak=0.4)
        for key in range(seeds):
            states = create("spiking", 1).settle_free(circuit, x, plan, key, Ledger.empty(SIZES), Phase.FREE).states
            squares.append(((np.concatenate(states, axis=1) - wanted) ** 2).mean())
        errors.append(np.sqrt(np.mean(squares)))
    return float(np.polyfit(np.log(times), np.log(errors), 1)[0])


@pytest.mark.parametrize("encoder", [Encoder.INTEGRATE_AND_FIRE, Encoder.SIGMA_DELTA])
def test_rates_near_the_continuous_equilibrium_as_one_over_the_time(encoder: Encoder) -> None:
    assert slope(encoder, [250, 500, 1000, 2000, 4000], 2) == pytest.approx(-1.0, abs=0.1)


def test_rates_by_chance_near_it_as_one_over_the_root_of_the_time() -> None:
    assert slope(Encoder.POISSON, [250, 500, 1000, 2000, 4000], 6) == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("estimator", [Estimator.CENTERED, Estimator.ONE_SIDED, Estimator.RANDOM_SIGN])
def test_gradients_of_spikes_near_those_of_the_continuous_network(estimator: Estimator) -> None:
    of = network(gain=0.5, bias=0.3)
    _, weights = mounted(of)
    x, targets = inputs(64), np.random.default_rng(3).uniform(0.0, 1.0, (64, SIZES[-1]))
    circuit = Ideal().mount(of, weights, np.random.default_rng(0)).circuit
    exact = ep_gradients(create("reference"), circuit, x, targets, Phases(estimator, 0.3, 5000, 5000, tolerance=1e-13))
    cosines = []
    for steps in (50, 200, 800):
        phases = Phases(estimator, 0.3, 100 + steps, 100 + steps, solver="sigma-delta", window=steps, relaxation=0.15)
        found = ep_gradients(create("spiking", 1), circuit, x, targets, phases)
        a, b = exact.couplings, found.couplings
        cosines.append(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    assert cosines[0] < cosines[1] < cosines[2]
    assert cosines[2] > 0.999


def test_free_copies_are_of_the_estimators_that_read_free_states() -> None:
    for estimator in (Estimator.ONE_SIDED, Estimator.RANDOM_SIGN, Estimator.CENTERED):
        found: Any = plans(Phases(estimator, 0.3, 50, 50, solver="poisson"), 2)
        assert found.nudged.free_copy == (estimator is not Estimator.CENTERED)
        assert not found.free.free_copy


def test_a_free_copy_runs_along_where_free_states_enter_the_difference() -> None:
    """It is a nudged phase of β = 0: both are read after as many steps."""
    circuit, _ = mounted(network())
    x, targets, beta = inputs(4), np.full((4, SIZES[-1]), 0.5), np.full(4, 0.3)
    engine, aside = create("spiking", 1), Ledger.empty(SIZES)
    free, nudged = how(Encoder.INTEGRATE_AND_FIRE, 30), how(Encoder.INTEGRATE_AND_FIRE, 25, free_copy=True)
    first, second = engine.phases(circuit, x, Spiking(free, nudged), Nudge(targets, beta), Keys(1, 2, 3), aside)
    alone = engine.settle_free(circuit, x, how(Encoder.INTEGRATE_AND_FIRE, 55), 2, aside, Phase.FREE)
    for a, b in zip(first.states, alone.states, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)
    assert not np.array_equal(second.states[-1], first.states[-1])


def test_results_are_the_same_on_any_number_of_threads_and_in_any_batch() -> None:
    circuit, _ = mounted(network(), np.float32)
    x = inputs(70).astype(np.float32)
    plan = how(Encoder.POISSON, 40)
    found = [create("spiking", n).settle_free(circuit, x, plan, 3, Ledger.empty(SIZES), Phase.FREE) for n in (1, 2, 3)]
    part = create("spiking", 1).settle_free(circuit, x[:9], plan, 3, Ledger.empty(SIZES), Phase.FREE)
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0].states, other.states, strict=True))
    assert all(np.array_equal(a[:9], b) for a, b in zip(found[0].states, part.states, strict=True))


def test_a_unit_that_overflows_is_reported_as_diverged() -> None:
    circuit, _ = mounted(chain((2, 3, 2), HARD, HARD))
    circuit.up[:] = np.inf
    plan, x = how(Encoder.SIGMA_DELTA, 40), np.array([[0.0, 0.0], [1.0, 1.0]])
    found = create("spiking", 1).settle_free(circuit, x, plan, 0, Ledger.empty((2, 3, 2)), Phase.FREE)
    assert found.code.tolist() == [ResultCode.CONVERGED, ResultCode.DIVERGED]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cost": Cost.CROSS_ENTROPY}, "cross-entropy"),
        ({"hidden": Activation.RELU6}, "peak of at most 0.167"),
    ],
)
def test_what_spikes_cannot_carry_is_refused(given: dict[str, Any], words: str) -> None:
    circuit, _ = mounted(chain((3, 4, 2), **{"hidden": HARD, **given}))
    reason = create("spiking").supports(circuit, how(Encoder.INTEGRATE_AND_FIRE, 50))
    assert reason is not None
    assert words in reason
    assert ": use " in reason


def test_inputs_beyond_what_a_spike_a_step_codes_are_refused() -> None:
    circuit, _ = mounted(chain((3, 4, 2), HARD, HARD))
    with pytest.raises(NeuroepError, match=r"inputs up to 2\.5"):
        create("spiking").settle_free(circuit, np.full((1, 3), 2.5), how(Encoder.INTEGRATE_AND_FIRE, 50), 0,
                                      Ledger.empty((3, 4, 2)), Phase.FREE)  # fmt: skip


@pytest.mark.parametrize(
    ("phases", "key"),
    [
        ({"tolerance": 1e-3}, "phases.tolerance"),
        ({"window": 30}, "phases.window"),
        ({"relaxation": 0.0}, "phases.relaxation"),
        ({"leak": 1.5}, "phases.leak"),
        ({"scaled": True}, "phases.solver"),
        ({"estimator": Estimator.HOLOMORPHIC}, "phases.solver"),
    ],
)
def test_settings_that_spikes_do_not_read_are_refused(phases: dict[str, Any], key: str) -> None:
    with pytest.raises(NeuroepError, match=key):
        Phases(**{"solver": "poisson", "free_sweeps": 25, "nudged_sweeps": 25, **phases})
