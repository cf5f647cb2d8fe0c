"""The Hopfield energy of torch modules against the numpy engines, BPTT, autograd and finite differences."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from problems import problem
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

import neuroep
from neuroep import to_torch
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.modules import hopfield
from neuroep.modules.costs import CostFunction, cross_entropy, mse
from neuroep.modules.gradients import ep_gradients
from neuroep.modules.layers import layers_of
from neuroep.network import Cost, Skip
from neuroep.recipe import Estimator, Phases

BATCH, CLASSES = 6, 4


class Skipping(nn.Module):
    """tanh units with an identity skip over one layer, and an average of two paths."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(7, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.first(x))
        b = torch.tanh(self.second(a))
        return self.out(torch.tanh(self.third(b) + 0.7 * a))


class Case(NamedTuple):
    module: nn.Module
    x: Tensor
    y: Tensor
    cost: str


def case(name: str) -> Case:
    with torch.random.fork_rng():
        torch.manual_seed(11)
        y = torch.arange(BATCH) % CLASSES
        if name == "dense":
            module = nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 8), nn.Sigmoid(), nn.Linear(8, CLASSES))
            return Case(module.double(), torch.randn(BATCH, 7).double(), y, "mse")
        if name == "conv":
            module = nn.Sequential(
                nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(3, 4, 3), nn.ReLU(),
                nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, CLASSES),
            )  # fmt: skip
            return Case(module.double(), torch.randn(BATCH, 1, 8, 8).double(), y, "cross-entropy")
        if name == "residual":
            return Case(Skipping().double(), torch.randn(BATCH, 7).double(), y, "cross-entropy")
        module = nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, CLASSES), nn.Hardtanh(0.0, 1.0))
        return Case(module.double(), torch.rand(BATCH, 7).double(), y, "mse")


CASES = ("dense", "conv", "residual", "clipped")
FUNCTIONS: dict[str, CostFunction] = {"mse": mse, "cross-entropy": cross_entropy}


def gradients(module: nn.Module) -> list[Tensor]:
    found = [p.grad for p in module.parameters()]
    assert all(grad is not None and bool(grad.any()) for grad in found)
    return [grad.clone() for grad in found if grad is not None]


@pytest.mark.parametrize("name", CASES)
def test_settled_states_and_slopes_are_those_of_the_energy(name: str) -> None:
    """F written out with the module's own parts, and autograd: no force in any state, and the contrast."""
    module, x, y, cost = case(name)
    net = hopfield.hopfield(layers_of(module), 0.4, FUNCTIONS[cost])
    states, given = hopfield.begin(net, x)
    beta = torch.full((BATCH,), 0.3, dtype=torch.float64)
    settled = hopfield.settle(net, given, states, y, FUNCTIONS[cost], beta, 500, 1e-14)
    assert float(settled.residual.max()) <= 1e-14
    leaves = [state.clone().requires_grad_() for state in settled.states]
    received = net.layers.whole(x, *leaves[: net.layers.fed])
    total = sum(
        0.4 ** (level - 1) * (unit.potential(s) - s * p).sum()
        for level, unit, s, p in zip(
            (*net.layers.levels, 3), net.activations, leaves, received, strict=False
        )
    )  # fmt: skip
    assert torch.allclose(hopfield.energy(net, x, settled.states).sum(), total.detach())  # type: ignore[union-attr]
    reach = net.gains[-1]
    outputs = received[-1] if net.readout else leaves[-1]
    total = total + reach * 0.3 * FUNCTIONS[cost](outputs, y).sum()
    total.backward()  # type: ignore[union-attr]
    own = set(readout_parameters(net, x, settled.states[: net.layers.fed])) if net.readout else set[nn.Parameter]()
    for state, unit in zip(leaves, net.activations, strict=True):
        assert state.grad is not None
        force = torch.where((state <= 0) | (state >= 1), 0.0, state.grad) if "Hard" in unit.name else state.grad
        force = torch.where(state <= 0, 0.0, force) if unit.name == "ReLU" else force
        assert float(force.abs().max()) < 1e-11
    found = hopfield.slopes(net, x, settled.states, torch.ones_like(beta))
    assert len(found) >= 4
    for parameter, slope in found.items():
        if parameter not in own:
            torch.testing.assert_close(slope * reach, parameter.grad, rtol=1e-9, atol=1e-12)


def readout_parameters(net: hopfield.Hopfield, x: Tensor, states: list[Tensor]) -> list[nn.Parameter]:
    """Those on which logits depend with all states held."""
    parameters = list(net.layers.whole.parameters())
    logits = net.layers.whole(x, *states)[-1]
    taken = torch.autograd.grad(logits.sum(), parameters, allow_unused=True)
    return [p for p, slope in zip(parameters, taken, strict=True) if slope is not None]


