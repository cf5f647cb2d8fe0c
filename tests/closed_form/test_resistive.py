"""Resistive networks against circuit theory: dividers, Kirchhoff's current law, and the least co-content by scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import Problem, plan, resistors, settle, settle_nudged
from scipy.optimize import minimize  # type: ignore[import-untyped]

from neuroep.circuit import coupling_up
from neuroep.engines import Engine
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Cost, chain, initial_weights
from neuroep.physics.activations import activate, bounds, stuck_units
from neuroep.physics.known import PHYSICS
from neuroep.physics.resistive import RESISTIVE, energy, net_currents, nudged_energy
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

HIDDEN = (Activation.DIODES, Activation.LINEAR)
both_kinds = pytest.mark.parametrize("hidden", HIDDEN, ids=lambda code: code.label)


def equilibrium(engine: Engine, p: Problem, beta: float = 0.0) -> list[FloatArray]:
    """Voltages settled to rounding."""
    how = plan(p.network.depth, 5000, 1e-14)
    free = settle(engine, p.circuit, p.x, how)
    if not beta:
        return list(free.states)
    return list(settle_nudged(engine, p.circuit, free, p.targets, np.full(len(p.x), beta), how).states)


def test_a_voltage_divider(engine: Engine) -> None:
    """One node between +A x and −A x: v = (A x (g₁ − g₂) + i) / (g₁ + g₂); the nudge joins it to y by β."""
    network = chain((2, 1), physics="resistive", input_gain=5.0)
    weights = Weights.from_arrays([np.array([[0.3], [0.1]])], [np.array([0.02])])
    x, y = np.array([[2.0], [-1.0]]), np.array([[1.0], [0.0]])
    p = Problem(network, weights, network.clamped(x), y)
    assert equilibrium(engine, p)[0] == pytest.approx((5.0 * x * 0.2 + 0.02) / 0.4, rel=1e-14)
    wanted = (5.0 * x * 0.2 + 0.02 - 0.1 * y) / (0.4 - 0.1)
    assert equilibrium(engine, p, -0.1)[0] == pytest.approx(wanted, rel=1e-14)


@both_kinds
@pytest.mark.parametrize("beta", [0.0, 0.2, -0.2])
def test_equilibrium_is_the_least_co_content(engine: Engine, hidden: Activation, beta: float) -> None:
    """Against scipy's bounded minimisation, which knows the energy alone."""
    p = resistors(hidden=hidden, batch=1, seed=3)
    p.weights.couplings[...] += 0.05  # no node may be without a minimum
    ends = np.cumsum(p.sizes[1:])[:-1]

    def nudged(flat: FloatArray) -> float:
        states = [part[None] for part in np.split(flat, ends)]
        return float(nudged_energy(p.circuit, p.x, states, p.targets, np.array([beta]))[0])

    codes = [layer.activation for layer in p.network.layers[1:]]
    limits = [np.broadcast_arrays(*bounds(c, n), np.zeros(n))[:2] for c, n in zip(codes, p.sizes[1:], strict=True)]
    low, high = (np.concatenate([pair[end] for pair in limits]) for end in (0, 1))
    found = minimize(
        nudged, np.zeros(sum(p.sizes[1:])), bounds=list(zip(low, high, strict=True)), method="L-BFGS-B",
        options={"ftol": 1e-16, "gtol": 1e-10, "maxiter": 10000},
    )  # fmt: skip
    settled = np.concatenate([v[0] for v in equilibrium(engine, p, beta)])
    assert settled == pytest.approx(found.x, abs=2e-5)
    assert nudged(settled) <= found.fun + 1e-12


def test_kirchhoffs_current_law(engine: Engine) -> None:
    """No net current where no diode conducts; where one does, it takes what would push its node past 0 V."""
    p = resistors((8, 9, 8, 3), batch=16, seed=1)
    states = equilibrium(engine, p)
    currents, held = net_currents(p.circuit, p.x, states), 0
    for k, (v, current) in enumerate(zip(states, currents, strict=True), start=1):
        blocked = (v == 0.0) & (k < p.network.depth)
        assert np.abs(current[~blocked]).max() < 1e-12
        first = np.arange(v.shape[1]) < (v.shape[1] + 1) // 2
        assert (np.where(first, current, -current)[blocked] <= 1e-12).all()
        held += int(blocked.sum())
    assert held > 20
    assert (states[0][:, :5] >= 0.0).all()
    assert (states[0][:, 5:] <= 0.0).all()


def test_net_currents_are_the_slope_of_the_energy() -> None:
    p, h = resistors(), 1e-6
    rng = stream(7, "states")
    states = [rng.normal(size=(len(p.x), n)) for n in p.sizes[1:]]
    currents = net_currents(p.circuit, p.x, states)
    for v, current in zip(states, currents, strict=True):
        for j in range(v.shape[1]):
            v[:, j] += h
            above = energy(p.circuit, p.x, states)
            v[:, j] -= 2 * h
            assert (energy(p.circuit, p.x, states) - above) / (2 * h) == pytest.approx(current[:, j], abs=1e-8)
            v[:, j] += h


