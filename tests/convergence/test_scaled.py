"""Scaled displacements: EP's gradient as raw states give it in exact arithmetic, at depths where they can't."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from problems import Problem, cosine, plan, problem, settle, settle_nudged

from neuroep.bridges.torch_backprop import gradients
from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, Nudge, create
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.learning.methods.displaced_phases import (
    accumulate_displacements,
    compiled_displacements,
)
from neuroep.learning.methods.displacement import Displacements, displaced, output_displaced, settle_displacements
from neuroep.learning.methods.displacement_kernels import nudge_output
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.readings import ep_gradients
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost, Skip
from neuroep.physics.activations import activate
from neuroep.physics.costs import nudged_output
from neuroep.recipe import Estimator, Order, Phases
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

A, C = Activation, Cost
KINDS = [
    (A.TANH, A.LINEAR, C.MSE),
    (A.LINEAR, A.LINEAR, C.MSE),
    (A.HARD_SIGMOID, A.HARD_SIGMOID, C.MSE),
    (A.RELU6, A.RELU6, C.MSE),
    (A.RELU, A.RELU, C.MSE),
    (A.SIGMOID, A.LINEAR, C.MSE),
    (A.TANH, A.LINEAR, C.HINGE),
    (A.HARD_SIGMOID, A.LINEAR, C.SQUARED_HINGE),
    (A.TANH, A.LINEAR, C.CROSS_ENTROPY),
    (A.RELU6, A.LINEAR, C.CROSS_ENTROPY),
]
every_kind = pytest.mark.parametrize(("hidden", "output", "cost"), KINDS)
EXACT = Phases(beta=0.3, free_sweeps=3000, nudged_sweeps=3000, tolerance=1e-14)
SINGLE = Phases(beta=0.1, free_sweeps=60, nudged_sweeps=30, tolerance=1e-7)


def scaled_gradients(
    engine: Engine, circuit: Circuit, x: FloatArray, targets: FloatArray, phases: Phases, seed: int = 0
) -> Weights:
    return ep_gradients(engine, circuit, x, targets, replace(phases, scaled=True), seed)


def flat(weights: Weights) -> FloatArray:
    return np.concatenate([weights.couplings, weights.biases])


@every_kind
@pytest.mark.parametrize("estimator", [e for e in Estimator if e.is_difference])
@pytest.mark.parametrize("feedback", [1.0, 0.3])
def test_in_double_precision_raw_states_give_the_same(
    engine: Engine, hidden: Activation, output: Activation, cost: Cost, estimator: Estimator, feedback: float
) -> None:
    """To 10⁻⁹ at moderate γ, couplings and biases alike, read-out too: d is exact at a finite nudge."""
    p = problem((7, 8, 6, 5, 3), hidden, output, cost, feedback, gain=0.6, batch=9)
    phases = Phases(estimator, 0.3, 3000, 3000, tolerance=1e-14)
    raw = flat(ep_gradients(engine, p.circuit, p.x, p.targets, phases, 5))
    got = flat(scaled_gradients(engine, p.circuit, p.x, p.targets, phases, 5))
    np.testing.assert_allclose(got, raw, rtol=0, atol=1e-9)


@every_kind
def test_displacements_are_those_of_settled_states(hidden: Activation, output: Activation, cost: Cost) -> None:
    """γ^{D−k} d_k = s_k^β − s_k⁰, each layer, whatever the units that cross a kink under β = ±0.5."""
    p, engine = problem((7, 8, 6, 5, 3), hidden, output, cost, 0.5, gain=0.6, batch=9), create("reference")
    free = settle(engine, p.circuit, p.x, plan(4, 3000, 1e-14))
    targets, beta = np.tile(p.targets, (2, 1)), np.repeat([0.5, -0.5], 9)
    raw = settle_nudged(engine, p.circuit, free, targets, beta, plan(4, 3000, 1e-14))
    for solve in (settle_displacements, compiled_displacements):
        found = solve(p.circuit, free, Nudge(targets, beta), plan(4, 3000, 1e-14), Ledger.empty(p.sizes))
        assert (found.code == ResultCode.CONVERGED).all()
        for k, d in enumerate(found.layers, start=1):
            scaled = 0.5 ** (p.network.dynamical - k) * d
            difference = raw.states[k - 1] - np.tile(free.states[k - 1], (2, 1))
            np.testing.assert_allclose(scaled, difference, rtol=0, atol=1e-12)


@every_kind
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("order", list(Order)[:3])
def test_compiled_is_the_definition(
    hidden: Activation, output: Activation, cost: Cost, dtype: type, tolerance: float, order: Order
) -> None:
    """Numbers, sweeps, codes and counts: 300 rows make three blocks, and rows stop one by one.

    In single precision a row that hovers at its tolerance may stop a sweep apart, so all take four.
    """
    p = problem((7, 8, 6, 5, 3), hidden, output, cost, 0.1, batch=150, dtype=dtype)
    free = settle(create("reference"), p.circuit, p.x, plan(4, 40))
    beta = np.repeat([0.4, -0.4], 150).astype(dtype)
    nudge = Nudge(np.tile(p.targets, (2, 1)), beta)
    how = plan(4, 9, 1e-6, order) if dtype is np.float64 else plan(4, 9, 0.0, order)
    books = [Ledger.empty(p.sizes) for _ in range(2)]
    wanted = settle_displacements(p.circuit, free, nudge, how, books[0])
    got = compiled_displacements(p.circuit, free, nudge, how, books[1])
    for a, b in zip(got.layers, wanted.layers, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
    if dtype is np.float64:
        np.testing.assert_array_equal(got.steps, wanted.steps)
        np.testing.assert_array_equal(got.code, wanted.code)
        np.testing.assert_allclose(got.residual, wanted.residual, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(books[1].counts, books[0].counts)


@pytest.mark.parametrize("code", [code for code in A if code is not A.DIODES])
@pytest.mark.parametrize("sigma", [1.0, 1e-2, 1e-6])
def test_single_precision_keeps_its_digits(code: Activation, sigma: float) -> None:
    """Against the difference quotient of the same single-precision numbers taken in long double."""
    rng = stream(2, "units", int(code))
    a, z = (rng.normal(0.5, 1.5, size=4000).astype(np.float32) for _ in range(2))
    wide, step = a.astype(np.longdouble), np.longdouble(sigma) * z.astype(np.longdouble)

    def rho(u: FloatArray) -> FloatArray:
        if code is A.SIGMOID:
            return 1 / (1 + np.exp(-u))
        return np.tanh(u) if code is A.TANH else activate(code, u)

    exact = (rho(wide + step) - rho(wide)) / np.longdouble(sigma)
    got = displaced(code, activate(code, a), a, z, sigma)
    assert got.dtype == np.float32
    slack = 1e-5 if code in (A.TANH, A.SIGMOID) else 1e-5 + 1e-6 / sigma * (np.abs(exact - z) > 1e-6) * (exact != 0)
    assert (np.abs(got - exact) <= slack * np.maximum(1.0, np.abs(z))).all()


@pytest.mark.parametrize("code", [code for code in A if code is not A.DIODES])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scale_below_the_float_range_is_the_limit(code: Activation, dtype: type) -> None:
    """σ = 0 leaves the derivative, z ρ'(a), with nothing undefined in it."""
    a = np.array([-7.0, -0.4, 0.3, 0.8, 5.0, 8.0], dtype=dtype)
    z = np.array([0.5, -0.5, 0.2, -1.5, 1.0, -1.0], dtype=dtype)
    wide = a.astype(np.float64)
    boxes = {A.LINEAR: (-9, 9), A.HARD_SIGMOID: (0, 1), A.RELU6: (0, 6), A.RELU: (0, 9)}
    smooth = {A.TANH: 1.0 / np.cosh(wide) ** 2, A.SIGMOID: 0.25 / np.cosh(0.5 * wide) ** 2}
    slope = smooth[code] if code in smooth else (wide > boxes[code][0]) & (wide < boxes[code][1])
    np.testing.assert_allclose(displaced(code, activate(code, a), a, z, 0.0), z * slope, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("cost", "code"), [(c, A.LINEAR) for c in (C.MSE, C.HINGE, C.SQUARED_HINGE)] + [
    (C.MSE, A.HARD_SIGMOID), (C.MSE, A.RELU6), (C.MSE, A.RELU)
])  # fmt: skip
@pytest.mark.parametrize("beta", [0.4, -0.4, 1e-3])
def test_the_output_moves_as_its_exact_minimiser_does(cost: Cost, code: Activation, beta: float) -> None:
    """Thousands of inputs around every kink, against the difference of nudged and free output."""
    rng = stream(4, "outputs", int(cost), int(code))
    a, rise = rng.uniform(-2.0, 7.0, size=(3000, 2)), rng.normal(0.0, 0.3, size=(3000, 2))
    a[:2000] = rng.uniform(-1.5, 1.5, size=(2000, 2))
    y = rng.choice([-1.0, 1.0], size=a.shape) if code is A.LINEAR else rng.uniform(size=a.shape)
    nudges = np.full(len(a), beta)
    wanted = nudged_output(cost, code, a + rise, y, nudges) - nudged_output(cost, code, a, y, 0.0 * nudges)
    got = output_displaced(cost, code, activate(code, a), a, rise, y, nudges)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)
    compiled = rise.copy()
    for r in range(len(a)):
        nudge_output(int(cost), 2, beta, a[r], y[r], compiled[r])
    np.testing.assert_allclose(displaced(code, activate(code, a), a, compiled, 1.0), wanted, rtol=0, atol=1e-14)


