"""Weights written by the learning engine: its own arithmetic by hand, means and chi-squares of rounding, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neuroep.engines import Accumulation
from neuroep.errors import BadInput
from neuroep.hardware.device import StateUpdate, programmed
from neuroep.hardware.loihi.rule_updates import Lesson, Store, learn, learn_stepwise, traces
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.learning.readings import reading
from neuroep.learning.trainer import Progress, Samples, Trainer
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Layer, Network, chain
from neuroep.physics.base import Products
from neuroep.recipe import Estimator, Method, Phases, Programming, Reads, Recipe, Training
from neuroep.rng import stream
from neuroep.specs.catalogue import load_device
from neuroep.studies.rig import Rig
from neuroep.weights import Weights

FORMS = ("fast-slow", "swapped", "modulated")
MIXED = Store(2, -128, 127, "element")
BY_RULE = Programming(Method.RULE)


def chip(form: str = "swapped") -> QuantizedSynapse:
    built = load_device("loihi1").build()
    assert isinstance(built, QuantizedSynapse)
    assert built.chip is not None
    return replace(built, chip=replace(built.chip, learning_rule=form), programming=BY_RULE)


def bounded(*sizes: int, activation: Activation = Activation.HARD_SIGMOID) -> Network:
    network = chain(sizes, activation)
    return replace(network, layers=(*network.layers[:-1], Layer(sizes[-1], activation)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("draws", ["element", "matrix"])
@pytest.mark.parametrize("exponent", [-7, -1, 0, 4, 9])
def test_compiled_learning_is_the_engines_arithmetic(form: str, draws: str, exponent: int) -> None:
    """Codes at both ends, senders and receivers that are silent, both orders of the phases."""
    rng = stream(1, form, draws)
    below, above = (rng.integers(0, 128, (9, 2, n)) * (rng.random((9, 2, n)) > 0.3) for n in (13, 7))
    positive = rng.integers(0, 2, 9).astype(np.int32)
    lesson = Lesson(below.astype(np.int32), above.astype(np.int32), positive, form, exponent, 1 << 62)
    for store in (Store(2, -128, 127, draws), Store(32, -8, 7, draws), Store(1, -256, 0, draws)):
        defined = rng.integers(store.lowest, store.highest + 1, (13, 7)).astype(np.int16)
        defined[0], defined[1] = store.lowest, store.highest
        compiled = defined.copy()
        assert learn(compiled, lesson, store) == learn_stepwise(defined, lesson, store)
        np.testing.assert_array_equal(compiled, defined)


#: What a form adds to the accumulator in each of its write-backs for traces 100, 50 and 90, 41, at 2^1, by hand:
#: 5000 >> 3 = 625, −3690 >> 3 = −462, 5000 · 63 >> 10 = 307, −3690 · 63 >> 10 = −228, each shifted left once.
BY_HAND = {"fast-slow": (1250 - 924,), "swapped": (1250, -924), "modulated": (614, -456)}


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("form", FORMS)
def test_write_backs_add_what_the_rule_says(form: str, positive: int) -> None:
    """Mean of 40,000 synapses within 5 standard errors; how often each code comes up, by chi-square."""
    pairs = [(100, 50), (90, 41)][:: 1 if positive == 0 else -1]
    below, above = (np.asarray([p[side] for p in pairs]) for side in (0, 1))
    sides = (np.broadcast_to(side[None, :, None], (1, 2, 200)).astype(np.int32) for side in (below, above))
    lesson = Lesson(*sides, np.asarray([positive], np.int32), form, 1, 99)
    codes = np.zeros((200, 200), np.int16)
    learn(codes, lesson, MIXED)
    chances = {0: 1.0}
    for added in BY_HAND[form]:
        low, share = added // 256, added % 256 / 256
        chances = {
            code: chances.get(code - low, 0.0) * (1 - share) + chances.get(code - low - 1, 0.0) * share
            for code in range(-9, 10)
        }
    mean = sum(BY_HAND[form]) / 256
    spread = np.sqrt(sum(p * (code - mean) ** 2 for code, p in chances.items()))
    assert abs(codes.mean() - mean) < 5 * spread / 200
    likely = [code for code, p in chances.items() if p > 1e-3]
    counted = [int((codes == code).sum()) for code in likely]
    assert sum(counted) == codes.size
    assert stats.chisquare(counted, [chances[c] * codes.size for c in likely]).pvalue > 1e-4


def test_traces_are_127_parts_of_the_full_scale() -> None:
    counts = np.arange(128)
    assert traces(counts / 127, 1.0).tolist() == counts.tolist()
    assert traces(np.array([-0.1, 1.3, 0.502 / 127, 0.498 / 127]), 1.0).tolist() == [0, 127, 1, 0]
    assert traces(np.array([6.0, 3.0]), 6.0).tolist() == [127, 64]  # 63.5 is rounded to even


@pytest.mark.parametrize("activation", [Activation.HARD_SIGMOID, Activation.RELU6])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rate", [0.003, 0.02, 0.05])
def test_a_full_product_adds_the_nearest_power_of_two(form: str, activation: Activation, rate: float) -> None:
    """States at full scale in the positive phase, silence in the other: within √2 of what was asked, and of the mean.

    Rounding down takes at most one part in 127²/8 of a product, or 127² · 63/1024, shifted right by at most 7 bits.
    """
    network = bounded(100, 80, activation=activation)
    weights = Weights.from_arrays([np.full((100, 80), -0.9)], [np.zeros(80)])
    mounted, ledger = chip(form).mount(network, weights, stream(0)), Ledger.empty(network.sizes)
    top = 6.0 if activation is Activation.RELU6 else 1.0
    ask = rate / top
    rows = (np.outer([1.0, 0.0], np.full(100, 1.0)), np.outer([1.0, 0.0], np.full(80, top)))
    update = StateUpdate((Products(*rows, np.asarray([-ask, ask]), 2, True),), np.zeros(80), (-1.0,))
    before = mounted.circuit.up.copy(), mounted.circuit.biases.copy()
    chip(form).program_states(mounted, update, stream(3), ledger)
    unit = [float(np.ldexp(mounted.state["unit"][0], e[0])) for e in (mounted.state["exponents"],
                                                                     mounted.state["bias_exponents"])]  # fmt: skip
    for was, now, size in zip(before, (mounted.circuit.up, mounted.circuit.biases), unit, strict=True):
        moved, error = (now - was).mean(), 5 * 0.5 * size / np.sqrt(now.size) + 0.08 * rate
        assert rate / np.sqrt(2) - error < moved < rate * np.sqrt(2) + error
        assert np.rint(now / size) == pytest.approx(now / size, abs=1e-3)


def test_gone_through_and_changed_are_counted() -> None:
    network = bounded(6, 5, 4)
    rng = stream(4)
    products = tuple(
        Products(rng.random((14, m)), rng.random((14, n)), np.tile([-0.05, 0.05], 7), 2, True)
        for m, n in ((6, 5), (5, 4))
    )
    for form, times in (("fast-slow", 1), ("swapped", 2)):
        device, ledger = chip(form), Ledger.empty(network.sizes)
        mounted = device.mount(network, Weights.zeros(network.sizes), stream(0))
        before = {key: value.copy() for key, value in mounted.state.items()}
        device.program_states(mounted, StateUpdate(products, np.zeros(9), (-1.0, -1.0)), stream(5), ledger)
        changed = sum(int((before[key] != mounted.state[key]).sum()) for key in ("mantissas", "bias_mantissas"))
        counts = ledger.counts[Phase.UPDATE]
        assert counts[Event.LEARN].tolist() == [0, 35 * 7 * times, 24 * 7 * times]
        assert counts[Event.WRITE].sum() == changed > 0


def samples(rows: int = 24) -> Samples:
    rng = stream(6, "samples")
    x = rng.random((rows, 6), dtype=np.float32)
    labels = (x[:, :3].sum(axis=1) > x[:, 3:].sum(axis=1)).astype(np.int64)
    return Samples(x, np.eye(2, dtype=np.float32)[labels], labels)


def trainer(device: QuantizedSynapse, phases: Phases, rates: float = 0.3, given: Samples | None = None) -> Trainer:
    rig = Rig(network=bounded(6, 8, 2), recipe=Recipe(phases, programming=device.programming), device=device)
    given = samples() if given is None else given
    return rig.trainer(rig.mount(rig.initial_weights()), given, training=Training(6, 8, (rates,)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("estimator", [e for e in Estimator if e.is_difference])
def test_steps_go_down_the_gradient(form: str, estimator: Estimator) -> None:
    """Mean of 300 steps from the same weights against the engine's own contrast of the same states, biases included.

    Traces of 127 steps and products rounded down leave a few per cent of an angle.
    """
    made, rates = trainer(chip(form), Phases(estimator, 0.5, 20, 15), 0.5), (-0.5, -0.5)
    state = {key: value.copy() for key, value in made.mounted.state.items()}
    batch, circuit = np.arange(24), made.mounted.circuit
    start, wanted = np.concatenate([circuit.up, circuit.biases]), Weights.zeros((6, 8, 2), circuit.up.dtype)
    exact, total = circuit._replace(trace_bits=0), np.zeros(len(start))
    with made.engine.session():
        read = reading(made.engine, exact, made.phases, made.seed)
        settled = read.settle(made.samples.x, made.samples.targets, (0, 0), Ledger.empty((6, 8, 2)))
        read.accumulate(made.samples.x, made.samples.targets, settled, Accumulation(wanted, (1.0, 1.0), 0.0),
                        Ledger.empty((6, 8, 2)))  # fmt: skip
        for number in range(300):
            made.step(batch, (0, 0), rates, stream(number, "program"), Progress.fresh(Weights.zeros((6, 8, 2))))
            total += np.concatenate([circuit.up, circuit.biases]) - start
            for key, value in state.items():
                made.mounted.state[key][...] = value
            circuit.up[...], circuit.biases[...] = start[: len(circuit.up)], start[len(circuit.up) :]
    for part in (slice(0, 48), slice(48, 64), slice(64, None)):
        asked = -np.concatenate([wanted.couplings, wanted.biases])[part]
        assert asked @ total[part] / np.linalg.norm(asked) / np.linalg.norm(total[part]) > 0.9


def test_integers_go_on_from_where_they_were() -> None:
    """Mounted again from a saved state: the same circuit, biases too, whatever the weights' biases say."""
    device = chip()
    made = trainer(device, Phases(Estimator.CENTERED, 0.3, 12, 8))
    made.run(Progress.fresh(Weights.zeros((6, 8, 2))))
    state = {key: value.copy() for key, value in made.mounted.state.items()}
    assert state["bias_mantissas"].any()
    again = device.restore(bounded(6, 8, 2), Weights.zeros((6, 8, 2)), state)
    np.testing.assert_array_equal(again.circuit.up, made.mounted.circuit.up)
    np.testing.assert_array_equal(again.circuit.biases, made.mounted.circuit.biases)


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (chain((6, 8, 2), Activation.TANH), "layer 1.*tanh states"),
        (chain((6, 8, 2)), "layer 2.*linear states"),
        (bounded(6, 8, 2, activation=Activation.RELU), "relu states"),
        (replace(chain((6, 8, 2), cost=Cost.CROSS_ENTROPY)), "read-out for cross-entropy"),
    ],
)
def test_states_that_no_trace_holds_are_refused(network: Network, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        Rig(network=network, recipe=Recipe(programming=BY_RULE), device=chip()).check()


@pytest.mark.parametrize(
    ("device", "programming", "named"),
    [
        (replace(chip(), chip=None, programming=Programming()), BY_RULE, "no learning engine"),
        (replace(chip(), rounding="nearest", chip=None, programming=Programming()), BY_RULE, "no learning engine"),
        (replace(chip(), trace_bits=6, programming=Programming()), BY_RULE, "traces of 6 bits"),
        (chip(), Programming(Method.RULE, reads=Reads.CHANGES), "programming.reads"),
        (chip(), Programming(Method.RULE, averaged_reads=2), "programming.averaged_reads"),
        (chip(), Programming(Method.NET), "programming.method"),
        (load_device("ecram").build(), BY_RULE, "without a learning engine"),
        (load_device("ideal-crossbar").build(), BY_RULE, "without a learning engine"),
    ],
)
def test_hardware_without_such_an_engine_is_refused(
    device: QuantizedSynapse, programming: Programming, named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        programmed(device, programming)


def test_a_rule_of_ones_own_has_its_own_rates() -> None:
    own = replace(chip(), programming=Programming())
    own = replace(own, chip=replace(own.chip, learning_rule="2^-3*u0*x1*y1*(y3-64)"))
    with pytest.raises(BadInput, match=r"own rates.*swapped"):
        programmed(own, BY_RULE)


@pytest.mark.parametrize("training", [Training(momentum=0.9), Training(weight_decay=0.1), Training(rule="adam")])
def test_what_needs_a_gradient_is_refused(training: Training) -> None:
    with pytest.raises(BadInput, match="'rule'"):
        Recipe(training=training, programming=BY_RULE)


@pytest.mark.parametrize(("rates", "named"), [((1e4, 0.1), "coupling 1.*times"), ((0.1, 1e-9), "coupling 2.*times")])
def test_rates_that_the_engine_has_not_are_refused_before_data(rates: tuple[float, ...], named: str) -> None:
    recipe = Recipe(training=Training(2, 16, rates), programming=BY_RULE)
    with pytest.raises(BadInput, match=named):
        Rig(network=bounded(64, 32, 10), recipe=recipe, device=chip()).check()


def test_inputs_that_no_trace_holds_are_refused_before_training() -> None:
    given = samples()
    with pytest.raises(BadInput, match="inputs from -"):
        trainer(chip(), Phases(), given=given._replace(x=given.x - 0.5)).run(Progress.fresh(Weights.zeros((6, 8, 2))))


def test_no_gradient_is_programmed() -> None:
    device, network = chip(), bounded(6, 8, 2)
    mounted = device.mount(network, Weights.zeros(network.sizes), stream(0))
    with pytest.raises(BadInput, match="without states"):
        device.program(mounted, None, stream(0), Ledger.empty(network.sizes))  # type: ignore[arg-type]
