"""Where continuous time comes to rest: against scipy's root finder, DOP853 and block sweeps; and how it ends."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from flows import RHO, reference_flow
from problems import Problem, plan, problem, settle, settle_nudged
from scipy.integrate import solve_ivp
from scipy.optimize import root

from neuroep.engines import create
from neuroep.equilibrium import ResultCode
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Cost, chain
from neuroep.physics.activations import OPEN
from neuroep.rng import stream
from neuroep.solvers.controllers import FixedStep, PIController
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.tableaux import SOLVERS, Solver, named
from neuroep.weights import FloatArray, Weights

A, C = Activation, Cost
KINDS = [
    (A.LINEAR, A.LINEAR, C.MSE, 1.0),
    (A.TANH, A.LINEAR, C.MSE, 1.0),
    (A.HARD_SIGMOID, A.HARD_SIGMOID, C.MSE, 0.5),
    (A.RELU6, A.RELU6, C.MSE, 1.0),
    (A.RELU, A.RELU, C.MSE, 0.5),
    (A.SIGMOID, A.LINEAR, C.MSE, 0.5),
    (A.TANH, A.LINEAR, C.CROSS_ENTROPY, 0.5),
    (A.HARD_SIGMOID, A.LINEAR, C.SQUARED_HINGE, 0.3),
]
DETERMINISTIC = [solver for solver in SOLVERS.values() if not solver.stochastic]
TAU = np.full(3, 1e-3)


def drawn(kind: int) -> Problem:
    """Inputs large enough to drive boxed units to both bounds, and tanh units not to where ρ⁻¹ is steep."""
    p = problem((6, 7, 5, 3), *KINDS[kind], batch=3)
    return p._replace(x=(1.0 if KINDS[kind][0] in OPEN else 3.0) * p.x)


@cache
def rests(kind: int, beta: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The states at rest, layers side by side: by root finding, by DOP853, by block sweeps."""
    p = drawn(kind)
    rhs, last = reference_flow(p, beta, Form.MEMBRANE, TAU), p.network.dynamical
    units, codes = sum(p.sizes[1 : last + 1]), [layer.activation for layer in p.network.layers[1:]]
    found: list[list[FloatArray]] = [[], []]
    for r in range(3):
        run = solve_ivp(
            lambda t, u, r=r: 1e-3 * rhs(r, u), (0, 200.0), np.zeros(units), "DOP853", rtol=1e-12, atol=1e-13
        )
        solution = root(lambda u, r=r: 1e-3 * rhs(r, u), run.y[:, -1] + 1e-3, tol=1e-14)
        for into, u in zip(found, (solution.x, run.y[:, -1]), strict=True):
            parts = np.split(u, np.cumsum(p.sizes[1:last]))
            into.append(np.concatenate([RHO[c](part) for c, part in zip(codes, parts, strict=False)]))
    engine, how = create("reference"), plan(3, 5000, 1e-14)
    swept = settle(engine, p.circuit, p.x, how)
    if beta:
        swept = settle_nudged(engine, p.circuit, swept, p.targets, np.full(3, beta), how)
    return np.array(found[0]), np.array(found[1]), np.hstack(swept.states[:last])


def test_some_units_rest_at_each_bound() -> None:
    """Guards the tests below: boxed problems without clipped units would prove little."""
    for kind, top in ((2, 1.0), (3, 6.0)):
        states = rests(kind, 0.0)[2]
        assert (states == 0.0).any()
        assert ((states > 0.0) & (states < top)).any()
    assert (rests(2, 0.0)[2] == 1.0).any()


