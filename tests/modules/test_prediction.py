"""EP on the prediction energy against autograd: where its force is zero, what its contrast tends to, and how fast."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from networks import BATCH, CLASSES, NETWORKS, Case
from torch import Tensor, nn
from torch.nn import functional

from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.modules.blocks import cut
from neuroep.modules.costs import COSTS, cost_of
from neuroep.modules.gradients import ep_gradients
from neuroep.modules.prediction import free_phase, settle, settle_locally, slopes

#: Networks without kinks, where differences in β have an order.
SMOOTH = ("mlp", "nested", "residual", "attention")


def labels(outputs: int) -> Tensor:
    return torch.arange(BATCH) % outputs


def backprop(case: Case, cost: str, y: Tensor) -> list[Tensor]:
    """torch's own costs and its backward pass."""
    outputs = case.module(case.x)
    if cost == "cross-entropy":
        loss = functional.cross_entropy(outputs, y)
    else:
        wanted = functional.one_hot(y, outputs.shape[1]).to(outputs)
        loss = 0.5 * functional.mse_loss(outputs, wanted, reduction="sum") / len(outputs)
    return list(torch.autograd.grad(loss, list(case.module.parameters())))


def gradients(case: Case) -> list[Tensor]:
    found = [p.grad for p in case.module.parameters()]
    assert all(grad is not None and bool(grad.abs().max() > 0) for grad in found)
    return [grad.clone() for grad in found if grad is not None]


def off(found: list[Tensor], wanted: list[Tensor]) -> float:
    """Largest relative error of a parameter's gradient."""
    return max(float((a - b).norm() / b.norm()) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("sweeps", [1, 40])
def test_a_small_nudge_gives_backprops_gradient(name: str, cost: str, sweeps: int) -> None:
    """One sweep by construction, settled by the theorem."""
    case = NETWORKS[name]()
    y = labels(case.module(case.x).shape[1])
    ep_gradients(case.module, case.x, y, cost=cost, beta=1e-5, sweeps=sweeps, tolerance=1e-15)
    assert off(gradients(case), backprop(case, cost, y)) < 1e-5


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("estimator", "order"), [("centered", 2), ("one-sided", 1)])
def test_the_bias_of_settled_states_has_the_estimators_order(name: str, estimator: str, order: int) -> None:
    case = NETWORKS[name]()
    y = labels(case.module(case.x).shape[1])
    wanted, errors = backprop(case, "cross-entropy", y), []
    for beta in (0.002, 0.001):
        report = ep_gradients(
            case.module, case.x, y, cost="cross-entropy", beta=beta, estimator=estimator, sweeps=200, tolerance=1e-13
        )
        assert (report.code == ResultCode.CONVERGED).all()
        errors.append(off(gradients(case), wanted))
    assert errors[0] / errors[1] == pytest.approx(2.0**order, rel=0.1)


@pytest.mark.parametrize("name", NETWORKS)
def test_settled_states_and_slopes_are_those_of_the_energy(name: str) -> None:
    """autograd's slope of F itself, Σ ½‖s_k − f_k(s_{k−1})‖² + βC: 0 in free states, the contrast in parameters."""
    case, beta = NETWORKS[name](), 0.01
    blocks, cost = cut(case.module), cost_of("cross-entropy")
    y, nudging = labels(case.module(case.x).shape[1]), torch.full((BATCH,), beta, dtype=torch.float64)
    free = free_phase(blocks, case.x, y, cost)
    nudged = settle(blocks, free, y, cost, nudging, 300, 1e-14)
    found = slopes(blocks, free, nudged, torch.ones_like(nudging))
    below, states = case.x, []
    for block, error in zip(blocks, nudged.errors, strict=True):
        states.append((block.forward(below).detach() + error).requires_grad_())
        below = states[-1]
    below, energy = case.x, torch.zeros((), dtype=torch.float64)
    for block, state in zip(blocks, states, strict=True):
        energy = energy + 0.5 * (state - block.forward(below)).square().sum()
        below = state
    (energy + beta * cost(below, y).sum()).backward()
    assert float(nudged.energy.sum()) == pytest.approx(float(energy.detach()), rel=1e-9)
    for state in states:
        assert state.grad is not None
        assert float(state.grad.abs().max()) < 1e-12
    for parameter in case.module.parameters():
        torch.testing.assert_close(found[parameter], parameter.grad, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_local_sweeps_settle_to_the_same_equilibrium(name: str) -> None:
    """Blocks that go at once and blocks that wait for each other: one energy, one minimum near the free state."""
    case = NETWORKS[name]()
    y, found = labels(case.module(case.x).shape[1]), []
    for local in (False, True):
        report = ep_gradients(case.module, case.x, y, beta=0.005, sweeps=400, tolerance=1e-12, local=local)
        assert (report.code == ResultCode.CONVERGED).all()
        found.append((gradients(case), report.energy))
    assert off(found[1][0], found[0][0]) < 1e-9
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-9, atol=0.0)


