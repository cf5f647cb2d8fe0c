"""N-point EP: bias of order N, centered at N = 2, half a circle for the whole, and where it stops helping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import Problem, plan, problem, settle, slopes_of_the_cost
from test_bias_in_beta import by_finite_differences, flat, smooth

from neuroep.engines import Accumulation, Engine, create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.learning.methods.complex_states import settle_complex
from neuroep.learning.methods.holomorphic import (
    accumulate_holomorphic,
    circle,
    settle_holomorphic_phases,
)
from neuroep.learning.methods.phases import sweep_plans
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.recipe import Estimator, Phases
from neuroep.weights import FloatArray, Weights

#: Largest |β| of the window in which the leading power of the bias rules, per problem.
WINDOWS = {
    (Cost.MSE, 1.0): 0.03,
    (Cost.MSE, 0.5): 0.15,
    (Cost.CROSS_ENTROPY, 1.0): 0.2,
    (Cost.CROSS_ENTROPY, 0.5): 0.3,
}
every_problem = pytest.mark.parametrize(("cost", "feedback"), list(WINDOWS))


def phases(beta: float) -> Phases:
    return Phases(beta=beta, free_sweeps=5000, nudged_sweeps=5000, tolerance=1e-14)


def around(settings: Phases, points: int) -> Phases:
    return replace(settings, estimator=Estimator.HOLOMORPHIC, points=points)


def estimate(engine: Engine, p: Problem, beta: float, points: int) -> FloatArray:
    return flat(ep_gradients(engine, p.circuit, p.x, p.targets, around(phases(beta), points)))


@every_problem
@pytest.mark.parametrize("points", [2, 3, 4, 6])
def test_the_bias_vanishes_with_the_number_of_points(cost: Cost, feedback: float, points: int) -> None:
    """Slope N in |β| against finite differences; every parameter counts, the read-out's too."""
    exact, p, engine = by_finite_differences(cost, feedback), smooth(cost, feedback), create("reference")
    betas = WINDOWS[cost, feedback] * np.array([1.0, 0.7, 0.5])
    errors = [np.linalg.norm(estimate(engine, p, beta, points) - exact) for beta in betas]
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(points, abs=0.15)
    assert errors[-1] < 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
def test_the_sigmoid_is_holomorphic_too(cost: Cost) -> None:
    """Eight points leave a bias of order β⁸; against finite differences of the settled cost."""
    p = problem((4, 5, 4, 3), Activation.SIGMOID, cost=cost, feedback=0.5, batch=3)
    found = estimate(create("reference"), p, 0.1, 8)
    np.testing.assert_allclose(found, slopes_of_the_cost(p), rtol=1e-6, atol=1e-8)


@every_problem
def test_two_points_are_centered(engine: Engine, cost: Cost, feedback: float) -> None:
    p = smooth(cost, feedback)
    centered = flat(ep_gradients(engine, p.circuit, p.x, p.targets, phases(0.1)))
    np.testing.assert_allclose(estimate(engine, p, 0.1, 2), centered, rtol=0, atol=1e-11)


@every_problem
@pytest.mark.parametrize("points", [5, 6])
def test_half_a_circle_is_the_whole(cost: Cost, feedback: float, points: int) -> None:
    """−(1/Nβ) Σ_j e^{−2πij/N} s_{k−1} s_kᵀ over all N points, written out, its imaginary part gone."""
    p, beta, engine = smooth(cost, feedback), 0.1, create("reference")
    circuit, turns = p.circuit, np.exp(2j * np.pi * np.arange(points) / points)
    book = Ledger.empty(p.sizes)
    drive, free = p.x @ p.weights.coupling(1), settle(engine, circuit, p.x, plan(3, 5000, 1e-14))
    found = settle_complex(circuit, drive, free.states, p.targets, beta * turns, plan(3, 5000, 1e-14), book)
    last, got = p.network.dynamical, ep_gradients(engine, circuit, p.x, p.targets, around(phases(beta), points))
    for k in range(1, last + 1):
        below = np.tile(p.x, (points, 1)) if k == 1 else found.states[k - 2]
        weights = -np.repeat(turns.conj(), len(p.x)) / (points * beta * len(p.x) * feedback ** (last - k))
        whole = below.T @ (weights[:, None] * found.states[k - 1])
        assert np.abs(whole.imag).max() < 1e-10
        np.testing.assert_allclose(got.coupling(k), whole.real, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            got.bias(k), (weights[:, None] * found.states[k - 1]).sum(axis=0).real, rtol=0, atol=1e-10
        )


@pytest.mark.parametrize("points", [2, 3, 4, 7, 8])
def test_a_circle_takes_the_slope_and_nothing_else(points: int) -> None:
    """Powers 0 and 2..N of β vanish, power 1 has slope 1, and N + 1 comes back as |β|^N: what bias O(|β|^N) means."""
    around = circle(0.7, points)
    assert len(around.beta) == points // 2 + 1
    for power in range(points + 1):
        slope = (around.coefficients * around.beta**power).sum().real
        assert slope == pytest.approx(float(power == 1), abs=1e-13)
    assert (around.coefficients * around.beta ** (points + 1)).sum().real == pytest.approx(0.7**points, rel=1e-12)


