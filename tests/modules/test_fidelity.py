"""Diagnosis: agreement with autograd, nudges near enough, and what a stalled step is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from networks import BATCH, CLASSES, NETWORKS
from torch import Tensor, nn

from neuroep.errors import BadInput
from neuroep.modules import fidelity as module_fidelity
from neuroep.modules.fidelity import NUDGES, fidelity, recommended
from neuroep.modules.gradients import ep_gradients, gradients
from neuroep.modules.monitor import Monitor
from neuroep.modules.scheme import Scheme

Y = torch.arange(BATCH) % CLASSES


class Stack(nn.Module):
    """A module that is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.below, self.above = nn.Linear(6, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.above(torch.tanh(self.below(x)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_small_nudge_agrees_in_every_block(name: str) -> None:
    case = NETWORKS[name]()
    y = torch.arange(BATCH) % case.module(case.x).shape[1]
    found = fidelity(case.module, case.x, y, Scheme(beta=1e-4, sweeps=30, tolerance=1e-14))
    assert len(found.blocks) == len(found.cosine) == len(found.ratio) > 1
    assert found.least > 1.0 - 1e-6
    assert all(ratio == pytest.approx(1.0, abs=1e-4) for ratio in found.ratio)
    assert found.residual < 1e-6


def test_cosine_and_ratio_are_those_of_the_gradients() -> None:
    """At a large nudge, against the vectors themselves; and .grad is as it was."""
    case, scheme = NETWORKS["mlp"](), Scheme("cross-entropy", "one-sided", 5.0, sweeps=3)
    kept = torch.ones_like(case.module[0].weight)  # type: ignore[index]
    case.module[0].weight.grad = kept  # type: ignore[index]
    found = fidelity(case.module, case.x, Y, scheme)
    assert case.module[0].weight.grad is kept  # type: ignore[index]
    assert case.module[0].bias.grad is None  # type: ignore[index]
    gradients(case.module, case.x, Y, scheme)
    own = torch.cat([p.grad.flatten() for p in case.module[2].parameters()])  # type: ignore[index,union-attr]
    case.module.zero_grad()
    nn.functional.cross_entropy(case.module(case.x), Y).backward()
    true = torch.cat([p.grad.flatten() for p in case.module[2].parameters()])  # type: ignore[index,union-attr]
    assert found.cosine[1] == pytest.approx(float(torch.cosine_similarity(own, true, dim=0)), rel=1e-12)
    assert found.ratio[1] == pytest.approx(float(own.norm() / true.norm()), rel=1e-12)
    assert found.cosine[1] < 0.999


def test_the_recommended_nudge_is_the_largest_that_is_near_enough() -> None:
    case, scheme = NETWORKS["residual"](), Scheme("cross-entropy", sweeps=60, tolerance=1e-9)
    nudge = recommended(case.module, case.x, Y, scheme, 0.99999)
    index = NUDGES.index(nudge)
    assert index > 0
    assert fidelity(case.module, case.x, Y, replace(scheme, beta=nudge)).least >= 0.99999
    assert fidelity(case.module, case.x, Y, replace(scheme, beta=NUDGES[index - 1])).least < 0.99999


def test_no_gradient_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients that are None or 0 have a cosine of 0, and no nudge is recommended."""
    case = NETWORKS["mlp"]()

    def none_of_the_first(*given: object) -> object:
        found = gradients(*given)  # type: ignore[arg-type]
        case.module[0].weight.grad = None  # type: ignore[index]
        case.module[0].bias.grad.zero_()  # type: ignore[index,union-attr,operator]
        return found

    monkeypatch.setattr(module_fidelity, "gradients", none_of_the_first)
    assert fidelity(case.module, case.x, Y, Scheme(beta=1e-3)).cosine[0] == 0.0
    with pytest.raises(BadInput, match=r"least cosine 0\.000000"):
        recommended(case.module, case.x, Y, Scheme())


@pytest.mark.parametrize("energy", ["prediction", "hopfield"])
def test_what_does_not_fit_is_refused_in_a_line_and_nothing_else(
    energy: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """torch.fx would print a traceback of its own; and .grad is as it was."""
    module, x, scheme = Stack(), torch.randn(BATCH, 6), Scheme("cross-entropy", energy=energy)
    for given, said in (
        ((x[:, :5], Y, scheme), r"x of shape \(7, 5\): mat1 and mat2"),
        ((x, Y[:3], scheme), "7 inputs and 3 targets"),
        ((x.numpy(), Y, scheme), "x: a ndarray"),
        ((x, Y, {"cost": "cross-entropy"}), "scheme: a dict"),
    ):
        with pytest.raises(BadInput, match=said):
            fidelity(module, *given)  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_monitor_keeps_what_steps_gave() -> None:
    case = NETWORKS["mlp"]()
    monitor = Monitor(case.module)
    report = ep_gradients(case.module, case.x, Y, sweeps=40, tolerance=1e-6)
    record = monitor.record(report)
    assert monitor.blocks == ("0", "2", "4")
    assert (record.cost, record.energy) == (float(report.cost.mean()), float(report.energy.mean()))
    first = torch.cat([p.grad.flatten() for p in case.module[0].parameters()])  # type: ignore[index,union-attr]
    assert record.gradients[0] == pytest.approx(float(first.norm()), rel=1e-12)
    assert monitor.advice(report) == ()


def test_a_stalled_step_is_told_what_to_change() -> None:
    module, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, CLASSES)), torch.randn(BATCH, 4)
    monitor = Monitor(module)
    with torch.no_grad():
        module[0].bias.fill_(-100.0)
    monitor.record(report := ep_gradients(module, x, Y))
    (said,) = monitor.advice(report)
    assert "no gradient in 1 of 2 blocks ('0')" in said
    monitor.record(report := ep_gradients(module, x, module(x).detach()))
    assert "no gradient at all" in monitor.advice(report)[0]
    with torch.no_grad():
        module[0].bias.zero_(), module[0].weight.mul_(30.0), module[2].weight.mul_(30.0)
    monitor.record(report := ep_gradients(module, x, Y, beta=0.5, sweeps=3, tolerance=1e-6))
    assert any("not settled after 3 sweeps" in line for line in monitor.advice(report))
    x[0] = float("nan")
    monitor.record(report := ep_gradients(module, x, Y))
    assert "finite range" in monitor.advice(report)[0]
