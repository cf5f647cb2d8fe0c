"""The slope of the converged cost along a change of weights, in a linear network solved by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.engines import create
from neuroep.hardware.device import lower
from neuroep.network import Activation, chain
from neuroep.recipe import Phases
from neuroep.rng import stream
from neuroep.studies.fidelity import slope
from neuroep.weights import FloatArray, Weights

SIZES, GAMMA = (5, 4, 3), 0.7


def settled_cost(up: Weights, down: Weights, x: FloatArray, y: FloatArray) -> float:
    """s₁ = xW₁ + γ s₂B₂ᵀ, s₂ = s₁W₂: s₁ (1 − γ W₂B₂ᵀ) = xW₁; mean over samples of ½‖s₂ − y‖²."""
    w, b = up.coupling(2), down.coupling(2)
    hidden = np.linalg.solve((np.eye(4) - GAMMA * w @ b.T).T, (x @ up.coupling(1)).T).T
    return float(0.5 * ((hidden @ w - y) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("k", [1, 2])
def test_both_reads_move_along_a_direction(shared: bool, k: int) -> None:
    """Two reads that differ are shifted alike and stay different; one buffer for both moves once."""
    rng = stream(4)
    network = chain(SIZES, hidden=Activation.LINEAR, feedback=GAMMA)
    drawn = [rng.uniform(-0.4, 0.4, (5, 4)), rng.uniform(-0.4, 0.4, (4, 3))]
    up = Weights.from_arrays(drawn, [np.zeros(4), np.zeros(3)])
    down = up if shared else up._replace(couplings=up.couplings + 0.2 * rng.standard_normal(len(up.couplings)))
    circuit = lower(network, up.couplings, down.couplings, up.biases)
    x, y = rng.uniform(-1, 1, (6, 5)), rng.uniform(-1, 1, (6, 3))
    direction, step, costs = rng.standard_normal(up.coupling(k).shape), 1e-4, []
    for sign in (1.0, -1.0):
        pair = up.copy(), down.copy()
        for side in pair:
            side.coupling(k)[...] += sign * step * direction
        costs.append(settled_cost(*pair, x, y))
    exact = (costs[0] - costs[1]) / (2 * step)
    found = slope(create("reference"), circuit, x, y, Phases(free_sweeps=2000, tolerance=1e-14), k, direction)
    # third derivatives times either step squared, and rounding of 1e-15 over steps of 1e-5
    assert found == pytest.approx(exact, rel=1e-6)
