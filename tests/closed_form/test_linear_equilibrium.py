"""A linear network has its equilibrium in closed form: one linear system."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Problem, plan, problem, settle, settle_nudged

from neuroep.engines import Engine
from neuroep.equilibrium import ResultCode
from neuroep.network import Activation
from neuroep.weights import FloatArray

SIZES = (6, 5, 4, 3)


def solved(p: Problem, beta: float) -> FloatArray:
    """s_1..s_L side by side: (1 + β[k = L]) s_k − W_kᵀ s_{k−1} − γ W_{k+1} s_{k+1} = b_k (+ W_1ᵀ x) (+ βy)."""
    starts = np.concatenate([[0], np.cumsum(SIZES[1:])])
    system = np.eye(starts[-1])
    right = np.tile(p.weights.biases, (len(p.x), 1))
    right[:, : SIZES[1]] += p.x @ p.weights.coupling(1)
    for k in range(2, len(SIZES)):
        below, here = slice(starts[k - 2], starts[k - 1]), slice(starts[k - 1], starts[k])
        system[here, below] -= p.weights.coupling(k).T
        system[below, here] -= p.network.feedback * p.weights.coupling(k)
    output = slice(starts[-2], starts[-1])
    system[output, output] += beta * np.eye(SIZES[-1])
    right[:, output] += beta * p.targets
    return np.linalg.solve(system, right.T).T


@pytest.mark.parametrize("feedback", [1.0, 0.4])
@pytest.mark.parametrize("beta", [0.0, 0.5, -0.5])
def test_settling_solves_the_linear_system(engine: Engine, feedback: float, beta: float) -> None:
    p = problem(SIZES, Activation.LINEAR, feedback=feedback)
    how = plan(3, 2000, 1e-14)
    got = settle(engine, p.circuit, p.x, how)
    if beta:
        got = settle_nudged(engine, p.circuit, got, p.targets, np.full(4, beta), how)
    assert (got.code == ResultCode.CONVERGED).all()
    np.testing.assert_allclose(np.hstack(got.states), solved(p, beta), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.5, -0.5])
def test_settling_one_layer_takes_one_update(engine: Engine, beta: float) -> None:
    """Without hidden layer s = (Wᵀx + b + βy)/(1 + β) at once; the second sweep only finds that out."""
    p = problem((3, 2))
    free = settle(engine, p.circuit, p.x, plan(1, 5, 1e-12))
    got = settle_nudged(engine, p.circuit, free, p.targets, np.full(4, beta), plan(1, 5, 1e-12))
    pulled = (p.x @ p.weights.coupling(1) + p.weights.bias(1) + beta * p.targets) / (1.0 + beta)
    np.testing.assert_allclose(got.states[0], pulled, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(free.steps, 2)
    np.testing.assert_array_equal(got.steps, 2 if beta else 1)
