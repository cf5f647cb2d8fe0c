"""The compiled ODE solvers give the reference's numbers: 1e-12 in float64, 1e-6 in float32."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Problem, problem

from neuroep.engines.cpu import ode
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost
from neuroep.solvers import integrate
from neuroep.solvers.controllers import FixedStep, PIController
from neuroep.solvers.plan import ContinuousPlan, Settled
from neuroep.solvers.problems import Form
from neuroep.solvers.stochastic import Thermal
from neuroep.solvers.tableaux import SOLVERS, Solver, named

A, C = Activation, Cost
CLOSE: dict[type, float] = {np.float32: 1e-6, np.float64: 1e-12}
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
every_type = pytest.mark.parametrize("dtype", list(CLOSE))
every_form = pytest.mark.parametrize("form", list(Form))
every_kind = pytest.mark.parametrize("kind", range(len(KINDS)))
EMBEDDED = [solver for solver in SOLVERS.values() if solver.adaptive]


def drawn(kind: int, dtype: type, batch: int = 5) -> Problem:
    p = problem((6, 7, 5, 3), *KINDS[kind], batch=batch, dtype=dtype)
    scale = p.x.dtype.type(1.0 if KINDS[kind][0] in (A.TANH, A.LINEAR, A.SIGMOID) else 3.0)
    return p._replace(x=scale * p.x)


def both(p: Problem, plan: ContinuousPlan, beta: float, noise: float = 0.0) -> tuple[Settled, Settled]:
    taus = np.array([1.0, 1e-3, 2e-3, 0.7e-3])
    circuit = p.circuit._replace(tau_seconds=taus, noise_up=np.full(4, noise, dtype=p.x.dtype))
    circuit = circuit._replace(noise_down=circuit.noise_up)
    circuit = circuit._replace(down=(0.9 * circuit.up).astype(circuit.up.dtype))
    betas = np.full(len(p.x), beta, dtype=p.x.dtype)
    arguments = (circuit, p.x, p.targets, betas, plan)
    return ode.settle_continuous(*arguments, noise_key=4), integrate.settle_continuous(*arguments, noise_key=4)


def assert_same(got: Settled, wanted: Settled, close: float) -> None:
    for a, b in zip(
        (*got.equilibrium.states, *got.equilibrium.currents, got.equilibrium.residual, got.variables),
        (*wanted.equilibrium.states, *wanted.equilibrium.currents, wanted.equilibrium.residual, wanted.variables),
        strict=True,
    ):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=close * max(1.0, float(np.abs(b).max())))


def assert_same_counts(got: Settled, wanted: Settled, time: float) -> None:
    np.testing.assert_array_equal(got.equilibrium.steps, wanted.equilibrium.steps)
    np.testing.assert_array_equal(got.equilibrium.code, wanted.equilibrium.code)
    np.testing.assert_array_equal(got.refused, wanted.refused)
    np.testing.assert_allclose(got.seconds, wanted.seconds, rtol=time)


@every_type
@every_form
@every_kind
@pytest.mark.parametrize("solver", list(SOLVERS.values()), ids=lambda s: s.name)
def test_fixed_steps(solver: Solver, kind: int, form: Form, dtype: type) -> None:
    p, thermal = drawn(kind, dtype), Thermal((2.0,), 7) if solver.stochastic else None
    plan = ContinuousPlan(solver, FixedStep(1.3e-4), 0.0, 1000, form, 3e-3, thermal)
    for beta in (0.0, 0.4):
        got, wanted = both(p, plan, beta, 0.05 if solver.stochastic else 0.0)
        assert_same(got, wanted, CLOSE[dtype])
        assert_same_counts(got, wanted, 1e-14)
        assert (got.equilibrium.steps == 24).all()


@every_form
@every_kind
@pytest.mark.parametrize("solver", EMBEDDED, ids=lambda s: s.name)
def test_adaptive_steps(solver: Solver, kind: int, form: Form) -> None:
    """Step by step the same decisions. Sizes of steps carry the rounding of an error estimate, at most 1e-4 of it.

    A solver of order 2 takes hundreds of steps where the others take tens: a time constant of it is enough.
    """
    span = 4e-3 if solver.order > 2 else 1e-3
    p, plan = drawn(kind, np.float64), ContinuousPlan(solver, PIController(1e-5, 1e-6), 0.0, 2000, form, span)
    for beta in (0.0, 0.4):
        got, wanted = both(p, plan, beta)
        assert_same(got, wanted, 1e-4 * 1e-5)
        assert_same_counts(got, wanted, 1e-4)
        assert (wanted.seconds == span).all()


@every_form
@every_kind
def test_adaptive_steps_in_float32(kind: int, form: Form) -> None:
    """Error estimates near rounding may differ, and steps with them; what stays is the accuracy asked for.

    Tolerances of one step are 1e-5, and either result may be off by some of them.
    """
    p = drawn(kind, np.float32)
    plan = ContinuousPlan(named("dopri5"), PIController(1e-5, 1e-5), 0.0, 2000, form, 4e-3)
    got, wanted = both(p, plan, 0.4)
    assert_same(got, wanted, 1e-4)
    assert (got.seconds == 4e-3).all()


@every_form
@every_kind
def test_adaptive_settling_in_float32(kind: int, form: Form) -> None:
    """Where steps may differ, the place of rest may not: it is float64's, to the tolerance times its conditioning."""
    double = drawn(kind, np.float64)
    exact = both(double, ContinuousPlan(named("dopri5"), PIController(1e-5, 1e-5), 1e-10, 2000, form), 0.4)[1]
    plan = ContinuousPlan(named("dopri5"), PIController(1e-4, 1e-4), 5e-6, 2000, form)
    for found in both(drawn(kind, np.float32), plan, 0.4):
        assert (found.equilibrium.code == ResultCode.CONVERGED).all()
        for a, b in zip(found.equilibrium.states, exact.equilibrium.states, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=5e-5)


