"""The cpu engine gives the reference's numbers: states, steps, codes, events and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numba import get_num_threads
from problems import CLOSE, KINDS, Problem, plan, problem, settle, settle_nudged

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, Plan, create
from neuroep.equilibrium import Equilibrium
from neuroep.errors import NotAvailable
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Ledger
from neuroep.network import Activation, Cost
from neuroep.recipe import Estimator, Order, Phases
from neuroep.rng import stream
from neuroep.weights import Weights

A, C = Activation, Cost
HARDWARE: dict[str, Callable[[Circuit], Circuit]] = {
    "ideal": lambda c: c,
    "converters": lambda c: c._replace(
        dac_bits=5, adc_bits=6, dac_bound=np.full_like(c.dac_bound, 2.0), adc_bound=np.full_like(c.adc_bound, 3.0)
    ),
    "dac": lambda c: c._replace(dac_bits=4, dac_bound=np.full_like(c.dac_bound, 1.5)),
    "noise": lambda c: c._replace(noise_up=np.full_like(c.noise_up, 0.05), noise_down=np.full_like(c.noise_up, 0.03)),
    "all": lambda c: c._replace(
        dac_bits=5, adc_bits=7, dac_bound=np.full_like(c.dac_bound, 2.0), adc_bound=np.full_like(c.adc_bound, 3.0),
        noise_up=np.array([0.0, 0.02, 0.05, 0.01], dtype=c.up.dtype),
        noise_down=np.array([0.0, 0.03, 0.02, 0.04], dtype=c.up.dtype),
    ),
    "two reads": lambda c: c._replace(down=(0.9 * c.up).astype(c.up.dtype)),
}  # fmt: skip

every_kind = pytest.mark.parametrize(("hidden", "output", "cost", "feedback"), KINDS)
every_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Outcome(NamedTuple):
    free: Equilibrium
    nudged: Equilibrium
    gradient: Weights
    ledger: Ledger


def outcome(engine: Engine, p: Problem, circuit: Circuit, free_plan: Plan, nudged_plan: Plan) -> Outcome:
    """Both phases, the centered contrast and the read-out's gradient, added to half of what was there."""
    batch, depth, dtype = len(p.x), p.network.depth, p.x.dtype
    book, rng = Ledger.empty(p.sizes), stream(8, "before")
    free = settle(engine, circuit, p.x, free_plan, book, key=77)
    signs = np.repeat(np.array([1.0, -1.0], dtype=dtype), batch)
    beta = (0.3 * signs).astype(dtype)
    nudged = settle_nudged(engine, circuit, free, np.tile(p.targets, (2, 1)), beta, nudged_plan, book, key=77)
    out = Weights.zeros(p.sizes, dtype)
    out.couplings[:], out.biases[:] = rng.normal(size=out.couplings.shape), rng.normal(size=out.biases.shape)
    into = Accumulation(out, tuple(0.5 + 0.1 * k for k in range(depth)), 0.5)
    with engine.session():
        engine.contrast(circuit, p.x, nudged.states, (signs / (0.6 * batch)).astype(dtype), into, book)
        engine.readout_gradient(circuit, free, p.targets, into, book)
    return Outcome(free, nudged, out, book)


def assert_same(got: Outcome, wanted: Outcome, close: float, counts: bool = True) -> None:
    """States and residuals to `close` of their largest, gradients to what 1/(2β γ²) of a state's rounding allows."""
    for a, b in ((got.free, wanted.free), (got.nudged, wanted.nudged)):
        for s, t in zip((*a.states, *a.currents, a.residual), (*b.states, *b.currents, b.residual), strict=True):
            np.testing.assert_allclose(s, t, rtol=0, atol=close * max(1.0, float(np.abs(t).max())))
        np.testing.assert_array_equal(a.fresh, b.fresh)
        if counts:
            np.testing.assert_array_equal(a.steps, b.steps)
            np.testing.assert_array_equal(a.code, b.code)
    for g, h in ((got.gradient.couplings, wanted.gradient.couplings), (got.gradient.biases, wanted.gradient.biases)):
        np.testing.assert_allclose(g, h, rtol=0, atol=20 * close * max(1.0, float(np.abs(h).max())))
    if counts:
        np.testing.assert_array_equal(got.ledger.counts, wanted.ledger.counts)


def both(p: Problem, hardware: str, free_plan: Plan, nudged_plan: Plan, threads: int = 1) -> tuple[Outcome, Outcome]:
    circuit = HARDWARE[hardware](p.circuit)
    return (
        outcome(create("cpu", threads), p, circuit, free_plan, nudged_plan),
        outcome(create("reference"), p, circuit, free_plan, nudged_plan),
    )


@every_type
@every_kind
@pytest.mark.parametrize("order", list(Order))
def test_stopping_by_tolerance(
    hidden: Activation, output: Activation, cost: Cost, feedback: float, dtype: type, order: Order
) -> None:
    """A tolerance far above rounding and far below the states: no sample meets it by a hair."""
    p = problem((9, 8, 6, 4), hidden, output, cost, feedback, batch=11, dtype=dtype)
    got, wanted = both(p, "ideal", plan(3, 60, 2e-4, order), plan(3, 60, 2e-4, order))
    assert len(set(wanted.free.steps.tolist()) | set(wanted.nudged.steps.tolist())) > 1
    assert_same(got, wanted, CLOSE[dtype])


