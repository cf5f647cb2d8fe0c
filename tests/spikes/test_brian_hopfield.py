"""brian2 integrates the same differential equation from equations of its own, and finds dopri5's trajectories."""

from __future__ import annotations

import numpy as np
import pytest
from problems import KINDS, problem

from neuroep.engines.spiking.brian.hopfield import brian_trajectory
from neuroep.errors import BadInput
from neuroep.network import Cost, Skip
from neuroep.solvers.controllers import PIController
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.tableaux import SOLVERS

SIZES, TAUS = (4, 3, 2, 3, 2), np.array([1.0, 1e-3, 1.25e-3, 0.8e-3, 1e-3])
BETA = np.array([0.0, 0.5, -0.3, 0.2])
#: RK4 at τ/200 errs by 1e-9 where ρ is smooth, and by its bend times (1/200)² where a unit crosses one.
STEP, CLOSE = 5e-6, 1e-7
#: The first with a gain of its own; brian2 takes some seconds for each.
MSE = [(*kind[:3], 0.6) if kind[3] == 1.0 else kind for kind in KINDS if kind[2] is Cost.MSE]


@pytest.mark.parametrize("kind", [MSE[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in MSE[1:])])
def test_trajectories_are_those_of_dopri5(kind: object) -> None:
    p = problem(SIZES, *kind, skips=(Skip(1, 3, 0.6),))  # type: ignore[misc]
    circuit = p.circuit._replace(tau_seconds=TAUS)
    got = brian_trajectory(circuit, p.x, p.targets, BETA, STEP, 80, 6)
    plan = ContinuousPlan(SOLVERS["dopri5"], PIController(1e-9, 1e-9), 0.0, 10_000, end_seconds=2.1e-3)
    wanted = settle_continuous(circuit, p.x, p.targets, BETA, plan, times=got.times).trajectory
    assert wanted is not None
    np.testing.assert_allclose(got.times, np.arange(6) * 4e-4, atol=1e-12)
    np.testing.assert_allclose(got.variables, wanted.variables, rtol=0, atol=CLOSE)
    assert np.abs(got.variables[-1]).max() > 0.1


def test_what_brian_can_t_be_asked() -> None:
    p = problem((4, 60, 2))
    with pytest.raises(BadInput, match="62 units, cost 'mse'; allowed: mse, up to 40 units"):
        brian_trajectory(p.circuit, p.x, p.targets, BETA, STEP, 80, 6)
