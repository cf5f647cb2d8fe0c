"""The cuda engine's numbers in continuous time: collected by `test_simulator` in a process that simulates a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import cuda
from problems import CLOSE, KINDS, A, C, Kind, plan, problem, settle, settle_nudged
from simulating import engine, near
from simulating import simulator as simulator

from neuroep.engines import Engine, create
from neuroep.engines.base import Courses, Nudge
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.errors import BadInput
from neuroep.hardware.device import Ideal
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.methods.phases import QUIET, plans
from neuroep.learning.readings import ep_gradients, reading
from neuroep.learning.trainer import Progress, Samples, Trainer
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Form, Phases, Training
from neuroep.rng import stream
from neuroep.solvers.controllers import FixedStep
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Flow
from neuroep.solvers.tableaux import EULER, SOLVERS, STOCHASTIC_HEUN, Solver
from neuroep.weights import FloatArray

SIZES, TAU = (5, 4, 3, 2), np.array([1e-3, 1e-3, 2e-3, 0.7e-3])


def steps(solver: Solver, seconds: float, count: int, tolerance: float = 0.0) -> ContinuousPlan:
    """Fixed steps of the membrane form."""
    return ContinuousPlan(solver, FixedStep(seconds), tolerance, count)


def stepped(flow: Flow, solver: Solver, step_seconds: float, count: int) -> FloatArray:
    """`count` Runge–Kutta steps by the formula, (batch, units)."""
    rows, tau = np.arange(len(flow.drive)), flow.per_unit(flow.circuit.tau_seconds).astype(flow.drive.dtype)
    share = -np.expm1(-step_seconds / tau) if solver.exponential else step_seconds / tau
    y = np.zeros((len(rows), flow.starts[-1]), dtype=flow.drive.dtype)
    for _ in range(count):
        velocities: list[FloatArray] = []
        for i in range(solver.stages):
            shift = sum((solver.a[i, j] * v for j, v in enumerate(velocities)), np.zeros_like(y))
            velocities.append(flow.velocity(y + share * shift, rows))
        y = y + share * sum((b * v for b, v in zip(solver.b, velocities, strict=True)), np.zeros_like(y))
    return y.astype(flow.drive.dtype)


DETERMINISTIC = [name for name, solver in SOLVERS.items() if not solver.stochastic]


@pytest.mark.parametrize(
    ("name", "kind", "dtype"),
    [(name, KINDS[(1, 4, 7, 0)[i % 4]], (np.float64, np.float32)[i % 2]) for i, name in enumerate(DETERMINISTIC)]
    + [("heun", kind, np.float64) for kind in (KINDS[2], KINDS[3], KINDS[5])],
)
def test_steps_of_every_tableau(name: str, kind: Kind, dtype: type) -> None:
    """Three steps, layers of different time constants, one half of the batch nudged up and one down."""
    p = problem(SIZES, *kind, batch=5, dtype=dtype)
    circuit = p.circuit._replace(tau_seconds=TAU)
    beta = np.array([0.3, -0.3, 0.2, -0.2, 0.1], dtype=dtype)
    flow = Flow(circuit, Form.MEMBRANE, p.x @ p.weights.coupling(1), p.targets, beta)
    solver = SOLVERS[name]
    found = engine().integrate(circuit, flow.drive, Nudge(p.targets, beta), steps(solver, 4e-4, 3))
    wanted = stepped(flow, solver, 4e-4, 3)
    assert found.variables is not None
    near(found.variables, wanted, CLOSE[dtype])
    for got, state in zip(found.states, flow.outputs(wanted), strict=True):
        near(got, state, CLOSE[dtype])
    near(found.residual, np.linalg.norm(flow.velocity(wanted, np.arange(5)), axis=1), CLOSE[dtype])
    assert found.steps.tolist() == [3] * 5
    assert (found.code == ResultCode.STEP_LIMIT).all()


@pytest.mark.parametrize("kind", [KINDS[1], KINDS[4]])
def test_the_flow_comes_to_rest_where_sweeps_do(kind: Kind) -> None:
    """Each sample stops by itself, at the equilibrium of the block sweeps, nudged; states in either memory."""
    p = problem((4, 3, 2), *kind, gain=0.4, batch=3)
    beta = np.array([0.3, -0.2, 0.0])
    free = settle(create("reference"), p.circuit, p.x, plan(2, 200, 1e-13))
    wanted = settle_nudged(create("reference"), p.circuit, free, p.targets, beta, plan(2, 200, 1e-13))
    drive = p.x @ p.weights.coupling(1)
    for resident in (True, False):
        found = engine(resident).integrate(p.circuit, drive, Nudge(p.targets, beta), steps(EULER, 6e-4, 200, 1e-5))
        assert (found.code == ResultCode.CONVERGED).all()
        assert len(set(found.steps.tolist())) > 1
        assert (found.residual <= 1e-5).all()
        for got, state in zip(found.states, wanted.states, strict=True):
            np.testing.assert_allclose(got, state, rtol=0, atol=1e-4)


def both(runner: Engine, kind: Kind, ledger: Ledger, there: bool = False, **way: Any) -> tuple[Equilibrium, ...]:
    """Free and nudged phases of a recipe, three samples up and down, from arrays of the host or of the GPU."""
    p = problem(SIZES, *kind, batch=3)
    phases = Phases(beta=0.2, **way)
    nudges, how = scheme(phases.estimator, phases.beta, 3, dtype=p.x.dtype), plans(phases, 3)
    circuit, put = p.circuit._replace(tau_seconds=TAU), cuda.to_device if there else np.asarray
    nudge = Nudge(put(np.tile(p.targets, (2, 1))), put(nudges.beta))
    return runner.phases(circuit, put(p.x), how, nudge, QUIET, ledger)


def assert_same(got: tuple[Equilibrium, ...], wanted: tuple[Equilibrium, ...], counts: Ledger, counted: Ledger) -> None:
    for a, b in zip(got, wanted, strict=True):
        assert a.variables is not None
        assert b.variables is not None
        pairs = zip((*a.states, *a.currents, a.variables), (*b.states, *b.currents, b.variables), strict=True)
        for s, t in (*pairs, (a.residual, b.residual)):
            near(s, t, CLOSE[np.float64])
        for whole in ("steps", "code", "fresh"):
            np.testing.assert_array_equal(getattr(a, whole), getattr(b, whole))
    np.testing.assert_array_equal(counts.counts, counted.counts)


@pytest.mark.parametrize(
    ("solver", "kind", "step"),
    [(name, KINDS[(1, 4, 7, 5)[i % 4]], (3e-4, 7e-4)[i % 2]) for i, name in enumerate(DETERMINISTIC)],
)
def test_phases_stopped_on_their_way(solver: str, kind: Kind, step: float) -> None:
    """Neither has settled: the last step takes what time is left, and the nudged phase goes on from the free one."""
    way = {"solver": solver, "step_seconds": step, "free_seconds": 2e-3, "nudged_seconds": 1e-3}
    ledgers = [Ledger.empty(SIZES) for _ in range(2)]
    found = [both(e, kind, book, **way, free_sweeps=100, nudged_sweeps=100)
             for e, book in zip((engine(), create("reference")), ledgers, strict=True)]  # fmt: skip
    assert (found[1][1].code == ResultCode.STEP_LIMIT).all()
    assert found[1][0].steps[0] == -(-2e-3 // step)
    assert_same(*found, *ledgers)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4]])
def test_phases_that_settle(kind: Kind) -> None:
    """Each sample at its own step, and one phase stopped by its steps."""
    ledgers = [Ledger.empty(SIZES) for _ in range(2)]
    found = [both(e, kind, book, solver="bosh3", step_seconds=8e-4, tolerance=1e-2, free_sweeps=60, nudged_sweeps=2)
             for e, book in zip((engine(False), create("reference")), ledgers, strict=True)]  # fmt: skip
    free, nudged = found[1]
    assert len(set(free.steps.tolist())) > 1
    assert (free.code == ResultCode.CONVERGED).all()
    assert ResultCode.STEP_LIMIT in nudged.code
    assert_same(*found, *ledgers)


def test_phases_of_arrays_on_the_gpu() -> None:
    """Results stay there, and are those of host arrays; so are those of calls one by one, with copies of ours."""
    way: dict[str, Any] = {"solver": "heun", "step_seconds": 5e-4, "free_sweeps": 4, "nudged_sweeps": 3}
    wanted, book = both(engine(), KINDS[4], Ledger.empty(SIZES), **way), Ledger.empty(SIZES)
    for got, host in zip(both(engine(), KINDS[4], book, there=True, **way), wanted, strict=True):
        for a, b in zip((*got.states, got.variables), (*host.states, host.variables), strict=True):
            assert hasattr(a, "copy_to_host")
            np.testing.assert_array_equal(a.copy_to_host(), b)
    p, how = problem(SIZES, *KINDS[4], batch=3), plans(Phases(beta=0.2, **way), 3)
    circuit, nudge = p.circuit._replace(tau_seconds=TAU), Nudge(np.tile(p.targets, (2, 1)), np.repeat([0.2, -0.2], 3))
    free = engine().settle_free(circuit, p.x @ p.weights.coupling(1), how.free, 0, book, Phase.FREE)
    nudged = engine().settle_nudged(circuit, free, nudge, how.nudged, 0, book)
    for a, b in zip(nudged.states, wanted[1].states, strict=True):
        near(a, b, CLOSE[np.float64])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_flow_that_diverges() -> None:
    """Codes, and the step at which numbers leave the finite range."""
    p = problem((4, 5, 3), A.LINEAR, A.LINEAR, batch=3, dtype=np.float32)
    p.weights.couplings[:] = 1e12
    how, x = steps(SOLVERS["rk4"], 1e-3, 20), p.x
    found = [settle_in_time(e, p.circuit, x, how) for e in (engine(), create("reference"))]
    assert (found[0].code == ResultCode.DIVERGED).all()
    np.testing.assert_array_equal(found[0].code, found[1].code)
    np.testing.assert_array_equal(found[0].steps, found[1].steps)


def settle_in_time(runner: Engine, circuit: Any, x: FloatArray, how: ContinuousPlan) -> Equilibrium:
    book = Ledger.empty(tuple(circuit.sizes.tolist()))
    return runner.settle_free(circuit, runner.drive(circuit, x, 0, book, Phase.FREE), how, 0, book, Phase.FREE)


@pytest.mark.parametrize("solver", ["dopri5", "exponential-euler"])
def test_gradients_and_training(solver: str) -> None:
    p = problem(SIZES, *KINDS[1], batch=6)
    phases = Phases(beta=0.2, free_sweeps=8, nudged_sweeps=5, solver=solver, step_seconds=6e-4)
    got, wanted = (ep_gradients(e, p.circuit, p.x, p.targets, phases) for e in (engine(), create("reference")))
    near(got.couplings, wanted.couplings, 10 * CLOSE[np.float64])
    near(got.biases, wanted.biases, 10 * CLOSE[np.float64])
    weights = []
    for runner in (engine(), create("reference")):
        mounted, samples = Ideal().mount(p.network, p.weights, stream(0)), Samples(p.x, p.targets, p.targets.argmax(1))
        training = Training(epochs=2, batch_size=4, learning_rates=(0.1, 0.2, 0.3))
        Trainer(runner, Ideal(), mounted, phases, training, samples, lambda _: [np.arange(4), np.arange(4, 6)], 6).run(
            Progress.fresh(p.weights)
        )
        weights.append(mounted.circuit.up)
    assert np.abs(weights[1] - p.weights.couplings).max() > 1e-3
    near(weights[0], weights[1], 10 * CLOSE[np.float64])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"solver": "dopri5"}, "takes steps of one length alone; allowed: step_seconds, or --engine cpu"),
        ({"solver": "rk4", "form": Form.GRADIENT, "step_seconds": 1e-4}, 'allowed: form = "membrane", or --engine cpu'),
        (
            {"solver": "euler-maruyama", "step_seconds": 1e-4, "free_seconds": 1e-3, "nudged_seconds": 1e-3},
            "no noise for solver 'euler-maruyama'; allowed: --engine cpu",
        ),
    ],
)
def test_what_is_refused_before_anything_settles(given: dict[str, Any], said: str) -> None:
    p = problem(SIZES, *KINDS[1])
    with pytest.raises(BadInput) as refused:
        reading(engine(), p.circuit, Phases(**given), 0)
    assert said in str(refused.value)
    how = plans(Phases(**given), 3)
    assert isinstance(how, Courses)
    with pytest.raises(BadInput):
        engine().settle_free(p.circuit, np.zeros((4, 4)), how.free, 0, Ledger.empty(SIZES), Phase.FREE)


def test_what_has_no_flow() -> None:
    p, runner = problem(SIZES, *KINDS[1], batch=2), engine()
    drive, nudge = np.zeros((2, 4)), Nudge(p.targets, np.full(2, 0.1))
    with pytest.raises(BadInput, match="stochastic-heun"):
        runner.integrate(p.circuit, drive, nudge, steps(STOCHASTIC_HEUN, 1e-4, 3))
    with pytest.raises(BadInput, match="hinge"):
        runner.integrate(p.circuit._replace(cost=int(C.HINGE)), drive, nudge, steps(EULER, 1e-4, 3))
