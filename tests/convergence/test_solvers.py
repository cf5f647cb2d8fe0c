"""Accuracy in time: slopes against the matrix exponential, tolerances and trajectories against DOP853."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flows import TAUS, exact_linear, reference_flow, ringing_problem, with_taus
from problems import problem
from scipy.integrate import solve_ivp

from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost
from neuroep.solvers.controllers import FixedStep, PIController
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.tableaux import SOLVERS, Solver, named

DETERMINISTIC = [solver for solver in SOLVERS.values() if not solver.stochastic]
EMBEDDED = [solver for solver in SOLVERS.values() if solver.adaptive]
END = 6e-3
by_name = pytest.mark.parametrize("solver", DETERMINISTIC, ids=lambda s: s.name)


def slope(solver: Solver, form: Form, counts: list[int], beta: float) -> float:
    """Fitted order of the error at 1 ms on a linear network whose solution is a matrix exponential."""
    p, circuit = ringing_problem()
    betas, end, errors = np.full(len(p.x), beta), 1e-3, []
    exact = exact_linear(p, circuit, beta, end)
    for n in counts:
        plan = ContinuousPlan(solver, FixedStep(end / n), 0.0, 10 * n, form, end)
        found = settle_continuous(circuit, p.x, p.targets, betas, plan)
        assert (found.equilibrium.steps == n).all()
        assert (found.seconds == end).all()
        errors.append(float(np.linalg.norm(found.variables - exact)))
    assert errors[-1] > 1e-12, "below this, rounding and not the solver is measured"
    return float(-np.polyfit(np.log(counts), np.log(errors), 1)[0])


#: Numbers of steps by order, where the leading term of the error is all but alone.
WINDOW = {1: [1500, 3000], 2: [200, 300, 400], 3: [200, 300, 400], 4: [200, 300, 400], 5: [300, 420, 600]}


@by_name
@pytest.mark.parametrize(("form", "beta"), [(Form.MEMBRANE, 0.0), (Form.GRADIENT, 0.5)])
def test_every_solver_has_its_order(solver: Solver, form: Form, beta: float) -> None:
    assert slope(solver, form, WINDOW[solver.order], beta) == pytest.approx(solver.order, abs=0.1)


@pytest.mark.parametrize("solver", EMBEDDED, ids=lambda s: s.name)
def test_every_embedded_solution_has_its_order(solver: Solver) -> None:
    lower = replace(solver, b=solver.b - solver.error, error=np.zeros(solver.stages), error_order=0)
    got = slope(lower, Form.MEMBRANE, WINDOW[solver.error_order], 0.0)
    assert got == pytest.approx(solver.error_order, abs=0.1)


def test_exponential_euler_has_no_error_where_only_the_leak_acts() -> None:
    """With one layer the input is constant, so u(t) = u* (1 − e^{−t/τ}) at any step."""
    p = problem((6, 5), Activation.LINEAR)
    plan = ContinuousPlan(named("exponential-euler"), FixedStep(3e-3), 0.0, 10, Form.MEMBRANE, 9e-3)
    found = settle_continuous(p.circuit, p.x, p.targets, np.zeros(4), plan, times=[1e-3, 4.5e-3])
    rest = p.x @ p.weights.coupling(1) + p.weights.bias(1)
    np.testing.assert_allclose(found.variables, rest * -np.expm1(-9.0), rtol=1e-13)
    assert found.trajectory is not None
    for i, t in enumerate((1.0, 4.5)):
        np.testing.assert_allclose(found.trajectory.states[0][i], rest * -np.expm1(-t), rtol=1e-13)


@pytest.mark.parametrize("solver", EMBEDDED, ids=lambda s: s.name)
@pytest.mark.parametrize("form", list(Form))
def test_the_error_follows_the_tolerance(solver: Solver, form: Form) -> None:
    """Local control: the global error at the end stays within a modest factor of the tolerance and falls with it."""
    p = problem((6, 5, 4, 3), Activation.TANH, batch=2)
    circuit, beta = with_taus(p), np.full(2, 0.3)
    rhs = reference_flow(p, 0.3, form)
    exact = np.array([
        solve_ivp(lambda t, y, r=r: rhs(r, y), (0, END), np.zeros(12), "DOP853", rtol=1e-13, atol=1e-15).y[:, -1]
        for r in range(2)
    ])  # fmt: skip
    tolerances, errors = (1e-3, 1e-5, 1e-7) if solver.order == 2 else (1e-4, 1e-6, 1e-8, 1e-10), []
    for rtol in tolerances:
        plan = ContinuousPlan(solver, PIController(rtol, rtol), 0.0, 100_000, form, END)
        found = settle_continuous(circuit, p.x, p.targets, beta, plan)
        errors.append(float(np.abs(found.variables - exact).max()))
        assert errors[-1] <= 30.0 * rtol
    fitted = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    # a step's error is of order q = p̂ + 1 in h and the global one of order p, so it falls as tolerance^(p/q) at least
    assert fitted >= solver.order / (solver.error_order + 1) - 0.25


@pytest.mark.parametrize("hidden", [Activation.TANH, Activation.HARD_SIGMOID])
def test_trajectories_against_dop853(hidden: Activation) -> None:
    """At times between the steps; membrane potentials have kinks at most in their third derivative's place."""
    p = problem((6, 5, 4, 3), hidden, batch=2)
    times = np.linspace(0.0, END, 25)
    plan = ContinuousPlan(named("dopri5"), PIController(1e-9, 1e-10, longest_seconds=1e-4), 0.0, 100_000,
                          Form.MEMBRANE, END)  # fmt: skip
    found = settle_continuous(with_taus(p), p.x, p.targets, np.full(2, 0.3), plan, times=times).trajectory
    assert found is not None
    rhs = reference_flow(p, 0.3, Form.MEMBRANE)
    for r in range(2):
        exact = solve_ivp(lambda t, y, r=r: rhs(r, y), (0, END), np.zeros(12), "DOP853", times, rtol=1e-12, atol=1e-13,
                          max_step=1e-4)  # fmt: skip
        np.testing.assert_allclose(found.variables[:, r], exact.y.T, rtol=0, atol=1e-6)
        speeds = [np.linalg.norm(np.repeat(TAUS, [5, 4, 3]) * rhs(r, y)) for y in found.variables[:, r]]
        np.testing.assert_allclose(found.residual[:, r], speeds, rtol=1e-9, atol=1e-12)