def wide(inputs: str, dtype: type) -> Problem:
    """784-256×6-10 of tanh at γ = 0.03, weights of 1.5 times the default gain; `sparse` is like grey images."""
    p = problem((784, *(256,) * 6, 10), A.TANH, feedback=0.03, gain=1.05, batch=32, dtype=dtype)
    rng = stream(0, inputs)
    if inputs == "sparse":
        p.x[:] = rng.uniform(size=p.x.shape) * (rng.uniform(size=p.x.shape) < 0.2)
        p.targets[:] = np.eye(10)[rng.integers(10, size=32)]
    return p


def cosines(got: Weights, wanted: Weights) -> list[float]:
    return [cosine(got.coupling(k), wanted.coupling(k)) for k in range(1, got.depth + 1)]


@pytest.mark.parametrize("inputs", ["normal", "sparse"])
def test_six_hidden_layers_in_single_precision(engine: Engine, inputs: str) -> None:
    """Cosine to backprop of at least 0.999 in each layer; raw states lose the lower half to rounding."""
    p = wide(inputs, np.float32)
    backprop = gradients(p.network, p.weights, p.x, p.targets)
    assert min(cosines(scaled_gradients(engine, p.circuit, p.x, p.targets, SINGLE), backprop)) >= 0.999
    raw = cosines(ep_gradients(engine, p.circuit, p.x, p.targets, SINGLE), backprop)
    assert max(raw[:3]) < 0.5


