"""Depth-µP stacks: what they compute, and EP's gradient of every layer at depth."""

from __future__ import annotations

import pytest
import torch

from neuroep.errors import BadInput
from neuroep.modules.blocks import cut
from neuroep.modules.deep import Branch, deep_mlp
from neuroep.modules.gradients import ep_gradients


def test_a_stack_is_its_formula() -> None:
    torch.manual_seed(1)
    stack, x = deep_mlp(5, 7, 12, 3, "tanh").double(), torch.randn(4, 3, 4, dtype=torch.float64)
    weights = list(stack.parameters())
    assert [tuple(w.shape) for w in weights] == [(7, 12), (7, 7), (7, 7), (7, 7), (3, 7)]
    z = x.flatten(1) @ weights[0].T / 12**0.5
    for weight in weights[1:-1]:
        z = z + torch.tanh(z) @ weight.T / (7 * 5) ** 0.5
    torch.testing.assert_close(stack(x), torch.tanh(z) @ weights[-1].T / 7, rtol=1e-13, atol=1e-13)


def test_weights_are_normal_of_spread_one() -> None:
    torch.manual_seed(2)
    weight = next(part for part in deep_mlp(4, 200).modules() if isinstance(part, Branch)).weight.detach()
    assert float(weight.std()) == pytest.approx(1.0, abs=0.02)
    assert float(weight.mean()) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_layer_of_three_hundred_gets_backprops_gradient(activation: str) -> None:
    """float32, β · L = 0.03, two sweeps: direction and length layer by layer."""
    torch.manual_seed(3)
    stack, x, y = deep_mlp(300, 32, 20, 5, activation), torch.randn(16, 20), torch.arange(16) % 5
    assert len(cut(stack)) == 300
    ep_gradients(stack, x, y, cost="cross-entropy", beta=1e-4, sweeps=2)
    found = [p.grad for p in stack.parameters()]
    wanted = torch.autograd.grad(torch.nn.functional.cross_entropy(stack(x), y), list(stack.parameters()))
    for a, b in zip(found, wanted, strict=True):
        assert a is not None
        assert float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0)) >= 0.999
        assert float(a.norm() / b.norm()) == pytest.approx(1.0, abs=0.01)


def test_mistakes_are_named() -> None:
    with pytest.raises(BadInput, match="did you mean 'relu'"):
        deep_mlp(4, 8, activation="reul")
    with pytest.raises(BadInput, match="depth"):
        deep_mlp(1, 8)