@pytest.mark.parametrize("name", ["conv", "residual"])
def test_a_readout_s_own_gradient_is_taken_at_the_free_state(name: str) -> None:
    module, x, y, cost = case(name)
    report = ep_gradients(module, x, y, cost=cost, energy="hopfield", sweeps=500, tolerance=1e-13)
    torch.testing.assert_close(report.cost, functional.cross_entropy(report.outputs, y, reduction="none"))
    last = list(module.children())[-1]
    assert isinstance(last, nn.Linear)
    error = (report.outputs.softmax(1) - functional.one_hot(y, CLASSES)) / BATCH
    torch.testing.assert_close(last.bias.grad, error.sum(0))


@pytest.mark.parametrize("name", ["dense", "conv", "residual"])
def test_increments_are_those_of_backpropagation_through_time(name: str) -> None:
    """Gradient-descending updates: at every step of the nudged phase, EP's increment is BPTT's as β → 0."""
    steps, feedback = 8, 0.4
    module, x, y, named = case(name)
    cost = FUNCTIONS[named]
    net = hopfield.hopfield(layers_of(module), feedback, cost)
    states, given = hopfield.begin(net, x)
    zero = torch.zeros(BATCH, dtype=torch.float64)
    rest = hopfield.settle(net, given, states, y, cost, zero, 2000, 1e-15).states
    parameters = dict(net.layers.whole.named_parameters())

    own = set(readout_parameters(net, x, rest)) if net.readout else set[nn.Parameter]()
    names = [key for key, parameter in net.layers.whole.named_parameters() if parameter not in own]

    def contrast(now: list[Tensor]) -> Tensor:
        """∂E/∂θ / γ^{D−1}, at some states."""
        received = net.layers.whole(x, *now[: net.layers.fed])
        layers = zip(net.gains, now, received, strict=False)
        energy = -torch.stack([gain / net.gains[-1] * (s * p).sum() for gain, s, p in layers]).sum()
        slopes = torch.autograd.grad(energy, [parameters[key] for key in names], create_graph=True)
        return torch.cat([slope.flatten() for slope in slopes])

    def moving(weights: dict[str, Tensor]) -> hopfield.Hopfield:
        """The net with weights of its own."""

        def relax(*states: Tensor) -> tuple[Tensor, ...]:
            found: tuple[Tensor, ...] = functional_call(net.layers.whole, weights, (x, *states))
            return found

        return net._replace(layers=net.layers._replace(relax=relax))  # type: ignore[arg-type]

    def course(beta: Tensor) -> Tensor:
        fixed = moving({key: parameter.detach() for key, parameter in parameters.items()})
        now, found = rest, [contrast(rest)]
        for _ in range(steps):
            now = hopfield.sweep(fixed, (), now, y, cost, beta.expand(BATCH), True)
            found.append(contrast(now))
        return torch.stack(found)

    _, slopes = torch.autograd.functional.jvp(course, zero[:1], torch.ones(1, dtype=torch.float64))
    ep = slopes[1:] - slopes[:-1]

    def outcome(each: list[dict[str, Tensor]]) -> Tensor:
        """C after the same steps without a nudge, each with weights of its own."""
        now = rest
        for weights in each:
            now = hopfield.sweep(moving({**parameters, **weights}), (), now, y, cost, zero, True)
        return cost(net.layers.whole(x, *now[: net.layers.fed])[-1] if net.readout else now[-1], y).sum()

    copies = [{key: parameters[key].detach().clone().requires_grad_() for key in names} for _ in range(steps)]
    flat = [weight for copy in copies for weight in copy.values()]
    taken = torch.autograd.grad(outcome(copies), flat, allow_unused=True)
    rows = [
        torch.cat([torch.zeros_like(w).flatten() if s is None else s.flatten() for w, s in pairs])
        for pairs in zip(*[iter(zip(flat, taken, strict=True))] * len(names), strict=True)
    ]
    bptt = torch.stack(rows[::-1])
    assert min(float(row.abs().max()) for row in bptt) > 1e-6
    assert float((ep - bptt).abs().max()) <= 1e-10


