"""The network of a torch module: what torch was told the module is, and training that starts from its weights."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import neuroep
from neuroep.bridges.torch_weights import Residual
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost, Network, Skip, chain, initial_weights
from neuroep.recipe import Phases, Recipe, Training
from neuroep.rng import stream
from neuroep.weights import Weights


def dense(dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(1)
    layers = nn.Linear(6, 5), nn.Hardtanh(0.0, 1.0), nn.Linear(5, 4), nn.ReLU6(), nn.Linear(4, 3)
    return nn.Sequential(*layers).to(dtype)


def residual(dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(2)
    parts = [nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)]
    return Residual(parts, (Skip(1, 3, 0.7),)).to(dtype)


def softmaxed(dtype: torch.dtype) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3), nn.LogSoftmax(1)).to(dtype)


def test_layers_activations_and_cost() -> None:
    network = neuroep.network_of(dense(torch.float32), "squared-hinge", feedback=0.25)
    assert network.sizes == (6, 5, 4, 3)
    hidden = [Activation.HARD_SIGMOID, Activation.RELU6]
    assert [layer.activation for layer in network.layers[1:]] == [*hidden, Activation.LINEAR]
    assert (network.cost, network.feedback, network.skips) == (Cost.SQUARED_HINGE, 0.25, ())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [dense, residual])
def test_torch_and_back_is_the_same_to_the_bit(make: object, dtype: torch.dtype) -> None:
    module = make(dtype)  # type: ignore[operator]
    network = neuroep.network_of(module)
    back = neuroep.to_torch(network, neuroep.from_torch(module, network))
    x = torch.randn(40, 6, dtype=dtype, generator=torch.Generator().manual_seed(0))
    assert torch.equal(back(x), module(x))
    for ours, theirs in zip(back.parameters(), module.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_skips_of_a_residual_module_are_the_networks() -> None:
    module = residual(torch.float64)
    assert neuroep.network_of(module).skips == (Skip(1, 3, 0.7),)
    np.testing.assert_array_equal(neuroep.from_torch(module).coupling(4), module[6].weight.detach().numpy().T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert neuroep.network_of(torch.compile(module)).skips == (Skip(1, 3, 0.7),)


def test_a_softmax_belongs_to_the_read_out() -> None:
    network = neuroep.network_of(softmaxed(torch.float32), Cost.CROSS_ENTROPY)
    assert (network.cost, network.layers[-1].activation) == (Cost.CROSS_ENTROPY, Activation.LINEAR)
    with pytest.raises(BadInput, match="ends in LogSoftmax; allowed: cross-entropy"):
        neuroep.network_of(softmaxed(torch.float32))


@pytest.mark.parametrize(
    ("module", "cost", "message"),
    [
        (
            nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2)),
            "mse",
            "activation GELU after layer '0', which falls",
        ),
        (nn.Sequential(nn.Linear(4, 3), nn.ELU(), nn.Linear(3, 2)), "mse", "activation ELU after layer '0'; allowed"),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Tanh(), nn.Linear(3, 2)), "mse", "activation tanh, tanh"),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh()), "mse", "output activation 'tanh' with cost 'mse'"),
        (nn.Sequential(nn.Linear(4, 3), nn.Flatten(0)), "mse", "one row a sample"),
        (nn.Linear(4, 3), "mae", "cost"),
        ({"0.weight": 1}, "mse", "module: a dict"),
    ],
)
def test_what_is_no_network_is_refused(module: nn.Module, cost: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        neuroep.network_of(module, cost)


NETWORK = chain((2, 8, 2), Activation.TANH, feedback=0.5)


def trained(network: Network = NETWORK, rate: float = 0.1, **given: object) -> neuroep.studies.training.Outcome:
    training = Training(epochs=2, learning_rates=(rate,), batch_size=2)
    recipe = Recipe(Phases(), training, backprop=training)
    return neuroep.train(network=network, recipe=recipe, data="xor", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["ep", "backprop"])
def test_training_from_the_weights_that_the_seed_would_draw_is_the_same(method: str) -> None:
    given = trained(weights=initial_weights(NETWORK, stream(3, "weights")), seed=3, method=method)
    np.testing.assert_array_equal(given.weights.couplings, trained(seed=3, method=method).weights.couplings)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["ep", "backprop"])
def test_training_at_a_vanishing_rate_ends_where_it_started(method: str, dtype: type) -> None:
    start = initial_weights(NETWORK, stream(9, "weights"), dtype)
    end = trained(rate=1e-30, weights=start, method=method).weights
    assert end.couplings.dtype == dtype
    np.testing.assert_array_equal(end.couplings, start.couplings)


def test_a_module_trains_on_a_device_without_any_file() -> None:
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    network = neuroep.network_of(module)
    weights = neuroep.from_torch(module, network)
    outcome = neuroep.train(network=network, weights=weights, device="ecram", data="xor", epochs=1)
    assert neuroep.to_torch(network, outcome.weights)(torch.zeros(1, 2)).shape == (1, 2)


@pytest.mark.parametrize(
    ("network", "weights", "message"),
    [
        (NETWORK, Weights.zeros((2, 7, 2)), r"weights: layer sizes \(2, 7, 2\); allowed: \(2, 8, 2\)"),
        (NETWORK, Weights.zeros((2, 8, 2), np.float16), "weights: type float16"),
        (NETWORK, {"W1": 1}, "weights: a dict"),
        (
            chain((4, 8, 2), Activation.DIODES, physics="resistive"),
            Weights((4, 8, 2), np.full(48, -1.0, np.float32), np.zeros(10, np.float32)),
            "a weight of -1 in a resistive network",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_before_data_are_read(
    network: Network, weights: Weights, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        neuroep.train(network=network, weights=weights, data="no-such-data")
