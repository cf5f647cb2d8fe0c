"""∫ P dt of settling: against closed forms, scipy's solver with one more variable, and Tellegen's theorem."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from flows import RHO, TAUS, reference_flow, with_taus
from problems import Problem, problem, resistors
from scipy.integrate import solve_ivp

from neuroep.circuit import Circuit
from neuroep.cost.relaxation import Held, Lines, Resistors, line_units, node_units
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Cost
from neuroep.quantities import Band
from neuroep.solvers.controllers import FixedStep, PIController
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.tableaux import named
from neuroep.studies.relaxing import Course, RelaxingPhase, circuitry_of
from neuroep.weights import FloatArray

SECONDS = 5e-3


def plan(rtol: float = 1e-9, seconds: float = SECONDS, form: Form = Form.MEMBRANE) -> ContinuousPlan:
    return ContinuousPlan(named("dopri5"), PIController(rtol, 1e-3 * rtol), 0.0, 100_000, form, seconds)


def lines_of(p: Problem, seed: int = 3) -> Lines:
    """Any conductances; lines of both directions in the middle, spans that aren't 1."""
    rng = np.random.default_rng(seed)
    siemens = tuple(rng.uniform(1.0, 2.0, n) for n in p.sizes)
    return Lines(siemens, np.array([1, 2, 2, 1]), np.array([1.0, 2.0, 0.5, 1.0]), np.zeros(4))


def joined(rhs: Callable[[float, FloatArray], FloatArray], begin: FloatArray, seconds: float = SECONDS) -> FloatArray:
    """The end of an initial value problem, by another's solver."""
    found = solve_ivp(rhs, (0.0, seconds), begin, method="DOP853", rtol=1e-11, atol=1e-13, max_step=seconds / 60)
    return found.y[:, -1]


def wanted_heat(p: Problem, lines: Lines, beta: float, begin: FloatArray) -> FloatArray:
    """∫ Σ G V² dt of each layer, as variables of their own; a row a sample."""
    flow, cuts = reference_flow(p, beta, Form.MEMBRANE), np.cumsum(p.sizes[1:])[:-1]
    codes = [layer.activation for layer in p.network.layers[1:]]
    found = []
    for row in range(len(p.x)):

        def rhs(_: float, z: FloatArray, row: int = row) -> FloatArray:
            u = z[:-4]
            levels = [p.x[row], *(RHO[c](part) for c, part in zip(codes, np.split(u, cuts), strict=True))]
            heat = [((v / span) ** 2 * g).sum() for v, span, g in zip(levels, lines.spans, lines.siemens, strict=True)]
            return np.concatenate([flow(row, u), heat])

        found.append(joined(rhs, np.concatenate([begin[row], np.zeros(4)]))[-4:])
    return np.array(found)


@pytest.mark.parametrize("hidden", [Activation.TANH, Activation.HARD_SIGMOID, Activation.RELU])
def test_heat_is_that_of_an_energy_integrated_along(hidden: Activation) -> None:
    """Freely and from there nudged; hard sigmoids meet their bounds within steps."""
    p, lines = problem(hidden=hidden), lines_of(problem(hidden=hidden))
    circuit, zeros, beta = with_taus(p), np.zeros(len(p.x)), np.full(len(p.x), 0.4)
    free = RelaxingPhase(circuit, p.x, p.targets, zeros, lines).settle(plan(), None)
    assert free.held == pytest.approx(wanted_heat(p, lines, 0.0, np.zeros_like(free.variables)), rel=1e-6)
    nudged = RelaxingPhase(circuit, p.x, p.targets, beta, lines).settle(plan(), free.variables)
    assert nudged.held == pytest.approx(wanted_heat(p, lines, 0.4, free.variables), rel=1e-6)


def test_heat_converges_as_the_path_between_steps_does() -> None:
    """Cubics miss a path by h⁴: halving steps divides the error by 16."""
    p, lines = problem(), lines_of(problem())
    wanted = wanted_heat(p, lines, 0.0, np.zeros((len(p.x), sum(p.sizes[1:]))))
    off = []
    for step in (2e-4, 1e-4, 5e-5):
        how = ContinuousPlan(named("dopri5"), FixedStep(step), 0.0, 100_000, Form.MEMBRANE, SECONDS)
        got = RelaxingPhase(with_taus(p), p.x, p.targets, np.zeros(len(p.x)), lines).settle(how, None)
        off.append(np.abs(got.held - wanted).max())
    assert off[0] / off[1] == pytest.approx(16.0, rel=0.15)
    assert off[1] / off[2] == pytest.approx(16.0, rel=0.15)


