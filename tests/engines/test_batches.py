"""A sample settles alike alone, in company, in another place and in blocks of another size."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Problem, plan, problem, settle, settle_nudged

from neuroep.engines import Engine, create
from neuroep.equilibrium import Equilibrium
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation, Cost, chain, initial_weights
from neuroep.recipe import Order, Phases
from neuroep.rng import stream

KINDS = [
    (Activation.TANH, Activation.LINEAR, Cost.MSE),
    (Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, Cost.MSE),
    (Activation.TANH, Activation.LINEAR, Cost.CROSS_ENTROPY),
    (Activation.RELU6, Activation.LINEAR, Cost.SQUARED_HINGE),
]
every_kind = pytest.mark.parametrize(("hidden", "output", "cost"), KINDS)


def drawn(hidden: Activation, output: Activation, cost: Cost) -> Problem:
    return problem((6, 7, 5, 3), hidden, output, cost, 0.5, gain=1.2, batch=13)


def through(engine: Engine, p: Problem, rows: np.ndarray) -> Equilibrium:
    """Both phases of some rows, β = 0.3 for all: the nudged equilibrium."""
    x, targets = p.x[rows], p.targets[rows]
    free = settle(engine, p.circuit, x, plan(3, 300, 1e-6))
    return settle_nudged(engine, p.circuit, free, targets, np.full(len(rows), 0.3), plan(3, 300, 1e-6, Order.BACKWARD))


def assert_rows(part: Equilibrium, whole: Equilibrium, rows: np.ndarray) -> None:
    for a, b in zip(part.states, whole.states, strict=True):
        np.testing.assert_allclose(a, b[rows], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(part.steps, whole.steps[rows])
    np.testing.assert_allclose(part.residual, whole.residual[rows], rtol=0, atol=1e-12)


@every_kind
def test_alone_as_in_a_batch(engine: Engine, hidden: Activation, output: Activation, cost: Cost) -> None:
    p = drawn(hidden, output, cost)
    whole = through(engine, p, np.arange(13))
    assert len(set(whole.steps.tolist())) > 1
    for row in range(13):
        assert_rows(through(engine, p, np.array([row])), whole, np.array([row]))


@every_kind
def test_in_any_order(engine: Engine, hidden: Activation, output: Activation, cost: Cost) -> None:
    p, rows = drawn(hidden, output, cost), stream(4, "order").permutation(13)
    assert_rows(through(engine, p, rows), through(engine, p, np.arange(13)), rows)


@every_kind
@pytest.mark.parametrize("block", [1, 3, 5])
def test_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch, hidden: Activation, output: Activation, cost: Cost, block: int
) -> None:
    p, rows = drawn(hidden, output, cost), np.arange(13)
    whole = through(create("cpu", 1), p, rows)
    monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", block)
    assert_rows(through(create("cpu", 1), p, rows), whole, rows)


def test_noise_belongs_to_the_row_and_not_to_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem((6, 7, 5, 3), batch=13)
    circuit = p.circuit._replace(noise_up=np.full(4, 0.1), noise_down=np.full(4, 0.1))
    outputs = []
    for block in (128, 5, 1):
        monkeypatch.setattr("neuroep.engines.cpu.engine.BLOCK", block)
        outputs.append(settle(create("cpu", 1), circuit, p.x, plan(3, 6), key=5).output)
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(outputs[2], outputs[0], rtol=0, atol=1e-12)


def test_noise_differs_from_row_to_row_and_from_key_to_key(engine: Engine) -> None:
    p = problem((6, 7, 5, 3), batch=2)
    p.x[1] = p.x[0]
    circuit = p.circuit._replace(noise_up=np.full(4, 0.1), noise_down=np.full(4, 0.1))
    one, same, other = (settle(engine, circuit, p.x, plan(3, 3), key=key).output for key in (5, 5, 50))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one[0] - one[1]).max() > 1e-3
    assert np.abs(one - other).max() > 1e-3


def test_noise_has_its_standard_deviation(engine: Engine) -> None:
    """One layer, one update: the output is Wᵀx + b + σ·N(0, 1)."""
    p = problem((2, 50), batch=400)
    circuit = p.circuit._replace(noise_up=np.array([0.0, 0.25]), noise_down=np.array([0.0, 0.25]))
    noise = settle(engine, circuit, p.x, plan(1, 1)).output - (p.x @ p.weights.coupling(1) + p.weights.bias(1))
    assert noise.std() == pytest.approx(0.25, rel=5 / np.sqrt(2 * noise.size))
    assert abs(noise.mean()) < 5 * 0.25 / np.sqrt(noise.size)


@pytest.mark.parametrize("sizes", [(784, 512, 256, 10), (784, 256, 10), (300, 700, 10)])
@pytest.mark.parametrize("batch", [1, 7, 96, 130, 256, 300])
def test_results_are_the_same_to_the_bit_on_any_number_of_threads(sizes: tuple[int, ...], batch: int) -> None:
    """Batches of 256 and more are worth sharing out, where BLAS adds up in another order for blocks of other sizes."""
    network = chain(sizes)
    circuit = Ideal().mount(network, initial_weights(network, stream(0, "w")), stream(0)).circuit
    rng = stream(1)
    x = rng.random((batch, sizes[0])).astype(np.float32)
    targets = rng.random((batch, 10)).astype(np.float32)
    alone, *others = (
        ep_gradients(create("cpu", threads), circuit, x, targets, Phases()).couplings for threads in (1, 2, 3, 4, 5)
    )
    for other in others:
        np.testing.assert_array_equal(other, alone)
