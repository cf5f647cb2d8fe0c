"""EP under torch's modes: compiled modules, autocast, CUDA tensors, batches of any size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroep.errors import BadInput
from neuroep.modules.blocks import cut
from neuroep.modules.fidelity import fidelity
from neuroep.modules.gradients import ep_gradients
from neuroep.modules.scheme import Scheme


def made(device: str = "cpu", batch: int = 32) -> tuple[nn.Sequential, Tensor, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 5))
        return module.to(device), torch.randn(batch, 20).to(device), (torch.arange(batch) % 5).to(device)


def least_cosine(module: nn.Module, x: Tensor, y: Tensor) -> float:
    wanted = torch.autograd.grad(functional.cross_entropy(module(x), y), list(module.parameters()))
    assert all(p.grad is not None and bool(p.grad.any()) for p in module.parameters())
    return min(
        float(torch.cosine_similarity(p.grad.flatten(), g.flatten(), dim=0))  # type: ignore[union-attr]
        for p, g in zip(module.parameters(), wanted, strict=True)
    )


@pytest.mark.parametrize("energy", ["prediction", "hopfield"])
def test_a_compiled_module_is_cut_as_its_own_code(energy: str) -> None:
    module, x, y = made()
    compiled = torch.compile(module, backend="eager")
    assert [block.name for block in cut(compiled)] == [block.name for block in cut(module)] == ["0", "2", "4"]
    ep_gradients(module, x, y, cost="cross-entropy", energy=energy)
    own = [p.grad for p in module.parameters()]
    ep_gradients(compiled, x, y, cost="cross-entropy", energy=energy)
    assert all(torch.equal(a, p.grad) for a, p in zip(own, module.parameters(), strict=True))  # type: ignore[arg-type]


def test_autocast_settles_in_half_precision() -> None:
    """bfloat16 has 8 bits: cosines near 1, gradients in the parameters' own type. Differences of states need more."""
    module, x, y = made()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        report = ep_gradients(module, x, y, cost="cross-entropy", beta=0.5)
        with pytest.raises(BadInput, match="bfloat16 states"):
            ep_gradients(module, x, y, cost="cross-entropy", energy="hopfield")
    assert report.outputs.dtype is torch.bfloat16
    assert all(p.grad is not None and p.grad.dtype is torch.float32 for p in module.parameters())
    assert least_cosine(module, x, y) > 0.99


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no NVIDIA GPU")
@pytest.mark.parametrize("energy", ["prediction", "hopfield"])
def test_cuda_tensors_stay_where_they_are(energy: str) -> None:
    found = []
    for device in ("cpu", "cuda"):
        module, x, y = made(device)
        report = ep_gradients(module, x, y, cost="cross-entropy", energy=energy)
        assert report.energy.device.type == device
        found.append([p.grad.cpu() for p in module.parameters() if p.grad is not None])
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(other, own, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 256])
def test_gradients_agree_at_any_size_of_a_batch(batch: int) -> None:
    """At the nudge that smooth nets bear, block by block: cosine 0.9999, norms within a hundredth."""
    module, x, y = made(batch=batch)
    found = fidelity(module, x, y, Scheme("cross-entropy", beta=0.1, sweeps=50, tolerance=1e-6))
    assert found.least >= 0.9999
    assert all(abs(ratio - 1.0) < 0.01 for ratio in found.ratio)


def test_inference_mode_is_refused() -> None:
    module, x, y = made()
    with torch.inference_mode(), pytest.raises(BadInput, match="inference_mode"):
        ep_gradients(module, x, y)
    with torch.inference_mode():
        made_there = x.clone()
    with pytest.raises(BadInput, match="inference_mode"):
        ep_gradients(module, made_there, y)
    with torch.no_grad():
        ep_gradients(module, x, y, cost="cross-entropy", beta=0.01)
    assert least_cosine(module, x, y) > 0.9999