def one_unit(weight: float, seconds: float, form: Form) -> Course:
    """A linear unit behind one input of 1, its line with 3 S."""
    p = problem((1, 1), Activation.LINEAR, batch=1)
    p.weights.couplings[:], p.weights.biases[:] = weight, 0.0
    lines = Lines((np.array([2.0]), np.array([3.0])), np.array([1, 1]), np.ones(2), np.zeros(2))
    circuit = p.circuit._replace(tau_seconds=np.array([1.0, 2e-3]))
    return RelaxingPhase(circuit, np.ones((1, 1)), p.targets, np.zeros(1), lines).settle(
        plan(1e-10, seconds, form), None
    )


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("seconds", [1e-3, 2e-2])
@pytest.mark.parametrize("weight", [0.7, -0.7])
def test_one_unit_relaxes_in_closed_form(weight: float, seconds: float, form: Form) -> None:
    """V = V∞(1 − e^{−t/τ}): its heat, and its one rise away from 0; the input is held all the time."""
    got, tau = one_unit(weight, seconds, form), 2e-3
    once, twice = 1.0 - np.exp(-seconds / tau), 1.0 - np.exp(-2.0 * seconds / tau)
    heat = 3.0 * weight**2 * (seconds - 2.0 * tau * once + 0.5 * tau * twice)
    assert got.held[0] == pytest.approx([2.0 * seconds, heat], rel=1e-7)
    assert got.moved[0] == pytest.approx([1.0, 0.7 * once], rel=1e-7)
    assert got.peak == 1.0


def test_a_line_that_falls_draws_nothing() -> None:
    """Up, down through 0 and up again on the other side: rises are those of |V|."""
    lines = Lines((np.ones(2),), np.array([2]), np.array([4.0]), np.array([1]))
    course = [np.array([[v, 1.0]]) for v in (1.0, 2.0, -1.0, -3.0, 0.0)]
    moved = sum(lines.stored([a], [b])[0, 0] for a, b in pairwise(course))
    assert moved == pytest.approx(2 * (1.0 + 0.0 + 2.0 + 0.0) / 4.0)
    assert lines.stored(None, [course[1]])[0, 0] == pytest.approx(2 * (2.0 + 1.0) / 4.0)
    assert lines.switched([course[1]])[0, 0] == pytest.approx((2.0 + 1.0) / 4.0)  # one line was there before


def test_a_settled_sample_stops_costing() -> None:
    """Its share is that of itself alone, whatever takes longer beside it."""
    p, lines = problem(), lines_of(problem())
    how = ContinuousPlan(named("dopri5"), PIController(1e-6, 1e-9), 1e-3, 100_000)
    scaled = p.x * np.array([[0.01], [0.1], [1.0], [3.0]])
    together = RelaxingPhase(with_taus(p), scaled, p.targets, np.zeros(4), lines).settle(how, None)
    assert len(set(together.seconds)) == 4
    for row in range(4):
        part = scaled[row : row + 1], p.targets[row : row + 1], np.zeros(1)
        alone = RelaxingPhase(with_taus(p), *part, lines).settle(how, None)
        assert alone.held[0] == pytest.approx(together.held[row], rel=1e-9)


