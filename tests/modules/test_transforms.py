"""Transforms against linear algebra: singular values, second moments, and what error feedback owes."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from neuroep.errors import BadInput
from neuroep.modules.blocks import cut
from neuroep.modules.transforms.clipping import ClipByBlock
from neuroep.modules.transforms.low_rank import LowRank
from neuroep.modules.transforms.spectral import SpectralBound
from neuroep.modules.transforms.whitening import FisherWhitening


def net(*sizes: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(*[nn.Linear(a, b) for a, b in pairwise(sizes)]).double()


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def give(module: nn.Module, seed: int = 0) -> None:
    for index, parameter in enumerate(module.parameters()):
        parameter.grad = drawn(*parameter.shape, seed=seed + 100 * index)


def norms(module: nn.Module) -> list[float]:
    return [float(torch.linalg.matrix_norm(p.detach().flatten(1), 2)) for p in module.parameters() if p.ndim > 1]


def test_a_clipped_block_keeps_its_direction_and_the_others_theirs() -> None:
    module = net(5, 4, 3)
    give(module)
    before = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    whole = [float(torch.cat([g.flatten() for g in before[i : i + 2]]).norm()) for i in (0, 2)]
    limit = 0.5 * (whole[0] + whole[1])
    ClipByBlock(limit).gradients(cut(module))
    for index, (parameter, old) in enumerate(zip(module.parameters(), before, strict=True)):
        torch.testing.assert_close(parameter.grad, old * min(1.0, limit / whole[index // 2]), rtol=1e-6, atol=0.0)
    assert min(whole) < limit < max(whole)


def test_a_bound_holds_and_leaves_smaller_weights_alone() -> None:
    module, bound = net(20, 30, 10), SpectralBound(1.1, iterations=3)
    with torch.no_grad():
        module[0].weight.mul_(3.0)
        small = module[1].weight.clone()
        bound.weights(cut(module))
        assert norms(module)[0] == pytest.approx(1.1, rel=5e-3)
        assert torch.equal(module[1].weight, small)
        for step in range(30):  # the power iteration goes on from where it was
            for p in module.parameters():
                p.add_(0.01 * drawn(*p.shape, seed=step))
            bound.weights(cut(module))
            assert max(norms(module)) < 1.1 * 1.03


def test_a_bound_holds_for_a_convolutions_matrix() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 2)).double()
    with torch.no_grad():
        module[0].weight.mul_(10.0)
        SpectralBound(0.5, iterations=5).weights(cut(module))
    assert norms(module)[0] == pytest.approx(0.5, rel=1e-3)
    assert max(norms(module)) < 0.5 * 1.001


def test_a_weight_of_zeros_is_left_alone() -> None:
    module = net(4, 3)
    with torch.no_grad():
        module[0].weight.zero_()
        SpectralBound(1.0).weights(cut(module))
    assert torch.equal(module[0].weight, torch.zeros(3, 4, dtype=torch.float64))


def test_a_low_rank_update_is_orthonormal_and_of_its_rank() -> None:
    module, dion = net(12, 8), LowRank(0.5)
    give(module)
    bias = module[0].bias.grad.clone()  # type: ignore[union-attr]
    dion.gradients(cut(module))
    update = module[0].weight.grad
    assert update is not None
    values = torch.linalg.svdvals(update) / (8 / 12) ** 0.5
    torch.testing.assert_close(values, torch.tensor([1.0] * 4 + [0.0] * 4).double(), rtol=0.0, atol=1e-10)
    assert torch.equal(module[0].bias.grad, bias)  # type: ignore[arg-type]


def test_what_a_low_rank_update_leaves_out_comes_later() -> None:
    """Of one gradient and then none, each step sends the part along P; with μ = 0 what is left loses exactly that."""
    module, dion = net(12, 8), LowRank(0.25, momentum=0.0)
    weight = module[0].weight
    weight.grad = drawn(8, 12)
    left = weight.grad.clone()
    for _ in range(12):
        dion.gradients(cut(module))
        assert weight.grad is not None
        onto, _ = torch.linalg.qr(weight.grad @ torch.linalg.svd(weight.grad).Vh[:2].T)
        left = left - onto @ (onto.T @ left)
        torch.testing.assert_close(dion.kept(weight)["left_out"], left, rtol=0.0, atol=1e-10)
        weight.grad = torch.zeros_like(weight)
    assert float(left.norm()) < 1e-8  # rank 8 is gone after four steps or more of rank 2


def test_a_full_rank_update_is_the_polar_factor_of_the_momentum() -> None:
    """P spans everything, so that R = Bᵀ P: P Qᵀ has the row space of B, and from an orthogonal B it is B itself."""
    module, dion = net(6, 6), LowRank(1.0)
    orthogonal, _ = torch.linalg.qr(drawn(6, 6))
    module[0].weight.grad = 3.0 * orthogonal
    dion.gradients(cut(module))
    torch.testing.assert_close(module[0].weight.grad, orthogonal, rtol=0.0, atol=1e-12)


def test_diagonal_whitening_divides_by_the_root_mean_square() -> None:
    module, damping = net(5, 4), 1e-3
    white = FisherWhitening("diagonal", decay=0.9, damping=damping)
    seen = []
    for step in range(5):
        give(module, seed=step)
        seen.append([p.grad.clone() for p in module.parameters() if p.grad is not None])
        white.gradients(cut(module))
    weights = torch.tensor([0.9**age for age in range(4, -1, -1)], dtype=torch.float64)
    for index, parameter in enumerate(module.parameters()):
        squares = sum(w * s[index].square() for w, s in zip(weights, seen, strict=True)) / weights.sum()
        wanted = seen[-1][index] / (squares + damping * squares.mean()).sqrt()
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-10, atol=0.0)


def test_factors_whiten_gradients_of_a_kronecker_covariance() -> None:
    """G = A N B with N white: the second moment of what comes out is the identity."""
    module = nn.Sequential(nn.Linear(3, 4, bias=False)).double()
    left, right = drawn(4, 4, seed=1) + 2 * torch.eye(4), drawn(3, 3, seed=2) + 2 * torch.eye(3)
    white, out = FisherWhitening("kronecker", decay=0.999, damping=1e-9, every=1), []
    noise = drawn(4000, 4, 3, seed=3)
    for step in range(4000):
        module[0].weight.grad = left @ noise[step] @ right
        white.gradients(cut(module))
        assert module[0].weight.grad is not None
        if step >= 2000:
            out.append(module[0].weight.grad.flatten())
    values = torch.linalg.eigvalsh(torch.stack(out).T @ torch.stack(out) / len(out))
    raw = torch.linalg.eigvalsh(torch.kron(left @ left.T, right.T @ right))
    assert 0.75 < float(values[0]) < float(values[-1]) < 1.3  # 12 numbers' second moments, of 2000 draws
    assert float(raw[-1] / raw[0]) > 40.0


def test_a_long_side_is_left_to_the_other() -> None:
    """√n L^(−1/2) G of the first step has the singular vectors of G and equal values: entries near 1."""
    module = nn.Sequential(nn.Linear(9, 3, bias=False)).double()
    module[0].weight.grad = drawn(3, 9)
    FisherWhitening("kronecker", damping=1e-12, widest=5).gradients(cut(module))
    values = torch.linalg.svdvals(module[0].weight.grad)
    torch.testing.assert_close(values, torch.full((3,), 9.0**0.5).double(), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ClipByBlock(0.0), "limit"), (lambda: SpectralBound(-1.0), "bound"), (lambda: LowRank(1.5), "share"),
        (lambda: SpectralBound(1.0, 0), "iterations"), (lambda: LowRank(momentum=1.0), "momentum"),
        (lambda: FisherWhitening("diagnoal"), "did you mean 'diagonal'"), (lambda: FisherWhitening(every=0), "every"),
        (lambda: FisherWhitening(decay=1.0), "decay"), (lambda: FisherWhitening(damping=0.0), "damping"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(make: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        make()  # type: ignore[operator]
