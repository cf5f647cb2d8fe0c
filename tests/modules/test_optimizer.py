"""The optimiser that settles against the same steps taken by hand with torch's optimisers."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from networks import BATCH, CLASSES, NETWORKS
from torch import Tensor, nn

from neuroep.errors import BadInput, Diverged
from neuroep.modules import presets
from neuroep.modules.gradients import ep_gradients
from neuroep.modules.optimizer import EPOptimizer
from neuroep.modules.scheme import Scheme
from neuroep.modules.transforms.clipping import ClipByBlock
from neuroep.modules.transforms.spectral import SpectralBound

PRESETS: dict[str, Callable[[nn.Module], EPOptimizer]] = {
    name: getattr(presets, name) for name in ("smep", "smep_fast", "sdmep", "local_ep", "natural_ep")
}


def made() -> tuple[nn.Sequential, Tensor, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, CLASSES))
        x = torch.randn(40, 6)
    return module, x, x[:, :CLASSES].argmax(1)


def test_a_step_is_settling_and_the_updates_own_step() -> None:
    """Alternating signs, two optimisers, and a bound before the first step and after each."""
    (module, x, y), (twin, *_) = made(), made()
    scheme = Scheme("cross-entropy", "one-sided", 0.2)
    updates = [torch.optim.SGD([module[0].weight, module[2].weight], lr=0.1, momentum=0.9)]
    updates.append(torch.optim.SGD([module[0].bias, module[2].bias], lr=0.05))
    optimizer = EPOptimizer(module, updates, scheme, True, [ClipByBlock(0.3), SpectralBound(0.8)])
    by_hand = [torch.optim.SGD([twin[0].weight, twin[2].weight], lr=0.1, momentum=0.9)]
    by_hand.append(torch.optim.SGD([twin[0].bias, twin[2].bias], lr=0.05))
    bound = SpectralBound(0.8)
    from neuroep.modules.blocks import cut

    with torch.no_grad():
        bound.weights(cut(twin))
    for step in range(5):
        found = optimizer.step(x, y)
        own = ep_gradients(twin, x, y, cost="cross-entropy", estimator="one-sided", beta=0.2 * (-1) ** step)
        for layer in (twin[0], twin[2]):
            nn.utils.clip_grad_norm_(layer.parameters(), 0.3)
        for update in by_hand:
            update.step()
        with torch.no_grad():
            bound.weights(cut(twin))
        assert torch.equal(found.cost, own.cost)
        assert all(torch.equal(a, b) for a, b in zip(module.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_learn(name: str) -> None:
    module, x, y = made()
    optimizer = PRESETS[name](module)
    assert isinstance(optimizer, torch.optim.Optimizer)
    for group in optimizer.param_groups:
        group["lr"] *= 4.0
    first = float(optimizer.step(x, y).cost.mean())
    for _ in range(150):
        last = float(optimizer.step(x=x, target=y).cost.mean())
    assert last < 0.5 * first
    assert float((module(x).argmax(1) == y).float().mean()) > 0.85


@pytest.mark.parametrize("name", PRESETS)
def test_presets_take_convolutions_and_norms(name: str) -> None:
    case = NETWORKS["conv"]()
    module, y = nn.Sequential(case.module, nn.LayerNorm(CLASSES)).float(), torch.arange(BATCH) % CLASSES
    before = copy.deepcopy(module.state_dict())
    PRESETS[name](module).step(case.x.float(), y)
    for key, value in module.state_dict().items():
        assert not torch.equal(value, before[key]), key
        assert bool(torch.isfinite(value).all())


@pytest.mark.parametrize("name", PRESETS)
def test_a_stored_optimiser_goes_on_bit_for_bit(name: str) -> None:
    (module, x, y), (other, *_) = made(), made()
    optimizer = PRESETS[name](module)
    for _ in range(3):
        optimizer.step(x, y)
    other.load_state_dict(module.state_dict())
    resumed = PRESETS[name](other)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        optimizer.step(x, y), resumed.step(x, y)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))


def test_schedulers_of_rates_work() -> None:
    module, x, y = made()
    optimizer = presets.smep_fast(module, lr=0.2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.1)
    optimizer.step(x, y)
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.02, 0.1 * presets.VECTORS])
    before = module[0].weight.detach().clone()
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step(x, y)
    assert torch.equal(module[0].weight, before)


def test_divergence_stops_before_the_update() -> None:
    module, x, y = made()
    optimizer = presets.smep_fast(module)
    x[3] = float("inf")
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(Diverged, match="smaller rate"):
        optimizer.step(x, y)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_what_contradicts_itself_is_refused() -> None:
    module, x, y = made()
    everything = torch.optim.SGD(module.parameters(), lr=0.1)
    some = torch.optim.SGD(module[0].parameters(), lr=0.1)
    for updates, scheme, alternating, said in (
        ([everything], Scheme(), True, "one-sided"), ([some], Scheme(), False, "each of the module's parameters"),
        ([everything, some], Scheme(), False, "once"), ([], Scheme(), False, "once"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=said):
            EPOptimizer(module, updates, scheme, alternating)
    optimizer = EPOptimizer(module, [everything], Scheme())
    with pytest.raises(BadInput, match="besides the module's"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    with pytest.raises(BadInput, match="other transforms"):
        optimizer.load_state_dict(presets.sdmep(module).state_dict() | {"updates": [everything.state_dict()]})
    with pytest.raises(BadInput, match="2 blocks"):
        EPOptimizer(module, [everything], Scheme(local=True)).step(x, y)
    with pytest.raises(BadInput, match="did you mean 'diagonal'"):
        presets.natural_ep(module, kind="diagonl")
