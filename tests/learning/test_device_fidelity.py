"""Cosines of a device's gradients and updates: differences of converged costs, and updates replayed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from problems import cosine, plan, problem, settle

from neuroep.bridges.torch_backprop import gradients
from neuroep.engines import Engine, create
from neuroep.errors import BadInput
from neuroep.hardware.cells.law import Column
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.device import Device, Ideal, Mounted
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.learning.readings import ep_gradients
from neuroep.learning.trainer import Samples
from neuroep.physics.costs import cost
from neuroep.recipe import Phases, Programming, Recipe, Training
from neuroep.rng import stream
from neuroep.studies.device_fidelity import EXACT, Subject, exact_gradient, measure, refuse_unmeasurable
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray, Weights

PROBLEM = problem((6, 5, 4, 3), batch=8, dtype=np.float32)
SAMPLES = Samples(PROBLEM.x, PROBLEM.targets, np.zeros(8, np.int64))
# settled, and a nudge of which the bias, β² = 1e-4, and the rounding of float32, 1e-7/β = 1e-5, are small in a gradient
# and, squared, negligible in a cosine
PHASES = Phases(beta=0.01, free_sweeps=300, nudged_sweeps=300)
CLOSE = 1e-5
CELL = ConstantStep(dw_min=0.01, w_min=-1.0, w_max=1.0)
CROSSBAR = Crossbar(
    name="plain", g_min_siemens=0.0, g_max_siemens=1e-6, cell=CELL, encoding=Encoding.OFFSET, headroom=4.0,
    exact_steps=True,
)  # fmt: skip
RATE = 0.05


def subject(device: Device, **training: Any) -> Subject:
    """The problem as one minibatch an epoch, without momentum and decay unless told."""
    how = Training(**({"epochs": 1, "batch_size": 8, "learning_rates": (RATE,)} | training))
    everything, sent = np.arange(8), getattr(device, "programming", Programming())
    rig = Rig.of(PROBLEM.network, Recipe(PHASES, how, how, sent), device)
    return Subject(rig, SAMPLES, lambda _: [everything, everything])


def mounted(device: Device) -> Mounted:
    return device.mount(PROBLEM.network, PROBLEM.weights, stream(0, "mount"))


def replayed(start: Mounted, window: int, move: Callable[[Weights], FloatArray]) -> list[float]:
    """Cosines of a window's −ΔW with the sum of exact gradients, where `move` says what one of the recipe changes."""
    circuit, reference = start.circuit, create("reference")
    first = Weights(PROBLEM.sizes, circuit.up.astype(np.float64), circuit.biases.astype(np.float64))
    now, total = first.copy(), Weights.zeros(first.sizes, np.float64)
    for _ in range(window):
        here = circuit._replace(up=now.couplings, down=now.couplings, biases=now.biases)
        exact, _ = exact_gradient(reference, PROBLEM.network, here, PROBLEM.x, PROBLEM.targets)
        total.couplings[...] += exact.couplings
        gradient = ep_gradients(reference, here, PROBLEM.x.astype(float), PROBLEM.targets.astype(float), PHASES)
        now.couplings[...] += move(gradient)
        now.biases[...] -= RATE * gradient.biases
    fallen = Weights(first.sizes, first.couplings - now.couplings, first.biases)
    return [cosine(fallen.coupling(k), total.coupling(k)) for k in (1, 2, 3)]


def test_the_exact_gradient_of_a_deep_chain_is_backprops_as_feedback_fades() -> None:
    """γ²⁵ = 8·10⁻⁶⁴ of the nudge is left in the first layer: displacements show it, raw states are refused."""
    deep = problem((12, *(24,) * 25, 5), feedback=0.003, gain=1.05, batch=8)
    engine = create("cpu", 1)
    found, settled = exact_gradient(engine, deep.network, deep.circuit, deep.x, deep.targets, scaled=True)
    wanted = gradients(deep.network, deep.weights, deep.x, deep.targets)
    assert min(cosine(found.coupling(k), wanted.coupling(k)) for k in range(1, 27)) >= 0.99
    assert settled == 1.0
    with pytest.raises(BadInput, match=r"phases\.scaled"):
        exact_gradient(engine, deep.network, deep.circuit, deep.x, deep.targets)


def test_two_arrays_have_no_exact_gradient_at_such_depths() -> None:
    """Adjoint reads settle raw states, whatever the recipe says, so a study of it is refused before it trains."""
    device = TwoArrays(CROSSBAR)
    deep = problem((12, *(24,) * 25, 5), feedback=0.003)
    recipe = Recipe(Phases(scaled=True), Training(), Training())
    with pytest.raises(BadInput, match=r"exact gradient on plain.*γ of at least") as caught:
        refuse_unmeasurable(Rig.of(deep.network, recipe, device))
    assert "scaled" not in str(caught.value)
    refuse_unmeasurable(Rig.of(PROBLEM.network, recipe, device))