@pytest.mark.parametrize("copies", [1, 2])
def test_products_are_the_slope_of_the_energy(copies: int) -> None:
    """∂E/∂g = ½(v_i − v_j)², with coefficients that don't add up to 0 as well; copies share the clamped input."""
    p, rng = resistors(batch=3), stream(7, "states")
    states = [rng.normal(size=(3 * copies, n)) for n in p.sizes[1:]]
    coefficients = rng.normal(size=3 * copies)
    belows = [np.concatenate([p.x] * copies), *states]
    for k in range(1, 4):
        across = belows[k - 1][:, :, None] - states[k - 1][:, None, :]
        wanted = (0.5 * coefficients[:, None, None] * across**2).sum(axis=0)
        below = p.x if k == 1 else states[k - 2]
        found = RESISTIVE.products(p.circuit, k, below, states[k - 1], coefficients).summed()
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_a_node_that_nothing_is_joined_to_stays_at_ground(engine: Engine) -> None:
    p = resistors()
    p.weights.coupling(1)[:, 2] = 0.0
    p.weights.coupling(2)[2, :] = 0.0
    states = equilibrium(engine, p)
    assert (states[0][:, 2] == 0.0).all()
    assert all(np.isfinite(v).all() for v in states)


def test_a_nudge_that_outweighs_its_resistors_is_reported(engine: Engine) -> None:
    """Σg < |β| with β < 0 has no minimum."""
    p = resistors()
    p.weights.coupling(3)[...] = 0.01
    how = plan(3, 10)
    free = settle(engine, p.circuit, p.x, how)
    found = settle_nudged(engine, p.circuit, free, p.targets, np.full(len(p.x), -0.2), how)
    assert (found.code == ResultCode.DIVERGED).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_diodes_hold_the_first_half_above_ground_and_the_others_below(dtype: type) -> None:
    inputs: FloatArray = np.array([[-1.0, 2.0, -3.0, 4.0, -5.0], [1.0, -2.0, 3.0, -4.0, 5.0]], dtype=dtype)
    held = activate(Activation.DIODES, inputs)
    assert held.dtype == dtype
    assert held.tolist() == [[0.0, 2.0, 0.0, 0.0, -5.0], [1.0, 0.0, 3.0, -4.0, 0.0]]
    assert stuck_units(Activation.DIODES, held, np.arange(5)) == ()
    assert stuck_units(Activation.DIODES, held[:1], np.arange(5)) == (0, 2, 3)


def test_data_are_clamped_on_two_rails() -> None:
    network = chain((4, 3, 2), Activation.DIODES, physics="resistive", input_gain=7.0)
    assert network.columns == 2
    assert network.clamped(np.array([[1.0, -2.0]])).tolist() == [[7.0, -14.0, -7.0, 14.0]]
    assert chain((4, 3, 2)).clamped(np.ones((1, 4))).tolist() == [[1.0] * 4]


def test_first_conductances_are_half_zeros() -> None:
    """max(0, U(±gain/√n))."""
    network = chain((100, 400, 2), Activation.DIODES, gain=2.0, physics="resistive")
    drawn = initial_weights(network, stream(0, "weights"), np.float64).coupling(1)
    assert drawn.min() == 0.0
    assert (drawn == 0.0).mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.max() == pytest.approx(0.2, rel=1e-3)


def test_a_negative_conductance_is_refused() -> None:
    p = resistors()
    p.weights.coupling(2)[1, 1] = -0.25
    with pytest.raises(BadInput, match=r"a weight of -0\.25 in a resistive network.*0 or more"):
        Ideal().mount(p.network, p.weights, stream(0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feedback": 0.5}, "feedback gain 0.5"),
        ({"cost": Cost.HINGE}, "cost 'hinge'"),
        ({"input_gain": 0.0}, "input gain of 0"),
        ({"physics": "hopfield"}, "activation 'diodes' of hopfield units"),
    ],
)
def test_what_it_does_not_describe_is_refused(changes: dict[str, object], said: str) -> None:
    network = chain((4, 3, 2), Activation.DIODES, physics="resistive")
    with pytest.raises(BadInput, match=said):
        replace(network, **changes)  # type: ignore[arg-type]


def test_other_layers_are_refused() -> None:
    with pytest.raises(BadInput, match="activation 'tanh' of resistors"):
        chain((4, 3, 2), Activation.TANH, physics="resistive")
    with pytest.raises(BadInput, match="output activation 'hard-sigmoid'"):
        chain((4, 3, 2), Activation.DIODES, Activation.HARD_SIGMOID, physics="resistive")
    with pytest.raises(BadInput, match="3 input nodes"):
        chain((3, 3, 2), Activation.DIODES, physics="resistive")
    with pytest.raises(BadInput, match=r"input_gain.*left out"):
        chain((3, 3, 2), input_gain=2.0)


def test_every_energy_has_a_code_of_its_own() -> None:
    assert len({physics.code for physics in PHYSICS.values()}) == len(PHYSICS)
    assert coupling_up(resistors().circuit, 1).min() >= 0.0
