"""Node voltages in continuous time: against block sweeps, net currents written anew, and the matrix exponential."""

from __future__ import annotations

import numpy as np
import pytest
from flows import TAUS, with_taus
from problems import Problem, plan, resistors, settle, settle_nudged
from scipy.linalg import expm

from neuroep.engines import create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.network import Activation
from neuroep.physics import activations, resistive
from neuroep.solvers import nodes
from neuroep.solvers.controllers import FixedStep, PIController
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.tableaux import named
from neuroep.weights import FloatArray

HOW = ContinuousPlan(named("dopri5"), PIController(1e-7, 1e-10), 1e-10, 100_000, Form.GRADIENT)


@pytest.mark.parametrize("hidden", [Activation.DIODES, Activation.LINEAR])
def test_they_come_to_rest_where_sweeps_do(hidden: Activation) -> None:
    p = resistors(hidden=hidden)
    engine, beta = create("reference"), np.full(len(p.x), 0.3)
    free = settle(engine, p.circuit, p.x, plan(3, 5000, 1e-13))
    found = settle_continuous(with_taus(p), p.x, p.targets, np.zeros(len(p.x)), HOW).equilibrium
    assert (found.code == ResultCode.CONVERGED).all()
    for got, wanted in zip(found.states, free.states, strict=True):
        assert got == pytest.approx(wanted, abs=1e-8)
    nudged = settle_nudged(engine, p.circuit, free, p.targets, beta, plan(3, 5000, 1e-13))
    found = settle_continuous(with_taus(p), p.x, p.targets, beta, HOW, start=free.states).equilibrium
    for got, wanted in zip(found.states, nudged.states, strict=True):
        assert got == pytest.approx(wanted, abs=1e-8)


def flow_of(p: Problem, beta: float) -> nodes.NodeFlow:
    return nodes.make_flow(with_taus(p), Form.GRADIENT, p.x, p.targets, np.full(len(p.x), beta))


def test_the_velocity_is_the_net_current_over_the_largest_conductance() -> None:
    """Within the diodes' bounds; at a bound nothing that points outward."""
    p, rng = resistors(), np.random.default_rng(5)
    flow, rows = flow_of(p, 0.2), np.arange(len(p.x))
    volts = [np.clip(rng.normal(size=(4, n)), *activations.bounds(int(code), n))
             for code, n in zip(p.circuit.activations[1:], p.sizes[1:], strict=True)]  # fmt: skip
    currents = resistive.net_currents(p.circuit, p.x, volts)
    currents[-1] = currents[-1] + 0.2 * (p.targets - volts[-1])
    free = np.concatenate(currents, axis=1) / max(resistive.loads(p.circuit, k).max() for k in (1, 2, 3))
    y, (low, high) = np.concatenate(volts, axis=1), flow.bounds()
    held = ((y <= low) & (free < 0.0)) | ((y >= high) & (free > 0.0))
    assert held.any()
    assert flow.velocity(y, rows) == pytest.approx(np.where(held, 0.0, free), rel=1e-12, abs=1e-14)
    assert flow.velocity(y[2:3], rows[2:3]) == pytest.approx(flow.velocity(y, rows)[2:3], rel=1e-12)


def test_linear_nodes_follow_the_matrix_exponential() -> None:
    p, seconds = resistors(hidden=Activation.LINEAR), 3e-4
    flow = flow_of(p, 0.0)
    rows, units = np.zeros(flow.starts[-1], dtype=np.intp), flow.starts[-1]
    at_rest = flow.velocity(np.zeros((units, units)), rows)
    matrix = ((flow.velocity(np.eye(units), rows) - at_rest) / np.repeat(TAUS, p.sizes[1:])).T
    source = flow.velocity(np.zeros((len(p.x), units)), np.arange(len(p.x))) / np.repeat(TAUS, p.sizes[1:])
    rest: FloatArray = np.linalg.solve(matrix, -source.T)
    how = ContinuousPlan(named("dopri5"), FixedStep(1e-5), 0.0, 1000, Form.GRADIENT, seconds)
    got = settle_continuous(with_taus(p), p.x, p.targets, np.zeros(len(p.x)), how).variables
    assert got == pytest.approx((rest - expm(matrix * seconds) @ rest).T, rel=1e-7, abs=1e-9)


def test_what_is_read_by_converters_or_joined_to_nothing_is_refused() -> None:
    p = resistors()
    with pytest.raises(BadInput, match="converters or read noise between resistors"):
        nodes.check(p.circuit._replace(adc_bits=8), np.zeros(1), False)
    p.weights.couplings[:] = 0.0
    with pytest.raises(BadInput, match="no conductance"):
        flow_of(p, 0.0)
