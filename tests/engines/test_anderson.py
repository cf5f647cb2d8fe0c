"""Anderson acceleration ends where plain sweeps end, in fewer sweeps where those contract slowly."""

from __future__ import annotations

import numpy as np
import pytest
from problems import plan, problem, settle

from neuroep.engines import create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost
from neuroep.physics import hopfield
from neuroep.solvers.anderson import settle_accelerated

KINDS = [
    (Activation.TANH, Activation.LINEAR, Cost.MSE),
    (Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, Cost.MSE),
    (Activation.TANH, Activation.LINEAR, Cost.CROSS_ENTROPY),
    (Activation.RELU6, Activation.LINEAR, Cost.SQUARED_HINGE),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory", [0, 2, 5])
@pytest.mark.parametrize("beta", [0.0, 0.3, -0.3])
def test_it_ends_at_the_equilibrium(kind: tuple[Activation, Activation, Cost], memory: int, beta: float) -> None:
    """The velocity there is zero, by the definition in `physics`."""
    p = problem((9, 8, 6, 4), *kind, 0.5, batch=11)
    nudge = np.full(11, beta)
    found = settle_accelerated(p.circuit, p.x, p.targets, nudge, 2000, 1e-11, memory)
    assert (found.code == ResultCode.CONVERGED).all()
    for v in hopfield.velocity(p.circuit, p.x, found.states, p.targets, nudge):
        assert np.abs(v).max() < 1e-9


def test_fewer_sweeps_at_full_feedback() -> None:
    p = problem((9, 12, 12, 4), Activation.TANH, Activation.LINEAR, Cost.MSE, 1.0, gain=1.0, batch=11)
    still = np.zeros(11)
    plain, mixed = (settle_accelerated(p.circuit, p.x, p.targets, still, 2000, 1e-9, m).steps for m in (0, 5))
    engine = settle(create("reference"), p.circuit, p.x, plan(3, 2000, 1e-9)).steps
    np.testing.assert_array_equal(plain, engine)
    assert np.median(mixed) < 0.7 * np.median(plain)


def test_noise_and_converters_are_refused() -> None:
    p = problem((9, 8, 6, 4), batch=3)
    with pytest.raises(BadInput, match="exact reads"):
        settle_accelerated(p.circuit._replace(dac_bits=7), p.x, p.targets, np.zeros(3), 10, 1e-3)