def test_a_nudge_travels_one_block_a_local_sweep() -> None:
    case = NETWORKS["mlp"]()
    blocks, cost, y = cut(case.module), cost_of("mse"), labels(CLASSES)
    free, beta = free_phase(blocks, case.x, y, cost), torch.full((BATCH,), 0.1, dtype=torch.float64)
    for sweeps in range(1, len(blocks) + 1):
        nudged = settle_locally(blocks, free, y, cost, beta, sweeps, 0.0)
        reached = [bool(error.any()) for error in nudged.errors]
        assert reached == [k >= len(blocks) - sweeps for k in range(len(blocks))]
    with pytest.raises(BadInput, match=r"2 local sweeps.*3 blocks"):
        ep_gradients(case.module, case.x, y, sweeps=2, local=True)


def test_nothing_depends_on_the_size_of_a_batch() -> None:
    """The gradient of seven samples is the mean of theirs, each with a nudge of its own."""
    case = NETWORKS["residual"]()
    y, beta = labels(CLASSES), torch.linspace(0.05, 0.3, BATCH, dtype=torch.float64)
    ep_gradients(case.module, case.x, y, beta=beta, sweeps=5)
    together = gradients(case)
    for row in range(BATCH):
        one = slice(row, row + 1)
        ep_gradients(case.module, case.x[one], y[one], beta=beta[one], sweeps=5, accumulate=row > 0)
    for a, b in zip(together, gradients(case), strict=True):
        torch.testing.assert_close(a, b / BATCH, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("estimator", ["centered", "one-sided"])
def test_a_relative_nudge_moves_outputs_by_a_share_of_themselves(estimator: str) -> None:
    """One sweep has e_L = −β ∂C/∂s_L, so that a net of one block has the energy ½ (share · ‖s_L‖)²."""
    case = Case(nn.Sequential(nn.Linear(9, CLASSES)).double(), torch.randn(BATCH, 9, dtype=torch.float64))
    report = ep_gradients(case.module, case.x, labels(CLASSES), beta=0.25, relative=True, estimator=estimator)
    wanted = 0.5 * (0.25 * report.outputs.norm(dim=1)) ** 2
    torch.testing.assert_close(report.energy, wanted.repeat(2 if estimator == "centered" else 1))
    assert off(gradients(case), backprop(case, "mse", labels(CLASSES))) < 1e-12


def test_a_relative_nudge_of_nothing_to_measure_by_stays_finite() -> None:
    module, x = nn.Linear(3, CLASSES).double(), torch.randn(2, 3, dtype=torch.float64)
    nn.init.zeros_(module.weight), nn.init.zeros_(module.bias)
    report = ep_gradients(module, x, torch.tensor([[0.0] * CLASSES, [1.0] * CLASSES]).double(), relative=True)
    assert bool(torch.isfinite(report.energy).all())
    torch.testing.assert_close(module.bias.grad, torch.full((CLASSES,), -0.5).double())


def test_gradients_are_written_over_or_added_to() -> None:
    case = NETWORKS["mlp"]()
    y = labels(CLASSES)
    report = ep_gradients(case.module, case.x, y)
    first = gradients(case)
    ep_gradients(case.module, case.x, y)
    assert all(torch.equal(a, b) for a, b in zip(gradients(case), first, strict=True))
    ep_gradients(case.module, case.x, y, accumulate=True)
    assert all(torch.allclose(a, 2 * b) for a, b in zip(gradients(case), first, strict=True))
    assert torch.equal(report.outputs, case.module(case.x))
    assert not report.outputs.requires_grad
    assert report.energy.shape == (2 * BATCH,)
    assert bool((report.energy > 0).all())


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.AdamW])
def test_any_optimiser_steps(make: Callable[..., torch.optim.Optimizer]) -> None:
    """Twenty steps lower the cost, and about as far as with backprop."""
    costs = []
    for method in ("ep", "backprop"):
        case = NETWORKS["mlp"]()
        y, optimizer = labels(CLASSES), make(case.module.parameters(), lr=0.05)
        for _ in range(20):
            if method == "ep":
                cost = float(ep_gradients(case.module, case.x, y, cost="cross-entropy", sweeps=3).cost.mean())
            else:
                optimizer.zero_grad()
                loss = functional.cross_entropy(case.module(case.x), y)
                loss.backward()
                cost = float(loss.detach())
            optimizer.step()
        costs.append(cost)
    assert costs[0] < 1.5
    assert costs[0] == pytest.approx(costs[1], rel=0.02)


