"""Torch modules against plain numpy, and every module that can't be read."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from neuroep.bridges.torch_weights import from_torch, to_torch
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost, Network, chain, initial_weights
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

NUMPY: dict[Activation, Callable[[FloatArray], FloatArray]] = {
    Activation.LINEAR: lambda u: u,
    Activation.HARD_SIGMOID: lambda u: np.clip(u, 0.0, 1.0),
    Activation.TANH: np.tanh,
    Activation.RELU6: lambda u: np.clip(u, 0.0, 6.0),
}


def drawn(network: Network, dtype: type = np.float64) -> Weights:
    """Weights large enough to saturate some units, with biases."""
    weights = initial_weights(network, stream(3, "weights"), np.float64)
    weights.couplings[:] *= 8.0
    weights.biases[:] = stream(3, "biases").normal(size=weights.biases.shape)
    return weights.astype(dtype)


def forward(network: Network, weights: Weights, x: FloatArray) -> FloatArray:
    for k in range(1, network.depth + 1):
        x = NUMPY[network.layers[k].activation](x @ weights.coupling(k) + weights.bias(k))
    return x


NETWORKS = [
    chain((6, 5, 3), Activation.HARD_SIGMOID, Activation.HARD_SIGMOID),
    chain((6, 5, 4, 3), Activation.TANH, Activation.LINEAR, Cost.CROSS_ENTROPY),
    chain((6, 5, 4, 3), Activation.RELU6, Activation.RELU6),
    chain((4, 7, 1), Activation.TANH, Activation.LINEAR, Cost.HINGE),
    chain((4, 2)),
]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_module_computes_the_feedforward_network(network: Network) -> None:
    weights = drawn(network)
    x = stream(3, "x").normal(size=(20, network.sizes[0]))
    expected = forward(network, weights, x)
    got = to_torch(network, weights)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("network", NETWORKS)
def test_there_and_back_is_exact(network: Network, dtype: type) -> None:
    weights = drawn(network, dtype)
    back = from_torch(to_torch(network, weights), network)
    assert back.sizes == weights.sizes
    assert back.couplings.dtype == back.biases.dtype == dtype
    np.testing.assert_array_equal(back.couplings, weights.couplings)
    np.testing.assert_array_equal(back.biases, weights.biases)


def test_the_module_has_weights_of_its_own() -> None:
    network = NETWORKS[0]
    weights = drawn(network)
    module = to_torch(network, weights)
    first = module[0]
    assert isinstance(first, nn.Linear)
    before = first.weight.detach().clone()
    weights.couplings[:] = 0.0
    assert torch.equal(first.weight, before)
    read = from_torch(module)
    first.weight.data.zero_()
    assert np.any(read.coupling(1) != 0.0)


def test_conversion_leaves_the_random_numbers_of_torch_alone() -> None:
    before = torch.get_rng_state()
    to_torch(NETWORKS[0], drawn(NETWORKS[0]))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_module_pickles() -> None:
    network = NETWORKS[0]
    weights = drawn(network)
    copy = pickle.loads(pickle.dumps(to_torch(network, weights)))
    np.testing.assert_array_equal(from_torch(copy, network).couplings, weights.couplings)


def test_weights_of_other_sizes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"layer sizes \(4, 2\)"):
        to_torch(NETWORKS[0], Weights.zeros((4, 2)))


def test_nested_modules_and_what_changes_nothing_are_read_through() -> None:
    inner = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.1), nn.Tanh())
    last = nn.Linear(4, 3)
    module = nn.Sequential(nn.Flatten(), Wrapped(inner), last, nn.LogSoftmax(dim=1))
    network = chain((5, 4, 3), Activation.TANH, cost=Cost.CROSS_ENTROPY)
    weights = from_torch(module, network)
    np.testing.assert_array_equal(weights.coupling(2), last.weight.detach().numpy().T)


class Wrapped(nn.Module):
    """A user's own module around another."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.inner(x)
        return result


def named(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


def with_nan() -> nn.Module:
    layer = nn.Linear(2, 2)
    layer.weight.data[0, 0] = float("nan")
    return layer


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (named(a=nn.Linear(4, 3), conv=nn.Conv2d(1, 2, 3)), "layer 'conv': a Conv2d"),
        (named(a=nn.Linear(4, 3), norm=nn.BatchNorm1d(3)), "layer 'norm': a BatchNorm1d"),
        (named(a=nn.Linear(4, 3), pool=nn.MaxPool1d(2)), "layer 'pool': a MaxPool1d"),
        (named(a=nn.Linear(4, 3), p=nn.PReLU()), "layer 'p': a PReLU"),
        (named(a=nn.LazyLinear(3)), "layer 'a': a LazyLinear"),
        (named(a=nn.Linear(4, 3), b=nn.Linear(3, 2, bias=False)), "layer 'b': no bias"),
        (named(a=nn.Linear(4, 3), b=nn.Linear(5, 2)), "layer 'b': 5 inputs; allowed: 3"),
        (named(a=nn.Linear(4, 3), b=nn.Linear(3, 2).double()), r"layer 'b': torch.float64 weights"),
        (named(a=nn.Linear(4, 3).half()), "layer 'a': torch.float16 weights"),
        (named(a=with_nan()), "layer 'a': entries that aren't finite"),
        (named(act=nn.Tanh()), "module: no Linear layer"),
        ({"a": 1}, "module: a dict"),
    ],
)
def test_a_module_that_cannot_be_read_is_refused_by_name(module: nn.Module, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_torch(module)


@pytest.mark.filterwarnings("default")
def test_parametrized_layers_are_refused() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    with pytest.raises(BadInput, match="layer 'a'"):
        from_torch(named(a=layer))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (named(a=nn.Linear(5, 4), t=nn.Tanh(), b=nn.Linear(4, 3)), r"layer sizes \(5, 4, 3\).*\(5, 4, 2\)"),
        (named(a=nn.Linear(5, 4), r=nn.ReLU(), b=nn.Linear(4, 2)), "activation ReLU after layer 'a'.*tanh"),
        (named(a=nn.Linear(5, 4), b=nn.Linear(4, 2)), "activation linear after layer 'a'.*tanh"),
        (named(a=nn.Linear(5, 4), h=nn.Hardtanh(), b=nn.Linear(4, 2)), r"activation Hardtanh\(-1.0, 1.0\)"),
        (named(a=nn.Linear(5, 4), t=nn.Tanh(), b=nn.Linear(4, 2), s=nn.Softmax(1)), "Softmax after layer 'b'"),
    ],
)
def test_a_module_that_is_not_the_network_is_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_torch(module, chain((5, 4, 2), Activation.TANH))