def test_a_settled_sample_keeps_its_states_in_the_trajectory_and_a_stopped_one_has_none() -> None:
    p = problem((6, 5, 4, 3), feedback=0.5, batch=2)
    times = [0.0, 1e-3, 10.0]
    done = ContinuousPlan(named("bosh3"), PIController(1e-6, 1e-8), 1e-6, 10_000)
    found = settle_continuous(p.circuit, p.x, p.targets, np.zeros(2), done, times=times)
    assert found.trajectory is not None
    np.testing.assert_array_equal(found.trajectory.variables[-1], found.variables)
    np.testing.assert_array_equal(found.trajectory.variables[0], 0.0)
    short = settle_continuous(p.circuit, p.x, p.targets, np.zeros(2), replace(done, steps=3), times=times)
    assert short.trajectory is not None
    assert np.isnan(short.trajectory.variables[-1]).all()
    assert (short.equilibrium.code == ResultCode.STEP_LIMIT).all()


@pytest.mark.parametrize("name", ["rk4", "tsit5"])
def test_time_scales_with_the_time_constants(name: str) -> None:
    """All τ and all steps times 2 give the same states, step by step, at twice the time."""
    p = problem(feedback=0.5)
    solver = named(name)
    slow = p.circuit._replace(tau_seconds=2.0 * p.circuit.tau_seconds)
    controls = [PIController(1e-5, 1e-7)] * 2 if solver.adaptive else [FixedStep(2e-4), FixedStep(4e-4)]
    a, b = (
        settle_continuous(circuit, p.x, p.targets, np.zeros(4), ContinuousPlan(solver, control, 1e-7, 5000))
        for circuit, control in zip((p.circuit, slow), controls, strict=True)
    )
    np.testing.assert_array_equal(a.equilibrium.steps, b.equilibrium.steps)
    np.testing.assert_allclose(2.0 * a.seconds, b.seconds, rtol=1e-9)
    np.testing.assert_allclose(a.variables, b.variables, rtol=0, atol=1e-12)


def test_every_sample_has_its_own_steps() -> None:
    """A sample settles the same way alone and among others, with its own time and count of steps."""
    p = problem(batch=4)
    plan = ContinuousPlan(named("dopri5"), PIController(1e-6, 1e-8), 1e-8, 5000)
    everyone = settle_continuous(p.circuit, p.x, p.targets, np.zeros(4), plan)
    assert len(set(everyone.seconds.tolist())) == 4
    assert len(set(everyone.equilibrium.steps.tolist())) > 1
    for r in range(4):
        one = slice(r, r + 1)
        alone = settle_continuous(p.circuit, p.x[one], p.targets[one], np.zeros(1), plan)
        np.testing.assert_array_equal(alone.equilibrium.steps, everyone.equilibrium.steps[one])
        np.testing.assert_allclose(alone.seconds, everyone.seconds[one], rtol=1e-6)
        np.testing.assert_allclose(alone.variables, everyone.variables[one], rtol=0, atol=1e-9)


BAD = [
    (lambda: ContinuousPlan(named("rk4"), PIController(1e-3, 1e-3), 1e-3, 10), "no error estimate"),
    (lambda: FixedStep(0.0), "positive number of seconds"),
    (lambda: PIController(0.0, 0.0), "rtol 0.0 and atol 0.0"),
    (lambda: ContinuousPlan(named("rk4"), FixedStep(1.0), -1.0, 10), "tolerance -1.0"),
    (lambda: ContinuousPlan(named("rk4"), FixedStep(1.0), 1.0, 0), "no steps"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_plans_that_make_no_sense(make: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()  # type: ignore[operator]


def test_circuits_without_a_flow() -> None:
    plan, p = ContinuousPlan(named("rk4"), FixedStep(1e-4), 1e-3, 10), problem()
    with pytest.raises(BadInput, match="converters"):
        settle_continuous(p.circuit._replace(adc_bits=6), p.x, p.targets, np.zeros(4), plan)
    noisy = p.circuit._replace(noise_up=np.full(4, 0.1), noise_down=np.full(4, 0.1))
    with pytest.raises(BadInput, match="read noise"):
        settle_continuous(noisy, p.x, p.targets, np.zeros(4), plan)
    hinge = problem(cost=Cost.HINGE)
    with pytest.raises(BadInput, match="hinge"):
        settle_continuous(hinge.circuit, hinge.x, hinge.targets, np.full(4, 0.1), plan)
    with pytest.raises(BadInput, match="rise"):
        settle_continuous(p.circuit, p.x, p.targets, np.zeros(4), plan, times=[1.0, 0.5])
