"""Settling on the chip's integer neurons: every spike of a whole network by single LIF steps, rates by closed form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neuroep
from neuroep.circuit import Circuit
from neuroep.engines import Nudge, create
from neuroep.engines.spiking import loihi
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput, NotAvailable
from neuroep.hardware.device import Mounted
from neuroep.hardware.loihi.neurons import LIF, LIFState, arrivals, effective_weights, lif_step
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.state_products import state_update
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Layer, Network, chain
from neuroep.recipe import Encoder, Estimator, Method, Phases, Programming, Recipe
from neuroep.rng import counter_uniform, stream
from neuroep.solvers.spikes import Spikes
from neuroep.specs.catalogue import load_device
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray, Weights

KEY, PERIOD = 77, 4
PLAN = Spikes(Encoder.LOIHI, 90, 60, 0.02, 0.125, 1.0 / PERIOD)
SIZES = (5, 4, 3)
EVENTS = (Event.SPIKE, Event.SYNOP, Event.ACTIVE, Event.IDLE, Event.BARRIER)


def bounded(*sizes: int, **more: Any) -> Network:
    network = chain(sizes, **more)
    return replace(network, layers=(*network.layers[:-1], Layer(sizes[-1])))


def device(**more: Any) -> QuantizedSynapse:
    built = load_device("loihi1").build()
    assert isinstance(built, QuantizedSynapse)
    return replace(built, **({"programming": Programming(Method.RULE)} | more))


def mounted(network: Network, spread: float = 1.0, bias: float = 0.2) -> Mounted:
    rng = stream(3, "weights")
    weights = Weights.zeros(network.sizes, np.float32)
    weights.couplings[...] = rng.uniform(-spread, spread, len(weights.couplings))
    weights.couplings[: len(weights.couplings) // 2] *= 0.1  # an exponent of its own
    weights.biases[...] = rng.uniform(-bias, bias, len(weights.biases))
    return device().mount(network, weights, stream(0))


PLAIN = LIF(0, 0, 0)


class Group:
    """Neurons one by one, each with parameters of its own."""

    def __init__(self, parameters: list[LIF], voltages: np.ndarray) -> None:
        self.parameters = parameters
        zero = np.zeros(1, np.int64)
        self.states = [LIFState(zero, np.asarray([v], np.int64), zero) for v in voltages]
        self.fired = np.zeros(len(parameters), dtype=np.bool_)

    def step(self, arriving: np.ndarray) -> None:
        found = [lif_step(s, a[None], p) for s, a, p in zip(self.states, arriving, self.parameters, strict=True)]
        self.states = [state for state, _ in found]
        self.fired = np.asarray([bool(fired[0]) for _, fired in found])


def lif(threshold: int, decay_u: int, decay_v: int, bias: int) -> LIF:
    """A neuron whose bias is a mantissa times a power of two, if the chip has one."""
    exponent = 0
    while abs(bias) >> exponent > 4095:
        exponent += 1
    assert exponent <= 7
    assert bias % (1 << exponent) == 0
    return LIF(decay_u, decay_v, threshold >> 6, PERIOD, 1, bias >> exponent, exponent)


def by_steps(
    circuit: Circuit, x: FloatArray, row: int, nudges: list[tuple[Spikes, float, FloatArray]]
) -> tuple[list[tuple[np.ndarray, np.ndarray]], dict[Event, np.ndarray]]:
    """Counts of the windows of phases one after another, and of events, of one sample in chains of two couplings."""
    scale, (n0, n1, n2) = loihi.scaling(circuit, PLAN), (int(n) for n in circuit.sizes)
    drawn = counter_uniform(KEY, np.asarray([row]), n0 + n1 + n2)[0]
    whole = loihi.effective(circuit.up, circuit, scale).astype(np.int64)
    first, second = whole[: n0 * n1].reshape(n0, n1), whole[n0 * n1 :].reshape(n1, n2)
    biases = loihi.effective(circuit.biases, circuit, scale).astype(np.int64)
    drives = loihi.input_drive(x, PLAN)
    senders = Group([lif(loihi.INPUT_THRESHOLD, 0, 0, int(b)) for b in drives],
                    (drawn[:n0] * loihi.INPUT_THRESHOLD).astype(np.int64))  # fmt: skip
    units = Group([PLAIN] * (n1 + n2), (drawn[n0:] * scale.threshold).astype(np.int64))
    events = {event: np.zeros(3, np.int64) for event in EVENTS}
    windows = []
    for how, beta, y in nudges:
        push = np.concatenate([np.zeros(n1, np.int64), loihi.as_bias(beta * y.astype(np.float64) * scale.current)])
        own = int(np.rint(-beta * scale.spike / 64)) * 64
        leak_u, leak_v = (round(4096 * share) for share in (how.leak, how.relaxation))
        units.parameters = [lif(scale.threshold, leak_u - 1, leak_v, int(b)) for b in push]
        sent, found = np.zeros(n0, np.int64), np.zeros(n1 + n2, np.int64)
        for t in range(how.steps):
            hidden, out, always = units.fired[:n1], units.fired[n1:], np.asarray([t % PERIOD == 0])
            loop = np.diag(np.full(n2, own)) if own else np.zeros((n2, n2), np.int64)
            into = np.concatenate([senders.fired, out, always]), np.concatenate([hidden, out, always])
            reach = (arrivals(into[0], np.concatenate([first, second.T, biases[None, :n1]])),
                     arrivals(into[1], np.concatenate([second, loop, biases[None, n1:]])))  # fmt: skip
            touched = [bool(senders.fired.any() or out.any() or always), bool(hidden.any() or always)]
            touched[1] |= bool(own and out.any())
            events[Event.SYNOP][1] += senders.fired.sum() * n1 + (n1 if always else 0)
            events[Event.SYNOP][2] += (hidden.sum() * n2 + out.sum() * n1 + (n2 if always else 0)
                                       + (out.sum() if own else 0))  # fmt: skip
            senders.step(np.zeros(n0, np.int64))
            units.step(np.concatenate(reach))
            if t >= how.steps - how.window:
                sent, found = sent + senders.fired, found + units.fired
            events[Event.SPIKE] += [senders.fired.sum() + always.sum(), units.fired[:n1].sum(), units.fired[n1:].sum()]
            for k, size, part in ((1, n1, units.fired[:n1]), (2, n2, units.fired[n1:])):
                active = size if touched[k - 1] else part.sum()
                events[Event.ACTIVE][k] += active
                events[Event.IDLE][k] += size - active
            events[Event.BARRIER][0] += 1
        windows.append((sent, found))
    return windows, events


def settled(
    circuit: Circuit, x: FloatArray, y: FloatArray, beta: FloatArray, threads: int = 1
) -> tuple[Equilibrium, Equilibrium, Ledger]:
    engine, ledger = create("spiking", threads), Ledger.empty(tuple(circuit.sizes.tolist()))
    with engine.session():
        free = engine.settle_free(circuit, x, PLAN, KEY, ledger, Phase.FREE)
        nudged = engine.settle_nudged(circuit, free, Nudge(y, beta), PLAN, KEY, ledger)
    return free, nudged, ledger


@pytest.mark.parametrize("beta", [0.4, -0.4])
def test_every_spike_is_that_of_single_neurons(beta: float) -> None:
    """Free phase, then a nudged one from where it ended: counts of the windows and all events, sample after sample."""
    circuit = mounted(bounded(*SIZES)).circuit
    rng, rows = stream(5, "x"), 3
    x = rng.random((rows, 5), dtype=np.float32)
    x[0, :2] = 0.0, 1.0
    y = np.eye(3, dtype=np.float32)
    free, nudged, ledger = settled(circuit, x, y, np.full(rows, beta, np.float32))
    impulse, total = 127 // 15, {event: np.zeros(3, np.int64) for event in EVENTS}
    fired = False
    for row in range(rows):
        windows, events = by_steps(circuit, x[row], row, [(PLAN, 0.0, y[row]), (PLAN, beta, y[row])])
        for found, (sent, counts) in zip((free, nudged), windows, strict=True):
            states = np.concatenate([found.states[0][row], found.states[1][row]])
            assert states == pytest.approx(np.minimum(counts * impulse, 127) / 127, abs=1e-7)
            assert found.inputs is not None
            assert found.inputs[row] == pytest.approx(np.minimum(sent * impulse, 127) / 127, abs=1e-7)
            fired |= bool(counts[:4].any() and counts[4:].any())
        for event in EVENTS:
            total[event] += events[event]
    assert fired
    for event in EVENTS:
        assert ledger.counts[:, event].sum(axis=0).tolist() == total[event].tolist(), event.name


@pytest.mark.parametrize("stimulus", [0.1, 0.2, 0.35, 0.5, 0.8, 1.3, 2.0])
def test_rates_rise_as_the_integer_neurons_do(stimulus: float) -> None:
    """A bias I: a period of R − 1 steps and ⌈θ/u⌉ more, u = cI; so R/(R + R/2I) to R/(R − 1 + R/2I), and a spike."""
    network = bounded(1, 1)
    weights = Weights.from_arrays([np.zeros((1, 1))], [np.asarray([stimulus])])
    circuit = device(headroom=4.0).mount(network, weights, stream(0)).circuit
    how = PLAN._replace(steps=127 * PERIOD + 600, window=127 * PERIOD, relaxation=1.0 / 4096, leak=0.01)
    engine, rows = create("spiking", 1), 20
    with engine.session():
        free = engine.settle_free(circuit, np.zeros((rows, 1), np.float32), how, KEY, Ledger.empty((1, 1)), Phase.FREE)
    held = float(circuit.biases[0])
    assert held == pytest.approx(stimulus, abs=0.02)
    low, high = PERIOD / (PERIOD + PERIOD / (2 * held)), PERIOD / (PERIOD - 1 + PERIOD / (2 * held))
    leak = PERIOD / (2 * held) / 4096 / 2 * PERIOD  # of what a voltage loses while it fills
    states = free.states[0]
    assert (states > low - leak - 1 / 127 - 1e-6).all()
    assert (states < high + 1 / 127 + 1e-6).all()


def test_negative_inputs_are_silent_and_saturated_ones_fire_at_the_ceiling() -> None:
    for bias, state in ((-0.5, 0.0), (60.0, 1.0)):
        weights = Weights.from_arrays([np.zeros((1, 1))], [np.asarray([bias])])
        circuit = device().mount(bounded(1, 1), weights, stream(0)).circuit
        how = PLAN._replace(steps=700, window=127 * PERIOD)
        with create("spiking", 1).session():
            found = create("spiking", 1).settle_free(
                circuit, np.zeros((1, 1), np.float32), how, KEY, Ledger.empty((1, 1)), Phase.FREE
            )
        assert found.states[0][0, 0] == state
        assert found.residual[0] <= 1.0 / 63.0  # halves of 254 steps, of which one may hold a spike more


def test_inputs_fire_with_the_period_nearest_to_their_rate() -> None:
    x = np.concatenate([[0.0, 1.0], np.arange(1, 17) / 16, [0.07]])
    drive = loihi.input_drive(x, PLAN)
    assert drive[0] == 0
    for value, bias in zip(x[1:], drive[1:], strict=True):
        added = loihi.INPUT_THRESHOLD // int(bias) + 1
        assert PERIOD - 1 + added == max(PERIOD, round(PERIOD / value))


def test_weights_are_cut_as_the_chip_cuts_them() -> None:
    """Of two couplings with exponents of their own: mantissa · 2^(6 + e − d), low bits zeroed."""
    made = mounted(bounded(30, 20, 10), 3.0)
    circuit, state = made.circuit, made.state
    for plan in (PLAN, PLAN._replace(leak=0.01), PLAN._replace(peak=1.0 / 64, leak=1.0)):
        scale = loihi.scaling(circuit, plan)
        found = loihi.net(circuit, scale).up
        for k, part in ((1, slice(0, 600)), (2, slice(600, 800))):
            mantissas = 2 * state["mantissas"][part].astype(np.int64)
            exponent = int(state["exponents"][k - 1]) - scale.shift
            assert found[part].tolist() == effective_weights(mantissas, exponent).tolist()
        assert scale.threshold >> 6 < 1 << 17
        assert 4 * scale.spike < 1 << 21
    down = loihi.net(circuit, loihi.scaling(circuit, PLAN)).down[600:].reshape(10, 20)
    assert down.tolist() == loihi.net(circuit, loihi.scaling(circuit, PLAN)).up[600:].reshape(20, 10).T.tolist()


def test_biases_are_mantissas_times_powers_of_two() -> None:
    values = np.concatenate([[0, 4095, 4096, 4097, 8193, loihi.BIAS_TOP], stream(1).integers(-500_000, 500_000, 50)])
    for value, held in zip(values.tolist(), loihi.as_bias(values).tolist(), strict=True):
        step = 1 << max(abs(value).bit_length() - 12, 0)
        assert held % step == 0
        assert abs(held - value) <= step / 2
        assert abs(held) <= 4095 * 128


def test_threads_and_copies_make_no_difference() -> None:
    circuit = mounted(bounded(*SIZES)).circuit
    x, y = stream(6).random((40, 5), dtype=np.float32), np.tile(np.eye(3, dtype=np.float32), (27, 1))[:80]
    beta = np.repeat(np.asarray([0.3, -0.3], np.float32), 40)
    one, two = settled(circuit, x, y, beta, 1), settled(circuit, x, y, beta, 2)
    for mine, theirs in zip(one[:2], two[:2], strict=True):
        for a, b in zip(mine.states, theirs.states, strict=True):
            np.testing.assert_array_equal(a, b)
    _, alone, ledger = settled(circuit, x, y[40:], beta[40:])
    np.testing.assert_array_equal(alone.states[1], one[1].states[1][40:])
    sent = [found.counts[Phase.NUDGED, Event.SPIKE, 0] for found in (ledger, one[2])]
    assert sent[1] == 2 * sent[0] > 0  # each copy is a run of its own on the chip
    assert (one[1].states[1][:40] * y[:40]).sum() > (one[1].states[1][40:] * y[40:]).sum()


def test_rasters_hold_every_spike() -> None:
    """What is counted of a phase, step by step, and its windows, which are read."""
    from neuroep.engines.spiking.engine import SpikingEngine

    circuit, rasters = mounted(bounded(*SIZES)).circuit, []
    engine, ledger = SpikingEngine(1, rasters), Ledger.empty(SIZES)
    x = stream(6).random((3, 5), dtype=np.float32)
    with engine.session():
        free = engine.settle_free(circuit, x, PLAN, KEY, ledger, Phase.FREE)
    assert rasters[0].shape == (1, 3, PLAN.steps, 12)
    always = 3 * -(-PLAN.steps // PERIOD)
    assert ledger.counts[:, Event.SPIKE].sum() == rasters[0].sum() + always
    ends = rasters[0][0, :, PLAN.steps - PLAN.window :].sum(axis=1)
    states = np.concatenate([free.inputs, *free.states], axis=1)
    assert states == pytest.approx(np.minimum(8 * ends, 127) / 127, abs=1e-6)


def test_what_learns_is_what_was_sent() -> None:
    """The first coupling's products hold the input's counted spikes, in both rows, not what it was clamped to."""
    made = mounted(bounded(*SIZES))
    x, y = stream(6).random((4, 5), dtype=np.float32), np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    nudges = scheme(Estimator.CENTERED, 0.3, 4)
    free, nudged, _ = settled(made.circuit, x, np.concatenate([y, y]), nudges.beta)
    update = state_update(made.circuit, x, y, free, nudged, nudges, Method.RULE, (-0.1, -0.1))
    below = update.products[0].below
    np.testing.assert_array_equal(below[::2], nudged.inputs)
    np.testing.assert_array_equal(below[1::2], nudged.inputs)
    assert np.rint(below * 127) == pytest.approx(below * 127, abs=1e-4)
    assert np.abs(below[::2] - x).max() > 0.01


@pytest.mark.slow
def test_digits_train_on_integers_from_spike_to_weight() -> None:
    """Ten epochs, one seed: at least 92 % of the test set, all weights and biases whole mantissas in the end."""
    found = neuroep.train("digits-spiking", device="loihi1", seed=1)
    assert found.test_accuracy >= 0.92
    events = found.ledger.events(Phase.UPDATE)
    assert events["contrast_mac"] == events["pulse"] == 0
    assert events["learning_update"] == 2 * 1437 * 10 * (65 * 64 + 65 * 10)


def refused(network: Network, phases: Phases, hardware: Any, programming: Programming | None = None) -> str:
    programming = Programming(Method.RULE) if programming is None else programming
    with pytest.raises((BadInput, NotAvailable)) as caught:
        Rig.of(network, Recipe(phases, programming=programming), hardware, "spiking", 1).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


PHASES = Phases(solver="loihi", free_sweeps=90, nudged_sweeps=90, window=60, peak=0.25)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"peak": 0.3}, "0.3 spikes a step"), ({"peak": 1.0 / 65}, "1/n"),
     ({"free_sweeps": 600, "nudged_sweeps": 600, "window": 509}, "at most 508")],
)  # fmt: skip
def test_plans_that_neurons_cannot_follow_are_refused(changes: dict[str, Any], named: str) -> None:
    assert named in refused(bounded(4, 3, 2), replace(PHASES, **changes), device())


def test_circuits_that_are_no_integers_of_the_chip_are_refused() -> None:
    assert "aren't the chip's integers" in refused(bounded(4, 3, 2), PHASES, "ideal", Programming())
    assert "aren't the chip's integers" in refused(bounded(4, 3, 2), PHASES, "ideal-crossbar", Programming())
    assert "feedback gain of 0.5" in refused(bounded(4, 3, 2, feedback=0.5), PHASES, device())
    assert "'linear' units" in refused(chain((4, 3, 2)), PHASES, device(programming=Programming()), Programming())
    skips = bounded(4, 3, 3, 3, 2, skips=((1, 3),))
    assert "skips" in refused(skips, PHASES, device())
    tall = chain((4, 3, 2), Activation.RELU6)
    assert "'relu6' units" in refused(replace(tall, layers=(*tall.layers[:-1], Layer(2))), PHASES, device())


def test_other_engines_and_large_inputs_and_nudges_are_refused() -> None:
    with pytest.raises((BadInput, NotAvailable), match="spikes"):
        Rig.of(bounded(4, 3, 2), Recipe(PHASES, programming=Programming(Method.RULE)), device(), "cpu", 1).check()
    circuit, y = mounted(bounded(*SIZES)).circuit, np.eye(3, dtype=np.float32)[:1]
    with pytest.raises(BadInput, match="inputs from -1"):
        settled(circuit, np.full((1, 5), -1.0, np.float32), y, np.zeros(1, np.float32))
    with pytest.raises(BadInput, match="a nudge of 100"):
        settled(circuit, np.zeros((1, 5), np.float32), y, np.full(1, 100.0, np.float32))
