"""The bias of each estimator in β, against finite differences of the cost at converged free equilibria."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from problems import Problem, problem, slopes_of_the_cost

from neuroep.engines import Engine
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation, Cost
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

BETAS = (0.008, 0.004, 0.002, 0.001)
PROBLEMS = [(Cost.MSE, 1.0), (Cost.MSE, 0.5), (Cost.CROSS_ENTROPY, 1.0), (Cost.CROSS_ENTROPY, 0.5)]
every_problem = pytest.mark.parametrize(("cost", "feedback"), PROBLEMS)


def smooth(cost: Cost, feedback: float, batch: int = 4) -> Problem:
    """tanh units, so that the cost is a smooth function of the weights."""
    return problem((6, 5, 4, 3), Activation.TANH, Activation.LINEAR, cost, feedback, gain=1.0, batch=batch)


@cache
def by_finite_differences(cost: Cost, feedback: float) -> FloatArray:
    """dC/dθ, mean over the samples, by central differences of step 10⁻⁵: exact to about 10⁻¹⁰."""
    return slopes_of_the_cost(smooth(cost, feedback))


def flat(weights: Weights) -> FloatArray:
    return np.concatenate([weights.couplings, weights.biases])


def estimate(engine: Engine, p: Problem, estimator: Estimator, beta: float, seed: int = 0) -> FloatArray:
    phases = Phases(estimator, beta, free_sweeps=5000, nudged_sweeps=5000, tolerance=1e-14)
    return flat(ep_gradients(engine, p.circuit, p.x, p.targets, phases, seed))


@every_problem
@pytest.mark.parametrize(("estimator", "order"), [(Estimator.ONE_SIDED, 1.0), (Estimator.CENTERED, 2.0)])
def test_the_bias_vanishes_with_its_order_in_beta(
    engine: Engine, cost: Cost, feedback: float, estimator: Estimator, order: float
) -> None:
    """Every parameter counts: couplings and biases of all layers, the read-out's too."""
    exact, p = by_finite_differences(cost, feedback), smooth(cost, feedback)
    errors = [np.linalg.norm(estimate(engine, p, estimator, beta) - exact) for beta in BETAS]
    slope = np.polyfit(np.log(BETAS), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.1)
    assert errors[-1] < 0.1 * np.linalg.norm(exact)


@every_problem
def test_random_sign_in_the_mean_is_centered(engine: Engine, cost: Cost, feedback: float) -> None:
    """With one sample there are two outcomes; their mean is the centered estimate, exactly."""
    p = smooth(cost, feedback, batch=1)
    outcomes = [estimate(engine, p, Estimator.RANDOM_SIGN, 0.2, seed) for seed in range(12)]
    plus = estimate(engine, p, Estimator.ONE_SIDED, 0.2)
    is_plus = [bool(np.allclose(o, plus, rtol=0, atol=1e-10)) for o in outcomes]
    assert set(is_plus) == {True, False}
    minus = [o for o, same in zip(outcomes, is_plus, strict=True) if not same]
    for other in minus:
        np.testing.assert_allclose(
            0.5 * (plus + other), estimate(engine, p, Estimator.CENTERED, 0.2), rtol=0, atol=1e-10
        )


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_schemes_are_finite_differences(batch: int, beta: float) -> None:
    """Σ coefficient · f(β) of a line f = a + bβ is b, whatever a: rows of ones and rows of β."""
    for estimator in (e for e in Estimator if e.is_difference):
        found = scheme(estimator, beta, batch, stream(3, "signs"), np.float64)
        rows = np.concatenate([np.zeros(batch), found.beta]) if found.with_free else found.beta
        assert len(rows) == len(found.coefficients)
        assert found.coefficients.sum() == pytest.approx(0.0, abs=1e-13)
        assert found.coefficients @ rows == pytest.approx(1.0, rel=1e-13)


def test_random_signs_are_drawn_per_sample_and_evenly() -> None:
    """The share of +1 among 10,000 within five standard errors of a half."""
    signs = np.sign(scheme(Estimator.RANDOM_SIGN, 0.3, 10_000, stream(1, "signs")).beta)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 5 / np.sqrt(10_000)


def test_random_signs_need_a_generator() -> None:
    with pytest.raises(ValueError, match="rng"):
        scheme(Estimator.RANDOM_SIGN, 0.3, 4)