def test_a_read_out_is_held_in_the_nudged_phase_alone() -> None:
    """Its line carries β(y − ŷ); upward and downward lines of each layer as they are read."""
    p = problem((6, 5, 4, 3), Activation.TANH, cost=Cost.CROSS_ENTROPY)

    class Known(Ideal):
        def line_siemens(self, mounted: object) -> object:
            from neuroep.hardware.lines import LineSiemens

            up, down = ([np.full(n, 10.0**k) for n in sizes] for k, sizes in ((0, p.sizes[:-1]), (1, p.sizes[1:])))
            return LineSiemens(tuple(up), tuple(down))

    device, circuit = Known(), p.circuit
    mounted = device.mount(p.network, p.weights, np.random.default_rng(0))
    free, nudged = (circuitry_of(circuit, device, mounted, phase) for phase in (False, True))
    assert isinstance(free, Lines)
    assert isinstance(nudged, Lines)
    assert [float(g[0]) for g in free.siemens] == [1.0, 1.0, 10.0, 0.0]
    assert [float(g[0]) for g in nudged.siemens] == [1.0, 1.0 + 0.0, 1.0 + 10.0, 10.0]
    assert free.driven.tolist() == [1, 1, 1, 0]
    assert (nudged.driven.tolist(), nudged.before.tolist()) == ([1, 1, 2, 1], [1, 1, 1, 0])
    phase = RelaxingPhase(circuit, p.x, p.targets, np.full(4, 0.5), nudged)
    start = RelaxingPhase(circuit, p.x, p.targets, np.zeros(4), free).settle(plan(1e-6), None).variables
    phase.settle(plan(1e-6), start)
    chances = phase.flow.outputs(start)[-1]
    assert phase._levels(np.arange(4), start)[-1] == pytest.approx(0.5 * (p.targets - chances))


def tellegen(p: Problem, beta: float, begin: FloatArray, farads: FloatArray) -> FloatArray:
    """∫ of what sources of inputs, biases and the nudge give; ideal diodes give nothing."""
    sizes, last = p.sizes[1:], len(p.sizes) - 1
    cuts, bounds = np.cumsum(sizes)[:-1], _bounds(p)
    found = []
    for row in range(len(p.x)):

        def rhs(_: float, z: FloatArray, row: int = row) -> FloatArray:
            v = np.clip(z[:-1], *bounds)
            layers, current, given = [p.x[row], *np.split(v, cuts)], [], 0.0
            for k in range(1, last + 1):
                g = p.weights.coupling(k)
                into = (g * (layers[k - 1][:, None] - layers[k][None, :])).sum(axis=0) + p.weights.bias(k)
                given += p.weights.bias(k) @ layers[k]
                if k < last:
                    into = into + (p.weights.coupling(k + 1) * (layers[k + 1][None, :] - layers[k][:, None])).sum(
                        axis=1
                    )
                else:
                    into = into + beta * (p.targets[row] - layers[k])
                    given += beta * (p.targets[row] - layers[k]) @ layers[k]
                current.append(into)
            given += (p.weights.coupling(1) * (layers[0][:, None] - layers[1][None, :])).sum(axis=1) @ layers[0]
            i = np.concatenate(current)
            stopped = ((v <= bounds[0]) & (i < 0.0)) | ((v >= bounds[1]) & (i > 0.0))
            return np.concatenate([np.where(stopped, 0.0, i) / farads, [given]])

        found.append(joined(rhs, np.concatenate([begin[row], [0.0]]), 8e-3)[-1])
    return np.array(found)


def _bounds(p: Problem) -> tuple[FloatArray, FloatArray]:
    low, high = [], []
    for layer in p.network.layers[1:]:
        first = np.arange(layer.size) < (layer.size + 1) // 2
        diodes = layer.activation is Activation.DIODES
        low.append(np.where(first & diodes, 0.0, -np.inf))
        high.append(np.where(~first & diodes, 0.0, np.inf))
    return np.concatenate(low), np.concatenate(high)


def resistive(p: Problem) -> tuple[Circuit, Resistors, FloatArray]:
    """The circuit with time constants TAUS, its resistors, and the capacitance of every node."""
    circuit = with_taus(p)
    found = circuitry_of(circuit, Ideal(), Ideal().mount(p.network, p.weights, np.random.default_rng(0)), False)
    assert isinstance(found, Resistors)
    joined_to = [
        p.weights.coupling(k).sum(axis=0) + (p.weights.coupling(k + 1).sum(axis=1) if k < 3 else 0.0) for k in (1, 2, 3)
    ]
    largest = max(float(g.max()) for g in joined_to)
    return circuit, found, largest * np.repeat(TAUS, p.sizes[1:])


