"""EP's gradient of a resistive network against finite differences of the settled cost, and its bias in β."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from problems import resistors, slopes_of_the_cost

from neuroep.engines import Engine
from neuroep.learning.readings import ep_gradients
from neuroep.recipe import Estimator, Phases
from neuroep.weights import FloatArray

BETAS = (0.008, 0.004, 0.002, 0.001)
SIZES = [(6, 5, 4, 3), (8, 6, 2)]
every_size = pytest.mark.parametrize("sizes", SIZES)


@cache
def by_finite_differences(sizes: tuple[int, ...]) -> FloatArray:
    """dC/dθ, mean over the samples, by central differences; the energy goes on below 0 S, so zeros have a slope too."""
    return slopes_of_the_cost(resistors(sizes))


def estimate(engine: Engine, sizes: tuple[int, ...], estimator: Estimator, beta: float) -> FloatArray:
    p = resistors(sizes)
    phases = Phases(estimator, beta, free_sweeps=5000, nudged_sweeps=5000, tolerance=1e-14)
    found = ep_gradients(engine, p.circuit, p.x, p.targets, phases)
    return np.concatenate([found.couplings, found.biases])


@every_size
def test_the_gradient_is_that_of_the_settled_cost(engine: Engine, sizes: tuple[int, ...]) -> None:
    exact = by_finite_differences(sizes)
    found = estimate(engine, sizes, Estimator.CENTERED, 1e-4)
    assert np.linalg.norm(found - exact) < 1e-6 * np.linalg.norm(exact)
    p = resistors(sizes)
    for k in range(1, p.network.depth + 1):
        block = p.weights.layout.blocks[k - 1].part
        off = np.linalg.norm(found[block] - exact[block])
        assert off < 1e-5 * np.linalg.norm(exact[block]), f"coupling {k}"


@every_size
@pytest.mark.parametrize(("estimator", "order"), [(Estimator.ONE_SIDED, 1.0), (Estimator.CENTERED, 2.0)])
def test_the_bias_vanishes_with_its_order_in_beta(
    engine: Engine, sizes: tuple[int, ...], estimator: Estimator, order: float
) -> None:
    exact = by_finite_differences(sizes)
    errors = [np.linalg.norm(estimate(engine, sizes, estimator, beta) - exact) for beta in BETAS]
    assert np.polyfit(np.log(BETAS), np.log(errors), 1)[0] == pytest.approx(order, abs=0.1)
