"""Runs: resumed, reproduced, stopped early, diverged, refused; and XOR learned."""

from __future__ import annotations

import copy
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from problems import Problem, numbers, plan, problem, settle

from neuroep.api.training import train
from neuroep.circuit import Circuit
from neuroep.data import load_data, order, targets
from neuroep.engines import Engine, create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput, Diverged
from neuroep.hardware.device import Ideal, Mounted
from neuroep.learning.trainer import Epoch, Progress, Samples, Trainer, accuracy
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, chain, initial_weights
from neuroep.physics.costs import cost as cost_of
from neuroep.physics.costs import predicted_labels
from neuroep.recipe import Estimator, Phases, Recipe, Training
from neuroep.rng import stream
from neuroep.specs.catalogue import load_model
from neuroep.weights import Weights

PHASES = Phases(beta=0.3, free_sweeps=8, nudged_sweeps=5)


class Run(NamedTuple):
    trainer: Trainer
    progress: Progress

    @property
    def circuit(self) -> Circuit:
        return self.trainer.mounted.circuit


def prepared(
    training: Training,
    phases: Phases = PHASES,
    seed: int = 3,
    mounted: Mounted | None = None,
    progress: Progress | None = None,
    noise: float = 0.0,
    engine: Engine | None = None,
    dtype: type = np.float32,
) -> Run:
    """A run on 22 samples in batches of 8, 6 more kept aside where the recipe asks for validation."""
    p = problem((6, 5, 4, 3), feedback=0.5, batch=28, dtype=dtype)
    if mounted is None:
        mounted = Ideal().mount(p.network, p.weights, stream(0))
        mounted.circuit.noise_up[:] = noise
        mounted.circuit.noise_down[:] = noise
    labels = p.targets.argmax(axis=1)
    samples, aside = (Samples(p.x[rows], p.targets[rows], labels[rows]) for rows in (slice(22), slice(22, 28)))
    trainer = Trainer(
        engine or create("cpu", 1), Ideal(), mounted, phases, training, samples,
        lambda epoch: order(22, 8, stream(seed, "order", epoch)), seed, aside if training.validation else None,
    )  # fmt: skip
    return Run(trainer, Progress.fresh(p.weights) if progress is None else progress)


def assert_identical(one: Run, other: Run) -> None:
    for a, b in zip(*(numbers(run.circuit) for run in (one, other)), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.progress.velocity.couplings, other.progress.velocity.couplings)
    np.testing.assert_array_equal(one.progress.velocity.biases, other.progress.velocity.biases)
    np.testing.assert_array_equal(one.progress.ledger.counts, other.progress.ledger.counts)
    timeless = [[e._replace(seconds=0.0) for e in run.progress.history] for run in (one, other)]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize("estimator", [e for e in Estimator if e.is_difference])
@pytest.mark.parametrize(("momentum", "noise"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.05)])
def test_a_resumed_run_equals_an_uninterrupted_one(estimator: Estimator, momentum: float, noise: float) -> None:
    """Bit for bit: weights, velocity, ledger and history, from copies of what a checkpoint holds."""
    phases = Phases(estimator, 0.3, 8, 5)
    whole = prepared(Training(4, 8, (0.1,), 0.8, momentum, validation=0.2), phases, noise=noise)
    whole.trainer.run(whole.progress)
    half = prepared(Training(2, 8, (0.1,), 0.8, momentum, validation=0.2), phases, noise=noise)
    half.trainer.run(half.progress)
    assert len(half.progress.history) == 2
    weights = problem((6, 5, 4, 3), feedback=0.5, batch=28, dtype=np.float32)
    saved = weights.weights.copy()
    saved.biases[:] = half.circuit.biases
    state = {name: array.copy() for name, array in half.trainer.mounted.state.items()}
    mounted = Ideal().restore(weights.network, saved, state)
    mounted.circuit.noise_up[:] = noise
    mounted.circuit.noise_down[:] = noise
    training = Training(4, 8, (0.1,), 0.8, momentum, validation=0.2)
    resumed = prepared(training, phases, mounted=mounted, progress=copy.deepcopy(half.progress))
    resumed.trainer.run(resumed.progress)
    assert_identical(resumed, whole)


