"""Networks, recipes and plans: what is refused, and what the accepted ones amount to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost, Coupling, Layer, Network, chain, initial_weights
from neuroep.recipe import Estimator, Order, Phases, Training
from neuroep.rng import stream
from neuroep.solvers.stopping import result_codes
from neuroep.solvers.sweeps import layer_order

A, C = Activation, Cost


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Network((Layer(3),), ()), "layers"),
        (lambda: chain((3, 0, 2)), "sizes"),
        (lambda: Network((Layer(3), Layer(2)), (Coupling(1, 0),)), "couplings"),
        (lambda: Network((Layer(3), Layer(2)), ()), "couplings"),
        (lambda: Network((Layer(3), Layer(2), Layer(1)), (Coupling(0, 1), Coupling(0, 2))), "couplings"),
        (lambda: chain((3, 2), feedback=0.0), "feedback"),
        (lambda: chain((3, 2), feedback=1.1), "feedback"),
        (lambda: chain((3, 2), feedback=-0.5), "feedback"),
        (lambda: chain((3, 2), feedback=float("nan")), "feedback"),
        (lambda: chain((3, 2), cost=C.CROSS_ENTROPY), "hidden"),
        (lambda: chain((3, 2, 2), output=A.TANH), "tanh"),
        (lambda: chain((3, 2, 2), output=A.HARD_SIGMOID, cost=C.CROSS_ENTROPY), "cross-entropy"),
        (lambda: chain((3, 2), output=A.HARD_SIGMOID, cost=C.HINGE), "hinge"),
        (lambda: chain((3, 2), output=A.RELU6, cost=C.SQUARED_HINGE), "squared-hinge"),
    ],
)
def test_networks_that_cant_be(build: Callable[[], Network], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        build()


def test_what_a_network_amounts_to() -> None:
    dense = chain((5, 4, 3), A.TANH, A.HARD_SIGMOID)
    assert (dense.sizes, dense.depth, dense.dynamical) == ((5, 4, 3), 2, 2)
    assert [layer.activation for layer in dense.layers[1:]] == [A.TANH, A.HARD_SIGMOID]
    assert chain((5, 4, 3), cost=C.CROSS_ENTROPY).dynamical == 1


def test_labels_are_those_of_toml() -> None:
    assert [a.label for a in Activation] == ["linear", "hard-sigmoid", "tanh", "relu6", "diodes", "relu", "sigmoid"]
    assert [c.label for c in Cost] == ["mse", "cross-entropy", "hinge", "squared-hinge"]


def test_initial_weights_are_uniform_within_gain_over_root_fan_in() -> None:
    """Bounds hold and are nearly reached; the variance is bound²/3."""
    gains = (0.7, 1.5)
    network = Network((Layer(400), Layer(100), Layer(200)), (Coupling(0, 1, gains[0]), Coupling(1, 2, gains[1])))
    weights = initial_weights(network, stream(2, "weights"), np.float64)
    for k, (gain, fan_in) in enumerate(zip(gains, (400, 100), strict=True), start=1):
        drawn, bound = weights.coupling(k), gain / np.sqrt(fan_in)
        assert 0.999 * bound < np.abs(drawn).max() <= bound
        assert drawn.var() == pytest.approx(bound**2 / 3, rel=0.05)
        assert abs(drawn.mean()) < 5 * bound / np.sqrt(3 * drawn.size)
    assert not weights.biases.any()
    assert initial_weights(network, stream(2, "weights")).couplings.dtype == np.float32


def test_initial_biases_are_the_couplings_own() -> None:
    network = Network((Layer(3), Layer(2), Layer(2)), (Coupling(0, 1, bias=0.25), Coupling(1, 2)))
    assert initial_weights(network, stream(2, "weights")).biases.tolist() == [0.25, 0.25, 0.0, 0.0]


@pytest.mark.parametrize(
    ("order", "depth", "expected"),
    [
        (Order.FORWARD, 4, [1, 2, 3, 4]),
        (Order.BACKWARD, 4, [4, 3, 2, 1]),
        (Order.EVEN_ODD, 5, [2, 4, 1, 3, 5]),
        (Order.EVEN_ODD, 1, [1]),
        (Order.SYMMETRIC, 4, [1, 2, 3, 4, 3, 2, 1]),
        (Order.SYMMETRIC, 1, [1]),
    ],
)
def test_orders_of_a_sweep(order: Order, depth: int, expected: list[int]) -> None:
    assert layer_order(order, depth).tolist() == expected


def test_result_codes() -> None:
    residual = np.array([0.0, 0.1, 0.1000001, np.nan, np.inf])
    assert result_codes(residual, 0.1).tolist() == [
        ResultCode.CONVERGED,
        ResultCode.CONVERGED,
        ResultCode.STEP_LIMIT,
        ResultCode.DIVERGED,
        ResultCode.DIVERGED,
    ]


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Phases(beta=0.0), "beta"),
        (lambda: Phases(beta=-0.1), "beta"),
        (lambda: Phases(beta=1.0), "beta"),
        (lambda: Phases(Estimator.RANDOM_SIGN, beta=1.5), "beta"),
        (lambda: Phases(Estimator.ONE_SIDED, beta=0.0), "beta"),
        (lambda: Phases(Estimator.ONE_SIDED, beta=float("nan")), "beta"),
        (lambda: Phases(free_sweeps=0), "free_sweeps"),
        (lambda: Phases(nudged_sweeps=0), "nudged_sweeps"),
        (lambda: Phases(tolerance=-1e-9), "tolerance"),
        (lambda: Phases(tolerance=1.0), "tolerance"),
        (lambda: Training(epochs=0), "epochs"),
        (lambda: Training(batch_size=0), "batch_size"),
        (lambda: Training(learning_rates=()), "learning_rates"),
        (lambda: Training(learning_rates=(0.1, 0.0)), "learning_rates"),
        (lambda: Training(decay=0.0), "decay"),
        (lambda: Training(decay=1.1), "decay"),
        (lambda: Training(momentum=1.0), "momentum"),
        (lambda: Training(weight_decay=-1e-4), "weight_decay"),
        (lambda: Training(validation=1.0), "validation"),
        (lambda: Training(patience=3), "patience"),
        (lambda: Training(learning_rates=(0.1, 0.2)).rates(3, 0), "learning_rates"),
    ],
)
def test_recipes_that_cant_be(build: Callable[[], object], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        build()


def test_a_one_sided_nudge_may_be_strong() -> None:
    assert Phases(Estimator.ONE_SIDED, beta=5.0).beta == 5.0


def test_rates_decay_by_the_epoch() -> None:
    assert Training(learning_rates=(0.5,), decay=0.5).rates(3, 2) == (0.125, 0.125, 0.125)
    assert Training(learning_rates=(0.5, 0.2), decay=0.5).rates(2, 1) == (0.25, 0.1)