def test_single_precision_stays_single() -> None:
    """And agrees with double to rounding over |β|."""
    p = smooth(Cost.MSE, 0.5)
    narrow = Problem(p.network, p.weights.astype(np.float32), p.x.astype(np.float32), p.targets.astype(np.float32))
    settings = Phases(beta=0.2, free_sweeps=200, nudged_sweeps=200, tolerance=1e-6)
    got = ep_gradients(create("cpu", 1), narrow.circuit, narrow.x, narrow.targets, around(settings, 4))
    assert got.couplings.dtype == np.float32
    np.testing.assert_allclose(flat(got), estimate(create("reference"), p, 0.2, 4), rtol=0, atol=2e-4)


def measured(gain: float, beta: float, points: int) -> tuple[FloatArray, float]:
    """The estimate on 6-5-4-3 at γ = 1, and the share of complex rows that settled."""
    p, engine = problem(gain=gain), create("reference")
    around, book, out = circle(beta, points), Ledger.empty(p.sizes), Weights.zeros(p.sizes, np.float64)
    how = sweep_plans(Phases(beta=beta, free_sweeps=3000, nudged_sweeps=1000, tolerance=1e-12), 3)
    free, nudged = settle_holomorphic_phases(engine, p.circuit, p.x, p.targets, how, around, book)
    into = Accumulation(out, (1.0, 1.0, 1.0), 0.0)
    accumulate_holomorphic(engine, p.circuit, p.x, p.targets, free, nudged, around, into, book)
    return flat(out), float((nudged.code == ResultCode.CONVERGED).mean())


def test_more_points_help_well_inside_the_circle_of_convergence_only() -> None:
    """The warning of the docstring. Soft units, |β| = 0.1: each doubling of N squares the error or so.

    Steep units (weights four times as large), the same |β|: N = 4 and 8 are worse than centered.
    """
    for gain, helps in ((0.5, True), (2.0, False)):
        exact = measured(gain, 0.002, 4)[0]
        errors = [np.linalg.norm(measured(gain, 0.1, n)[0] - exact) / np.linalg.norm(exact) for n in (2, 4, 8)]
        if helps:
            assert errors[1] < 0.1 * errors[0]
            assert errors[2] < 0.01 * errors[1]
        else:
            assert errors[1] > errors[0]
            assert errors[2] > errors[0]


def test_complex_sweeps_may_not_settle_and_say_so() -> None:
    """At |β| = 0.9 and steep units."""
    assert measured(2.0, 0.9, 8)[1] < 1.0
    assert measured(0.5, 0.1, 8)[1] == 1.0


def test_the_ledger_of_three_phases_by_hand() -> None:
    """N = 4: three phases of 4 samples; backward sweeps of 6-5-4-3 read up W2, W3 and down W2, W3, twice each."""
    p, engine, book = smooth(Cost.MSE, 0.5), create("reference"), Ledger.empty((6, 5, 4, 3))
    how = sweep_plans(Phases(beta=0.1, free_sweeps=9, nudged_sweeps=5), 3)
    settle_holomorphic_phases(engine, p.circuit, p.x, p.targets, how, circle(0.1, 4), book)
    assert book.counts[Phase.NUDGED, Event.SAMPLE, 0] == 12
    assert book.counts[Phase.NUDGED, Event.NEURON].tolist() == [0, 60, 60, 60]
    assert book.counts[Phase.NUDGED, Event.READ_UP].tolist() == [0, 0, 120, 120]
    assert book.counts[Phase.NUDGED, Event.READ_DOWN].tolist() == [0, 0, 120, 120]


@pytest.mark.parametrize(
    ("hidden", "output", "cost", "message"),
    [
        (Activation.HARD_SIGMOID, Activation.LINEAR, Cost.MSE, "layer 1 is hard-sigmoid"),
        (Activation.RELU6, Activation.LINEAR, Cost.CROSS_ENTROPY, "layer 1 is relu6"),
        (Activation.TANH, Activation.HARD_SIGMOID, Cost.MSE, "layer 3 is hard-sigmoid"),
        (Activation.TANH, Activation.LINEAR, Cost.SQUARED_HINGE, "squared-hinge"),
    ],
)
def test_what_isnt_holomorphic_is_refused(hidden: Activation, output: Activation, cost: Cost, message: str) -> None:
    p = problem(hidden=hidden, output=output, cost=cost)
    with pytest.raises(BadInput, match=message):
        estimate(create("reference"), p, 0.1, 4)


def test_converters_and_noise_are_refused() -> None:
    p = problem()
    noisy = p.circuit
    noisy.noise_up[:] = 0.1
    noisy.noise_down[:] = 0.1
    for circuit in (noisy, p.circuit._replace(adc_bits=8), p.circuit._replace(dac_bits=8)):
        with pytest.raises(BadInput, match="exact reads"):
            ep_gradients(create("reference"), circuit, p.x, p.targets, around(phases(0.1), 4))


@pytest.mark.parametrize(("beta", "points"), [(0.1, 1), (0.0, 4), (1.0, 4), (-0.1, 4)])
def test_circles_that_arent_are_refused(beta: float, points: int) -> None:
    with pytest.raises(BadInput, match="phases"):
        circle(beta, points)