def test_a_single_backward_sweep_will_do(engine: Engine) -> None:
    """What further sweeps correct is of order γ: at γ = 0.03 the first gives the direction to 0.999 as well."""
    p = wide("normal", np.float32)
    phases = Phases(beta=0.1, free_sweeps=60, nudged_sweeps=1, nudged_order=Order.BACKWARD, tolerance=1e-7)
    got = scaled_gradients(engine, p.circuit, p.x, p.targets, phases)
    assert min(cosines(got, gradients(p.network, p.weights, p.x, p.targets))) >= 0.999


@pytest.mark.parametrize("hidden", range(1, 17))
def test_any_depth_at_a_small_feedback(hidden: int) -> None:
    """γ = 0.003, hidden layers of 128 tanh units, single precision: cosine ≥ 0.99 and length within 10 %.

    At 16 hidden layers the first one's displacement is 4·10⁻⁴¹ of the nudge: below float32's normal range.
    """
    p = problem((64, *(128,) * hidden, 10), A.TANH, feedback=0.003, gain=1.05, batch=32, dtype=np.float32)
    got = scaled_gradients(create("cpu", 1), p.circuit, p.x, p.targets, SINGLE)
    wanted = gradients(p.network, p.weights, p.x, p.targets)
    assert min(cosines(got, wanted)) >= 0.99
    for k in range(1, hidden + 2):
        for a, b in ((got.coupling(k), wanted.coupling(k)), (got.bias(k), wanted.bias(k))):
            assert np.linalg.norm(a.astype(np.float64)) == pytest.approx(np.linalg.norm(b.astype(np.float64)), rel=0.1)


@pytest.mark.parametrize("cost", [C.MSE, C.CROSS_ENTROPY])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_hundred_layers_with_skips(cost: Cost, seed: int) -> None:
    """γ = 0.1, float32, skips over 2 to 8 layers: cosine with backprop ≥ 0.99 and length to 10 %, in each layer."""
    skips = tuple(Skip(k, k + span, 0.1) for span in range(2, 9) for k in range(1, 101 - span))
    p = problem((64, *(128,) * 100, 10), A.TANH, cost=cost, feedback=0.1, gain=0.16, batch=64, seed=seed,
                dtype=np.float32, skips=skips)  # fmt: skip
    got = scaled_gradients(create("cpu", 1), p.circuit, p.x, p.targets, SINGLE)
    wanted = gradients(p.network, p.weights, p.x, p.targets)
    assert min(cosines(got, wanted)) >= 0.99
    for k in range(1, 102):
        assert np.linalg.norm(got.coupling(k)) == pytest.approx(np.linalg.norm(wanted.coupling(k)), rel=0.1)