@every_type
@every_kind
@pytest.mark.parametrize("hardware", HARDWARE)
def test_a_fixed_number_of_sweeps(
    hidden: Activation, output: Activation, cost: Cost, feedback: float, dtype: type, hardware: str
) -> None:
    """Steps and events aren't compared at tolerance 0: a fixed point may be met exactly a sweep sooner."""
    p = problem((9, 8, 6, 4), hidden, output, cost, feedback, batch=11, dtype=dtype)
    got, wanted = both(p, hardware, plan(3, 6), plan(3, 4, 0.0, Order.BACKWARD))
    assert_same(got, wanted, CLOSE[dtype], counts=False)


@pytest.mark.parametrize("hardware", [name for name in HARDWARE if name != "ideal"])
def test_hardware_effects_are_really_there(hardware: str) -> None:
    """Guards the test above: each circuit settles somewhere else than the ideal one, by more than rounding."""
    p = problem((9, 8, 6, 4), batch=11)
    plans = plan(3, 6), plan(3, 4, 0.0, Order.BACKWARD)
    ideal, real = (both(p, name, *plans)[1].nudged.output for name in ("ideal", hardware))
    assert np.abs(ideal - real).max() > 1e-3


@pytest.fixture
def _many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share even the smallest work among threads, in blocks of at most 4 samples."""
    monkeypatch.setattr("neuroep.engines.cpu.engine.PARALLEL_WORK", 1)
    monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", 4)


@every_type
@pytest.mark.usefixtures("_many_threads")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("hardware", ["ideal", "noise", "all"])
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4]])
def test_threads_and_blocks(
    kind: tuple[Activation, Activation, Cost, float], hardware: str, threads: int, dtype: type
) -> None:
    if threads > get_num_threads():
        pytest.skip("this process may use one thread only")
    p = problem((9, 8, 6, 4), *kind, batch=11, dtype=dtype)
    tolerance = 0.0 if hardware == "noise" else 1e-3
    got, wanted = both(p, hardware, plan(3, 8, tolerance), plan(3, 6, tolerance, Order.BACKWARD), threads)
    assert_same(got, wanted, CLOSE[dtype])


@every_type
@every_kind
@pytest.mark.parametrize("estimator", [e for e in Estimator if e.is_difference])
def test_gradients(
    hidden: Activation, output: Activation, cost: Cost, feedback: float, dtype: type, estimator: Estimator
) -> None:
    p = problem((9, 8, 6, 4), hidden, output, cost, feedback, batch=11, dtype=dtype)
    phases = Phases(estimator, 0.3, 60, 60, tolerance=1e-3)
    got, wanted = (ep_gradients(e, p.circuit, p.x, p.targets, phases, 5) for e in (create("cpu"), create("reference")))
    assert got.couplings.dtype == wanted.couplings.dtype == dtype
    for g, h in ((got.couplings, wanted.couplings), (got.biases, wanted.biases)):
        np.testing.assert_allclose(g, h, rtol=0, atol=20 * CLOSE[dtype] * max(1.0, float(np.abs(h).max())))


def test_one_engine_serves_circuit_after_circuit() -> None:
    """Buffers kept from step to step carry nothing over to another problem of the same shape, or of another."""
    engine, how = create("cpu", 1), (plan(3, 6), plan(3, 4, 0.0, Order.BACKWARD))
    problems = [problem((9, 8, 6, 4), batch=b, seed=s, cost=c) for b, s, c in
                [(11, 1, C.MSE), (11, 2, C.CROSS_ENTROPY), (7, 3, C.MSE), (11, 4, C.MSE)]]  # fmt: skip
    for p in problems:
        got, fresh = (outcome(e, p, p.circuit, *how) for e in (engine, create("cpu", 1)))
        np.testing.assert_array_equal(got.nudged.output, fresh.nudged.output)
        np.testing.assert_array_equal(got.gradient.couplings, fresh.gradient.couplings)
        np.testing.assert_array_equal(got.ledger.counts, fresh.ledger.counts)


@pytest.mark.parametrize("what", ["activation", "cost"])
def test_a_code_without_a_compiled_branch_is_refused(what: str) -> None:
    """Kernels end in an else: an activation that only numpy knows was settled as a hard sigmoid."""
    p = problem((4, 5, 3), batch=2)
    codes = np.array([0, 9, 0], dtype=np.int64)
    circuit = p.circuit._replace(activations=codes) if what == "activation" else p.circuit._replace(cost=9)
    engine = create("cpu", 1)
    settle(engine, p.circuit, p.x, plan(2, 5))
    with pytest.raises(NotAvailable, match=f"the cpu engine has no {what} of code 9: use --engine reference"):
        settle(engine, circuit, p.x, plan(2, 5))


@every_type
def test_a_softmax_of_large_sums(dtype: type) -> None:
    """(u + b) − peak, in that order: u + (b − peak) is off by more than an exponential bears."""
    p = problem((6, 5, 4, 3), A.TANH, A.LINEAR, C.CROSS_ENTROPY, batch=9, dtype=dtype)
    p.weights.coupling(3)[:] = np.random.default_rng(1).normal(scale=1e10, size=(4, 3))
    p.weights.bias(3)[:] = np.random.default_rng(2).normal(scale=1e10, size=3)
    got, wanted = (settle(create(name), p.circuit, p.x, plan(3, 4)) for name in ("cpu", "reference"))
    np.testing.assert_array_equal(got.code, wanted.code)
    np.testing.assert_allclose(got.states[-1], wanted.states[-1], rtol=0, atol=CLOSE[dtype])
