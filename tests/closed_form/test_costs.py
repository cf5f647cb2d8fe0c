"""Costs against numbers worked out by hand, and nudged outputs against scipy's minimiser."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from scipy.special import log_softmax  # type: ignore[import-untyped]

from neuroep.network import Activation, Cost
from neuroep.physics.activations import potential
from neuroep.physics.costs import cost, cost_slope, nudged_output, softmax
from neuroep.weights import FloatArray

BOXES = {Activation.LINEAR: (-100.0, 100.0), Activation.HARD_SIGMOID: (0.0, 1.0), Activation.RELU6: (0.0, 6.0),
         Activation.RELU: (0.0, 100.0)}  # fmt: skip
NUDGES = (-0.9, -0.3, 0.0, 0.3, 0.9)
INPUTS = (-2.3, -1.07, -0.95, -0.4, 0.2, 0.6, 0.93, 1.02, 1.31, 1.6, 5.0, 7.0)


@pytest.mark.parametrize(
    ("code", "outputs", "targets", "expected"),
    [
        (Cost.MSE, [0.5, -1.0], [1.0, 2.0], 0.5 * (0.25 + 9.0)),
        (Cost.HINGE, [0.5, -1.0, 3.0], [1.0, 1.0, 1.0], 0.5 + 2.0 + 0.0),
        (Cost.HINGE, [0.5, -1.0], [-1.0, -1.0], 1.5 + 0.0),
        (Cost.SQUARED_HINGE, [0.5, -1.0, 3.0], [1.0, 1.0, 1.0], 0.5 * (0.25 + 4.0)),
        (Cost.CROSS_ENTROPY, [0.25, 0.5, 0.25], [0.0, 1.0, 0.0], math.log(2.0)),
        (Cost.CROSS_ENTROPY, [0.25, 0.75], [0.5, 0.5], -0.5 * math.log(0.25 * 0.75)),
    ],
)
def test_values(code: Cost, outputs: list[float], targets: list[float], expected: float) -> None:
    got = cost(code, np.array([outputs, outputs]), np.array([targets, targets]))
    np.testing.assert_allclose(got, [expected, expected], rtol=1e-14)


@pytest.mark.parametrize("code", [Cost.MSE, Cost.HINGE, Cost.SQUARED_HINGE])
def test_slope_is_the_derivative(code: Cost) -> None:
    outputs = np.array([[-1.7, -0.2, 0.4, 2.2]])
    targets, h = np.array([[1.0, -1.0, 1.0, 1.0]]), 1e-6
    bumps = h * np.eye(4)[:, None, :]
    expected = [(cost(code, outputs + b, targets) - cost(code, outputs - b, targets))[0] / (2 * h) for b in bumps]
    np.testing.assert_allclose(cost_slope(code, outputs, targets)[0], expected, atol=1e-8)


def test_slope_of_cross_entropy_is_that_in_the_logits() -> None:
    logits, target, h = np.array([0.3, -1.2, 2.0]), np.array([0.0, 0.0, 1.0]), 1e-6
    expected = [-(target @ log_softmax(logits + b) - target @ log_softmax(logits - b)) / (2 * h) for b in h * np.eye(3)]
    got = cost_slope(Cost.CROSS_ENTROPY, softmax(logits[None]), target[None])[0]
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_softmax_is_scipys_even_for_huge_logits() -> None:
    logits = np.array([[0.1, 2.0, -3.0], [1e4, 1e4 - 1.0, -1e4], [-1e4, -1e4, -1e4]])
    np.testing.assert_allclose(softmax(logits), np.exp(log_softmax(logits, axis=1)), rtol=1e-12, atol=1e-300)


def test_cross_entropy_of_a_certain_mistake_is_finite() -> None:
    assert np.isfinite(cost(Cost.CROSS_ENTROPY, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))).all()


def objective(code: Cost, activation: Activation, u: float, y: float, beta: float, s: float) -> float:
    """G(s) − u·s + βC(s) of one unit."""
    local = float(potential(activation, np.array(s))) - u * s
    return local + beta * float(cost(code, np.array([[s]]), np.array([[y]]))[0])


def by_scipy(code: Cost, activation: Activation, u: float, y: float, beta: float) -> tuple[float, list[float]]:
    """Lowest objective and where each smooth piece has its minimum; a hinge has its kink at s = y."""
    low, high = BOXES[activation]
    pieces = [(low, y), (y, high)] if low < y < high and code is not Cost.MSE else [(low, high)]
    found = [
        minimize_scalar(
            lambda s: objective(code, activation, u, y, beta, s),
            bounds=piece, method="bounded", options={"xatol": 1e-10},
        )
        for piece in pieces
    ]  # fmt: skip
    return min(f.fun for f in found), [f.x for f in found if f.fun <= min(g.fun for g in found) + 1e-9]


def cases() -> list[tuple[Cost, Activation, float]]:
    boxes = [(Cost.MSE, activation, y) for activation in BOXES for y in (0.0, 0.25, 1.0)]
    return boxes + [(code, Activation.LINEAR, y) for code in (Cost.HINGE, Cost.SQUARED_HINGE) for y in (-1.0, 1.0)]


@pytest.mark.parametrize(("code", "activation", "y"), cases())
@pytest.mark.parametrize("beta", NUDGES)
def test_nudged_output_is_the_minimiser(code: Cost, activation: Activation, y: float, beta: float) -> None:
    """A hinge nudged by −β has two minima; the lower counts, and 1 − β/2 divides them."""
    u = np.array(INPUTS)[:, None]
    got = nudged_output(code, activation, u, np.full_like(u, y), np.full(len(u), beta))[:, 0]
    for value, given in zip(got, INPUTS, strict=True):
        lowest, places = by_scipy(code, activation, given, y, beta)
        assert objective(code, activation, given, y, beta, float(value)) <= lowest + 1e-9
        assert min(abs(float(value) - place) for place in places) < 1e-5


def test_nudging_is_per_row() -> None:
    u, y = np.full((2, 1), 0.2), np.ones((2, 1))
    got = nudged_output(Cost.MSE, Activation.LINEAR, u, y, np.array([0.0, 1.0]))
    np.testing.assert_allclose(got[:, 0], [0.2, 0.6], rtol=1e-15)


@pytest.mark.parametrize("beta", [-0.5, 0.0, 0.5])
def test_a_read_out_isnt_nudged(beta: float) -> None:
    logits = np.array([[0.3, -0.7, 1.1]])
    got: FloatArray = nudged_output(Cost.CROSS_ENTROPY, Activation.LINEAR, logits, np.eye(3)[:1], np.array([beta]))
    np.testing.assert_allclose(got, np.exp(log_softmax(logits, axis=1)), rtol=1e-14)
