"""Training steps against torch.optim fed with the same gradients, and gradients against their batches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from problems import Problem, problem

from neuroep.data import order
from neuroep.engines import Engine, create
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients
from neuroep.learning.trainer import Progress, Samples, Trainer
from neuroep.network import Activation, Cost
from neuroep.recipe import Estimator, Phases, Training
from neuroep.rng import stream
from neuroep.weights import Weights

PHASES = Phases(beta=0.3, free_sweeps=8, nudged_sweeps=5)


def drawn() -> Problem:
    return problem((6, 5, 4, 3), feedback=0.5, batch=22)


def batches(epoch: int) -> list[np.ndarray]:
    """Two batches of 8 and one of 6."""
    return order(22, 8, stream(6, "order", epoch))


def trained(engine: Engine, p: Problem, training: Training) -> Weights:
    mounted = Ideal().mount(p.network, p.weights, stream(0))
    samples = Samples(p.x, p.targets, p.targets.argmax(axis=1))
    trainer = Trainer(engine, Ideal(), mounted, PHASES, training, samples, batches, seed=6)
    trainer.run(Progress.fresh(p.weights))
    return Weights(p.sizes, mounted.circuit.up, mounted.circuit.biases)


def trained_by_torch(p: Problem, training: Training) -> Weights:
    """The same epochs and batches; EP's gradient at torch's own weights goes through torch's optimiser."""
    couplings = [torch.tensor(p.weights.coupling(k), requires_grad=True) for k in (1, 2, 3)]
    biases = [torch.tensor(p.weights.bias(k), requires_grad=True) for k in (1, 2, 3)]
    rates = training.learning_rates * (3 if len(training.learning_rates) == 1 else 1)
    groups = [
        {"params": [w], "lr": rate, "weight_decay": decay}
        for parameters, decay in ((couplings, training.weight_decay), (biases, 0.0))
        for w, rate in zip(parameters, rates, strict=True)
    ]
    if training.rule == "adam":
        optimiser: torch.optim.Optimizer = torch.optim.Adam(groups, betas=training.betas, eps=training.epsilon)
    else:
        optimiser = torch.optim.SGD(groups, lr=1.0, momentum=training.momentum)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, training.decay)

    def now() -> Weights:
        return Weights.from_arrays([w.detach().numpy() for w in couplings], [b.detach().numpy() for b in biases])

    for epoch in range(training.epochs):
        for rows in batches(epoch):
            circuit = Ideal().mount(p.network, now(), stream(0)).circuit
            gradient = ep_gradients(create("reference"), circuit, p.x[rows], p.targets[rows], PHASES)
            for k, (w, b) in enumerate(zip(couplings, biases, strict=True), start=1):
                w.grad, b.grad = torch.tensor(gradient.coupling(k)), torch.tensor(gradient.bias(k))
            optimiser.step()
        schedule.step()
    return now()


@pytest.mark.parametrize(
    "training",
    [
        Training(epochs=3, batch_size=8, learning_rates=(0.2,)),
        Training(epochs=3, batch_size=8, learning_rates=(0.3, 0.2, 0.1)),
        Training(epochs=3, batch_size=8, learning_rates=(0.2,), decay=0.5),
        Training(epochs=3, batch_size=8, learning_rates=(0.1,), momentum=0.9),
        Training(epochs=3, batch_size=8, learning_rates=(0.2, 0.1, 0.3), weight_decay=0.05),
        Training(epochs=3, batch_size=8, learning_rates=(0.1,), momentum=0.7, weight_decay=0.05, decay=0.8),
        Training(epochs=3, batch_size=8, learning_rates=(0.02,), rule="adam"),
        Training(epochs=3, batch_size=8, learning_rates=(0.02, 0.01, 0.03), rule="adam", weight_decay=0.05, decay=0.8),
        Training(epochs=3, batch_size=8, learning_rates=(0.02,), rule="adam", betas=(0.5, 0.9), epsilon=1e-2),
    ],
)
def test_steps_are_those_of_torchs_optimiser(engine: Engine, training: Training) -> None:
    p = drawn()
    got, wanted = trained(engine, p, training), trained_by_torch(p, training)
    assert np.abs(wanted.couplings - p.weights.couplings).max() > 0.01
    np.testing.assert_allclose(got.couplings, wanted.couplings, rtol=0, atol=1e-11)
    np.testing.assert_allclose(got.biases, wanted.biases, rtol=0, atol=1e-11)


@pytest.mark.parametrize("estimator", [Estimator.ONE_SIDED, Estimator.CENTERED])
@pytest.mark.parametrize("cost", list(Cost))
def test_a_gradient_is_the_mean_of_those_of_its_halves(engine: Engine, estimator: Estimator, cost: Cost) -> None:
    """Neither β nor the size of the batch hides in it."""
    p = problem((6, 5, 4, 3), Activation.TANH, cost=cost, feedback=0.5, batch=10)
    phases = Phases(estimator, 0.3, 60, 60, tolerance=1e-9)

    def gradient(lo: int, hi: int) -> np.ndarray:
        found = ep_gradients(engine, p.circuit, p.x[lo:hi], p.targets[lo:hi], phases)
        return np.concatenate([found.couplings, found.biases])

    halves = [gradient(lo, hi) for lo, hi in pairwise((0, 5, 10))]
    np.testing.assert_allclose(0.5 * (halves[0] + halves[1]), gradient(0, 10), rtol=0, atol=1e-12)
    repeated = p._replace(x=np.tile(p.x, (3, 1)), targets=np.tile(p.targets, (3, 1)))
    found = ep_gradients(engine, p.circuit, repeated.x, repeated.targets, phases)
    np.testing.assert_allclose(np.concatenate([found.couplings, found.biases]), gradient(0, 10), rtol=0, atol=1e-12)
