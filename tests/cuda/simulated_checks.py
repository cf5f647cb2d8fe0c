"""The cuda engine's numbers, kernel by kernel: collected by `test_simulator` in a process that simulates a GPU.

The tile is tiny, so that no size of a layer is a multiple of it and every loop over tiles turns more than once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import cuda
from numba.cuda.simulator.kernelapi import FakeCUDAShared
from numba.np.numpy_support import as_dtype
from problems import Problem, plan, problem, settle, settle_nudged

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, create
from neuroep.engines.base import Nudge
from neuroep.engines.cuda.engine import CudaEngine
from neuroep.engines.cuda.tiles import SETTLING, Tile
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.errors import BadInput, NotAvailable
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.recipe import Estimator, Order, Phases
from neuroep.rng import stream
from neuroep.solvers.problems import Flow, Form
from neuroep.solvers.tableaux import EULER, SOLVERS, STOCHASTIC_HEUN, Solver
from neuroep.weights import FloatArray, Weights

A, C = Activation, Cost
CLOSE: dict[type, float] = {np.float32: 1e-6, np.float64: 1e-12}
TILE, PRODUCTS = Tile(2, 2, 2, 2, 3), Tile(2, 2, 2, 2, 3)
SIZES, BATCH = (9, 8, 6, 4), 7
KINDS = [
    (A.HARD_SIGMOID, A.HARD_SIGMOID, C.MSE, 1.0),
    (A.TANH, A.LINEAR, C.MSE, 0.5),
    (A.RELU6, A.RELU6, C.MSE, 0.5),
    (A.LINEAR, A.LINEAR, C.MSE, 1.0),
    (A.TANH, A.LINEAR, C.CROSS_ENTROPY, 1.0),
    (A.HARD_SIGMOID, A.LINEAR, C.CROSS_ENTROPY, 0.3),
    (A.TANH, A.LINEAR, C.HINGE, 0.5),
    (A.RELU6, A.LINEAR, C.SQUARED_HINGE, 0.5),
]
Kind = tuple[Activation, Activation, Cost, float]
every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_kind = pytest.mark.parametrize("kind", KINDS)


def shared_array(self: Any, shape: Any, dtype: Any, alignment: int | None = None) -> Any:
    """Shared memory by the line that asks for it, as numba's own has it, but one array for threads that race there."""
    kind = as_dtype(dtype)
    if shape == 0:
        return np.frombuffer(self._dynshared.data, dtype=kind, count=self._dynshared_size // kind.itemsize)
    frame = sys._getframe(1)
    return self._allocations.setdefault((frame.f_code.co_filename, frame.f_lineno), np.empty(shape, kind))


@pytest.fixture(autouse=True, scope="module")
def _simulator() -> Iterator[None]:
    """The simulator polls its threads without a pause: with the usual 5 ms a turn, each barrier would take 20 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeCUDAShared, "array", shared_array)
        yield
    sys.setswitchinterval(before)


class Outcome(NamedTuple):
    free: Equilibrium
    nudged: Equilibrium
    gradient: Weights
    ledger: Ledger


@cache
def engine(resident: bool = True) -> CudaEngine:
    return CudaEngine(TILE, PRODUCTS, resident)


def outcome(runner: Engine, p: Problem, circuit: Circuit, tolerance: float, order: Order) -> Outcome:
    """Both phases, the centered contrast and the read-out's gradient, added to half of what was there."""
    batch, depth, dtype = len(p.x), p.network.depth, p.x.dtype
    book, rng, sweeps = Ledger.empty(p.sizes), stream(8, "before"), 40 if tolerance else 4
    free = settle(runner, circuit, p.x, plan(depth, sweeps, tolerance), book)
    signs = np.repeat(np.array([1.0, -1.0], dtype=dtype), batch)
    how, targets = plan(depth, sweeps, tolerance, order), np.tile(p.targets, (2, 1))
    nudged = settle_nudged(runner, circuit, free, targets, (0.3 * signs).astype(dtype), how, book)
    out = Weights.zeros(p.sizes, dtype)
    out.couplings[:], out.biases[:] = rng.normal(size=out.couplings.shape), rng.normal(size=out.biases.shape)
    into = Accumulation(out, tuple(0.5 + 0.1 * k for k in range(depth)), 0.5)
    runner.contrast(circuit, p.x, nudged.states, (signs / (0.6 * batch)).astype(dtype), into, book)
    runner.readout_gradient(circuit, free, p.targets, into, book)
    return Outcome(free, nudged, out, book)


def near(got: FloatArray, wanted: FloatArray, close: float) -> None:
    np.testing.assert_allclose(got, wanted, rtol=0, atol=close * max(1.0, float(np.abs(wanted).max())))


def assert_same(got: Outcome, wanted: Outcome, close: float, counts: bool) -> None:
    """States and residuals to `close` of their largest, gradients to what 1/(2β γ²) of a state's rounding allows."""
    for a, b in ((got.free, wanted.free), (got.nudged, wanted.nudged)):
        for s, t in zip((*a.states, *a.currents, a.residual), (*b.states, *b.currents, b.residual), strict=True):
            assert s.dtype == t.dtype
            near(s, t, close)
        np.testing.assert_array_equal(a.fresh, b.fresh)
        if counts:
            np.testing.assert_array_equal(a.steps, b.steps)
            np.testing.assert_array_equal(a.code, b.code)
    near(got.gradient.couplings, wanted.gradient.couplings, 20 * close)
    near(got.gradient.biases, wanted.gradient.biases, 20 * close)
    if counts:
        np.testing.assert_array_equal(got.ledger.counts, wanted.ledger.counts)


@every_type
@every_kind
def test_a_fixed_number_of_sweeps(kind: Kind, dtype: type) -> None:
    """Steps and events aren't compared at tolerance 0: a fixed point may be met exactly a sweep sooner."""
    p = problem(SIZES, *kind, batch=BATCH, dtype=dtype)
    circuit = p.circuit._replace(down=(0.9 * p.weights.couplings).astype(dtype))
    got, wanted = (outcome(e, p, circuit, 0.0, Order.BACKWARD) for e in (engine(), create("reference")))
    assert_same(got, wanted, CLOSE[dtype], counts=False)


@pytest.mark.parametrize(("kind", "order"), list(zip(KINDS, 3 * list(Order), strict=False)))
def test_stopping_by_tolerance(kind: Kind, order: Order) -> None:
    """A tolerance far above rounding and far below the states: no sample meets it by a hair."""
    p = problem(SIZES, *kind, batch=BATCH)
    got, wanted = (outcome(e, p, p.circuit, 1e-2, order) for e in (engine(), create("reference")))
    assert len(set(wanted.free.steps.tolist()) | set(wanted.nudged.steps.tolist())) > 1
    assert_same(got, wanted, CLOSE[np.float64], counts=True)


@pytest.mark.parametrize("kind", [KINDS[1], KINDS[5]])
def test_states_in_global_memory(kind: Kind) -> None:
    """What happens to layers too wide for shared memory."""
    p = problem(SIZES, *kind, batch=BATCH)
    got, wanted = (outcome(e, p, p.circuit, 1e-2, Order.FORWARD) for e in (engine(False), create("reference")))
    assert_same(got, wanted, CLOSE[np.float64], counts=True)


@pytest.mark.parametrize(
    ("sizes", "cost"),
    [((5, 3), C.MSE), ((1, 1, 1), C.MSE), ((3, 4, 4, 4, 4, 4, 2), C.MSE), ((4, 5, 7), C.CROSS_ENTROPY)],
)
def test_depths(sizes: tuple[int, ...], cost: Cost) -> None:
    p = problem(sizes, A.TANH, A.LINEAR, cost, 0.7, batch=3)
    got, wanted = (outcome(e, p, p.circuit, 1e-2, Order.FORWARD) for e in (engine(), create("reference")))
    assert_same(got, wanted, CLOSE[np.float64], counts=True)


def test_a_tile_of_a_real_gpu() -> None:
    """128 threads, and layers narrower than one tile: the shapes that are compiled for real GPUs."""
    p = problem((6, 40, 3), A.TANH, batch=5)
    got, wanted = (outcome(e, p, p.circuit, 0.0, Order.FORWARD) for e in (CudaEngine(SETTLING[2]), create("reference")))
    assert_same(got, wanted, CLOSE[np.float64], counts=False)


@pytest.mark.parametrize("estimator", [e for e in Estimator if e.is_difference])
def test_gradients(estimator: Estimator) -> None:
    p = problem(SIZES, *KINDS[1], batch=BATCH, dtype=np.float32)
    phases = Phases(estimator, 0.3, 3, 2)
    got, wanted = (ep_gradients(e, p.circuit, p.x, p.targets, phases, 5) for e in (engine(), create("cpu", 1)))
    near(got.couplings, wanted.couplings, 20 * CLOSE[np.float32])
    near(got.biases, wanted.biases, 20 * CLOSE[np.float32])


@every_type
def test_the_update_kernel(dtype: type) -> None:
    rng = stream(3, "axpy")
    out, change = rng.normal(size=1000).astype(dtype), rng.normal(size=1000).astype(dtype)
    wanted = 0.9 * out.astype(np.float64) - 0.01 * change
    engine().add(out, change, -0.01, 0.9)
    near(out, wanted.astype(dtype), CLOSE[dtype])


def test_arrays_on_the_gpu_stay_there() -> None:
    """A step on device arrays: results are device arrays, weights change in place, numbers are those of host arrays."""
    p, runner = problem(SIZES, *KINDS[1], batch=BATCH), engine()
    wanted = outcome(runner, p, p.circuit, 0.0, Order.FORWARD)
    there, book = runner.load(p.circuit), Ledger.empty(p.sizes)
    x, targets = cuda.to_device(p.x), cuda.to_device(np.tile(p.targets, (2, 1)))
    signs = np.repeat([1.0, -1.0], BATCH)
    drive = runner.drive(there, x, 0, book, Phase.FREE)
    free = runner.settle_free(there, drive, plan(3, 4), 0, book, Phase.FREE)
    nudge = Nudge(targets, cuda.to_device(0.3 * signs))
    nudged = runner.settle_nudged(there, free, nudge, plan(3, 4, 0.0, Order.FORWARD), 0, book)
    weights = Weights(p.sizes, there.up, there.biases)
    runner.contrast(there, x, nudged.states, cuda.to_device(signs), Accumulation(weights, (0.1,) * 3, 1.0), book)
    for array in (drive, *free.states, free.residual, *nudged.states, nudged.steps):
        assert hasattr(array, "copy_to_host")
    for got, found in zip(nudged.states, wanted.nudged.states, strict=True):
        np.testing.assert_array_equal(got.copy_to_host(), found)
    changed = p.circuit._replace(up=p.circuit.up.copy(), biases=p.circuit.biases.copy())
    aim = Accumulation(Weights(p.sizes, changed.up, changed.biases), (0.1,) * 3, 1.0)
    create("reference").contrast(p.circuit, p.x, wanted.nudged.states, signs, aim, book)
    near(there.up.copy_to_host(), changed.up, 1e-12)
    near(there.biases.copy_to_host(), changed.biases, 1e-12)


def test_a_copied_equilibrium_is_as_good_as_the_engines_own() -> None:
    """`settle` of the tests' problems returns copies; here the engine's own tuple goes straight back in."""
    p, runner, book = problem(SIZES, *KINDS[4], batch=BATCH), engine(), Ledger.empty(SIZES)
    drive = runner.drive(p.circuit, p.x, 0, book, Phase.FREE)
    free = runner.settle_free(p.circuit, drive, plan(3, 3), 0, book, Phase.FREE)
    own = runner.settle_nudged(p.circuit, free, Nudge(p.targets, np.full(BATCH, 0.3)), plan(3, 3), 0, book)
    copied = settle_nudged(runner, p.circuit, settle(runner, p.circuit, p.x, plan(3, 3)), p.targets,
                           np.full(BATCH, 0.3), plan(3, 3))  # fmt: skip
    np.testing.assert_array_equal(own.output, copied.output)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_is_reported() -> None:
    p = problem((4, 5, 3), A.LINEAR, A.LINEAR, batch=3, dtype=np.float32)
    p.weights.couplings[:] = 1e30
    found = settle(engine(), p.circuit, p.x, plan(2, 20, 1e-6))
    assert (found.code == ResultCode.DIVERGED).all()


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


def potentials(flat: FloatArray, sizes: tuple[int, ...], batch: int, last: int) -> FloatArray:
    """The engine's flat potentials as (batch, units) of the dynamical layers."""
    ends = batch * np.cumsum([0, *sizes[1:]])
    return np.concatenate([flat[a:b].reshape(batch, -1) for a, b in pairwise(ends[: last + 1])], axis=1)


DETERMINISTIC = [name for name, solver in SOLVERS.items() if not solver.stochastic]


@pytest.mark.parametrize(
    ("name", "kind", "dtype"),
    [(name, KINDS[(1, 4, 7, 0)[i % 4]], (np.float64, np.float32)[i % 2]) for i, name in enumerate(DETERMINISTIC)]
    + [("heun", kind, np.float64) for kind in (KINDS[2], KINDS[3], KINDS[5])],
)
def test_steps_of_every_tableau(name: str, kind: Kind, dtype: type) -> None:
    """Three steps, layers of different time constants, one half of the batch nudged up and one down."""
    p = problem((5, 4, 3, 2), *kind, batch=5, dtype=dtype)
    tau = np.array([1e-3, 1e-3, 2e-3, 0.7e-3])
    circuit = p.circuit._replace(tau_seconds=tau)
    beta = np.array([0.3, -0.3, 0.2, -0.2, 0.1], dtype=dtype)
    flow = Flow(circuit, Form.MEMBRANE, p.x @ p.weights.coupling(1), p.targets, beta)
    solver = SOLVERS[name]
    found, u = engine().integrate(circuit, flow.drive, Nudge(p.targets, beta), solver, 4e-4, 3, 0.0)
    wanted, last = stepped(flow, solver, 4e-4, 3), p.network.dynamical
    near(potentials(u, p.sizes, 5, last), wanted, CLOSE[dtype])
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
        found, _ = engine(resident).integrate(p.circuit, drive, Nudge(p.targets, beta), EULER, 6e-4, 200, 1e-5)
        assert (found.code == ResultCode.CONVERGED).all()
        assert len(set(found.steps.tolist())) > 1
        assert (found.residual <= 1e-5).all()
        for got, state in zip(found.states, wanted.states, strict=True):
            np.testing.assert_allclose(got, state, rtol=0, atol=1e-4)


def test_what_the_engine_refuses() -> None:
    p, runner, book = problem(SIZES, batch=2), engine(), Ledger.empty(SIZES)
    noisy = p.circuit._replace(noise_up=np.full(4, 0.1), noise_down=np.full(4, 0.1))
    with pytest.raises(NotAvailable, match="read noise"):
        runner.drive(noisy, p.x, 0, book, Phase.FREE)
    with pytest.raises(NotAvailable, match="converters"):
        runner.drive(p.circuit._replace(adc_bits=4), p.x, 0, book, Phase.FREE)
    drive, nudge = np.zeros((2, 8)), Nudge(p.targets, np.full(2, 0.1))
    with pytest.raises(BadInput, match="stochastic-heun"):
        runner.integrate(p.circuit, drive, nudge, STOCHASTIC_HEUN, 1e-4, 3, 0.0)
    with pytest.raises(BadInput, match="hinge"):
        runner.integrate(p.circuit._replace(cost=int(C.HINGE)), drive, nudge, EULER, 1e-4, 3, 0.0)