class Stack(nn.Module):
    """Two hundred residual layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(16, 16), nn.Tanh()) for _ in range(200))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x) / 200
        return x


def test_single_precision_at_depth() -> None:
    """Errors are kept apart from states, which dwarf them: float32 gives float64's gradient, layer by layer."""
    torch.manual_seed(0)
    stack, x, y, found = Stack(), torch.randn(8, 16), torch.randn(8, 16), []
    assert len(cut(stack)) == 200
    for kind in (torch.float32, torch.float64):
        stack.to(kind)
        ep_gradients(stack, x.to(kind), y.to(kind), beta=1e-4, sweeps=3)
        found.append(gradients(Case(stack, x)))
    assert off([grad.double() for grad in found[0]], found[1]) < 1e-4
    wanted = torch.autograd.grad(0.5 * (stack(x.double()) - y).square().sum() / 8, list(stack.parameters()))
    assert off(found[1], list(wanted)) < 0.02  # the states of 200 layers move together: β L = 0.02


def test_shared_parameters_get_the_sum() -> None:
    layer = nn.Linear(6, 6).double()
    module = nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(6, CLASSES).double())
    case = Case(module, torch.randn(BATCH, 6, dtype=torch.float64))
    ep_gradients(module, case.x, labels(CLASSES), beta=1e-5)
    assert off(gradients(case), backprop(case, "mse", labels(CLASSES))) < 1e-5


class InPlace(nn.Module):
    """x + relu(x), whose ReLU changes the state below it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.bend = nn.Linear(6, 6), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(self.bend(x))


def test_a_state_changed_in_place_is_refused() -> None:
    module, x = nn.Sequential(nn.Linear(6, 6), InPlace(), nn.Linear(6, CLASSES)), torch.randn(BATCH, 6)
    with pytest.raises(BadInput, match=r"block '1.*changed in place.*inplace=False"):
        ep_gradients(module, x, labels(CLASSES))
    assert all(p.grad is None for p in module.parameters())
    with pytest.raises(BadInput, match=r"block .1"):
        ep_gradients(module[1:], x, labels(CLASSES))


class Takes(nn.Module):
    """Two layers; what the forward pass takes and gives is the subclass's."""

    def __init__(self) -> None:
        super().__init__()
        self.below, self.above = nn.Linear(6, 6, dtype=torch.float64), nn.Linear(6, CLASSES, dtype=torch.float64)

    def hidden(self, x: Tensor) -> Tensor:
        return torch.tanh(self.below(x))


