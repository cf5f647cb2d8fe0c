"""Products of states: the engine's contrast when added up, and what training by them gives and refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from problems import Problem, problem

from neuroep.engines import Accumulation, create
from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.device import Ideal
from neuroep.learning.methods.difference import Difference
from neuroep.learning.state_products import state_update
from neuroep.learning.trainer import Progress, Samples, Trainer
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Cost
from neuroep.physics.base import Products
from neuroep.recipe import Estimator, Method, Phases, Programming, Reads, Recipe, Training, Trains
from neuroep.rng import stream
from neuroep.specs.catalogue import load_device
from neuroep.weights import FloatArray, Weights

DIFFERENCES = [e for e in Estimator if e.is_difference]
FINE = Crossbar(
    name="fine", g_min_siemens=1e-6, g_max_siemens=10e-6, cell=ConstantStep(dw_min=1e-4, w_min=-1.0, w_max=1.0),
    encoding=Encoding.OFFSET, headroom=2.0, programming=Programming(Method.NET, 1000),
)  # fmt: skip


def added_up(products: Products) -> FloatArray:
    total: FloatArray = np.einsum("r,ri,rj->ij", products.coefficients, products.below, products.above)
    return total


@pytest.mark.parametrize("method", [Method.OPPOSITE, Method.NET])
@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize("estimator", DIFFERENCES)
def test_products_add_up_to_the_contrast(estimator: Estimator, cost: Cost, method: Method) -> None:
    """γ^{D−k}, batch mean, signs and the read-out's own gradient included: against the engine's accumulation."""
    p = problem((6, 5, 4, 3), cost=cost, feedback=0.5, batch=7)
    engine, phases, ledger = create("cpu", 1), Phases(estimator, 0.2, 30, 20), Ledger.empty(p.sizes)
    with engine.session():
        reading = Difference(engine, p.circuit, phases, 4)
        settled = reading.settle(p.x, p.targets, (0, 0), ledger)
        update = state_update(p.circuit, p.x, p.targets, *settled[:3], method, (-0.1, -0.2, -0.3))
        gradient = Weights.zeros(p.sizes, np.float64)
        reading.accumulate(p.x, p.targets, settled, Accumulation(gradient, (1.0,) * 3, 0.0), ledger)
    assert update.rates == (-0.1, -0.2, -0.3)
    assert update.biases == pytest.approx(gradient.biases, abs=1e-13)
    for k, products in enumerate(update.products, start=1):
        assert added_up(products) == pytest.approx(gradient.coupling(k), abs=1e-13)
    last = 3 if cost is Cost.MSE else 2
    rows = [len(products.coefficients) for products in update.products[:last]]
    assert rows == ([14] * last if method is Method.OPPOSITE else [7, *[14] * (last - 1)])


def samples_of(p: Problem) -> Samples:
    return Samples(p.x, p.targets, p.targets.argmax(axis=1))


def one_step(
    p: Problem, crossbar: Crossbar | Ideal, rates: tuple[float, ...], seed: int = 0, engine: str = "cpu"
) -> tuple[Weights, Ledger]:
    """Weights and events after one step from the problem's weights."""
    mounted = crossbar.mount(p.network, p.weights, stream(0))
    trainer = Trainer(
        create(engine), crossbar, mounted, Phases(beta=0.3, free_sweeps=10, nudged_sweeps=6),
        Training(1, len(p.x), rates), samples_of(p), lambda _: [np.arange(len(p.x))], 0,
    )  # fmt: skip
    progress = Progress.fresh(p.weights)
    with trainer.engine.session():
        trainer.step(np.arange(len(p.x)), (0, 0), tuple(-r for r in rates), stream(seed, "program"), progress)
    return Weights(p.sizes, mounted.circuit.up.copy(), mounted.circuit.biases.copy()), progress.ledger


@pytest.mark.parametrize("method", [Method.OPPOSITE, Method.NET])
def test_both_ways_expect_the_same_change(method: Method) -> None:
    """Means of 300 steps against plain gradient descent: no entry off by more than the spread of these means allows."""
    p, rates, rounds = problem((6, 5, 3), feedback=0.5, batch=5), (0.05, 0.05), 300
    crossbar = replace(FINE, cell=ConstantStep(dw_min=2e-3, w_min=-1.0, w_max=1.0))
    crossbar = replace(crossbar, programming=Programming(method))
    wanted = one_step(p, Ideal(), rates)[0].couplings
    found = np.stack([one_step(p, crossbar, rates, seed)[0].couplings for seed in range(rounds)])
    error, spread = found.mean(axis=0) - wanted, found.std(axis=0) / np.sqrt(rounds)
    assert (np.abs(error) < 5.5 * spread + 1e-12).all()
    assert np.abs(wanted - p.weights.couplings).max() > 10 * spread.max()