@pytest.mark.parametrize("cost", ["mse", "cross-entropy"])
@pytest.mark.parametrize("skips", [(), (Skip(1, 3, 0.8),)])
@pytest.mark.parametrize("estimator", ["centered", "one-sided"])
def test_gradients_are_those_of_the_numpy_engines(cost: str, skips: tuple[Skip, ...], estimator: str) -> None:
    small = problem((7, 6, 6, 6, CLASSES), cost=Cost[cost.upper().replace("-", "_")], feedback=0.3, batch=BATCH)
    network, weights = replace(small.network, skips=skips), small.weights
    x, labels = small.x, np.arange(BATCH) % CLASSES
    phases = Phases(Estimator[estimator.upper().replace("-", "_")], 0.2, 500, 500, tolerance=1e-12)
    wanted = neuroep.ep_gradients(network, weights, x, np.eye(CLASSES)[labels], phases, engine="reference")
    module = to_torch(network, weights)
    ep_gradients(
        module, torch.from_numpy(x), torch.from_numpy(labels), cost=cost, estimator=estimator, beta=0.2,
        sweeps=500, tolerance=1e-12, energy="hopfield", feedback=0.3,
    )  # fmt: skip
    layers = [part for part in module if isinstance(part, nn.Linear)]
    for k, layer in enumerate(layers, start=1):
        assert layer.weight.grad is not None
        assert layer.bias.grad is not None
        np.testing.assert_allclose(layer.weight.grad.T.numpy(), wanted.coupling(k), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(layer.bias.grad.numpy(), wanted.bias(k), rtol=1e-6, atol=1e-9)


def settled_cost(name: str, module: nn.Module) -> float:
    _, x, y, cost = case(name)
    report = ep_gradients(module, x, y, cost=cost, energy="hopfield", sweeps=3000, tolerance=1e-14, feedback=0.4)
    return float(report.cost.mean())


@pytest.mark.parametrize("name", ["dense", "residual"])
def test_the_bias_has_second_order(name: str) -> None:
    """Against finite differences of the settled cost along EP's own direction."""
    module, x, y, cost = case(name)
    off = []
    for beta in (0.1, 0.05):
        ep_gradients(module, x, y, cost=cost, beta=beta, energy="hopfield", sweeps=3000, tolerance=1e-14, feedback=0.4)
        found = gradients(module)
        length = math.sqrt(sum(float(g.square().sum()) for g in found))
        costs = []
        with torch.no_grad():
            for step in (1e-4, -2e-4):
                for parameter, slope in zip(module.parameters(), found, strict=True):
                    parameter += step * slope / length
                costs.append(settled_cost(name, module))
            for parameter, slope in zip(module.parameters(), found, strict=True):
                parameter += 1e-4 * slope / length
        off.append(length - (costs[0] - costs[1]) / 2e-4)
    assert abs(off[1]) < 0.02 * length
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.25)


def test_nothing_depends_on_the_size_of_a_batch() -> None:
    module, x, y, cost = case("conv")
    ep_gradients(module, x, y, cost=cost, energy="hopfield", sweeps=30, tolerance=0.0)
    together = gradients(module)
    for row in range(BATCH):
        one = slice(row, row + 1)
        ep_gradients(module, x[one], y[one], cost=cost, energy="hopfield", sweeps=30, tolerance=0.0, accumulate=row > 0)
    for a, b in zip(together, gradients(module), strict=True):
        torch.testing.assert_close(a, b / BATCH, rtol=1e-8, atol=1e-10)


def test_a_convolutional_net_learns() -> None:
    module, x, y, _ = case("conv")
    optimizer, costs = torch.optim.Adam(module.parameters(), lr=0.02), []
    for _ in range(60):
        report = ep_gradients(module, x, y, cost="cross-entropy", energy="hopfield", feedback=0.2)
        costs.append(float(report.cost.mean()))
        optimizer.step()
    assert (report.code == ResultCode.CONVERGED).all()
    assert costs[-1] < 0.3 * costs[0]


class Curved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * torch.tanh(self.layer(x))


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if x.sum() > 0 else -self.layer(x)


def test_what_has_no_such_energy_is_refused_by_name() -> None:
    x, y = torch.rand(BATCH, 7), torch.arange(BATCH) % CLASSES
    linear = nn.Linear(7, CLASSES)
    for module, how, said in (
        (nn.Sequential(nn.Linear(7, 7), nn.GELU(), linear), {}, "'_1'.*GELU"),
        (Curved(), {}, "mul"), (Branches(), {}, "Branches.*fx"),
        (nn.Sequential(nn.Linear(7, 7), nn.ReLU(inplace=True), linear), {}, "in place.*inplace=False"),
        (nn.Sequential(linear, nn.Tanh()), {}, "outputs of Tanh"),
        (nn.Sequential(linear, nn.Tanh()), {"cost": "cross-entropy"}, "read-out"),
        (nn.Sequential(linear), {"cost": "cross-entropy"}, "read-out"),
        (linear, {"cost": lambda s, t: functional.cross_entropy(s, t, reduction="none")}, "cost of one's own"),
        (linear, {"local": True}, "local"), (linear, {"feedback": 2.0}, "feedback"),
        (linear, {"energy": "hopfeild"}, "did you mean 'hopfield'"),
        (linear, {"energy": "prediction", "feedback": 0.5}, "feedback"),
        (nn.Sequential(nn.Linear(7, 7), nn.Dropout(), nn.Tanh(), linear), {}, "eval"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=said):
            ep_gradients(module, x, y, **({"energy": "hopfield"} | how))  # type: ignore[arg-type]
        assert all(p.grad is None for p in module.parameters())