@pytest.mark.parametrize("solver", DETERMINISTIC, ids=lambda s: s.name)
@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("beta", [0.0, -0.4])
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_every_solver_comes_to_rest_where_others_do(kind: int, beta: float, form: Form, solver: Solver) -> None:
    p = drawn(kind)
    step = 1e-4 if KINDS[kind][0] is A.SIGMOID else 4e-4  # its states move four times as fast, or more
    control = PIController(1e-4, 1e-6) if solver.adaptive else FixedStep(step)
    how = ContinuousPlan(solver, control, 2e-10, 20_000, form)
    got = settle_continuous(p.circuit, p.x, p.targets, np.full(3, beta), how)
    assert (got.equilibrium.code == ResultCode.CONVERGED).all()
    assert (got.equilibrium.residual <= 2e-10).all()
    states = np.hstack(got.equilibrium.states[: p.network.dynamical])
    for other in rests(kind, beta):
        np.testing.assert_allclose(states, other, rtol=0, atol=1e-8)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_an_equilibrium_is_one_to_start_from(kind: int, form: Form) -> None:
    """From the states of block sweeps no step is taken; from the free ones a nudge is followed to the nudged ones."""
    p, how = drawn(kind), ContinuousPlan(named("dopri5"), PIController(1e-5, 1e-7), 1e-9, 5000, form)
    swept = settle(create("reference"), p.circuit, p.x, plan(3, 5000, 1e-14))
    same = settle_continuous(p.circuit, p.x, p.targets, np.zeros(3), how, start=swept.states)
    np.testing.assert_array_equal(same.equilibrium.steps, 0)
    for a, b in zip(same.equilibrium.states, swept.states, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    nudged = settle_continuous(p.circuit, p.x, p.targets, np.full(3, 0.4), how, start=swept.states)
    assert (nudged.equilibrium.steps > 0).all()
    states = np.hstack(nudged.equilibrium.states[: p.network.dynamical])
    np.testing.assert_allclose(states, rests(kind, 0.4)[2], rtol=0, atol=1e-8)


def test_upward_currents_belong_to_the_states() -> None:
    p = drawn(1)
    how = ContinuousPlan(named("dopri5"), PIController(1e-5, 1e-7), 1e-9, 5000)
    got = settle_continuous(p.circuit, p.x, p.targets, np.zeros(3), how).equilibrium
    assert got.fresh.all()
    for k, below in enumerate((p.x, *got.states[:-1]), start=1):
        np.testing.assert_allclose(got.currents[k - 1], below @ p.weights.coupling(k), rtol=1e-12)


def turning() -> tuple[Problem, float]:
    """One boxed unit that is driven to 1, and a slow unit that pulls it back; and when it leaves 1.

    I_1 = 1.5 + ½ s_2 and I_2 = ½ s_1 − 2.25. While s_1 = 1, s_2 = −1.75 (1 − e^{−t/τ₂}) but for the start, and
    I_1 falls below 1 where s_2 = −1. At rest s_1 = ½.
    """
    network = chain((1, 1, 1), A.HARD_SIGMOID)
    weights = Weights.from_arrays([np.ones((1, 1)), np.full((1, 1), 0.5)], [np.zeros(1), np.full(1, -2.25)])
    return Problem(network, weights, np.full((1, 1), 1.5), np.zeros((1, 1))), float(np.log(1.75 / 0.75))


@pytest.mark.parametrize("solver", DETERMINISTIC, ids=lambda s: s.name)
def test_a_clipped_state_leaves_its_bound_when_it_must(solver: Solver) -> None:
    p, leaves = turning()
    slow = 0.1
    circuit = p.circuit._replace(tau_seconds=np.array([1.0, 1e-4, slow]))
    # s_1 starts at its bound, s_2 at 0: the closed form then holds from the start
    start = [np.ones((1, 1)), np.zeros((1, 1))]
    times = [0.9 * slow * leaves, 1.1 * slow * leaves]
    control = PIController(1e-6, 1e-8) if solver.adaptive else FixedStep(5e-5)
    how = ContinuousPlan(solver, control, 0.0, 100_000, Form.GRADIENT, 0.3)
    got = settle_continuous(circuit, p.x, p.targets, np.zeros(1), how, start=start, times=times).trajectory
    assert got is not None
    before, after = got.states[0][:, 0, 0]
    assert before == 1.0
    # s_1 follows I_1 = 1.5 + s_2/2 at once; from then on s_2 relaxes towards −2 with τ₂/(1 − ¼)
    expected = 1.5 + 0.5 * (-2.0 + np.exp(-0.75 * 0.1 * leaves))
    assert after == pytest.approx(expected, abs=2e-3)
    assert after < 0.99


@pytest.mark.parametrize("code", [A.HARD_SIGMOID, A.RELU6, A.TANH, A.SIGMOID])
@pytest.mark.parametrize("bound", ["low", "high"])
def test_a_state_put_at_its_bound_comes_home(code: Activation, bound: str) -> None:
    """Also tanh, where ρ⁻¹ is infinite at ±1."""
    p = problem((6, 5), code, Activation.LINEAR if code in OPEN else code)
    if code in OPEN:  # the output can't be, so put the unit in the middle
        p = problem((6, 5, 2), code)
    low, high = {A.HARD_SIGMOID: (0.0, 1.0), A.RELU6: (0.0, 6.0), A.TANH: (-1.0, 1.0), A.SIGMOID: (0.0, 1.0)}[code]
    x = 0.2 * p.x
    p.weights.biases[:5] = 0.5 * (low + high)
    circuit = Ideal().mount(p.network, p.weights, stream(0)).circuit
    start = [np.full((4, n), low if bound == "low" else high) for n in p.sizes[1:]]
    how = ContinuousPlan(named("dopri5"), PIController(1e-4, 1e-6), 1e-9, 20_000, Form.GRADIENT)
    got = settle_continuous(circuit, x, p.targets, np.zeros(4), how, start=start).equilibrium
    swept = settle(create("reference"), circuit, x, plan(p.network.depth, 5000, 1e-14))
    assert (got.code == ResultCode.CONVERGED).all()
    np.testing.assert_allclose(got.states[0], swept.states[0], rtol=0, atol=1e-8)
    assert ((got.states[0] > low) & (got.states[0] < high)).any()


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-6])
def test_the_tolerance_on_the_velocity_is_met_whatever_rtol(rtol: float) -> None:
    """The error of a step is held to a share of its movement, so that stability doesn't stall the settling."""
    p = drawn(1)
    how = ContinuousPlan(named("dopri5"), PIController(rtol, rtol), 1e-11, 2000)
    got = settle_continuous(p.circuit, p.x, p.targets, np.zeros(3), how).equilibrium
    assert (got.code == ResultCode.CONVERGED).all()


