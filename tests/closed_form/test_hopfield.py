"""Energies by hand; forces, velocities and contrasts as derivatives of those energies."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from problems import Problem, plan, problem, settle, settle_nudged

from neuroep.circuit import Circuit
from neuroep.engines import create
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Cost, Skip, chain, initial_weights
from neuroep.physics import hopfield
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

OUTPUTS = {Cost.MSE: (Activation.LINEAR, Activation.HARD_SIGMOID, Activation.RELU6, Activation.RELU)}
INSIDE = {
    Activation.LINEAR: (-2.0, 2.0),
    Activation.HARD_SIGMOID: (0.05, 0.95),
    Activation.TANH: (-0.9, 0.9),
    Activation.RELU6: (0.05, 5.9),
    Activation.RELU: (0.05, 8.0),
    Activation.SIGMOID: (0.05, 0.95),
}


def combinations() -> Iterator[tuple[Activation, Activation, Cost, float]]:
    for hidden in INSIDE:
        for cost in Cost:
            for output in OUTPUTS.get(cost, (Activation.LINEAR,)):
                for feedback in (1.0, 0.3):
                    yield hidden, output, cost, feedback


every_combination = pytest.mark.parametrize(("hidden", "output", "cost", "feedback"), list(combinations()))


def somewhere(p: Problem) -> list[FloatArray]:
    """Random states inside the ranges of the activations, kept off the hinges' kinks; a read-out is consistent."""
    rng = stream(5, "states")
    states: list[FloatArray] = [
        rng.uniform(*INSIDE[layer.activation], size=(len(p.x), layer.size)) for layer in p.network.layers[1:]
    ]
    if p.network.cost in (Cost.HINGE, Cost.SQUARED_HINGE):
        states[-1][np.abs(np.abs(states[-1]) - 1.0) < 0.05] = 0.5
    if p.network.cost is Cost.CROSS_ENTROPY:
        logits = states[-2] @ p.weights.coupling(p.network.depth) + p.weights.bias(p.network.depth)
        powers = np.exp(logits)
        states[-1] = powers / powers.sum(axis=1, keepdims=True)
    return states


def one_to_one(sizes: tuple[int, ...], hidden: Activation, feedback: float = 1.0) -> Circuit:
    """W = 2, 3, ... and b = 0.1, 0.2, ... in a chain of single units."""
    network = chain(sizes, hidden, Activation.LINEAR, feedback=feedback)
    couplings = [np.array([[2.0 + k]]) for k in range(len(sizes) - 1)]
    biases = [np.array([0.1 * (k + 1)]) for k in range(len(sizes) - 1)]
    return Ideal().mount(network, Weights.from_arrays(couplings, biases), stream(0)).circuit


def test_energy_of_one_unit_by_hand() -> None:
    """E = ½s² − xWs − bs with x = 0.5, W = 2, b = 0.1, s = 0.7; F adds β½(s − y)²."""
    circuit = one_to_one((1, 1), Activation.LINEAR)
    x, states, y = np.array([[0.5]]), [np.array([[0.7]])], np.array([[1.0]])
    energy = 0.5 * 0.49 - 0.5 * 2.0 * 0.7 - 0.1 * 0.7
    np.testing.assert_allclose(hopfield.energy(circuit, x, states), [energy], rtol=1e-14)
    nudged = hopfield.nudged_energy(circuit, x, states, y, np.array([0.3]))
    np.testing.assert_allclose(nudged, [energy + 0.3 * 0.5 * 0.09], rtol=1e-14)


@pytest.mark.parametrize("feedback", [1.0, 0.25])
def test_energy_of_two_units_by_hand(feedback: float) -> None:
    """The upper layer's terms and the cost carry γ; tanh's potential is s·artanh s + ½ ln(1 − s²)."""
    circuit = one_to_one((1, 1, 1), Activation.TANH, feedback)
    x, s, t, y, beta = 0.5, 0.6, -0.4, 1.0, 0.2
    lower = s * math.atanh(s) + 0.5 * math.log(1 - s * s) - x * 2.0 * s - 0.1 * s
    upper = 0.5 * t * t - s * 3.0 * t - 0.2 * t
    energy = lower + feedback * upper
    states = [np.array([[s]]), np.array([[t]])]
    np.testing.assert_allclose(hopfield.energy(circuit, np.array([[x]]), states), [energy], rtol=1e-13)
    nudged = hopfield.nudged_energy(circuit, np.array([[x]]), states, np.array([[y]]), np.array([beta]))
    np.testing.assert_allclose(nudged, [energy + beta * feedback * 0.5 * (t - y) ** 2], rtol=1e-13)


@pytest.mark.parametrize("feedback", [1.0, 0.25])
def test_velocity_of_two_units_by_hand(feedback: float) -> None:
    circuit = one_to_one((1, 1, 1), Activation.TANH, feedback)
    x, s, t, y, beta = 0.5, 0.6, -0.4, 1.0, 0.2
    states = [np.array([[s]]), np.array([[t]])]
    got = hopfield.velocity(circuit, np.array([[x]]), states, np.array([[y]]), np.array([beta]))
    lower = math.tanh(2.0 * x + 0.1 + feedback * 3.0 * t) - s
    upper = (3.0 * s + 0.2 + beta * y) / (1.0 + beta) - t
    np.testing.assert_allclose(np.hstack(got)[0], [lower, upper], rtol=1e-13)