@pytest.mark.parametrize("reads", [Reads.STATES, Reads.CHANGES])
@pytest.mark.parametrize("method", [Method.OPPOSITE, Method.NET, Method.STOCHASTIC])
def test_engines_send_the_same_pulses(method: Method, reads: Reads) -> None:
    """A step from equal weights: device by device the same, though states differ in their last digits.

    Later steps come apart: numbers that converters make are whole multiples, whose ratios tie, so that a last digit
    may turn into a step of a converter, then into a pulse, and noise of writing does the rest.
    """
    p, crossbar = problem((6, 5, 3), feedback=0.5, batch=5), load_device("rram-es").build()
    assert isinstance(crossbar, Crossbar)
    crossbar = replace(crossbar, programming=Programming(method), periphery=replace(crossbar.periphery, reads=reads))
    (cpu, events), (reference, same) = (one_step(p, crossbar, (0.5, 0.5), 0, name) for name in ("cpu", "reference"))
    assert events.counts[Phase.UPDATE, [Event.PULSE_UP, Event.PULSE_DOWN]].sum() > 100
    np.testing.assert_array_equal(events.counts, same.counts)
    np.testing.assert_array_equal(cpu.couplings, reference.couplings)


@pytest.mark.parametrize("trains", list(Trains))
def test_many_slots_are_plain_gradient_descent(trains: Trains) -> None:
    """Linear symmetric devices without noise, pulses worth 1e-5 of full scale, 2 max|W_k|.

    Random trains miss by √slots pulses, surely not by six times that; counted ones by two pulses each.
    """
    p, rates = problem((6, 5, 3), feedback=0.5, batch=5), (0.02, 0.02)
    cell = ConstantStep(dw_min=1e-5, w_min=-1.0, w_max=1.0)
    crossbar = replace(FINE, cell=cell, programming=replace(FINE.programming, trains=trains))
    wanted, (found, ledger) = one_step(p, Ideal(), rates)[0], one_step(p, crossbar, rates)
    for k in (1, 2):
        pulse = 1e-5 * 2.0 * np.abs(p.weights.coupling(k)).max()
        slots = int(ledger.counts[Phase.UPDATE, Event.PULSE_SLOT, k])
        bound = 6.0 * pulse * np.sqrt(slots) if trains is Trains.STOCHASTIC else 5 * k * 2.0 * pulse
        asked = np.abs(wanted.coupling(k) - p.weights.coupling(k)).max()
        assert np.abs(found.coupling(k) - wanted.coupling(k)).max() < bound < 0.5 * asked
    assert found.biases == pytest.approx(wanted.biases, abs=1e-12)
    assert ledger.counts[Phase.UPDATE, Event.CONTRAST].sum() == 0


def test_opposite_trains_walk_to_the_symmetry_point_where_net_ones_stand_still() -> None:
    """Targets equal to the free outputs ask for nothing: both phases are alike, and only `opposite` pulses devices."""
    p = problem((6, 5, 3), feedback=0.5, batch=5)
    mounted = Ideal().mount(p.network, p.weights, stream(0))
    trainer = Trainer(
        create("cpu", 1), Ideal(), mounted, Phases(free_sweeps=200), Training(), samples_of(p),
        lambda _: [np.arange(5)], 0,
    )  # fmt: skip
    with trainer.engine.session():
        settled = trainer.reading.settle(p.x, p.targets, (0, 0), Ledger.empty(p.sizes))
    quiet = p._replace(targets=settled.free.output.copy())
    pulses = {}
    for method in (Method.OPPOSITE, Method.NET):
        crossbar = replace(FINE, programming=Programming(method))
        _, ledger = one_step(quiet, crossbar, (1.0, 1.0))
        counts = ledger.counts[Phase.UPDATE]
        pulses[method] = counts[Event.PULSE_UP].sum() + counts[Event.PULSE_DOWN].sum()
    assert pulses[Method.OPPOSITE] > 100 * max(pulses[Method.NET], 1)


@pytest.mark.parametrize(
    ("phases", "training", "match"),
    [
        (Phases(), Training(momentum=0.9), "momentum"),
        (Phases(), Training(weight_decay=1e-4), "weight decay"),
        (Phases(scaled=True), Training(), "scaled"),
        (Phases(Estimator.HOLOMORPHIC), Training(), "holomorphic"),
        (Phases(Estimator.CONTINUAL), Training(), "continual"),
    ],
)
def test_recipes_that_need_a_gradient_are_refused(phases: Phases, training: Training, match: str) -> None:
    programming = Programming(Method.NET)
    with pytest.raises(BadInput, match=match):
        Recipe(phases, training, Training(), programming)
    p = problem((6, 5, 3))
    mounted = FINE.mount(p.network, p.weights, stream(0))
    with pytest.raises(BadInput, match=match):
        Trainer(create("cpu", 1), FINE, mounted, phases, training, samples_of(p), lambda _: [np.arange(4)], 0)
