"""Three linear units: both phases and the contrast by hand, as docs/tutorials/how_ep_works.md has them; its figure."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import neuroep
from neuroep.errors import Diverged
from neuroep.network import Activation, chain
from neuroep.recipe import Estimator, Phases

PAGE = Path(__file__).resolve().parents[2] / "docs" / "three_units.py"
X, Y = 1.3, -0.4
#: w and v with γ v² well below 1, so that 500 sweeps leave nothing.
WEIGHTS = [(0.8, 0.5), (-1.1, 0.7), (0.3, -0.6)]


def rest(w: float, v: float, gamma: float, beta: float) -> tuple[float, float]:
    """h = w x + γ v o and o = (v h + β y)/(1 + β), solved."""
    o = (v * w * X + beta * Y) / (1.0 + beta - gamma * v**2)
    return w * X + gamma * v * o, o


def by_hand(w: float, v: float, gamma: float, beta: float) -> tuple[float, float]:
    """Centered contrasts of −x h and −γ h o, over γ."""
    (h1, o1), (h2, o2) = rest(w, v, gamma, beta), rest(w, v, gamma, -beta)
    return -X * (h1 - h2) / (2.0 * beta * gamma), -(h1 * o1 - h2 * o2) / (2.0 * beta)


def slope(w: float, v: float, gamma: float) -> tuple[float, float]:
    """dC/dw and dC/dv of the settled output o = v w x/(1 − γ v²)."""
    o, left = rest(w, v, gamma, 0.0)[1], 1.0 - gamma * v**2
    return (o - Y) * v * X / left, (o - Y) * w * X * (1.0 + gamma * v**2) / left**2


@pytest.mark.parametrize("gamma", [1.0, 0.3, 0.01])
@pytest.mark.parametrize("beta", [0.3, 0.01])
@pytest.mark.parametrize(("w", "v"), WEIGHTS)
def test_contrasts_are_those_by_hand(w: float, v: float, beta: float, gamma: float) -> None:
    network = chain((1, 1, 1), Activation.LINEAR, Activation.LINEAR, feedback=gamma)
    weights = neuroep.Weights.from_arrays([np.array([[w]]), np.array([[v]])], [np.zeros(1), np.zeros(1)])
    phases = Phases(Estimator.CENTERED, beta, free_sweeps=500, nudged_sweeps=500, tolerance=1e-15)
    found = neuroep.ep_gradients(network, weights, np.array([[X]]), np.array([[Y]]), phases)
    # states are rounded at 1e-16 each, and their difference is divided by 2βγ
    assert found.couplings == pytest.approx(by_hand(w, v, gamma, beta), rel=1e-14 / (beta * gamma))


@pytest.mark.parametrize(("gamma", "v"), [(1.0, 1.2), (1.0, -1.2), (0.5, 1.6)])
def test_where_the_energy_has_no_minimum_it_is_said(gamma: float, v: float) -> None:
    assert 1.0 - gamma * v**2 < 0.0
    network = chain((1, 1, 1), Activation.LINEAR, Activation.LINEAR, feedback=gamma)
    weights = neuroep.Weights.from_arrays([np.array([[0.8]]), np.array([[v]])], [np.zeros(1), np.zeros(1)])
    # a state grows by γ v² in a sweep: enough of them for the largest float64
    many = int(np.ceil(710.0 / np.log(gamma * v**2))) + 10
    phases = Phases(beta=0.1, free_sweeps=many, nudged_sweeps=many, tolerance=1e-6)
    with pytest.raises(Diverged, match="states left the finite range"):
        neuroep.ep_gradients(network, weights, np.array([[X]]), np.array([[Y]]), phases)


@pytest.mark.parametrize("gamma", [1.0, 0.3])
@pytest.mark.parametrize(("w", "v"), WEIGHTS)
def test_the_bias_by_hand_falls_as_the_square_of_beta(w: float, v: float, gamma: float) -> None:
    exact = np.array(slope(w, v, gamma))
    errors = [np.abs(by_hand(w, v, gamma, beta) - exact).max() for beta in (0.02, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize("beta", [-0.3, 0.0, 0.3])
def test_the_figure_s_curves_are_least_where_the_network_rests(beta: float) -> None:
    drawn = runpy.run_path(str(PAGE))
    at, step = drawn["rest"](beta), 1e-4
    below, least, above = drawn["nudged_energy"](np.array([at - step, at, at + step]), beta)
    assert below == pytest.approx(above, rel=1e-12)
    assert least < below
