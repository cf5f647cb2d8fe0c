"""Figures of a diagnosis in closed form, of networks of one or two linear layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuroep.engines import create
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Cost, chain
from neuroep.recipe import Estimator, Phases, Recipe, Training
from neuroep.rng import stream
from neuroep.studies.figures import Case, noise, saturated, step
from neuroep.weights import Weights

BETA, RATE, BATCH = 0.3, 0.2, 6
PHASES = Phases(beta=BETA, free_sweeps=40, nudged_sweeps=40)
TRAINING = Training(learning_rates=(RATE,), batch_size=BATCH)


def case(*sizes: int, output: Activation = Activation.LINEAR, seed: int = 0, training: Training = TRAINING) -> Case:
    """Random weights, inputs and targets."""
    network, rng = chain(sizes, Activation.LINEAR, output, Cost.MSE, 0.5), np.random.default_rng(seed)
    weights = Weights.zeros(sizes, np.float64)
    weights.couplings[:] = rng.normal(0.0, 0.4, weights.couplings.shape)
    circuit = Ideal().mount(network, weights, stream(0)).circuit
    x, y = rng.normal(size=(BATCH, sizes[0])), rng.uniform(size=(BATCH, sizes[-1]))
    recipe = Recipe(PHASES, training, training)
    exact = replace(PHASES, free_sweeps=2000, nudged_sweeps=2000, tolerance=1e-13)
    return Case(circuit, x, y, recipe, exact, create("cpu", 1), (1.0,) * (len(sizes) - 1))


def with_noise(known: Case, up: float, down: float = 0.0) -> Case:
    layers = len(known.circuit.sizes)
    return replace(
        known, circuit=known.circuit._replace(noise_up=np.full(layers, up), noise_down=np.full(layers, down))
    )


@pytest.mark.parametrize("momentum", [0.0, 0.75])
def test_the_step_of_one_layer(momentum: float) -> None:
    """Along Δ = −η g the cost is a parabola of which η gᵀHg / 2‖g‖² is left; EP's gradient is 1/(1 − β²) of it."""
    known = case(5, 3, training=replace(TRAINING, momentum=momentum))
    w = known.circuit.up.reshape(5, 3)
    error = known.x @ w - known.targets
    slope, offset = known.x.T @ error / BATCH, error.mean(axis=0)
    bend = ((known.x @ slope + offset) ** 2).sum() / BATCH
    rate = RATE / (1.0 - BETA**2) / (1.0 - momentum)
    expected = 0.5 * rate * bend / ((slope**2).sum() + (offset**2).sum())
    assert step(known) == pytest.approx(expected, rel=0.01)


def at_rate(known: Case, rate: float) -> Case:
    training = replace(known.recipe.training, learning_rates=(rate,))
    return replace(known, recipe=replace(known.recipe, training=training))


def test_however_large_a_step_is_in_proportion_to_the_rate_or_infinite() -> None:
    """Of one layer, and of two, which it takes into states that diverge."""
    known = case(5, 3)
    assert step(at_rate(known, 1e6 * RATE)) == pytest.approx(1e6 * step(known), rel=0.01)
    with np.errstate(all="ignore"):
        assert [step(at_rate(case(5, 4, 3), rate)) for rate in (1e6, 1e200)] == [np.inf, np.inf]


def one_layer_noise(known: Case, sigma: float) -> float:
    """Error and gradient are −Σ x ξᵀ / B(1 − β²) and −Σ x (y − xW)ᵀ / B(1 − β²): all phases have the drive's noise."""
    error = known.targets - known.x @ known.circuit.up.reshape(known.circuit.sizes)
    expected = sigma * np.sqrt(error.shape[1] * (known.x**2).sum())
    return float(expected / np.linalg.norm(known.x.T @ error))


@pytest.mark.parametrize("averaged", [1, 4])
def test_the_noise_of_one_layer(averaged: int) -> None:
    """σ of each conversion, of which the mean of a few is taken, over the known gradient."""
    known = case(7, 4)
    noisy = with_noise(known, 0.3)
    noisy = replace(noisy, circuit=noisy.circuit._replace(averaged=averaged))
    assert noise(noisy, 400) == pytest.approx(one_layer_noise(known, 0.3 / np.sqrt(averaged)), rel=0.05)


def test_only_the_recipes_batch_is_averaged() -> None:
    """Of a batch of 2 as of the first 2 samples alone."""
    known = with_noise(case(7, 4), 0.3)
    small = replace(known, recipe=replace(known.recipe, training=replace(TRAINING, batch_size=2)))
    alone = replace(small, x=known.x[:2], targets=known.targets[:2])
    assert noise(small) == noise(alone) != noise(known)


def test_noise_that_phases_draw_anew_weighs_as_one_over_beta() -> None:
    """Of the read of the output's states, at nudges that change no state much."""
    found = []
    for beta in (0.01, 0.02):
        known = with_noise(case(5, 6, 3), 0.0, 0.1)
        phases = replace(PHASES, beta=beta, estimator=Estimator.CENTERED)
        found.append(noise(replace(known, recipe=replace(known.recipe, phases=phases)), 50))
    assert found[0] / found[1] == pytest.approx(2.0, rel=0.05)


def test_converters_leave_an_error_and_exact_reads_none() -> None:
    known = case(5, 6, 3)
    bounds = {"dac_bound": np.full(3, 4.0), "adc_bound": np.full(3, 8.0)}
    found = [noise(replace(known, circuit=known.circuit._replace(adc_bits=bits, **bounds))) for bits in (0, 12, 6)]
    assert found[0] == 0.0 < found[1] < found[2]


@pytest.mark.parametrize(
    ("bias", "target", "expected"),
    [
        (3.0, 0.0, 1.0),  # 3 / (1 + β) is still beyond the bound
        (1.1, 0.0, 0.0),  # 1.1 / (1 + β) isn't
        (3.0, 1.0, 0.0),  # on its target
        (-1.0, 1.0, 1.0),
        (0.5, 1.0, 0.0),
    ],
)
def test_outputs_that_no_nudge_moves(bias: float, target: float, expected: float) -> None:
    known = case(4, 3, output=Activation.HARD_SIGMOID)
    circuit = known.circuit._replace(up=np.zeros(12), down=np.zeros(12), biases=np.full(3, bias))
    assert saturated(replace(known, circuit=circuit, targets=np.full((BATCH, 3), target))) == expected