@pytest.mark.parametrize("hidden", [Activation.LINEAR, Activation.DIODES])
def test_sources_give_what_heats_resistors_and_what_is_stored(hidden: Activation) -> None:
    """Tellegen's theorem, freely from 0 V and nudged from there."""
    p = resistors(hidden=hidden)
    circuit, parts, farads = resistive(p)
    unit = float(farads.min())  # of capacitance, which is that of the quickest layer
    zeros, beta = np.zeros(len(p.x)), np.full(len(p.x), 0.3)
    free = RelaxingPhase(circuit, p.x, p.targets, zeros, parts).settle(plan(1e-9, 8e-3, Form.GRADIENT), None)
    given = tellegen(p, 0.0, np.zeros_like(free.variables), farads)
    assert free.held.sum(axis=1) + unit * free.moved[:, 1:].sum(axis=1) == pytest.approx(given, rel=1e-6)
    assert free.moved[:, 0] == pytest.approx((p.x**2).sum(axis=1))  # C V² of the rails
    phase = RelaxingPhase(circuit, p.x, p.targets, beta, parts)
    nudged = phase.settle(plan(1e-9, 8e-3, Form.GRADIENT), free.variables)
    given = tellegen(p, 0.3, free.variables, farads)
    assert nudged.held.sum(axis=1) + unit * nudged.moved.sum(axis=1) == pytest.approx(given, rel=1e-6)
    assert not nudged.moved[:, 0].any()


def test_charging_through_one_resistor_loses_half() -> None:
    """An RC circuit: ½ C V² in the resistor, ½ C V² on the node, of rails that take C V² each."""
    p = resistors((2, 1), gain=1.0, batch=1)
    p.weights.couplings[:], p.weights.biases[:] = [0.5, 0.0], 0.0
    circuit = p.circuit._replace(tau_seconds=np.array([1.0, 1e-3]))
    parts = Resistors((p.weights.coupling(1),), np.ones(2))
    phase = RelaxingPhase(circuit, np.array([[3.0, -3.0]]), p.targets, np.zeros(1), parts)
    got = phase.settle(plan(1e-10, 4e-2, Form.GRADIENT), None)
    farads = 0.5 * 1e-3
    assert got.held[0] == pytest.approx([0.0, 0.5 * farads * 9.0], rel=1e-7)
    assert got.moved[0] == pytest.approx([18.0, 0.5 * 9.0], rel=1e-7)


HELD = Held(
    Band(0.2, 0.1, 0.4), Band(2e-12, 1e-12, 3e-12), Band.exact(0.9), Band(1e-8, 1e-9, 1e-7), None, Band.exact(0)
)
NODES = HELD._replace(supply_volts=None, tau_seconds=None, largest_siemens=Band(1e-5, 1e-6, 1e-4))


def test_units_of_lines_by_hand() -> None:
    """V² t of a siemens held for a simulated second, C V_supply V of a rise, bands err together."""
    found = line_units(HELD, 2e-3)
    assert found.seconds == pytest.approx((5e-6, 5e-7, 5e-5))
    assert found.held_joules == pytest.approx((0.04 * 5e-6, 0.01 * 5e-7, 0.16 * 5e-5))
    assert found.moved_joules == pytest.approx((2e-12 * 0.9 * 0.2, 1e-12 * 0.9 * 0.1, 3e-12 * 0.9 * 0.4))
    assert line_units(HELD._replace(tau_seconds=None), 2e-3).seconds == Band.exact(1.0)


def test_units_of_nodes_by_hand() -> None:
    """Rails of 4 model volts are 0.2 V, the largest conductance of 2 is 10 µS, a capacitance of g τ = 6e-3 is 2 pF."""
    found = node_units(NODES, 4.0, 2.0, 6e-3)
    assert found.volts == pytest.approx((0.05, 0.025, 0.1))
    farads, siemens = 2e-12 / 6e-3, 1e-5 / 2.0
    assert found.seconds.value == pytest.approx(farads / siemens)
    assert found.seconds.low == pytest.approx(1e-12 / 6e-3 / (1e-4 / 2.0))
    assert found.held_joules.value == pytest.approx(siemens * 0.05**2 * farads / siemens)
    assert found.moved_joules.value == pytest.approx(2e-12 * 0.05**2)
    other = node_units(NODES._replace(largest_siemens=Band.exact(7e-4)), 4.0, 2.0, 6e-3)
    assert other.held_joules == found.held_joules  # conductances set the time alone
    assert other.seconds.value < found.seconds.value
