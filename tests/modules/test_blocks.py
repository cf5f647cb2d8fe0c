"""Cutting torch modules: the blocks compute what the module does, and what can't be cut honestly is refused by name."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from networks import NETWORKS, Functional, PreNorm
from torch import Tensor, nn
from torch.nn import functional

from neuroep.errors import BadInput
from neuroep.modules.blocks import cut


@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_compute_what_the_module_does(name: str) -> None:
    """To the bit: nothing is left out, no addition and no functional activation."""
    network = NETWORKS[name]()
    blocks = cut(network.module)
    state = network.x
    for block in blocks:
        state = block.forward(state)
    assert torch.equal(state, network.module(network.x))
    found = [parameter for block in blocks for parameter in block.parameters]
    assert {id(p) for p in found} == {id(p) for p in network.module.parameters()}
    assert all(block.parameters for block in blocks)


@pytest.mark.parametrize(
    ("name", "blocks"), [("mlp", 3), ("nested", 4), ("conv", 3), ("residual", 4), ("functional", 3), ("attention", 2)]
)
def test_a_block_is_what_lies_between_two_tensors(name: str, blocks: int) -> None:
    assert len(cut(NETWORKS[name]().module)) == blocks


def test_a_tensor_that_goes_round_a_layer_stays_in_its_block() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x)
            return self.third(torch.tanh(self.second(torch.relu(h))) + h)

    assert [block.name for block in cut(Around())] == ["first", "second", "third"]
    assert len(cut(nn.Sequential(PreNorm(4), PreNorm(4)))) == 2


def test_hooks_are_not_lost() -> None:
    """Tracing drops the hooks of what it traces through, so that such a module stays whole."""
    module = PreNorm(4)
    module.register_forward_hook(lambda _, __, output: 2.0 * output)
    x = torch.randn(3, 4)
    (block,) = cut(module)
    assert torch.equal(block.forward(x), module(x))


def test_frozen_parameters_are_left_alone() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))
    module[0].requires_grad_(False)
    (block,) = cut(module)
    assert len(block.parameters) == 2


class Drops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(self.layer(x), 0.5, training=self.training)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.2)), "module '1': a Dropout that draws anew"),
        (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), "module '1': a BatchNorm1d that takes its mean"),
        (nn.Sequential(nn.Linear(3, 3), Drops()), "module '1': dropout that draws anew"),
        (nn.Sequential(nn.Flatten(), nn.Tanh()), "no parameter that needs a gradient"),
    ],
)
def test_what_ties_or_draws_is_refused(module: nn.Module, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        cut(module)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(BadInput, match=r"a torch\.nn\.Module"):
        cut(Functional)  # type: ignore[arg-type]
    assert len(cut(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.2), nn.BatchNorm1d(3)).eval())) == 2


class Scales(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.act, self.scale = nn.Linear(3, 3), nn.Tanh(), 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.layer(x)) * self.scale


def test_a_module_that_has_changed_is_cut_anew() -> None:
    """What was traced is kept, but not beyond a change of a number, a part, a hook, or what is to be learned."""
    module, x = Scales(), torch.randn(2, 3)

    def outputs() -> Tensor:
        state = x
        for block in cut(module):
            state = block.forward(state)
        return state

    assert cut(module)[0].forward.forwards == cut(module)[0].forward.forwards  # type: ignore[attr-defined]
    first = outputs()
    module.scale = 3.0
    torch.testing.assert_close(outputs(), 3.0 * first)
    module.act = nn.ReLU()
    torch.testing.assert_close(outputs(), 3.0 * torch.relu(module.layer(x)))
    module.layer.bias.requires_grad_(False)
    assert len(cut(module)[0].parameters) == 1
    module.register_forward_hook(lambda _, __, output: -output)
    assert torch.equal(outputs(), module(x))


def test_what_was_traced_goes_with_its_module() -> None:
    module = Scales()
    gone = weakref.ref(module)
    cut(module)
    del module
    gc.collect()
    assert gone() is None
