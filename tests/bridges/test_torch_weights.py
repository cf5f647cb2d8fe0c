"""Torch modules against plain numpy, and every module that can't be read."""

from __future__ import annotations

import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

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
    Activation.RELU: lambda u: np.maximum(u, 0.0),
    Activation.SIGMOID: lambda u: 1.0 / (1.0 + np.exp(-u)),
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
    chain((4, 7, 2), Activation.RELU, Activation.RELU),
    chain((4, 7, 2), Activation.SIGMOID),
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
        (named(a=nn.Linear(5, 4), r=nn.ReLU(), b=nn.Linear(4, 2)), "activation relu after layer 'a'.*tanh"),
        (named(a=nn.Linear(5, 4), b=nn.Linear(4, 2)), "activation linear after layer 'a'.*tanh"),
        (named(a=nn.Linear(5, 4), h=nn.Hardtanh(), b=nn.Linear(4, 2)), r"activation Hardtanh\(-1.0, 1.0\)"),
        (named(a=nn.Linear(5, 4), t=nn.Tanh(), b=nn.Linear(4, 2), s=nn.Softmax(1)), "Softmax after layer 'b'"),
    ],
)
def test_a_module_that_is_not_the_network_is_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_torch(module, chain((5, 4, 2), Activation.TANH))


HARD = chain((4, 4, 3))


def plain(*, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 4), nn.Hardtanh(0.0, 1.0), nn.Linear(4, 3))
    nn.init.constant_(module[0].bias, 0.5)
    return module.to(dtype)


def stepped(module: nn.Module) -> nn.Module:
    """After two steps of descent, whose gradients go to what the module's parameters really are."""
    optimiser, x = torch.optim.SGD(module.parameters(), lr=0.5), torch.rand(16, 4)
    for _ in range(2):
        optimiser.zero_grad()
        (module(x) ** 2).sum(1).mean().backward()
        optimiser.step()
    return module


def weight_normed() -> nn.Module:
    """With a state loaded, so that `weight` is still what it was before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trained, module = plain(), plain()
        nn.utils.weight_norm(trained[2])
        nn.utils.weight_norm(module[2])
    state = stepped(trained).state_dict()
    module.load_state_dict(state)
    return module


def pruned() -> nn.Module:
    module = plain()
    prune.l1_unstructured(module[2], "weight", 0.5)
    return stepped(module)


def compiled(module: nn.Module | None = None) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.compile(plain() if module is None else module)


class Functional(nn.Module):
    """Activations that aren't modules."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.b(torch.clamp(self.a(x), 0.0, 1.0))
        return out


class Backwards(Functional):
    """Registered from the last to the first, and not as wide."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.b, self.a = nn.Linear(4, 3), nn.Linear(6, 4)


def with_compiled_part() -> nn.Module:
    module = plain()
    module[0] = compiled(module[0])
    return module


def observed() -> nn.Module:
    module = plain()
    module[0].register_forward_hook(lambda part, args, out: None)
    return module


def in_place() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.Hardtanh(0.0, 1.0, inplace=True), nn.AlphaDropout(), nn.Linear(4, 3))


def without_gradients() -> nn.Module:
    with torch.inference_mode():
        return plain()


@pytest.mark.parametrize("make", [with_compiled_part, observed, in_place, without_gradients, Backwards])
def test_modules_of_many_kinds_are_there_and_back(make: Callable[[], nn.Module]) -> None:
    module = make()
    inputs = 6 if make is Backwards else 4
    network = chain((inputs, 4, 3))
    x = torch.from_numpy(stream(1, "x").normal(size=(50, inputs)).astype(np.float32))
    back = to_torch(network, from_torch(module, network))(x)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        torch.testing.assert_close(back, module.eval()(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [plain, weight_normed, pruned, Functional, compiled])
def test_weights_are_those_that_the_forward_pass_sees(make: Callable[[], nn.Module]) -> None:
    module = make()
    x = torch.from_numpy(stream(1, "x").normal(size=(50, 4)).astype(np.float32))
    back = to_torch(HARD, from_torch(module, HARD))(x)
    expected = getattr(module, "_orig_mod", module).eval()(x)
    torch.testing.assert_close(back, expected, rtol=1e-6, atol=1e-6)


def test_a_shared_activation_and_a_layer_used_twice() -> None:
    bounded, layer = nn.Hardtanh(0.0, 1.0), nn.Linear(4, 4)
    shared = nn.Sequential(nn.Linear(4, 4), bounded, nn.Linear(4, 4), bounded, nn.Linear(4, 3))
    assert from_torch(shared, chain((4, 4, 4, 3))).sizes == (4, 4, 4, 3)
    twice = from_torch(nn.Sequential(layer, bounded, layer, bounded))
    assert twice.sizes == (4, 4, 4)
    np.testing.assert_array_equal(twice.coupling(1), twice.coupling(2))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.inner(x)
        return out


def hooked() -> nn.Module:
    module = plain()
    module[0].register_forward_hook(lambda part, args, out: 2.0 * out)
    return module


def with_another_forward() -> nn.Module:
    module = plain()
    module[1].forward = torch.tanh
    return module


class Clamped(Residual):
    """The same as its layer, for inputs that aren't large."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(torch.clamp(x, -100.0, 100.0))
        return out