def test_without_that_share_settling_stalls() -> None:
    """Guards the test above: accuracy control alone holds the error at its tolerance, and the velocity with it."""
    p = drawn(1)
    how = ContinuousPlan(named("dopri5"), PIController(1e-2, 1e-2, settling=1e9), 1e-11, 1000)
    got = settle_continuous(p.circuit, p.x, p.targets, np.zeros(3), how).equilibrium
    assert (got.code == ResultCode.STEP_LIMIT).any()


@pytest.mark.parametrize("name", ["rk4", "dopri5"])
def test_the_limit_of_steps_and_of_time(name: str) -> None:
    p, solver = drawn(1), named(name)
    control = PIController(1e-6, 1e-8) if solver.adaptive else FixedStep(1e-4)
    how = ContinuousPlan(solver, control, 1e-12, 7)
    got = settle_continuous(p.circuit, p.x, p.targets, np.zeros(3), how)
    np.testing.assert_array_equal(got.equilibrium.code, ResultCode.STEP_LIMIT)
    np.testing.assert_array_equal(got.equilibrium.steps, 7)
    assert (got.equilibrium.residual > 1e-12).all()
    timed = settle_continuous(p.circuit, p.x, p.targets, np.zeros(3), replace(how, steps=10_000, end_seconds=1.23e-3))
    np.testing.assert_array_equal(timed.equilibrium.code, ResultCode.STEP_LIMIT)
    np.testing.assert_array_equal(timed.seconds, 1.23e-3)


@pytest.mark.parametrize("solver", DETERMINISTIC, ids=lambda s: s.name)
def test_a_network_without_rest_diverges_and_says_so(solver: Solver) -> None:
    """Linear, with couplings so strong that −1 + ‖W‖ > 0: states grow beyond every bound. One sample is at 0."""
    p = problem((6, 5, 4, 3), A.LINEAR, gain=30.0, batch=2)
    p.weights.biases[:] = 0.0
    circuit = Ideal().mount(p.network, p.weights, stream(0)).circuit
    x = p.x * np.array([[1.0], [0.0]])
    control = PIController(1e-2, 1e-4) if solver.adaptive else FixedStep(1e-3)
    got = settle_continuous(circuit, x, p.targets, np.zeros(2), ContinuousPlan(solver, control, 1e-9, 50_000))
    np.testing.assert_array_equal(got.equilibrium.code, [ResultCode.DIVERGED, ResultCode.CONVERGED])
    assert not np.isfinite(got.equilibrium.residual[0])
    np.testing.assert_array_equal(got.equilibrium.steps[1], 0)


def test_divergence_of_a_nan_input_is_found_at_once() -> None:
    p = drawn(2)
    x = p.x.copy()
    x[1, 0] = np.nan
    how = ContinuousPlan(named("rk4"), FixedStep(3e-4), 1e-9, 5000)
    got = settle_continuous(p.circuit, x, p.targets, np.zeros(3), how).equilibrium
    np.testing.assert_array_equal(got.code, [ResultCode.CONVERGED, ResultCode.DIVERGED, ResultCode.CONVERGED])
    assert got.steps[1] == 0
