"""The cuda engine's numbers, kernel by kernel: collected by `test_simulator` in a process that simulates a GPU."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numba import cuda
from problems import CLOSE, KINDS, A, C, Kind, Problem, plan, problem, settle, settle_nudged
from simulating import BATCH, SIZES, engine, near
from simulating import simulator as simulator

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, create
from neuroep.engines.base import Nudge
from neuroep.engines.cuda.engine import CudaEngine
from neuroep.engines.cuda.tiles import SETTLING
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.errors import NotAvailable
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Ledger, Phase
from neuroep.network import Cost
from neuroep.recipe import Estimator, Order, Phases
from neuroep.rng import stream
from neuroep.weights import Weights

every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_kind = pytest.mark.parametrize("kind", KINDS)


class Outcome(NamedTuple):
    free: Equilibrium
    nudged: Equilibrium
    gradient: Weights
    ledger: Ledger


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


@pytest.mark.parametrize(
    ("depth", "cost", "order", "tolerance"),
    [(70, C.CROSS_ENTROPY, Order.BACKWARD, 0.0), (70, C.MSE, Order.EVEN_ODD, 1e-2), (130, C.MSE, Order.BACKWARD, 1e-2)],
)
def test_depths_beyond_the_bits_of_a_number(depth: int, cost: Cost, order: Order, tolerance: float) -> None:
    """What is read, what is fresh at the end and what a contrast adds are the cpu engine's, at any depth."""
    p = problem((4, *[3] * (depth - 1), 2), A.TANH, A.LINEAR, cost, 1.0, batch=3)
    got, wanted = (outcome(e, p, p.circuit, tolerance, order) for e in (engine(), create("cpu", 1)))
    assert_same(got, wanted, CLOSE[np.float64], counts=True)
    assert not tolerance or len(set(wanted.nudged.steps.tolist())) > 1


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


def test_what_the_engine_refuses() -> None:
    p, runner, book = problem(SIZES, batch=2), engine(), Ledger.empty(SIZES)
    noisy = p.circuit._replace(noise_up=np.full(4, 0.1), noise_down=np.full(4, 0.1))
    with pytest.raises(NotAvailable, match="read noise"):
        runner.drive(noisy, p.x, 0, book, Phase.FREE)
    with pytest.raises(NotAvailable, match="converters"):
        runner.drive(p.circuit._replace(adc_bits=4), p.x, 0, book, Phase.FREE)