class Masked(nn.Module):
    """The second layer takes the first one's output twice as large, and gives none of it away."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.b(2.0 * self.a(x))
        return out


class Failing(Residual):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("two\nlines")


class Unused(Residual):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Tanh(), *plain()), "layer '0': a Tanh before the first Linear"),
        (Residual(), "forward pass does more.* after layer 'inner'"),
        (hooked(), "forward pass does more.* in layer '0'"),
        (nn.Sequential(Residual(), nn.Linear(4, 3)), "forward pass does more.* between layer '0.inner' and layer '1'"),
        (Functional(), "forward pass does more.* between layer 'a' and layer 'b'"),
        (with_another_forward(), "forward pass does more.* between layer '0' and layer '2'"),
        (Clamped(), "forward pass does more.* before layer 'inner': on random inputs of size 1000"),
        (Masked(), "forward pass does more.* between layer 'a' and layer 'b'"),
        (plain().to("meta"), "layer '0': weights without numbers"),
        (nn.Sequential(), "no Linear layer"),
        (plain().state_dict(), "OrderedDict.*state_dict"),
        (Failing(), "forward pass fails on 4 inputs"),
        (Unused(), "uses no Linear layer"),
        (nn.Sequential(nn.Linear(4, 3), nn.Flatten(0)), "one row a sample"),
    ],
)
def test_a_forward_pass_that_does_more_than_its_layers_is_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_torch(module)


def test_an_activation_with_another_forward_is_not_the_networks() -> None:
    with pytest.raises(BadInput, match="between layer '0' and layer '2'"):
        from_torch(with_another_forward(), HARD)


class Guarded(Residual):
    """Can't be put into another mode."""

    def train(self, mode: bool = True) -> Guarded:
        raise RuntimeError("not now")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(x)
        if self.training:
            raise RuntimeError("not in training")
        return out


def test_a_module_need_not_change_its_mode_itself() -> None:
    module = Guarded()
    np.testing.assert_array_equal(from_torch(module).coupling(1), module.inner.weight.detach().numpy().T)
    assert module.training
    assert not module.inner._forward_hooks


def test_weights_of_half_precision_make_a_module_of_that_type() -> None:
    weights = drawn(HARD, np.float16)
    linear = to_torch(HARD, weights)[0]
    assert linear.weight.dtype == torch.float16
    np.testing.assert_array_equal(linear.weight.detach().numpy().T, weights.coupling(1))


def test_reading_leaves_the_module_and_the_random_numbers_as_they_were() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Hardtanh(0.0, 1.0), nn.Dropout(0.5), nn.Linear(4, 3)).train()
    module[2].eval()
    numbers, hooks = torch.get_rng_state(), [len(part._forward_hooks) for part in module.modules()]
    from_torch(module, HARD)
    assert [part.training for part in module.modules()] == [True, True, True, False, True]
    assert [len(part._forward_hooks) for part in module.modules()] == hooks
    assert torch.equal(torch.get_rng_state(), numbers)
