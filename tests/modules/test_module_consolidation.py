"""EWC and SI of torch modules: autograd of the penalty, gradients of each sample by torch.func, a path by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroep.errors import BadInput
from neuroep.modules.consolidation import ElasticWeights, SynapticIntelligence, drawn, fisher


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("cost", ["cross-entropy", "mse"])
def test_fisher_is_the_square_of_each_samples_gradient(module: nn.Module, x: Tensor, cost: str) -> None:
    """By torch.func's own gradients, with the y that were drawn; one sweep of EP is backprop's delta to O(β²)."""
    y = drawn(module(x).detach(), cost, torch.Generator().manual_seed(2))

    def loss(parameters: dict[str, Tensor], one: Tensor, target: Tensor) -> Tensor:
        outputs = torch.func.functional_call(module, parameters, one[None])
        if cost == "mse":
            return 0.5 * (outputs[0] - target).square().sum()
        return functional.cross_entropy(outputs, target[None])

    parameters = {name: p.detach() for name, p in module.named_parameters()}
    slopes = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, x, y)
    found = fisher(module, x, cost, generator=torch.Generator().manual_seed(2))
    for name, p in module.named_parameters():
        assert torch.allclose(found[p], slopes[name].square().mean(0), rtol=0.05, atol=1e-4)
        assert p.grad is None


def test_drawn_classes_follow_the_softmax() -> None:
    outputs = torch.tensor([[1.0, 0.0, -1.0]]).expand(20000, 3)
    shares = drawn(outputs, "cross-entropy", torch.Generator().manual_seed(0)).bincount(minlength=3) / 20000
    assert torch.allclose(shares, outputs[0].softmax(0), atol=0.015)  # 4 standard errors
    with pytest.raises(BadInput, match="hinge"):
        drawn(outputs, "hinge")


def penalties(module: nn.Module, terms: list[tuple[float, list[Tensor], list[Tensor]]]) -> list[Tensor]:
    """Autograd's gradient of ½ Σ_terms λ F (θ − θ*)²."""
    total = sum(
        0.5 * strength * (f * (p - star) ** 2).sum()
        for strength, importances, stars in terms
        for p, f, star in zip(module.parameters(), importances, stars, strict=True)
    )
    assert isinstance(total, Tensor)
    return list(torch.autograd.grad(total, list(module.parameters())))


@pytest.mark.parametrize("decay", [None, 0.5])
def test_the_pull_is_the_gradient_of_the_penalty(module: nn.Module, decay: float | None) -> None:
    kept, terms = ElasticWeights(module, 3.0, decay), []
    for task in range(2):
        importance = {p: torch.rand_like(p) for p in module.parameters()}
        kept.remember(importance)
        terms.append((3.0, list(importance.values()), [p.detach().clone() for p in module.parameters()]))
        with torch.no_grad():
            for p in module.parameters():
                p += 0.1 * torch.randn_like(p) * (task + 1)
    if decay is not None:  # the older importance fades, and both pull to the newest weights
        terms = [(3.0 * decay, terms[0][1], terms[1][2]), terms[1]]
    wanted = penalties(module, terms)
    for p in module.parameters():
        p.grad = torch.ones_like(p)
    kept.pull()
    for p, slope in zip(module.parameters(), wanted, strict=True):
        assert p.grad is not None
        assert torch.allclose(p.grad - 1.0, slope)


def test_synaptic_intelligence_along_a_path_by_hand() -> None:
    """g = 2 then −1, Δθ = −0.5 then 0.25: ω = 1.25; then c = 0.5 pulls with Ω (θ − θ*)."""
    module = nn.Linear(1, 1, bias=False).double()
    kept, weight = SynapticIntelligence(module, strength=0.5, damping=0.1), module.weight
    for slope, moved in ((2.0, -0.5), (-1.0, 0.25)):
        weight.grad = torch.full_like(weight, slope)
        kept.pull()
        assert weight.grad.item() == slope  # nothing pulls in the first task
        with torch.no_grad():
            weight += moved
    kept.remember()
    with torch.no_grad():
        weight += 2.0
    weight.grad = None
    kept.pull()
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx(2.0 * 1.25 / (0.25**2 + 0.1))
