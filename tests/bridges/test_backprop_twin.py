"""The backprop twin against finite differences and steps computed in numpy by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import neuroep
from neuroep.bridges.torch_backprop import Twin, TwinEpoch, TwinResult, accuracy, gradients, torch_threads, train_twin
from neuroep.errors import BadInput, Diverged
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Network, chain, initial_weights
from neuroep.recipe import Training
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

COSTS: dict[Cost, Callable[[FloatArray, FloatArray], FloatArray]] = {
    Cost.MSE: lambda s, y: 0.5 * ((s - y) ** 2).sum(1),
    Cost.CROSS_ENTROPY: lambda s, y: np.log(np.exp(s).sum(1)) - (s * y).sum(1),
    Cost.HINGE: lambda s, y: np.maximum(0.0, 1.0 - y * s).sum(1),
    Cost.SQUARED_HINGE: lambda s, y: 0.5 * (np.maximum(0.0, 1.0 - y * s) ** 2).sum(1),
}


def loss(network: Network, weights: Weights, x: FloatArray, y: FloatArray) -> float:
    """Mean cost of a tanh network with linear output."""
    for k in range(1, network.depth + 1):
        x = x @ weights.coupling(k) + weights.bias(k)
        x = np.tanh(x) if k < network.depth else x
    return float(COSTS[network.cost](x, y).mean())


def task(sizes: tuple[int, ...], cost: Cost, samples: int = 12) -> tuple[Network, Weights, FloatArray, FloatArray]:
    network = chain(sizes, Activation.TANH, Activation.LINEAR, cost)
    weights = initial_weights(network, stream(1, "weights"), np.float64)
    weights.biases[:] = 0.1 * stream(1, "biases").normal(size=weights.biases.shape)
    x = stream(1, "x").normal(size=(samples, sizes[0]))
    classes = stream(1, "y").integers(0, sizes[-1], samples)
    y = np.eye(sizes[-1])[classes]
    return network, weights, x, 2.0 * y - 1.0 if cost in (Cost.HINGE, Cost.SQUARED_HINGE) else y


def labels_of(y: FloatArray) -> np.ndarray:
    return y.argmax(1) if y.shape[1] > 1 else (y[:, 0] > 0).astype(np.int64)


@pytest.mark.parametrize("cost", list(Cost))
@pytest.mark.parametrize("sizes", [(4, 5, 3), (4, 6, 5, 3)])
def test_gradients_are_those_of_finite_differences(sizes: tuple[int, ...], cost: Cost) -> None:
    network, weights, x, y = task(sizes, cost)
    found = gradients(network, weights, x, y)
    assert found.couplings.dtype == np.float64
    for values, slopes in ((weights.couplings, found.couplings), (weights.biases, found.biases)):
        for i in range(len(values)):
            kept, sides = values[i], []
            for step in (1e-6, -1e-6):
                values[i] = kept + step
                sides.append(loss(network, weights, x, y))
            values[i] = kept
            assert slopes[i] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5, abs=1e-8)


def test_gradients_do_not_depend_on_the_batch_size() -> None:
    network, weights, x, y = task((4, 5, 3), Cost.MSE)
    once, twice = gradients(network, weights, x, y), gradients(network, weights, np.tile(x, (2, 1)), np.tile(y, (2, 1)))
    np.testing.assert_allclose(twice.couplings, once.couplings, rtol=1e-12)


TRAINING = Training(epochs=2, batch_size=4, learning_rates=(0.2, 0.05), decay=0.5, momentum=0.9, weight_decay=0.01)


def by_hand(
    network: Network, weights: Weights, x: FloatArray, y: FloatArray, batches: list[list[np.ndarray]]
) -> Weights:
    """Momentum SGD in numpy: v ← μ v + g + λ W, W ← W − η v; η by coupling and epoch, biases without λ."""
    weights = weights.copy()
    velocity = Weights.zeros(weights.sizes, np.float64)
    for epoch, order in enumerate(batches):
        for index in order:
            slope = gradients(network, weights, x[index], y[index])
            for k, rate in enumerate((0.2 * 0.5**epoch, 0.05 * 0.5**epoch), start=1):
                for value, v, g, shrink in (
                    (weights.coupling(k), velocity.coupling(k), slope.coupling(k), 0.01),
                    (weights.bias(k), velocity.bias(k), slope.bias(k), 0.0),
                ):
                    v[:] = 0.9 * v + g + shrink * value
                    value[:] -= rate * v
    return weights


def batches(samples: int) -> list[list[np.ndarray]]:
    orders = [stream(1, "order", epoch).permutation(samples) for epoch in range(2)]
    return [[order[i : i + 4] for i in range(0, samples, 4)] for order in orders]


@pytest.mark.parametrize("cost", list(Cost))
def test_training_is_momentum_sgd_with_decay(cost: Cost) -> None:
    network, weights, x, y = task((4, 5, 3), cost, samples=8)
    expected = by_hand(network, weights, x, y, batches(8))
    before = weights.copy()
    result = train_twin(network, weights, TRAINING, x, y, labels_of(y), lambda epoch: batches(8)[epoch])
    np.testing.assert_allclose(result.weights.couplings, expected.couplings, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(result.weights.biases, expected.biases, rtol=1e-10, atol=1e-13)
    np.testing.assert_array_equal(weights.couplings, before.couplings)


def test_one_rate_without_decay_or_momentum() -> None:
    network, weights, x, y = task((4, 5, 3), Cost.MSE, samples=4)
    training = Training(epochs=1, learning_rates=(0.3,))
    result = train_twin(network, weights, training, x, y, labels_of(y), lambda _: [np.arange(4)])
    slope = gradients(network, weights, x, y)
    np.testing.assert_allclose(result.weights.couplings, weights.couplings - 0.3 * slope.couplings, rtol=1e-12)
    np.testing.assert_allclose(result.weights.biases, weights.biases - 0.3 * slope.biases, rtol=1e-12)
    assert set(result.state) == {"couplings", "biases"}


@pytest.mark.parametrize("training", [TRAINING, Training(epochs=2, batch_size=4, learning_rates=(0.01,), rule="adam")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_resumed_run_is_the_uninterrupted_one(dtype: type, training: Training) -> None:
    network, weights, x, y = task((4, 5, 3), Cost.MSE, samples=8)

    def train(start: Weights, **options: Any) -> TwinResult:
        data: tuple[FloatArray, FloatArray, Any] = (x.astype(dtype), y.astype(dtype), labels_of(y))
        return train_twin(network, start, training, *data, lambda epoch: batches(8)[epoch], **options)

    whole = train(weights.astype(dtype))
    half = train(weights.astype(dtype), on_epoch=lambda *_: True)
    assert [entry.epoch for entry in half.history] == [0]
    rest = train(Weights.zeros(network.sizes, dtype), state=half.state, first_epoch=1)
    assert [entry.epoch for entry in rest.history] == [1]
    assert rest.weights.couplings.dtype == dtype
    for name, values in whole.state.items():
        np.testing.assert_array_equal(rest.state[name], values)


def test_training_figures_are_those_of_the_weights_before_each_update() -> None:
    network, weights, x, y = task((4, 5, 3), Cost.SQUARED_HINGE, samples=8)
    tiny = Training(epochs=1, learning_rates=(1e-12,))
    seen: list[TwinEpoch] = []
    train_twin(network, weights, tiny, x, y, labels_of(y), lambda _: batches(8)[0], lambda entry, _: seen.append(entry))
    assert seen[0].train_cost == pytest.approx(loss(network, weights, x, y), rel=1e-9)
    assert seen[0].train_accuracy == accuracy(network, weights, x, labels_of(y))
    assert seen[0].seconds > 0.0


def test_accuracy_of_several_outputs_is_by_the_largest() -> None:
    network = chain((2, 2))
    weights = Weights.from_arrays([np.eye(2)], [np.zeros(2)])
    x = np.asarray([[1.0, 0.0], [0.0, 1.0], [0.3, 0.2], [0.1, 0.9]])
    assert accuracy(network, weights, x, np.asarray([0, 1, 1, 1])) == 0.75


@pytest.mark.parametrize(
    ("output", "cost", "labels"),
    [
        (Activation.LINEAR, Cost.HINGE, [1, 1, -1, -1]),
        (Activation.LINEAR, Cost.MSE, [1, 0, 0, 0]),
        (Activation.HARD_SIGMOID, Cost.MSE, [1, 0, 0, 0]),
    ],
)
def test_accuracy_of_one_output_is_by_its_side(output: Activation, cost: Cost, labels: list[int]) -> None:
    # outputs 0.9, 0.2, -0.1, -2: two above 0, midway between targets ±1; one above ½, midway between 0 and 1
    network = chain((1, 1), output=output, cost=cost)
    weights = Weights.from_arrays([np.ones((1, 1))], [np.zeros(1)])
    x = np.asarray([[0.9], [0.2], [-0.1], [-2.0]])
    assert accuracy(network, weights, x, np.asarray(labels)) == 1.0
    assert accuracy(network, weights, x, np.asarray([-label for label in labels])) < 1.0


def test_the_ledger_holds_what_backprop_does() -> None:
    network, weights, x, y = task((4, 6, 5, 3), Cost.MSE, samples=10)
    ledger = Ledger.empty(network.sizes)
    order = [np.arange(0, 4), np.arange(4, 8), np.arange(8, 10)]
    train_twin(network, weights, Training(epochs=2), x, y, labels_of(y), lambda _: order, ledger=ledger)
    accuracy(network, weights, x, labels_of(y), ledger)
    expected = np.zeros_like(ledger.counts)
    for phase, rows in ((Phase.FREE, 20), (Phase.INFERENCE, 10)):
        expected[phase, Event.READ_UP] = expected[phase, Event.NEURON] = [0, rows, rows, rows]
        expected[phase, Event.SAMPLE, 0] = rows
    expected[Phase.NUDGED, Event.READ_DOWN] = [0, 0, 20, 20]
    expected[Phase.UPDATE, [Event.CONTRAST, Event.KEPT]] = [0, 20, 20, 20]
    expected[Phase.UPDATE, Event.WRITE] = [0, 6 * 24, 6 * 30, 6 * 15]
    # lines and sums by hand, of 4-6-5-3: forward 4, 6, 5 lines and 6, 5, 3 sums a row, backward 5, 3 and 6, 5
    expected[[Phase.FREE, Phase.INFERENCE], Event.LINE] = [[0, 80, 120, 100], [0, 40, 60, 50]]
    expected[[Phase.FREE, Phase.INFERENCE], Event.CONVERSION] = [[0, 120, 100, 60], [0, 60, 50, 30]]
    expected[Phase.NUDGED, Event.LINE], expected[Phase.NUDGED, Event.CONVERSION] = [0, 0, 100, 60], [0, 0, 120, 100]
    # software multiplies zeros, too: every line counts as one that carries something
    expected[[Phase.FREE, Phase.INFERENCE], Event.LIT_UP] = [[0, 80, 120, 100], [0, 40, 60, 50]]
    expected[Phase.NUDGED, Event.LIT_DOWN] = [0, 0, 100, 60]
    np.testing.assert_array_equal(ledger.counts, expected)


def test_it_learns_parity_of_two() -> None:
    network = chain((2, 16, 1), Activation.TANH, Activation.LINEAR, Cost.SQUARED_HINGE)
    weights = initial_weights(network, stream(2, "weights"))
    x = np.asarray([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype=np.float32)
    y = x[:, :1] * x[:, 1:]
    training = Training(epochs=200, learning_rates=(0.1,), momentum=0.9)
    result = train_twin(network, weights, training, x, y, labels_of(y), lambda _: [np.arange(4)])
    assert accuracy(network, result.weights, x, labels_of(y)) == 1.0
    assert result.history[-1].train_cost < 0.01 < result.history[0].train_cost


def test_data_that_cannot_be_written_to_are_taken() -> None:
    network, weights, x, y = task((4, 5, 3), Cost.MSE)
    for array in (x, y):
        array.flags.writeable = False
    assert np.isfinite(gradients(network, weights, x, y).couplings).all()


def test_threads_return_to_what_they_were() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(BadInput, match="-1 threads"), torch_threads(-1):
        pass


def test_divergence_is_reported() -> None:
    network, weights, x, y = task((4, 5, 3), Cost.MSE)
    training = Training(epochs=100, learning_rates=(1e6,))
    with pytest.raises(Diverged, match="backprop diverged in epoch"):
        train_twin(network, weights, training, x, y, labels_of(y), lambda _: [np.arange(12)] * 50)


def bad_inputs() -> Iterator[tuple[Callable[[], object], str]]:
    network, weights, x, y = task((4, 5, 3), Cost.MSE)
    labels = labels_of(y)

    def train(**changes: object) -> object:
        given = {"weights": weights, "x": x, "targets": y, "labels": labels, "training": TRAINING, "state": None}
        return Twin(network, **(given | changes))  # type: ignore[arg-type]

    yield lambda: train(x=x[:, :3]), r"x: inputs of shape \(12, 3\)"
    yield lambda: train(x=x[:0]), r"x: inputs of shape \(0, 4\)"
    yield lambda: train(targets=y[:, :2]), r"targets: targets of shape \(12, 2\)"
    yield lambda: train(labels=labels[:5]), r"labels: labels of shape \(5,\)"
    yield lambda: train(labels=labels + 3), "labels: labels from 3 to 5; allowed: 0 to 2"
    yield lambda: train(weights=Weights.zeros((4, 6, 3))), r"weights: layer sizes \(4, 6, 3\)"
    yield lambda: train(training=Training(learning_rates=(0.1, 0.1, 0.1))), "3 learning rates for 2 couplings"
    yield lambda: train(state={"couplings": weights.couplings}), "state: no 'biases' of 8 entries"
    yield (
        lambda: train(state={"couplings": weights.couplings, "biases": weights.biases}),
        "state: no 'momentum_couplings' of 35 entries",
    )
    yield (
        lambda: train_twin(network, weights, TRAINING, x, y, labels, lambda _: []),
        "orders: an epoch without batches",
    )


@pytest.mark.parametrize(("call", "message"), list(bad_inputs()))
def test_bad_input_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        call()


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def more_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "another device": lambda: torch.device("meta"),
    "another type": default_dtype,
    "more threads": more_threads,
}


def state() -> tuple[object, ...]:
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
    return *modes, torch.get_default_device(), torch.get_default_dtype(), torch.get_num_threads()


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_the_caller_change_nothing(mode: str) -> None:
    alone = neuroep.train("xor", method="backprop", epochs=3)
    with MODES[mode]():
        before = state()
        amid = neuroep.train("xor", method="backprop", epochs=3)
        assert state() == before
    np.testing.assert_array_equal(amid.weights.couplings, alone.weights.couplings)
    assert amid.test_accuracy == alone.test_accuracy
    assert torch.is_grad_enabled()
    assert torch.empty(0).device.type == "cpu"


def one_epoch_and_gradients() -> tuple[FloatArray, FloatArray]:
    """What a twin learns in an epoch, and gradients; no more than one thread, but where it is set."""
    network = chain((6, 5, 3), Activation.TANH)
    weights = initial_weights(network, stream(0, "w"))
    x, labels = stream(0, "x").random((12, 6)), np.arange(12) % 3
    targets = np.eye(3)[labels]
    twin = Twin(network, weights, Training(epochs=1, momentum=0.9), x, targets, labels)
    twin.train_epoch(0, [np.arange(12)])
    return twin.weights().couplings, gradients(network, weights, x, targets).couplings


@pytest.mark.parametrize("mode", MODES)
def test_a_twin_and_gradients_under_modes_of_the_caller(mode: str) -> None:
    alone = one_epoch_and_gradients()
    with MODES[mode]():
        amid = one_epoch_and_gradients()
    np.testing.assert_array_equal(amid[0], alone[0])
    np.testing.assert_array_equal(amid[1], alone[1])


def test_the_twin_runs_without_a_mode_that_sees_each_call_of_torch() -> None:
    """A device mode in a loop of small steps takes half as long again: the twin's seconds are a reference."""
    twin_modes = []
    network = chain((6, 5, 3), Activation.TANH)
    x, labels = stream(0, "x").random((12, 6)), np.arange(12) % 3

    def look(epoch: TwinEpoch, twin: Twin) -> None:
        twin_modes.append(torch._C._len_torch_function_stack())

    train_twin(
        network, initial_weights(network, stream(0, "w")), Training(epochs=1), x, np.eye(3)[labels], labels,
        lambda epoch: [np.arange(12)], look,
    )  # fmt: skip
    assert twin_modes == [0]