@pytest.mark.parametrize("phases", [Phases(Estimator.RANDOM_SIGN, 0.3, 8, 5), PHASES])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_seed_gives_one_run(phases: Phases, noise: float) -> None:
    runs = [prepared(Training(2, 8, (0.1,)), phases, noise=noise) for _ in range(2)]
    for run in runs:
        run.trainer.run(run.progress)
    assert_identical(*runs)


def test_random_signs_depend_on_the_seed() -> None:
    """Two seeds with the same order of samples differ by their signs alone."""
    outcomes = []
    for seed in (3, 4):
        run = prepared(Training(1, 8, (0.1,)), Phases(Estimator.RANDOM_SIGN, 0.3, 8, 5), seed)
        run.trainer.orders = lambda epoch: order(22, 8, stream(0, "order", epoch))
        run.trainer.run(run.progress)
        outcomes.append(run.circuit.up.copy())
    assert np.abs(outcomes[0] - outcomes[1]).max() > 1e-6


def test_random_signs_are_drawn_anew_in_every_step() -> None:
    """One sample at a rate that changes next to nothing: 12 steps, of two kinds."""
    run = prepared(Training(12, 1, (1e-6,)), Phases(Estimator.RANDOM_SIGN, 0.3, 8, 5), dtype=np.float64)
    run.trainer.orders = lambda epoch: [np.array([0])]
    weights = [run.circuit.up.copy()]
    run.trainer.run(run.progress, lambda _: weights.append(run.circuit.up.copy()))
    steps = [after - before for before, after in pairwise(weights)]
    alike = [bool(np.allclose(step, steps[0], rtol=0, atol=1e-10)) for step in steps]
    assert np.abs(steps[0]).max() > 1e-8
    assert set(alike) == {True, False}


def history(*accuracies: float) -> list[Epoch]:
    return [Epoch(i, 0.0, 0.0, a, 0.0) for i, a in enumerate(accuracies)]


@pytest.mark.parametrize(
    ("accuracies", "patience", "stalled"),
    [
        ((0.5, 0.5, 0.5), 2, True),
        ((0.5, 0.6, 0.6), 2, False),
        ((0.6, 0.5, 0.55, 0.6), 3, True),
        ((0.6, 0.5, 0.55, 0.61), 3, False),
        ((0.6, 0.5), 2, False),
        ((0.6, 0.5, 0.4, 0.3), 0, False),
    ],
)
def test_a_run_stalls_without_a_better_validation_accuracy(
    accuracies: tuple[float, ...], patience: int, stalled: bool
) -> None:
    progress = prepared(Training(1, 8)).progress
    progress.history.extend(history(*accuracies))
    assert progress.stalled(patience) is stalled


def test_a_stalled_run_stops_early() -> None:
    """Rates too small to change a class: the first epoch is the best, and `patience` more are granted."""
    run = prepared(Training(50, 8, (1e-12,), validation=0.2, patience=3))
    run.trainer.run(run.progress)
    assert len(run.progress.history) == 4


def test_epochs_report_the_free_phases_met_on_the_way() -> None:
    """Without learning to speak of, cost and accuracy are those of the initial weights."""
    run = prepared(Training(2, 8, (1e-12,), validation=0.2), dtype=np.float64)
    seen: list[Epoch] = []
    run.trainer.run(run.progress, seen.append)
    p = problem((6, 5, 4, 3), feedback=0.5, batch=28)
    output = settle(create("reference"), p.circuit, p.x, plan(3, 8)).output
    right = output.argmax(axis=1) == p.targets.argmax(axis=1)
    assert [e.epoch for e in seen] == [0, 1]
    assert seen == run.progress.history
    for record in seen:
        assert record.train_cost == pytest.approx(cost_of(Cost.MSE, output, p.targets)[:22].mean(), rel=1e-9)
        assert record.train_accuracy == pytest.approx(right[:22].mean(), abs=1e-12)
        assert record.validation_accuracy == pytest.approx(right[22:].mean(), abs=1e-12)