def test_a_safe_feedback_gain_is_one() -> None:
    """The energy of linear units is ½sᵀ(1 − √γ M)s with M's blocks W_2, W_3: eigenvalues by numpy."""
    p = problem((3, 5, 4, 6), Activation.LINEAR, gain=3.0)
    m = np.zeros((15, 15))
    m[:5, 5:9], m[5:9, 9:] = p.weights.coupling(2), p.weights.coupling(3)
    largest = np.linalg.eigvalsh(m + m.T).max()
    safe = hopfield.safe_feedback(p.circuit)
    assert 0.4 / largest**2 < safe <= 1.0 / largest**2


def test_units_with_a_bound_between_need_no_small_feedback_gain() -> None:
    network = chain((2, 3, 3, 2), Activation.RELU6, Activation.RELU)
    circuit = Ideal().mount(network, initial_weights(network, stream(0)), stream(0)).circuit
    assert hopfield.safe_feedback(circuit) == np.inf
    skipping = problem((3, 2, 2, 2), Activation.RELU, skips=(Skip(1, 3),))
    assert np.isnan(hopfield.safe_feedback(skipping.circuit))


def test_velocity_under_a_read_out_by_hand() -> None:
    """The last dynamical layer feels βW(y − ŷ), without γ."""
    p = problem((2, 3, 2), Activation.TANH, cost=Cost.CROSS_ENTROPY, feedback=0.3)
    states, beta = somewhere(p), np.full(4, 0.4)
    pull = beta[:, None] * (p.targets - states[1]) @ p.weights.coupling(2).T
    expected = np.tanh(p.x @ p.weights.coupling(1) + p.weights.bias(1) + pull) - states[0]
    got = hopfield.velocity(p.circuit, p.x, states, p.targets, beta)
    np.testing.assert_allclose(got[0], expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(got[1], 0.0, atol=1e-14)


@every_combination
@pytest.mark.parametrize("beta", [0.0, 0.4, -0.4])
def test_force_is_minus_the_slope_of_the_energy(
    hidden: Activation, output: Activation, cost: Cost, feedback: float, beta: float
) -> None:
    p = problem((3, 4, 3, 2), hidden, output, cost, feedback, batch=2)
    circuit, states, nudging, h = p.circuit, somewhere(p), np.full(2, beta), 1e-5
    forces = hopfield.force(circuit, p.x, states, p.targets, nudging)
    assert len(forces) == p.network.dynamical
    for layer, force in enumerate(forces):
        for unit in range(force.shape[1]):
            kept = states[layer][:, unit].copy()
            energies = []
            for shift in (h, -h):
                states[layer][:, unit] = kept + shift
                energies.append(hopfield.nudged_energy(circuit, p.x, states, p.targets, nudging))
            states[layer][:, unit] = kept
            np.testing.assert_allclose(-(energies[0] - energies[1]) / (2 * h), force[:, unit], rtol=1e-6, atol=2e-9)


@every_combination
def test_energy_slope_is_the_derivative_in_the_weights(
    hidden: Activation, output: Activation, cost: Cost, feedback: float
) -> None:
    """Mean over the samples; exact up to rounding, since E is linear in θ."""
    p = problem((3, 4, 3, 2), hidden, output, cost, feedback)
    circuit, states, h = p.circuit, somewhere(p), 1e-3
    got = hopfield.energy_slope(circuit, p.x, states)
    for values, slopes in ((circuit.up, got.couplings), (circuit.biases, got.biases)):
        for i, slope in enumerate(slopes):
            kept = values[i]
            values[i] = kept + h
            above = hopfield.energy(circuit, p.x, states).mean()
            values[i] = kept - h
            below = hopfield.energy(circuit, p.x, states).mean()
            values[i] = kept
            assert (above - below) / (2 * h) == pytest.approx(slope, rel=1e-9, abs=1e-10)


@every_combination
def test_force_vanishes_at_a_nudged_equilibrium_inside_the_range(
    hidden: Activation, output: Activation, cost: Cost, feedback: float
) -> None:
    """A state at rest is one at which no force acts, save against the walls of a box."""
    p = problem((3, 4, 3, 2), hidden, output, cost, feedback)
    circuit, beta, how = p.circuit, np.full(4, 0.3), plan(3, 3000, 1e-14)
    reference = create("reference")
    free = settle(reference, circuit, p.x, how)
    rest = settle_nudged(reference, circuit, free, p.targets, beta, how).states
    if cost is Cost.HINGE:
        p.targets[...] = np.where(np.abs(1.0 - p.targets * rest[-1]) < 1e-9, np.nan, p.targets)
    for k, force in enumerate(hopfield.force(circuit, p.x, rest, p.targets, beta), start=1):
        low, high = INSIDE[p.network.layers[k].activation]
        inside = (rest[k - 1] > low) & (rest[k - 1] < high) & np.isfinite(force)
        np.testing.assert_allclose(force[inside], 0.0, atol=1e-11)


@pytest.mark.parametrize("cost", list(Cost))
def test_energies_are_per_sample(cost: Cost) -> None:
    """The energy of a sample doesn't depend on its company."""
    p = problem(cost=cost, feedback=0.5)
    states, beta = somewhere(p), np.array([0.1, -0.2, 0.3, 0.0])
    whole = hopfield.nudged_energy(p.circuit, p.x, states, p.targets, beta)
    for i in range(4):
        row = slice(i, i + 1)
        alone = hopfield.nudged_energy(p.circuit, p.x[row], [s[row] for s in states], p.targets[row], beta[row])
        np.testing.assert_allclose(alone, whole[row], rtol=1e-13)