@pytest.mark.parametrize("cost", [C.MSE, C.CROSS_ENTROPY])
@pytest.mark.parametrize("hidden", [A.HARD_SIGMOID, A.RELU6])
def test_kinks_at_depth(hidden: Activation, cost: Cost) -> None:
    """Eight hidden layers of 128 clipped units at γ = 10⁻⁴: the same as backprop, but for the units at a kink."""
    p = problem((64, *(128,) * 8, 10), hidden, cost=cost, feedback=1e-4, gain=1.5, batch=32, dtype=np.float32)
    p.weights.biases[:-10] = 0.5
    got = scaled_gradients(create("cpu", 1), p.circuit, p.x, p.targets, SINGLE)
    wanted = gradients(p.network, p.weights, p.x, p.targets)
    assert min(cosines(got, wanted)) >= 0.99


def test_gradients_go_where_an_accumulation_says(engine: Engine) -> None:
    """out ← keep · out + rate · gradient, per coupling."""
    p = problem((7, 8, 6, 3), feedback=0.3)
    nudges = scheme(Estimator.CENTERED, 0.3, len(p.x), dtype=np.float64)
    free = settle(engine, p.circuit, p.x, plan(3, 3000, 1e-14))
    nudge = Nudge(np.tile(p.targets, (2, 1)), nudges.beta)
    found = settle_displacements(p.circuit, free, nudge, plan(3, 3000, 1e-14), Ledger.empty(p.sizes))
    out, book = p.weights.copy(), Ledger.empty(p.sizes)
    into = Accumulation(out, (2.0, -3.0, 0.5), 0.25)
    accumulate_displacements(engine, p.circuit, p.x, p.targets, free, found, nudges, into, book)
    gradient = ep_gradients(engine, p.circuit, p.x, p.targets, EXACT)
    for k, rate in enumerate(into.rates, start=1):
        for got, start, slope in (
            (out.coupling(k), p.weights.coupling(k), gradient.coupling(k)),
            (out.bias(k), p.weights.bias(k), gradient.bias(k)),
        ):
            np.testing.assert_allclose(got, 0.25 * start + rate * slope, rtol=0, atol=1e-11)
    assert book.counts[Phase.UPDATE, Event.CONTRAST].tolist() == [0, 4, 8, 8]


def solved(p: Problem, sweeps: int) -> tuple[Displacements, Ledger]:
    free = settle(create("reference"), p.circuit, p.x, plan(3, 50))
    book = Ledger.empty(p.sizes)
    nudge = Nudge(p.targets, np.full(len(p.x), 0.2))
    return settle_displacements(p.circuit, free, nudge, plan(3, sweeps, order=Order.BACKWARD), book), book


def test_the_first_backward_sweep_reads_downward_only() -> None:
    """Nothing below has moved yet: the nudge passes down at the cost of backprop. The next sweep reads both ways."""
    p = problem((7, 8, 6, 3), feedback=0.3)
    for sweeps, up, down in ((1, [0, 0, 0, 0], [0, 0, 4, 4]), (2, [0, 0, 4, 4], [0, 0, 8, 8])):
        book = solved(p, sweeps)[1]
        assert book.counts[Phase.NUDGED, Event.READ_UP].tolist() == up
        assert book.counts[Phase.NUDGED, Event.READ_DOWN].tolist() == down


def test_sweeps_contract_like_the_feedback() -> None:
    """Residuals of the second and third sweep at two γ: each a factor of order γ, so halving γ halves the ratio."""
    ratios = []
    for gamma in (0.02, 0.01):
        p = problem((7, 8, 6, 3), feedback=gamma)
        second, third = (solved(p, sweeps)[0].residual for sweeps in (2, 3))
        ratios.append((third / second).mean())
    assert ratios[0] / ratios[1] == pytest.approx(2.0, rel=0.1)


def test_step_limit_and_divergence_are_told() -> None:
    p = problem((7, 8, 6, 3), feedback=0.3)
    assert (solved(p, 2)[0].code == ResultCode.STEP_LIMIT).all()
    circuit = p.circuit
    circuit.biases[-1] = np.nan
    for engine_solve in (settle_displacements, compiled_displacements):
        free = settle(create("reference"), circuit, p.x, plan(3, 5))
        nudge = Nudge(p.targets, np.full(len(p.x), 0.2))
        found = engine_solve(circuit, free, nudge, plan(3, 5), Ledger.empty(p.sizes))
        assert (found.code == ResultCode.DIVERGED).all()


def test_hardware_is_refused() -> None:
    """Scaled displacements are computed, not read from a chip."""
    p, noisy = problem(), problem().circuit
    noisy.noise_up[:] = 0.1
    noisy.noise_down[:] = 0.1
    bounds = np.ones(4)
    narrow = p.circuit._replace(adc_bits=8, adc_bound=bounds), p.circuit._replace(dac_bits=8, dac_bound=bounds)
    circuits = (noisy, *narrow)
    for circuit, name in product(circuits, ("reference", "cpu")):
        with pytest.raises(BadInput, match="exact reads"):
            scaled_gradients(create(name, 1), circuit, p.x, p.targets, EXACT)
