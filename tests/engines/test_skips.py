"""Identity skips: every engine and every way of settling finds the states at which the energy's force is zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import CLOSE, KINDS, Problem, plan, problem, settle, settle_nudged
from test_agreement import HARDWARE, assert_same, outcome

from neuroep.bridges.torch_weights import from_torch, to_torch
from neuroep.engines import Engine, Nudge, create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.learning.methods.displaced_phases import compiled_displacements
from neuroep.learning.methods.displacement import settle_displacements
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Skip, chain
from neuroep.physics import hopfield
from neuroep.recipe import Estimator, Order, Phases
from neuroep.studies.fidelity import slope

SIZES, SKIPS = (9, 6, 6, 6, 6, 3), (Skip(1, 3, 0.5), Skip(1, 4, -0.4), Skip(2, 4, 0.3))
EXACT = Phases(beta=0.2, free_sweeps=4000, nudged_sweeps=4000, tolerance=1e-14)

every_kind = pytest.mark.parametrize(("hidden", "output", "cost", "feedback"), KINDS)


def residual_net(
    hidden: Activation = Activation.TANH, output: Activation = Activation.LINEAR, cost: Cost = Cost.MSE,
    feedback: float = 0.5, dtype: type = np.float64, gain: float = 0.7,
) -> Problem:  # fmt: skip
    return problem(SIZES, hidden, output, cost, feedback, gain, batch=7, dtype=dtype, skips=SKIPS)


@every_kind
def test_states_settle_where_the_force_is_zero(
    engine: Engine, hidden: Activation, output: Activation, cost: Cost, feedback: float
) -> None:
    """The velocity reads the energy's formula, layer by layer, without any engine's sums."""
    p = residual_net(hidden, output, cost, feedback, gain=0.4)
    free = settle(engine, p.circuit, p.x, plan(5, 4000, 1e-13))
    beta = np.full(len(p.x), 0.3)
    nudged = settle_nudged(engine, p.circuit, free, p.targets, beta, plan(5, 4000, 1e-13))
    for states, nudging in ((free.states, 0.0 * beta), (nudged.states, beta)):
        for v in hopfield.velocity(p.circuit, p.x, states, p.targets, nudging):
            assert abs(v).max() < 1e-12


def test_the_force_is_the_slope_of_the_energy() -> None:
    """Central differences of F, whose terms −γ^{j−1} α s_i·s_j stand in one place."""
    p = residual_net()
    beta, rng = np.full(len(p.x), 0.3), np.random.default_rng(1)
    states = [rng.uniform(-0.8, 0.8, size=(len(p.x), n)) for n in SIZES[1:]]
    forces, step = hopfield.force(p.circuit, p.x, states, p.targets, beta), 1e-6
    for k in range(len(states)):
        ends = []
        for sign in (1.0, -1.0):
            moved = [s.copy() for s in states]
            moved[k][:, 2] += sign * step
            ends.append(hopfield.nudged_energy(p.circuit, p.x, moved, p.targets, beta))
        np.testing.assert_allclose((ends[1] - ends[0]) / (2 * step), forces[k][:, 2], atol=1e-8)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hardware", [name for name in HARDWARE if name != "all"])
def test_engines_agree(
    hidden: Activation, output: Activation, cost: Cost, feedback: float, dtype: type, hardware: str
) -> None:
    p = residual_net(hidden, output, cost, feedback, dtype)
    circuit = HARDWARE[hardware](p.circuit)
    ways = plan(5, 6), plan(5, 4, 0.0, Order.BACKWARD)
    got, wanted = (outcome(create(name), p, circuit, *ways) for name in ("cpu", "reference"))
    assert_same(got, wanted, CLOSE[dtype], counts=False)


def test_engines_count_alike_and_samples_stop_by_themselves() -> None:
    p = residual_net()
    got, wanted = (outcome(create(name), p, p.circuit, plan(5, 60, 2e-4), plan(5, 60, 2e-4))
                   for name in ("cpu", "reference"))  # fmt: skip
    assert len(set(wanted.free.steps.tolist())) > 1
    assert_same(got, wanted, CLOSE[np.float64])
    updates = wanted.ledger.counts[Phase.FREE, Event.NEURON]
    brought = wanted.ledger.counts[Phase.FREE, Event.SKIP]
    assert brought.tolist() == (updates * np.array([0, 2, 1, 1, 2, 0])).tolist()
    assert wanted.ledger.events(Phase.FREE)["state_move"] == int(brought.sum()) * 6


@pytest.mark.parametrize("changes", [0, 1])
def test_sums_kept_in_registers(changes: int) -> None:
    """Exact reads of changes settle where reads of states do: what skips bring goes into no register."""
    p = residual_net()
    circuit = p.circuit._replace(dac_bits=16, adc_bits=16, dac_bound=np.full(6, 6.0), adc_bound=np.full(6, 9.0),
                                 changes=changes)  # fmt: skip
    exact = settle(create("reference"), p.circuit, p.x, plan(5, 400, 1e-13))
    found = [settle(create(name), circuit, p.x, plan(5, 60)) for name in ("cpu", "reference")]
    for a, b, c in zip(*(each.states for each in (*found, exact)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
        np.testing.assert_allclose(a, c, atol=5e-3)


@every_kind
def test_displacements(hidden: Activation, output: Activation, cost: Cost, feedback: float) -> None:
    """Scaled displacements are the differences of raw states over γ^{D−k}, and compiled ones the same."""
    p = residual_net(hidden, output, cost, feedback, gain=0.4)
    free = settle(create("reference"), p.circuit, p.x, plan(5, 4000, 1e-14))
    beta, how = np.full(len(p.x), 0.2), plan(5, 4000, 1e-14, Order.BACKWARD)
    raw = settle_nudged(create("reference"), p.circuit, free, p.targets, beta, how)
    books = [Ledger.empty(p.sizes), Ledger.empty(p.sizes)]
    numpy = settle_displacements(p.circuit, free, Nudge(p.targets, beta), how._replace(tolerance=1e-12), books[0])
    fast = compiled_displacements(p.circuit, free, Nudge(p.targets, beta), how._replace(tolerance=1e-12), books[1])
    for k, (d, e) in enumerate(zip(numpy.layers, fast.layers, strict=True), start=1):
        moved = (raw.states[k - 1] - free.states[k - 1]) / p.circuit.reach[k]
        np.testing.assert_allclose(d, moved, atol=1e-11)
        np.testing.assert_allclose(d, e, atol=1e-12)
    np.testing.assert_array_equal(*(book.counts for book in books))


WAYS = [
    {"estimator": Estimator.CENTERED},
    {"estimator": Estimator.ONE_SIDED},
    {"estimator": Estimator.CENTERED, "scaled": True},
    {"estimator": Estimator.HOLOMORPHIC, "points": 2},
    {"estimator": Estimator.CENTERED, "solver": "dopri5", "rtol": 1e-9, "atol": 1e-12, "tolerance": 1e-12},
    {"estimator": Estimator.CENTERED, "solver": "rk4", "step_seconds": 5e-4, "tolerance": 1e-12},
]


@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(str(value) for value in way.values()))
def test_every_estimator_reads_the_slope_of_the_settled_cost(
    engine: Engine, cost: Cost, way: dict[str, object]
) -> None:
    """Against central differences of the cost at the free equilibrium, which know no contrast; bias O(β²) or O(β)."""
    p, rng = residual_net(cost=cost, gain=0.5), np.random.default_rng(3)
    steps = {"free_sweeps": 20_000, "nudged_sweeps": 20_000} if "solver" in way else {}
    phases = replace(EXACT, beta=1e-3, **steps, **way)  # type: ignore[arg-type]
    found = ep_gradients(engine, p.circuit, p.x, p.targets, phases)
    for k in range(1, 6):
        direction = rng.normal(size=found.coupling(k).shape)
        wanted = slope(engine, p.circuit, p.x, p.targets, EXACT, k, direction)
        close = 5e-3 if way["estimator"] is Estimator.ONE_SIDED else 2e-5
        assert float((found.coupling(k) * direction).sum()) == pytest.approx(wanted, rel=close, abs=1e-6)


def test_continuous_time_on_both_engines() -> None:
    p = residual_net()
    phases = replace(EXACT, solver="dopri5", rtol=1e-9, atol=1e-12, tolerance=1e-11, free_sweeps=9999,
                     nudged_sweeps=9999)  # fmt: skip
    found = [ep_gradients(create(name), p.circuit, p.x, p.targets, phases) for name in ("reference", "cpu")]
    np.testing.assert_allclose(found[0].couplings, found[1].couplings, atol=1e-8)


def test_without_feedback_it_is_the_residual_module() -> None:
    """γ → 0: the forward pass of torch's layers and additions."""
    p = residual_net(feedback=1e-9)
    free = settle(create("reference"), p.circuit, p.x, plan(5, 50, 1e-14))
    module = to_torch(p.network, p.weights)
    x = torch.from_numpy(p.x)
    states: list[torch.Tensor] = []
    linears = [part for part in module if isinstance(part, torch.nn.Linear)]
    for k, linear in enumerate(linears, start=1):
        x = linear(x)
        for skip in SKIPS:
            if skip.target == k:
                x = x + skip.gain * states[skip.source - 1]
        x = torch.tanh(x) if k < 5 else x
        states.append(x)
    np.testing.assert_allclose(free.output, x.detach().numpy(), atol=1e-7)
    np.testing.assert_allclose(module(torch.from_numpy(p.x)).detach().numpy(), x.detach().numpy(), atol=1e-14)
    back = from_torch(module, p.network)
    np.testing.assert_array_equal(back.couplings, p.weights.couplings)
    np.testing.assert_array_equal(from_torch(module).couplings, p.weights.couplings)  # it says which skips it has
    with pytest.raises(BadInput, match="does more than its Linear layers"):
        from_torch(module, replace(p.network, skips=SKIPS[:2]))


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0, 2), "from layer 1 on"), ((1, 2), "over at least one layer"), ((3, 1), "over at least one layer"),
        ((1, 5), "to 4 at most"), ((2, 4), "of 6 and 7 units"),
    ],
)  # fmt: skip
def test_impossible_skips(ends: tuple[int, int], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        chain((9, 6, 6, 6, 7, 3), cost=Cost.CROSS_ENTROPY, skips=[ends])
    with pytest.raises(BadInput, match="a second skip from layer 1 to 3"):
        chain((9, 6, 6, 6, 7, 3), skips=[(1, 3), (1, 3)])
    with pytest.raises(BadInput, match="a skip of gain 0"):
        Skip(1, 3, 0.0)


def test_a_skip_of_the_output_layer(engine: Engine) -> None:
    """The nudged output is the exact minimiser of what it gets, the skip's share included."""
    p = problem((5, 3, 4, 3), Activation.TANH, feedback=0.5, batch=4, skips=(Skip(1, 3, 0.7),))
    free = settle(engine, p.circuit, p.x, plan(3, 900, 1e-14))
    nudged = settle_nudged(engine, p.circuit, free, p.targets, np.full(4, 0.4), plan(3, 900, 1e-14))
    assert (nudged.code == ResultCode.CONVERGED).all()
    for v in hopfield.velocity(p.circuit, p.x, nudged.states, p.targets, np.full(4, 0.4)):
        assert abs(v).max() < 1e-12
