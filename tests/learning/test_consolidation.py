"""Importance and penalties: sample by sample, by finite differences, along a path worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from problems import KINDS, Problem, problem, slopes_of_the_cost

from neuroep.bridges import torch_backprop
from neuroep.engines import Accumulation, Engine, create
from neuroep.errors import BadInput
from neuroep.learning.consolidation import Anchor, Consolidating, Path
from neuroep.learning.fisher import add_squares, draw_targets, fisher, summed_squares
from neuroep.learning.keepers import KEEPERS, Keeping, keeper_of
from neuroep.learning.methods.backprop import Backprop
from neuroep.learning.readings import ep_gradients, reading
from neuroep.learning.rules import Adam, Sgd
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Skip
from neuroep.recipe import Estimator, Phases, Training
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

SETTLED = Phases(beta=0.05, free_sweeps=3000, nudged_sweeps=3000, tolerance=1e-13)
#: One-hidden-layer networks, and a deep one with a skip.
DEEP = problem((6, 5, 5, 5, 3), feedback=0.5, skips=(Skip(1, 3, 0.5),), batch=5)
NETS = [*(problem((6, 5, 4, 3), *kind, batch=5) for kind in KINDS[:6]), DEEP]
LIKELY = [net for net in NETS if net.network.cost in (Cost.MSE, Cost.CROSS_ENTROPY)]


def ledger_of(p: Problem) -> Ledger:
    return Ledger.empty(p.sizes)


def flat(weights: Weights) -> FloatArray:
    return np.concatenate(weights[1:])


def backprops(p: Problem) -> Weights:
    """The gradient that the reading gives."""
    read, found, book = Backprop(p.circuit), Weights.zeros(p.sizes, np.float64), ledger_of(p)
    settled = read.settle(p.x, p.targets, (), book)
    read.accumulate(p.x, p.targets, settled, Accumulation(found, (1.0,) * found.depth, 0.0), book)
    return found


def squared_one_by_one(p: Problem, phases: Phases, engine: Engine) -> FloatArray:
    """The mean over the samples of the squared estimate of each alone."""
    circuit = p.circuit
    alone = [
        flat(ep_gradients(engine, circuit, p.x[k : k + 1], p.targets[k : k + 1], phases)) ** 2 for k in range(len(p.x))
    ]
    return np.mean(alone, axis=0)


def squared_at_once(p: Problem, phases: Phases, engine: Engine) -> FloatArray:
    total = Weights.zeros(p.sizes, np.float64)
    with engine.session():
        slopes = reading(engine, p.circuit, phases, 0).slopes(p.x, lambda _: p.targets, ("here",), ledger_of(p))
        add_squares(slopes, total, ledger_of(p))
    return flat(total) / len(p.x)


@pytest.mark.parametrize("p", NETS, ids=lambda p: f"{p.network.layers[1].activation.label}-{p.network.cost.label}")
@pytest.mark.parametrize("estimator", [Estimator.CENTERED, Estimator.ONE_SIDED])
def test_squares_are_those_of_a_loop_over_samples(p: Problem, estimator: Estimator, engine: Engine) -> None:
    phases = replace(SETTLED, estimator=estimator)
    assert squared_at_once(p, phases, engine) == pytest.approx(
        squared_one_by_one(p, phases, engine), rel=1e-6, abs=1e-12
    )


def test_scaled_displacements_reach_where_states_do_not() -> None:
    """A nudge of γ⁴ = 1e-16 is below the rounding of states: the scaled form alone gives what a loop over it gives."""
    deep = problem((6, 5, 5, 5, 5, 3), feedback=1e-4, batch=3)
    phases = replace(SETTLED, scaled=True, estimator=Estimator.ONE_SIDED)
    for engine in (create("reference"), create("cpu")):
        wanted = squared_one_by_one(deep, phases, engine)
        assert squared_at_once(deep, phases, engine) == pytest.approx(wanted, rel=1e-8, abs=1e-25)


def test_they_tend_to_backprops_as_feedback_and_nudge_vanish() -> None:
    """γ → 0, β → 0, with the same y: autograd's gradient of each sample, squared; what is left is of order γ."""
    p = problem((6, 5, 3), Activation.TANH, batch=6, feedback=1e-4)
    phases = replace(SETTLED, beta=1e-3, scaled=True)
    wanted = np.mean([
        flat(torch_backprop.gradients(p.network, p.weights, x[None], y[None])) ** 2
        for x, y in zip(p.x, p.targets, strict=True)
    ], axis=0)  # fmt: skip
    assert squared_at_once(p, phases, create("reference")) == pytest.approx(wanted, rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("p", NETS, ids=lambda p: f"{p.network.layers[1].activation.label}-{p.network.cost.label}")
def test_backprop_is_autograds(p: Problem) -> None:
    """Of the whole batch and of each sample."""
    circuit, found = p.circuit, Weights.zeros(p.sizes, np.float64)
    read, book = Backprop(circuit), ledger_of(p)
    read.accumulate(
        p.x, p.targets, read.settle(p.x, p.targets, (), book), Accumulation(found, (1.0,) * found.depth, 0.0), book
    )
    if not p.network.skips:
        assert flat(found) == pytest.approx(
            flat(torch_backprop.gradients(p.network, p.weights, p.x, p.targets)), abs=1e-12
        )
    slopes = read.slopes(p.x, lambda _: p.targets, (), book)
    summed = [sum(a.T @ b for a, b in one.terms) / len(p.x) for one in slopes]
    assert np.concatenate([each.ravel() for each in summed]) == pytest.approx(found.couplings, abs=1e-12)


def test_backprop_with_skips_is_the_slope_of_the_cost_without_feedback() -> None:
    """As γ → 0 the network is feedforward, and central differences of its settled cost are backprop's gradient."""
    p = problem((6, 5, 5, 5, 3), feedback=1e-7, skips=(Skip(1, 3, 0.5),), batch=3)
    read, found, book = Backprop(p.circuit), Weights.zeros(p.sizes, np.float64), ledger_of(p)
    read.accumulate(
        p.x, p.targets, read.settle(p.x, p.targets, (), book), Accumulation(found, (1.0,) * found.depth, 0.0), book
    )
    assert flat(found) == pytest.approx(slopes_of_the_cost(p), abs=1e-6)


def test_summed_squares_of_three_products() -> None:
    rng = np.random.default_rng(0)
    terms = [(rng.normal(size=(7, 4)), rng.normal(size=(7, 3))) for _ in range(3)]
    loop = sum(sum(np.outer(a[s], b[s]) for a, b in terms) ** 2 for s in range(7))
    assert summed_squares(terms) == pytest.approx(loop, rel=1e-12)


def test_fisher_of_a_linear_network_is_known() -> None:
    """o = Wᵀx with y = o + N(0, 1): F of W_ij is E[x_i²], of a bias 1; EP's centered slope is exact to O(β²)."""
    p = problem((4, 3), output=Activation.LINEAR, batch=1)
    x = stream(0, "many").normal(size=(4000, 4))
    found = fisher(reading(create("reference"), p.circuit, SETTLED, 0), Cost.MSE, x, p.sizes, 0, "here", ledger_of(p))
    wanted = np.repeat((x**2).mean(axis=0)[:, None], 3, axis=1)
    assert found.coupling(1) == pytest.approx(wanted, rel=0.1)  # the mean of 4000 squares of N(0, 1): 2 to 4 %
    assert found.bias(1) == pytest.approx(np.ones(3), rel=0.1)


def test_fisher_of_a_softmax_is_its_covariance() -> None:
    """F of an output's bias is E[p (1 − p)], the variance of the drawn y, whatever the labels."""
    p = problem((4, 5, 3), cost=Cost.CROSS_ENTROPY, feedback=1e-3, batch=1)
    x = stream(1, "many").normal(size=(8000, 4))
    read = Backprop(p.circuit)
    found = fisher(read, Cost.CROSS_ENTROPY, x, p.sizes, 0, "here", ledger_of(p))
    probability = read.settle(x, np.zeros((len(x), 3)), (), ledger_of(p)).free.output
    assert found.bias(2) == pytest.approx((probability * (1 - probability)).mean(axis=0), rel=0.05)


def test_what_is_drawn_has_the_models_distribution() -> None:
    outputs = np.tile([[0.5, 0.3, 0.2]], (20000, 1))
    drawn = draw_targets(Cost.CROSS_ENTROPY, outputs, stream(0))
    assert drawn.sum(axis=1) == pytest.approx(1.0)
    assert drawn.mean(axis=0) == pytest.approx([0.5, 0.3, 0.2], abs=0.015)  # 4 standard errors
    noise = draw_targets(Cost.MSE, outputs, stream(0)) - outputs
    assert (noise.mean(), noise.std()) == pytest.approx((0.0, 1.0), abs=0.02)
    with pytest.raises(BadInput, match="hinge"):
        draw_targets(Cost.HINGE, outputs, stream(0))


def test_settling_and_products_are_counted() -> None:
    """One free and two nudged phases a sample; one product of squares in W_1, whose input is clamped, three above."""
    p, book = NETS[1], ledger_of(NETS[1])
    fisher(reading(create("reference"), p.circuit, SETTLED, 0), Cost.MSE, p.x, p.sizes, 0, "here", book)
    assert book.counts[Phase.FREE, Event.SAMPLE, 0] == 5
    assert book.counts[Phase.NUDGED, Event.SAMPLE, 0] == 10
    assert book.counts[Phase.UPDATE, Event.CONTRAST].tolist() == [0, 5, 15, 15]


def test_a_reading_without_samples_is_refused() -> None:
    p = problem((4, 3, 2), Activation.TANH)
    read = reading(create("reference"), p.circuit, replace(SETTLED, estimator=Estimator.HOLOMORPHIC, points=4), 0)
    with pytest.raises(BadInput, match=r"single sample.*centered"):
        fisher(read, Cost.MSE, p.x, p.sizes, 0, "here", ledger_of(p))


def drawn_weights(seed: int, positive: bool = False) -> Weights:
    like, rng = Weights.zeros((3, 2, 2), np.float64), stream(seed, "draw")
    for part in like[1:]:
        part[...] = rng.normal(size=part.shape) ** 2 if positive else rng.normal(size=part.shape)
    return like


def rule(keep: float = 0.0) -> Sgd:
    return Sgd(Training(momentum=keep))


def pull_of(anchor: Anchor, now: Weights, strength: float) -> FloatArray:
    gradient = Weights.zeros(now.sizes, np.float64)
    Consolidating(rule(), now, anchor, strength).turn(gradient, now.couplings, {})
    return flat(gradient)


def test_the_pull_is_the_penaltys_slope() -> None:
    """By central differences of ½ λ Σ F (θ − θ*)², exact for a square."""
    anchor, now, step = Anchor(drawn_weights(1, True), drawn_weights(2)), drawn_weights(3), 1e-4
    slopes = []
    for part in now[1:]:
        for i in range(part.size):
            kept = part[i]
            part[i] = kept + step
            above = anchor.penalty(now)
            part[i] = kept - step
            slopes.append(7.0 * (above - anchor.penalty(now)) / (2 * step))
            part[i] = kept
    assert pull_of(anchor, now, 7.0) == pytest.approx(np.array(slopes), rel=1e-8)


def test_one_anchor_pulls_as_those_of_all_tasks() -> None:
    """Plain EWC: Σ_t F_t (θ − θ*_t), where some weights never mattered."""
    now, terms = drawn_weights(0), [(drawn_weights(k, True), drawn_weights(k + 10)) for k in (1, 2, 3)]
    for importance, _ in terms:
        importance.couplings[:2] = 0.0
    keeper = keeper_of(Keeping("ewc", strength=2.0))
    for importance, centre in terms:
        keeper.end(centre, lambda importance=importance: importance)  # type: ignore[misc]
    wanted = 2.0 * sum(flat(f) * (flat(now) - flat(star)) for f, star in terms)
    gradient = Weights.zeros(now.sizes, np.float64)
    keeper.rule(rule(), now).turn(gradient, now.couplings, {})
    assert flat(gradient) == pytest.approx(wanted, rel=1e-12)


def test_online_ewc_fades_and_follows_the_newest_weights() -> None:
    now, (first, second), (star, newest) = drawn_weights(0), (drawn_weights(1, True), drawn_weights(2, True)), (
        drawn_weights(3), drawn_weights(4)
    )  # fmt: skip
    keeper = keeper_of(Keeping("online-ewc", strength=3.0, decay=0.5))
    for importance, centre in ((first, star), (second, newest)):
        keeper.end(centre, lambda importance=importance: importance)  # type: ignore[misc]
    gradient = Weights.zeros(now.sizes, np.float64)
    keeper.rule(rule(), now).turn(gradient, now.couplings, {})
    wanted = 3.0 * (0.5 * flat(first) + flat(second)) * (flat(now) - flat(newest))
    assert flat(gradient) == pytest.approx(wanted, rel=1e-12)


def test_an_implicit_pull_never_overshoots() -> None:
    """η λ F of 1000: an explicit step would be 999 times too long; the implicit one leaves 1/1001 of the way."""
    now, star = drawn_weights(0), drawn_weights(1)
    importance = Weights(now.sizes, np.ones_like(now.couplings), np.ones_like(now.biases))
    gradient, away = Weights.zeros(now.sizes, np.float64), flat(now) - flat(star)
    steady = Consolidating(rule(), now, Anchor(importance, star), 1e4, rates=(0.1, 0.1))
    steady.turn(gradient, now.couplings, {})
    assert away - 0.1 * flat(gradient) == pytest.approx(away / 1001.0, rel=1e-9)


def test_omega_of_a_path_by_hand() -> None:
    """Two steps of one weight: g = 2, −1 and Δθ = −0.5, 0.25 give ω = 1.25; Δθ of the task is −0.25."""
    weights = Weights.from_arrays([np.array([[1.0]])], [np.array([0.0])])
    path = Path(weights)
    for slope, moved in ((2.0, -0.5), (-1.0, 0.25)):
        path.step(Weights.from_arrays([np.array([[slope]])], [np.array([-slope])]))
        for part in weights[1:]:
            part += moved
    found = path.importance(0.1)
    assert found.couplings == pytest.approx(1.25 / (0.25**2 + 0.1))
    assert found.biases == pytest.approx(0.0)  # uphill: it counts as 0


def test_synaptic_intelligence_sees_the_tasks_gradient_and_pulls_twice_c() -> None:
    """The path is of the task's own gradient, without the pull; a weight that no step moved has no importance."""
    weights = Weights.from_arrays([np.array([[1.0, 2.0]])], [np.zeros(2)])
    keeper, training = keeper_of(Keeping("si", strength=0.5, damping=0.01)), Training(learning_rates=(0.1,))
    first = keeper.rule(Sgd(training), weights)
    gradient = Weights.from_arrays([np.array([[3.0, 0.0]])], [np.zeros(2)])
    first.turn(gradient, weights.couplings, {})
    weights.coupling(1)[...] -= 0.1 * gradient.coupling(1)
    keeper.end(weights, lambda: pytest.fail("it needs no Fisher information"))
    omega = 3.0 * 0.3 / (0.3**2 + 0.01)
    second = keeper.rule(Sgd(training), weights)
    weights.coupling(1)[...] += 1.0
    gradient = Weights.zeros(weights.sizes, np.float64)
    second.turn(gradient, weights.couplings, {})
    assert gradient.couplings == pytest.approx([2.0 * 0.5 * omega, 0.0])


def test_momentum_is_that_of_the_sum() -> None:
    """Under a rule with momentum the buffer is the velocity; here it must be v ← μ v + g + pull, as torch has it."""
    now, anchor = drawn_weights(0), Anchor(drawn_weights(1, True), drawn_weights(2))
    made = Consolidating(rule(0.9), now, anchor, 2.0)
    memory, parameter = made.fresh(now), torch.tensor(flat(now), requires_grad=True)
    descent = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    for k in range(3):
        gradient = drawn_weights(20 + k)
        pull = 2.0 * flat(anchor.importance) * (flat(now) - flat(anchor.centre))
        parameter.grad = torch.tensor(flat(gradient) + pull)
        descent.step()
        made.turn(gradient, now.couplings, memory)
        for part, direction in zip(now[1:], gradient[1:], strict=True):
            part -= 0.1 * direction
        assert flat(now) == pytest.approx(parameter.detach().numpy(), rel=1e-12)


def test_adam_scales_the_sum() -> None:
    now, anchor, training = drawn_weights(0), Anchor(drawn_weights(1, True), drawn_weights(2)), Training(rule="adam")
    first, second = drawn_weights(3), drawn_weights(3)
    Consolidating(Adam(training), now, anchor, 2.0).turn(first, now.couplings, Adam(training).fresh(now))
    for g, f, part, star in zip(second[1:], anchor.importance[1:], now[1:], anchor.centre[1:], strict=True):
        g += 2.0 * f * (part - star)
    Adam(training).turn(second, now.couplings, Adam(training).fresh(now))
    assert flat(first) == pytest.approx(flat(second), rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (SimpleNamespace(method="ewcc"), ["'ewcc'", "did you mean 'ewc'"]),
        (SimpleNamespace(method="none", strength=1.0), ["--strength", "without effect", "'none'"]),
        (SimpleNamespace(method="ewc", decay=0.9), ["--decay", "without effect", "online-ewc"]),
        (SimpleNamespace(method="online-ewc", damping=0.1), ["--damping", "without effect", "si"]),
        (SimpleNamespace(method="si", damping=0.0), ["--damping", "more than 0"]),
        (SimpleNamespace(method="si", strength=-1.0), ["--strength", "more than 0"]),
        (SimpleNamespace(method="online-ewc", decay=1.5), ["--decay", "0 to 1"]),
        (SimpleNamespace(method="ewc", strength=float("nan")), ["--strength"]),
    ],
)
def test_settings_without_effect_are_refused(asked: SimpleNamespace, said: list[str]) -> None:
    with pytest.raises(BadInput) as refused:
        Keeping(**vars(asked))
    for word in said:
        assert word in str(refused.value)


def test_every_method_has_defaults_of_its_own() -> None:
    assert {name: set(kind.DEFAULTS) for name, kind in KEEPERS.items()} == {
        "ewc": {"strength"}, "online-ewc": {"strength", "decay"}, "si": {"strength", "damping"}, "none": set(),
    }  # fmt: skip