@pytest.mark.parametrize("down", [1.0, 0.6])
def test_the_exact_gradient_is_the_slope_of_the_converged_cost(engine: Engine, down: float) -> None:
    """Central differences along random directions in which both reads' weights, alike or not, move alike.

    What reads do beside the weights doesn't count.
    """
    small = problem((6, 5, 4, 3), batch=4)
    plain = small.circuit
    spoiled = plain._replace(
        down=plain.up if down == 1.0 else down * plain.up, dac_bits=3, adc_bits=3, trace_bits=3, averaged=2,
        noise_up=np.ones_like(plain.noise_up),
    )  # fmt: skip
    found, settled = exact_gradient(engine, small.network, spoiled, small.x, small.targets)
    assert settled == 1.0
    rng, step = stream(0, "directions"), 1e-5
    for k in (1, 2, 3):
        direction = rng.standard_normal(found.coupling(k).shape)
        costs = []
        for sign in (1.0, -1.0):
            change = Weights.zeros(small.sizes, np.float64)
            change.coupling(k)[...] = sign * step * direction
            up, back = small.circuit.up + change.couplings, down * small.circuit.up + change.couplings
            circuit = small.circuit._replace(up=up, down=back)
            output = settle(engine, circuit, small.x, plan(3, 2000, 1e-14)).output
            costs.append(float(cost(circuit.cost, output, small.targets).mean()))
        # β = 1e-3 leaves a bias of order 1e-6, the differences one of order 1e-10
        assert (found.coupling(k) * direction).sum() == pytest.approx((costs[0] - costs[1]) / (2 * step), rel=1e-4)
    assert EXACT.beta == 1e-3


@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize(
    ("device", "training"),
    [
        (CROSSBAR, {}),
        (Ideal(), {}),
        (Ideal(), {"momentum": 0.9}),
        (Ideal(), {"weight_decay": 0.5}),
        (Ideal(), {"learning_rates": (0.2, 0.02, 0.05), "decay": 0.5}),
    ],
)
def test_where_nothing_is_in_the_way_both_cosines_are_1(device: Device, training: dict[str, Any], window: int) -> None:
    found = measure(subject(device, **training), mounted(device), 0, window)
    np.testing.assert_allclose([*found.gradient, *found.update], 1.0, atol=CLOSE)
    assert found.settled == 1.0


def test_converters_show_in_the_gradient_and_stuck_cells_in_the_update_alone() -> None:
    coarse = replace(CROSSBAR, periphery=Periphery(dac_bits=4, adc_bits=4, adc_bound=3.0))
    found = measure(subject(coarse), mounted(coarse), 0, 1)
    assert max(found.gradient) < 1.0 - 10 * CLOSE
    stuck = replace(CROSSBAR, stuck_share=0.3, stuck_range=0.1)
    start = mounted(stuck)
    moves = np.asarray(start.state["devices"])[:, Column.UP] > 0.0
    found = measure(subject(stuck), mounted(stuck), 0, 5)
    np.testing.assert_allclose(found.gradient, 1.0, atol=CLOSE)
    # where cells are stuck nothing is added: the share of the gradient's length that is left
    expected = replayed(start, 5, lambda gradient: -RATE * moves * gradient.couplings)
    np.testing.assert_allclose(found.update, expected, atol=CLOSE)
    assert max(expected) < 0.99


def test_steps_to_the_nearest_whole_number_are_replayed() -> None:
    device = QuantizedSynapse("coarse", 8, "nearest", headroom=2.0, min_exponent=-8, max_exponent=7)
    start = mounted(device)
    exponents, unit = np.asarray(start.state["exponents"]), float(np.asarray(start.state["unit"])[0])
    step = np.repeat(np.ldexp(unit, exponents), [30, 20, 12])

    def move(gradient: Weights) -> FloatArray:
        return step * np.rint(-RATE * gradient.couplings / step)

    found, expected = measure(subject(device), mounted(device), 0, 5), replayed(start, 5, move)
    np.testing.assert_allclose(found.gradient, 1.0, atol=CLOSE)
    np.testing.assert_allclose(found.update, expected, atol=CLOSE)
    assert min(expected) < 0.99


def test_where_nothing_changes_there_is_no_cosine() -> None:
    device = QuantizedSynapse("still", 2, "nearest", headroom=100.0, min_exponent=-8, max_exponent=7)
    found = measure(subject(device), mounted(device), 0, 1)
    assert all(map(math.isnan, found.update))