class TakesNone(Takes):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h = self.hidden(x)
        return self.above(h if mask is None else 100.0 * h)


class TakesNumber(Takes):
    def forward(self, x: Tensor, gain: float = 2.0) -> Tensor:
        return self.above(gain * self.hidden(x))


class TakesAny(Takes):
    def forward(self, *x: Tensor) -> Tensor:
        return self.above(self.hidden(x[0]))


@pytest.mark.parametrize("kind", [TakesNone, TakesNumber, TakesAny])
def test_arguments_that_are_left_out_are_as_the_module_has_them(kind: Callable[[], nn.Module]) -> None:
    case = Case(kind(), torch.randn(BATCH, 6, dtype=torch.float64))
    ep_gradients(case.module, case.x, labels(CLASSES), beta=1e-5)
    assert off(gradients(case), backprop(case, "mse", labels(CLASSES))) < 1e-5


class GivesPair(Takes):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.hidden(x)
        return self.above(h), h


class GivesDict(Takes):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.above(self.hidden(x))}


class GivesFlat(Takes):
    def forward(self, x: Tensor) -> Tensor:
        return self.above(self.hidden(x)).flatten()


class GivesCutOff(Takes):
    def forward(self, x: Tensor) -> Tensor:
        return self.above(self.hidden(x)).detach()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (GivesPair, "a tuple as its output"),
        (GivesDict, "a dict as its output"),
        (GivesFlat, r"outputs of shape \(35,\)"),
        (GivesCutOff, "cut off from its parameters"),
        (lambda: nn.Sequential(nn.LazyLinear(CLASSES)), r"module\(x\) once before"),
    ],
)
def test_what_gives_no_tensor_with_a_row_a_sample_is_refused(kind: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ep_gradients(kind(), torch.randn(BATCH, 6, dtype=torch.float64), labels(CLASSES))


@pytest.mark.parametrize("energy", ["prediction", "hopfield"])
def test_targets_are_not_spread_over_samples(energy: str) -> None:
    """torch would take (7, 1) less (7,) for (7, 7): every output against every target."""
    module, x = nn.Linear(6, 1), torch.randn(BATCH, 6)
    for y in (torch.randn(BATCH), torch.zeros(BATCH, 1, dtype=torch.int64)):
        with pytest.raises(BadInput, match=r"y: targets of shape .*allowed: \(7, 1\), as the outputs"):
            ep_gradients(module, x, y, energy=energy)
    column = torch.randn(BATCH, 1)
    found = ep_gradients(module, x, column, energy=energy)
    with torch.no_grad():
        torch.testing.assert_close(found.cost, 0.5 * (module(x) - column).square()[:, 0])
    assert repr(found).startswith("<Settling: 7 samples, mean cost ")
    assert len(repr(found)) < 120


class Draws(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + torch.randn(x.shape) if x.shape[0] > 0 else x)


def test_what_does_not_fit_is_refused_in_a_line() -> None:
    module, x, y = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, CLASSES)), torch.randn(BATCH, 6), labels(CLASSES)
    before = copy.deepcopy(module.state_dict())
    for change, said in (
        ({"relative": "yes"}, "relative"), ({"cost": "mes"}, "did you mean 'mse'"),
        ({"estimator": "centred"}, "did you mean 'centered'"),
        ({"beta": 0.0}, "beta"), ({"beta": float("nan")}, "beta"), ({"sweeps": 0}, "sweeps"),
        ({"beta": "0.1"}, "beta"), ({"beta": torch.ones(3)}, "beta: 3 nudges of 7 samples"),
        ({"beta": torch.ones(BATCH, 1)}, r"beta: β of shape \(7, 1\)"), ({"accumulate": "yes"}, "accumulate"),
        ({"cost": lambda s, t: (s - 1.0).square().sum()}, "one number a sample"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=said) as error:
            ep_gradients(module, x, y, **change)  # type: ignore[arg-type]
        assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="draws random numbers"):
        ep_gradients(Draws(), x, y)
    assert all(p.grad is None for p in module.parameters())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
