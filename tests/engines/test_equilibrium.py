"""What every engine's equilibria must satisfy, whatever the engine: residuals, descent, events, result codes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Problem, plan, problem, settle, settle_nudged, suitable_targets

from neuroep.engines import Engine, Plan, create
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.physics import hopfield
from neuroep.physics.activations import RANGES
from neuroep.physics.costs import cost as cost_of
from neuroep.recipe import Order
from neuroep.rng import stream
from neuroep.solvers.sweeps import layer_order
from neuroep.weights import FloatArray

A, C = Activation, Cost
ENGINES = {"reference": create("reference"), "cpu": create("cpu", 1)}
KINDS = [
    (A.TANH, A.LINEAR, C.MSE, 1.0),
    (A.HARD_SIGMOID, A.HARD_SIGMOID, C.MSE, 0.5),
    (A.RELU6, A.RELU6, C.MSE, 1.0),
    (A.TANH, A.LINEAR, C.CROSS_ENTROPY, 0.5),
    (A.HARD_SIGMOID, A.LINEAR, C.SQUARED_HINGE, 0.3),
    (A.LINEAR, A.LINEAR, C.SQUARED_HINGE, 1.0),
]


def lipschitz(p: Problem, beta: float) -> float:
    """How much larger than the last sweep's change the velocity can be.

    Within a sweep a layer's input is at most one sweep old, ρ and softmax don't stretch, and a nudge
    stretches the output by 1/(1 − |β|); so |velocity| <= Σ_k ‖W_k‖(1 + gain_k)/(1 − |β|) · |change|.
    """
    gain = max(p.network.feedback, abs(beta))
    norms = [np.linalg.norm(p.weights.coupling(k), 2) for k in range(1, p.network.depth + 1)]
    return float(sum(norms) * (1.0 + gain) / (1.0 - abs(beta)))


def speed(p: Problem, states: tuple[FloatArray, ...], targets: FloatArray, beta: FloatArray) -> FloatArray:
    """Norm of the velocity of each row, by the definition."""
    x = np.tile(p.x, (len(beta) // len(p.x), 1))
    parts = hopfield.velocity(p.circuit, x, states, targets, beta)
    squares: FloatArray = np.sqrt(sum((part**2).sum(axis=1) for part in parts))
    return squares


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("tolerance", [1e-3, 1e-9])
@pytest.mark.parametrize(("hidden", "output", "cost", "feedback"), KINDS)
def test_a_converged_sample_is_at_rest(
    engine: Engine, hidden: Activation, output: Activation, cost: Cost, feedback: float, tolerance: float, order: Order
) -> None:
    p = problem((6, 7, 5, 3), hidden, output, cost, feedback, batch=5)
    how, beta = plan(3, 1000, tolerance, order), np.repeat([0.4, -0.4], 5)
    free = settle(engine, p.circuit, p.x, how)
    targets = np.tile(p.targets, (2, 1))
    nudged = settle_nudged(engine, p.circuit, free, targets, beta, how)
    for found, y, b in ((free, p.targets, np.zeros(5)), (nudged, targets, beta)):
        assert (found.code == ResultCode.CONVERGED).all()
        assert (found.residual <= tolerance).all()
        assert (speed(p, found.states, y, b) <= lipschitz(p, float(b.max())) * tolerance).all()


@pytest.mark.parametrize("order", [order for order in Order if order is not Order.SYMMETRIC])
def test_the_residual_is_the_change_of_the_last_sweep(engine: Engine, order: Order) -> None:
    """Where a sweep updates each layer once; a symmetric one adds up the changes of both updates."""
    p = problem(batch=5)
    before, after = (settle(engine, p.circuit, p.x, plan(3, n, 0.0, order)) for n in (3, 4))
    changes = sum(((a - b) ** 2).sum(axis=1) for a, b in zip(after.states, before.states, strict=True))
    np.testing.assert_allclose(after.residual, np.sqrt(changes), rtol=1e-9)
    np.testing.assert_array_equal(after.steps, 4)
    assert (after.code == ResultCode.STEP_LIMIT).all()


def test_equilibria_don_t_depend_on_the_order_of_the_layers(engine: Engine) -> None:
    """At a single minimum all orders end in the same place."""
    p = problem(feedback=0.5)
    ends = [settle(engine, p.circuit, p.x, plan(3, 1000, 1e-13, order)).states for order in Order]
    for other in ends[1:]:
        for a, b in zip(ends[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-11)


@st.composite
def descents(draw: st.DrawFn) -> tuple[Problem, Order, float]:
    sizes = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=5)))
    cost = draw(st.sampled_from([C.MSE, C.HINGE, C.SQUARED_HINGE]))
    boxed = [A.LINEAR, A.HARD_SIGMOID, A.RELU6, A.RELU] if cost is C.MSE else [A.LINEAR]
    hidden, output = draw(st.sampled_from(list(RANGES))), draw(st.sampled_from(boxed))
    feedback, gain = draw(st.sampled_from([1.0, 0.6, 0.1])), draw(st.sampled_from([0.5, 1.0, 3.0]))
    p = problem(sizes, hidden, output, cost, feedback, gain, batch=3, seed=draw(st.integers(0, 10_000)))
    return p, draw(st.sampled_from(list(Order))), draw(st.sampled_from([0.8, 0.2, -0.2, -0.8]))


def rises(energies: list[FloatArray]) -> list[FloatArray]:
    """Rise from one sweep to the next beyond rounding."""
    slack = 1e-11 * (1.0 + max(float(np.abs(e).max()) for e in energies))
    return [after - before - slack for before, after in pairwise(energies)]


@pytest.mark.parametrize("name", ENGINES)
@given(case=descents())
@settings(max_examples=120, deadline=None, derandomize=True)
def test_energy_never_rises(name: str, case: tuple[Problem, Order, float]) -> None:
    """Sweep by sweep, free and nudged; a read-out isn't minimised exactly and isn't among the costs."""
    p, order, strength = case
    runner, circuit, depth = ENGINES[name], p.circuit, p.network.depth
    nothing, beta = np.zeros(3), np.full(3, strength)
    plans = [plan(depth, n, 0.0, order) for n in range(1, 7)]
    free = [settle(runner, circuit, p.x, how) for how in plans]
    zero = [np.zeros_like(s) for s in free[0].states]
    states = [zero, *(f.states for f in free)]
    energies = [hopfield.nudged_energy(circuit, p.x, s, p.targets, nothing) for s in states]
    assert all((rise <= 0.0).all() for rise in rises(energies))
    nudged = [settle_nudged(runner, circuit, free[1], p.targets, beta, how) for how in plans]
    states = [free[1].states, *(n.states for n in nudged)]
    energies = [hopfield.nudged_energy(circuit, p.x, s, p.targets, beta) for s in states]
    assert all((rise <= 0.0).all() for rise in rises(energies))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_one_block_update_leaves_no_force_on_its_layer(engine: Engine, k: int) -> None:
    """An update of layer k alone, from a state that isn't at rest, ends at the layer's exact minimum."""
    p = problem(feedback=0.5)
    start = settle(engine, p.circuit, p.x, plan(3, 1, 0.0))
    beta = np.full(4, 0.5)
    alone = Plan(np.array([k]), 1, 0.0)
    moved = settle_nudged(engine, p.circuit, start, p.targets, beta, alone)
    force = hopfield.force(p.circuit, p.x, moved.states, p.targets, beta)[k - 1]
    np.testing.assert_allclose(force, 0.0, atol=1e-13)
    assert np.abs(hopfield.force(p.circuit, p.x, start.states, p.targets, beta)[k - 1]).max() > 1e-3


def counts(ledger: Ledger, phase: Phase, event: Event) -> list[int]:
    found: list[int] = ledger.counts[phase, event].tolist()
    return found


def test_events_of_forward_and_backward_sweeps_by_hand(engine: Engine) -> None:
    """A sum is read again only when its source changed: 5 samples, 4 free sweeps, 2 × 3 nudged ones.

    Free and forward, W_1 is read once by `drive`; W_2 upward in each sweep; downward in each but the
    first, when all states are zero. Nudged and backward, the first upward read is already known, and
    layer 1 is updated last, so that W_2 is read downward in each sweep.
    """
    p = problem((6, 5, 3), batch=5)
    book = Ledger.empty(p.sizes)
    free = settle(engine, p.circuit, p.x, plan(2, 4), book)
    assert counts(book, Phase.FREE, Event.READ_UP) == [0, 5, 4 * 5]
    assert counts(book, Phase.FREE, Event.READ_DOWN) == [0, 0, 3 * 5]
    assert counts(book, Phase.FREE, Event.NEURON) == [0, 20, 20]
    assert counts(book, Phase.FREE, Event.SWEEP) == [20, 0, 0]
    assert counts(book, Phase.FREE, Event.SAMPLE) == [5, 0, 0]
    beta, how = np.repeat([0.3, -0.3], 5), plan(2, 3, 0.0, Order.BACKWARD)
    settle_nudged(engine, p.circuit, free, np.tile(p.targets, (2, 1)), beta, how, book)
    assert counts(book, Phase.NUDGED, Event.READ_UP) == [0, 0, 2 * 10]
    assert counts(book, Phase.NUDGED, Event.READ_DOWN) == [0, 0, 3 * 10]
    assert counts(book, Phase.NUDGED, Event.NEURON) == [0, 30, 30]
    assert counts(book, Phase.NUDGED, Event.SAMPLE) == [10, 0, 0]
    assert not book.counts[[Phase.UPDATE, Phase.INFERENCE]].any()


def test_a_free_phase_under_a_read_out_is_one_forward_pass(engine: Engine) -> None:
    """Nothing comes down from a read-out that isn't nudged (Laborieux et al. 2021)."""
    p = problem((6, 5, 3), cost=C.CROSS_ENTROPY)
    book = Ledger.empty(p.sizes)
    found = settle(engine, p.circuit, p.x, plan(2, 10, 1e-12), book)
    hidden = np.tanh(p.x @ p.weights.coupling(1) + p.weights.bias(1))
    powers = np.exp(hidden @ p.weights.coupling(2) + p.weights.bias(2))
    np.testing.assert_allclose(found.states[0], hidden, rtol=1e-13)
    np.testing.assert_allclose(found.output, powers / powers.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_array_equal(found.steps, 2)
    assert not book.counts[Phase.FREE, Event.READ_DOWN].any()


def mixed(p: Problem) -> Problem:
    """The same problem with inputs so large that tanh saturates and the second and last samples settle early."""
    p.x[[1, -1]] *= 1e3
    return p


def test_a_sample_that_converges_early_stops_costing(engine: Engine) -> None:
    p = mixed(problem((6, 5, 3), gain=1.5, batch=6))
    book = Ledger.empty(p.sizes)
    found = settle(engine, p.circuit, p.x, plan(2, 200, 1e-8), book)
    assert len(set(found.steps.tolist())) > 2
    total = int(found.steps.sum())
    assert counts(book, Phase.FREE, Event.SWEEP)[0] == total
    assert counts(book, Phase.FREE, Event.NEURON) == [0, total, total]
    assert counts(book, Phase.FREE, Event.READ_UP) == [0, 6, total]
    assert counts(book, Phase.FREE, Event.READ_DOWN) == [0, 0, total - 6]


def test_a_sample_that_converges_early_keeps_its_state(engine: Engine) -> None:
    """It ends where as many sweeps of its own take it, and not where the rest of the batch goes on to."""
    p = mixed(problem((6, 5, 3), gain=1.5, batch=6))
    found = settle(engine, p.circuit, p.x, plan(2, 200, 1e-3))
    assert len(set(found.steps.tolist())) > 1
    for row, steps in enumerate(found.steps.tolist()):
        alone = settle(engine, p.circuit, p.x[row : row + 1], plan(2, steps, 0.0))
        for a, b in zip(alone.states, found.states, strict=True):
            np.testing.assert_allclose(a[0], b[row], rtol=0, atol=1e-12)


def diverging() -> Problem:
    """Two linear layers that drive each other through couplings beyond the square root of float32's range."""
    p = problem((4, 5, 3), A.LINEAR, A.LINEAR, batch=3, dtype=np.float32)
    p.weights.couplings[:] = 1e30
    return p


def test_divergence_is_reported(engine: Engine) -> None:
    p = diverging()
    with np.errstate(over="ignore", invalid="ignore"):
        found = settle(engine, p.circuit, p.x, plan(2, 50, 1e-6))
    assert (found.code == ResultCode.DIVERGED).all()


def test_huge_couplings_onto_bounded_units_aren_t_divergence(engine: Engine) -> None:
    """relu6 holds the states, so that nothing leaves the finite range."""
    p = problem((4, 5, 3), A.RELU6, A.RELU6, batch=3)
    p.weights.couplings[:] = 1e30
    found = settle(engine, p.circuit, np.abs(p.x), plan(2, 50, 1e-6))
    assert (found.code == ResultCode.CONVERGED).all()
    np.testing.assert_array_equal(found.output, 6.0)


@pytest.mark.parametrize(("feedback", "code"), [(0.2, ResultCode.CONVERGED), (0.5, ResultCode.DIVERGED)])
def test_units_without_an_upper_bound_settle_under_a_small_feedback_gain(
    engine: Engine, feedback: float, code: ResultCode
) -> None:
    """s₁ = 1 + γ 2 s₂ and s₂ = 2 s₁ have s₁ = 1/(1 − 4γ) where γ < ¼, and grow by 4γ a sweep beyond."""
    p = problem((1, 1, 1), A.RELU, A.RELU, feedback=feedback, batch=1)
    p.weights.couplings[:], p.weights.biases[:] = (1.0, 2.0), 0.0
    assert hopfield.safe_feedback(p.circuit) == pytest.approx(0.25)
    with np.errstate(over="ignore", invalid="ignore"):
        found = settle(engine, p.circuit, np.ones((1, 1)), plan(2, 2000, 1e-12))
    assert (found.code == code).all()
    if code == ResultCode.CONVERGED:
        np.testing.assert_allclose(found.states[0], 1.0 / (1.0 - 4.0 * feedback), rtol=1e-10)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bad_input_diverges_alone(engine: Engine, bad: float, dtype: type) -> None:
    p = problem((4, 5, 3), A.LINEAR, dtype=dtype)
    clean = settle(engine, p.circuit, p.x, plan(2, 300, 1e-5))
    p.x[2, 1] = bad
    with np.errstate(invalid="ignore"):
        found = settle(engine, p.circuit, p.x, plan(2, 300, 1e-5))
    assert found.code[2] == ResultCode.DIVERGED
    others = [0, 1, 3]
    assert (found.code[others] == ResultCode.CONVERGED).all()
    np.testing.assert_array_equal(found.steps[others], clean.steps[others])
    np.testing.assert_allclose(found.output[others], clean.output[others], rtol=1e-6)


def test_a_nan_nudge_diverges(engine: Engine) -> None:
    p = problem(batch=2)
    free = settle(engine, p.circuit, p.x, plan(3, 100, 1e-6))
    p.targets[0, 0] = np.nan
    found: Equilibrium = settle_nudged(engine, p.circuit, free, p.targets, np.full(2, 0.3), plan(3, 100, 1e-6))
    assert found.code.tolist() == [ResultCode.DIVERGED, ResultCode.CONVERGED]


@pytest.mark.parametrize("cost", list(C))
def test_a_nudge_moves_the_output_towards_the_target(engine: Engine, cost: Cost) -> None:
    """To first order the output falls down the cost's slope: the cost is lower at +β than at −β."""
    p = problem((6, 5, 4, 3), cost=cost, feedback=0.5)
    p.targets[...] = suitable_targets(cost, 4, 3, stream(9))
    free = settle(engine, p.circuit, p.x, plan(3, 500, 1e-12))
    how = Plan(layer_order(Order.BACKWARD, 3), 500, 1e-12)
    ends = [settle_nudged(engine, p.circuit, free, p.targets, np.full(4, b), how) for b in (0.2, -0.2)]
    lower, upper = (cost_of(cost, end.output, p.targets) for end in ends)
    assert (lower < upper).all()