def test_labels_are_the_largest_output_or_the_side_of_a_single_one() -> None:
    """A single output lies between the targets 0 and 1, or between −1 and +1 under a hinge."""
    for code in Cost:
        assert predicted_labels(code, np.array([[0.1, 0.9], [0.3, 0.2]])).tolist() == [1, 0]
    single = np.array([[-0.1], [0.2], [0.7]])
    assert predicted_labels(Cost.MSE, single).tolist() == [0, 0, 1]
    assert predicted_labels(Cost.HINGE, single).tolist() == [0, 1, 1]
    assert predicted_labels(Cost.SQUARED_HINGE, single).tolist() == [0, 1, 1]


def test_accuracy_is_counted_as_inference_in_any_number_of_batches(engine: Engine) -> None:
    """1,100 samples make three evaluation batches."""
    p = problem((6, 5, 3), batch=1100)
    output = settle(engine, p.circuit, p.x, plan(2, 6)).output
    labels = output.argmax(axis=1)
    labels[:275] = (labels[:275] + 1) % 3
    book = Ledger.empty(p.sizes)
    assert accuracy(engine, p.circuit, Samples(p.x, p.targets, labels), plan(2, 6), 0, book) == 0.75
    assert book.counts[Phase.INFERENCE, Event.SAMPLE, 0] == 1100
    assert not book.counts[[Phase.FREE, Phase.NUDGED, Phase.UPDATE]].any()


def test_the_ledger_of_an_epoch_by_hand(engine: Engine) -> None:
    """22 samples, centered: 44 nudged rows; 22 input rows and 44 hidden ones contrasted; 3 steps of writes."""
    run = prepared(Training(1, 8, (0.1,)), engine=engine)
    run.trainer.run(run.progress)
    counts = run.progress.ledger.counts
    assert counts[Phase.FREE, Event.SAMPLE, 0] == 22
    assert counts[Phase.NUDGED, Event.SAMPLE, 0] == 44
    assert counts[Phase.UPDATE, Event.CONTRAST].tolist() == [0, 22, 44, 44]
    assert counts[Phase.UPDATE, Event.WRITE].tolist() == [0, 3 * 30, 3 * 20, 3 * 12]
    assert not counts[Phase.INFERENCE].any()


def is_finite(circuit: Circuit) -> bool:
    return bool(np.isfinite(circuit.up).all() and np.isfinite(circuit.biases).all())


def diverged(engine: Engine, rate: float, momentum: float) -> Run:
    """A run of 60 steps at an absurd rate."""
    run = prepared(Training(20, 8, (rate,), momentum=momentum), engine=engine)
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="epoch"):
        run.trainer.run(run.progress)
    return run


every_absurdity = pytest.mark.parametrize(("rate", "momentum"), [(1e6, 0.0), (1e30, 0.0), (1e6, 0.9), (1e30, 0.9)])


@every_absurdity
def test_absurd_learning_rates_end_in_diverged(engine: Engine, rate: float, momentum: float) -> None:
    """And the epoch in which it happened isn't recorded."""
    assert len(diverged(engine, rate, momentum).progress.history) < 20


@pytest.mark.parametrize("rate", [1e6, 1e30, 1e38, 1e300])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_run_that_ends_well_leaves_finite_weights(engine: Engine, rate: float, momentum: float) -> None:
    """A single step, after which nothing settles any more that could show the overflow."""
    run = prepared(Training(1, 8, (rate,), momentum=momentum), engine=engine)
    run.trainer.orders = lambda epoch: [np.arange(22)]
    with np.errstate(all="ignore"), suppress(Diverged):
        run.trainer.run(run.progress)
        assert is_finite(run.circuit)


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (6, 2)])
def test_samples_that_dont_fit_are_refused(inputs: int, outputs: int) -> None:
    p: Problem = problem((6, 5, 3))
    mounted = Ideal().mount(p.network, p.weights, stream(0))
    wrong = Samples(np.zeros((4, inputs)), np.zeros((4, outputs)), np.zeros(4, dtype=np.int64))
    with pytest.raises(BadInput, match="6 and 3"):
        Trainer(create("cpu", 1), Ideal(), mounted, PHASES, Training(1, 4), wrong, lambda _: [], 0)