@every_type
@every_form
@every_kind
def test_settling(kind: int, form: Form, dtype: type) -> None:
    """Samples stop one by one and are swapped away; each comes back in its own row."""
    p = drawn(kind, dtype, 9)
    plan = ContinuousPlan(named("rk4"), FixedStep(1.5e-4), 2e-4, 1000, form)
    got, wanted = both(p, plan, 0.4)
    assert len(set(wanted.equilibrium.steps.tolist())) > 1
    assert (got.equilibrium.code == ResultCode.CONVERGED).all()
    assert_same(got, wanted, CLOSE[dtype])
    assert_same_counts(got, wanted, 1e-12)


@every_type
def test_a_softmax_of_large_sums(dtype: type) -> None:
    """(u + b) − peak, in that order: u + (b − peak) is off by more than an exponential bears."""
    p = drawn(4, dtype)
    p.weights.coupling(3)[:] = 1e8 * np.random.default_rng(1).random((5, 3))
    p.weights.bias(3)[:] = [1e10, -1e10, 1e9]
    p.weights.bias(2)[:] = 20.0  # states of 1
    plan = ContinuousPlan(named("rk4"), FixedStep(1e-4), 0.0, 5)
    got, wanted = both(p, plan, 1e-3)
    assert_same(got, wanted, CLOSE[dtype])


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    p = drawn(2, np.float64, 11)
    plan = ContinuousPlan(named("tsit5"), PIController(1e-5, 1e-7), 1e-9, 1000)
    whole = ode.settle_continuous(p.circuit, p.x, p.targets, np.full(11, 0.3), plan)
    monkeypatch.setattr(ode, "BLOCK", 4)
    split = ode.settle_continuous(p.circuit, p.x, p.targets, np.full(11, 0.3), plan, threads=threads)
    np.testing.assert_array_equal(split.equilibrium.steps, whole.equilibrium.steps)
    np.testing.assert_allclose(split.variables, whole.variables, rtol=0, atol=1e-10)


@every_form
def test_starting_from_an_equilibrium(form: Form) -> None:
    p = drawn(2, np.float64)
    plan = ContinuousPlan(named("bosh3"), PIController(1e-5, 1e-7), 1e-9, 2000, form)
    free = ode.settle_continuous(p.circuit, p.x, p.targets, np.zeros(5), plan).equilibrium
    ends = [
        settle(p.circuit, p.x, p.targets, np.full(5, 0.4), plan, start=free.states)
        for settle in (ode.settle_continuous, integrate.settle_continuous)
    ]
    assert_same(ends[0], ends[1], 1e-8)
    assert (ends[0].equilibrium.steps > 0).all()
    for a, b in zip(ends[0].equilibrium.states, ends[1].equilibrium.states, strict=True):
        assert a is not b


def test_result_codes() -> None:
    """One sample at rest, one that grows without bound, one with an input that isn't a number."""
    p = problem((6, 5, 4, 3), A.LINEAR, gain=30.0, batch=3)
    p.weights.biases[:] = 0.0
    x = p.x * np.array([[0.0], [1.0], [np.nan]])
    for solver in (named("rk4"), named("dopri5")):
        control = PIController(1e-2, 1e-4) if solver.adaptive else FixedStep(1e-3)
        circuit = p.circuit._replace(biases=np.zeros(12))
        plan = ContinuousPlan(solver, control, 1e-9, 50_000)
        got = ode.settle_continuous(circuit, x, p.targets, np.zeros(3), plan).equilibrium
        np.testing.assert_array_equal(got.code, [ResultCode.CONVERGED, ResultCode.DIVERGED, ResultCode.DIVERGED])
        plan = ContinuousPlan(solver, control, 1e-9, 5)
        got = ode.settle_continuous(circuit, x[:2], p.targets[:2], np.zeros(2), plan).equilibrium
        np.testing.assert_array_equal(got.code, [ResultCode.CONVERGED, ResultCode.STEP_LIMIT])


def test_no_threads_are_refused() -> None:
    p = drawn(1, np.float64)
    plan = ContinuousPlan(named("rk4"), FixedStep(1e-4), 1e-3, 10)
    with pytest.raises(BadInput, match="0 threads"):
        ode.settle_continuous(p.circuit, p.x, p.targets, np.zeros(5), plan, threads=0)
