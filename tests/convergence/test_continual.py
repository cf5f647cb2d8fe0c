"""Continual EP: its limit of small rates is EP's gradient, its steps are the paper's, and it learns on any device."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from problems import Problem, problem, settle
from problems import plan as sweeps_of

from neuroep.data import load_data, order, targets
from neuroep.engines import Engine, create
from neuroep.errors import BadInput, Diverged
from neuroep.hardware.device import Device, Ideal
from neuroep.learning.methods.continual import Continual, ContinualTrainer
from neuroep.learning.methods.phases import sweep_plans
from neuroep.learning.readings import ep_gradients
from neuroep.learning.trainer import Progress, Samples, accuracy
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, initial_weights
from neuroep.recipe import Estimator, Order, Phases, Training
from neuroep.rng import stream
from neuroep.specs.catalogue import load_device, load_model
from neuroep.weights import FloatArray

RATES = (1e-3, 5e-4, 2.5e-4)
every_problem = pytest.mark.parametrize(
    ("cost", "feedback"), [(Cost.MSE, 1.0), (Cost.MSE, 0.5), (Cost.CROSS_ENTROPY, 1.0), (Cost.CROSS_ENTROPY, 0.5)]
)


def tangent(engine: Engine, p: Problem, phases: Phases, rate: float, symmetric: bool) -> FloatArray:
    """What one minibatch of continual EP changed, over −η."""
    mounted, book = Ideal().mount(p.network, p.weights, stream(0)), Ledger.empty(p.sizes)
    how = sweep_plans(phases, p.network.depth)
    work = Continual(engine, Ideal(), mounted, how, phases.beta, symmetric)
    with engine.session():
        work.step(p.x, p.targets, (-rate,) * p.network.depth, 0, (0, 0), stream(1), book)
    circuit = mounted.circuit
    moved = np.concatenate([circuit.up - p.weights.couplings, circuit.biases - p.weights.biases])
    return moved / -rate


@every_problem
@pytest.mark.parametrize(
    ("symmetric", "estimator", "sweeps"),
    [(False, Estimator.ONE_SIDED, 3), (False, Estimator.ONE_SIDED, 30), (True, Estimator.CENTERED, 80)],
)
def test_small_rates_give_eps_gradient(
    engine: Engine, cost: Cost, feedback: float, symmetric: bool, estimator: Estimator, sweeps: int
) -> None:
    """Slope 1 in η, to EP with as many nudged sweeps, settled or not; the symmetric form must settle between."""
    p = problem((6, 5, 4, 3), cost=cost, feedback=feedback)
    phases = Phases(estimator, 0.2, 600, sweeps)
    gradient = ep_gradients(engine, p.circuit, p.x, p.targets, phases)
    exact = np.concatenate([gradient.couplings, gradient.biases])
    errors = [np.linalg.norm(tangent(engine, p, phases, rate, symmetric) - exact) for rate in RATES]
    assert np.polyfit(np.log(RATES), np.log(errors), 1)[0] == pytest.approx(1.0, abs=0.1)
    assert errors[-1] < 0.01 * np.linalg.norm(exact)


def by_hand(p: Problem, beta: float, rate: float, sweeps: int, free: tuple[FloatArray, ...]) -> list[FloatArray]:
    """One-sided continual EP of a net with one tanh layer, squared error, backward sweeps: the formula, written out."""
    (w1, w2), (b1, b2) = ([part(k).copy() for k in (1, 2)] for part in (p.weights.coupling, p.weights.bias))
    gamma, n, (s, o) = p.network.feedback, len(p.x), free
    for _ in range(sweeps):
        new_o = (s @ w2 + b2 + beta * p.targets) / (1 + beta)
        new_s = np.tanh(p.x @ w1 + b1 + gamma * new_o @ w2.T)
        w1 += rate / (beta * gamma * n) * p.x.T @ (new_s - s)
        b1 += rate / (beta * gamma * n) * (new_s - s).sum(axis=0)
        w2 += rate / (beta * n) * (new_s.T @ new_o - s.T @ o)
        b2 += rate / (beta * n) * (new_o - o).sum(axis=0)
        s, o = new_s, new_o
    return [w1, w2, b1, b2]


def test_steps_at_a_finite_rate_by_hand(engine: Engine) -> None:
    """Weights really change within the phase: rate 0.3, seven sweeps."""
    p = problem((6, 5, 3), feedback=0.7)
    mounted, phases = Ideal().mount(p.network, p.weights, stream(0)), Phases(beta=0.4, nudged_sweeps=7)
    free = settle(engine, mounted.circuit, p.x, sweeps_of(2, phases.free_sweeps)).states
    wanted = by_hand(p, 0.4, 0.3, 7, free)
    work = Continual(engine, Ideal(), mounted, sweep_plans(phases, 2), 0.4)
    with engine.session():
        work.step(p.x, p.targets, (-0.3, -0.3), 0, (0, 0), stream(1), Ledger.empty(p.sizes))
    circuit = mounted.circuit
    got = [circuit.up[:30].reshape(6, 5), circuit.up[30:].reshape(5, 3), circuit.biases[:5], circuit.biases[5:]]
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("symmetric", "writes"), [(False, 4), (True, 8)])
def test_every_sweep_is_programmed_and_counted(engine: Engine, symmetric: bool, writes: int) -> None:
    """4 sweeps of 5 samples; without learning while it lets go, but with a third stretch of sweeps."""
    p, book = problem((6, 5, 3), batch=5), Ledger.empty((6, 5, 3))
    how = sweep_plans(Phases(beta=0.3, nudged_sweeps=4), 2)
    work = Continual(engine, Ideal(), Ideal().mount(p.network, p.weights, stream(0)), how, 0.3, symmetric)
    with engine.session():
        work.step(p.x, p.targets, (-0.01, -0.01), 0, (0, 0), stream(1), book)
    sweeps = 3 * 4 if symmetric else 4
    assert book.counts[Phase.UPDATE, Event.WRITE].tolist() == [0, writes * 30, writes * 15]
    assert book.counts[Phase.NUDGED, Event.SWEEP, 0] == sweeps * 5
    assert book.counts[Phase.NUDGED, Event.READ_UP].tolist() == [0, sweeps * 5, sweeps * 5]


class Trained(NamedTuple):
    trainer: ContinualTrainer
    progress: Progress
    train: float
    test: float


def trained(
    name: str, scale: float, symmetric: bool, seed: int, epochs: int = 0, device: Device | None = None
) -> Trained:
    """Train a catalogue model at `scale` times its learning rates, undecayed, on the data of its name."""
    spec, hardware = load_model(name), Ideal() if device is None else device
    data, network, recipe = load_data(spec.data), spec.network(), spec.recipe()
    sets = [
        Samples(x, targets(y, data.classes, network.cost, network.sizes[-1]), y)
        for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test))
    ]
    weights = initial_weights(network, stream(seed, "weights"))
    mounted = hardware.mount(network, weights, stream(seed, "mount"))
    size = recipe.training.batch_size
    rates = tuple(scale * rate for rate in recipe.training.learning_rates)
    training = Training(epochs or recipe.training.epochs, size, rates)
    kind = Estimator.CONTINUAL_SYMMETRIC if symmetric else Estimator.CONTINUAL
    trainer = ContinualTrainer(
        create("cpu", 1), hardware, mounted, replace(recipe.phases, estimator=kind), training, sets[0],
        lambda epoch: order(len(sets[0].x), size, stream(seed, "order", epoch)), seed,
    )  # fmt: skip
    progress = trainer.run(Progress.fresh(weights))
    book = Ledger.empty(network.sizes)
    reached = [accuracy(trainer.engine, mounted.circuit, s, trainer.plans.free, seed, book) for s in sets]
    return Trained(trainer, progress, *reached)


@pytest.mark.parametrize(("symmetric", "scale"), [(False, 0.3), (True, 0.5)])
@pytest.mark.parametrize("seed", [0, 1])
def test_xor_is_learned(seed: int, symmetric: bool, scale: float) -> None:
    assert trained("xor", scale, symmetric, seed).train == 1.0


@pytest.mark.parametrize(("symmetric", "scale"), [(False, 0.15), (True, 0.25)])
def test_digits_are_learned(symmetric: bool, scale: float) -> None:
    """EP reaches 97 % on the same split; a network that guesses, 10 %."""
    assert trained("digits-mlp", scale, symmetric, 0).test > 0.92


def test_a_quantized_device_learns_and_stays_on_its_grid() -> None:
    """Every sweep passes through the device: digits, two epochs."""
    built = load_device("loihi1").build()
    assert built is not None
    run = trained("digits-mlp", 0.15, False, 0, 2, built)
    circuit, writes = run.trainer.mounted.circuit, run.progress.ledger.counts[Phase.UPDATE, Event.WRITE]
    first = circuit.up[: 64 * 64]
    assert len(np.unique(first)) <= 512
    assert writes[1:].min() > 0
    assert run.train > 0.3


def noisy(seed: int) -> FloatArray:
    p = problem((6, 5, 3), batch=12, dtype=np.float32)
    mounted = Ideal().mount(p.network, p.weights, stream(0))
    mounted.circuit.noise_up[:] = 0.05
    mounted.circuit.noise_down[:] = 0.05
    samples = Samples(p.x, p.targets, p.targets.argmax(axis=1))
    trainer = ContinualTrainer(
        create("cpu", 1), Ideal(), mounted, Phases(beta=0.3, nudged_order=Order.BACKWARD), Training(2, 4, (0.01,)),
        samples, lambda epoch: [np.arange(0, 6), np.arange(6, 12)], seed,
    )  # fmt: skip
    trainer.run(Progress.fresh(p.weights))
    return mounted.circuit.up


def test_a_seed_gives_one_run() -> None:
    np.testing.assert_array_equal(noisy(3), noisy(3))
    assert np.abs(noisy(3) - noisy(4)).max() > 0.0


def test_momentum_and_decay_are_refused() -> None:
    p = problem((6, 5, 3))
    samples = Samples(p.x, p.targets, p.targets.argmax(axis=1))
    for training in (Training(1, 4, (0.1,), momentum=0.5), Training(1, 4, (0.1,), weight_decay=0.1)):
        mounted = Ideal().mount(p.network, p.weights, stream(0))
        with pytest.raises(BadInput, match="continual"):
            ContinualTrainer(
                create("cpu", 1),
                Ideal(),
                mounted,
                Phases(Estimator.CONTINUAL),
                training,
                samples,
                lambda _: [np.arange(4)],
                0,
            ).run(Progress.fresh(p.weights))


def test_a_rate_that_is_too_large_ends_in_diverged() -> None:
    p = problem((6, 5, 3), hidden=Activation.LINEAR)
    samples = Samples(p.x, p.targets, p.targets.argmax(axis=1))
    mounted = Ideal().mount(p.network, p.weights, stream(0))
    runner = ContinualTrainer(
        create("reference"),
        Ideal(),
        mounted,
        Phases(Estimator.CONTINUAL),
        Training(50, 4, (1e6,)),
        samples,
        lambda _: [np.arange(4)],
        0,
    )
    with np.errstate(all="ignore"), pytest.raises(Diverged, match="epoch"):
        runner.run(Progress.fresh(p.weights))