def test_rates_that_dont_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="learning_rates"):
        prepared(Training(1, 8, (0.1, 0.2)))


@pytest.mark.parametrize("seed", range(10))
def test_xor_is_learned_from_every_seed(seed: int) -> None:
    spec, data = load_model("xor"), load_data("xor")
    network, recipe = spec.network(), spec.recipe()
    wanted = targets(data.y_train, data.classes, network.cost, network.sizes[-1])
    samples = Samples(data.x_train, wanted, data.y_train)
    weights = initial_weights(network, stream(seed, "weights"))
    mounted = Ideal().mount(network, weights, stream(seed, "mount"))
    size = recipe.training.batch_size
    runner = Trainer(
        create("cpu", 1), Ideal(), mounted, recipe.phases, recipe.training, samples,
        lambda epoch: order(4, size, stream(seed, "order", epoch)), seed,
    )  # fmt: skip
    progress = runner.run(Progress.fresh(weights))
    reached = accuracy(runner.engine, mounted.circuit, samples, runner.plans.free, seed, progress.ledger)
    assert reached == 1.0


@pytest.mark.parametrize("name", ["reference", "cpu"])
def test_an_accuracy_of_states_that_are_not_finite_is_refused(name: str) -> None:
    """An argmax over NaN names class 0, so that labels of 0 alone were all found right."""
    p = problem((4, 5, 3), Activation.LINEAR, Activation.LINEAR, batch=600, dtype=np.float32)
    p.weights.couplings[:] = 1e30
    p.x[:] = 0.0
    p.x[530, 0] = 1.0
    p.weights.biases[:] = 0.0
    samples = Samples(p.x, p.targets, np.zeros(600, np.int64))
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="sample 530"):
        accuracy(create(name), p.circuit, samples, plan(2, 20, 1e-6), 0, Ledger.empty(p.sizes))


@pytest.mark.parametrize("cost", Cost)
@pytest.mark.parametrize("name", ["reference", "cpu"])
@pytest.mark.parametrize("size", [np.inf, -np.inf, np.nan, 3e38, -3e38])
def test_output_sums_beyond_the_floats_diverge_under_every_cost(name: str, cost: Cost, size: float) -> None:
    """A softmax of them has a sum of 0 to divide by."""
    p = problem((4, 5, 3), cost=cost, dtype=np.float32)
    circuit = p.circuit
    circuit.up[-15:] = size
    circuit.biases[-3:] = np.array([size, 0.0, -size])
    with np.errstate(all="ignore"):
        found = settle(create(name), circuit, p.x, plan(2, 5))
    finite = np.all([np.isfinite(layer).all(axis=1) for layer in found.states], axis=0)
    assert ((found.code == ResultCode.DIVERGED) | finite).all()
    assert np.isfinite(size) or (found.code == ResultCode.DIVERGED).all()


def test_a_cost_beyond_the_floats_is_divergence() -> None:
    """Targets of 2e19 have squares that float32 has not: such an epoch had cost inf and went on."""
    run = prepared(Training(1, 8, (1e-30,)))
    run.trainer.samples.targets[...] = 2e19
    with pytest.raises(Diverged, match="the cost left the finite range in epoch 1"):
        run.trainer.run(run.progress)


def test_divergence_of_units_without_a_bound_names_a_feedback_gain_that_would_do() -> None:
    """Two couplings of 2: s grows by 4γ a sweep, unless γ is under ¼."""
    network = chain((2, 1, 1), Activation.RELU, Activation.RELU)
    weights = Weights.from_arrays([np.ones((2, 1)), np.full((1, 1), 2.0)], [np.ones(1), np.ones(1)])
    recipe = Recipe(Phases(free_sweeps=5000, nudged_sweeps=5000), Training(epochs=1))
    with pytest.raises(Diverged, match=r"settle under any below 0\.25"), np.errstate(over="ignore", invalid="ignore"):
        train(network=network, weights=weights, recipe=recipe, data="xor")
