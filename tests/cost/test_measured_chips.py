"""A published network on Loihi: counts worked out by hand from its topology, and its four measured figures."""

from __future__ import annotations

import pytest

from neuroep.cost.gated_chain import MEASURED, Activity, System, billed, inference, training
from neuroep.ledger import Event, Ledger, Phase
from neuroep.prices import Prices
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device

SAMPLE = Activity(pixels=100, hidden=80, errors=1)


def events(ledger: Ledger) -> dict[str, int]:
    (found,) = (ledger.events(phase) for phase in Phase if ledger.events(phase)["sample"])
    return found


def system() -> System:
    numbers = load_device("loihi1").numbers
    return System(numbers["system.static"].si("power"), numbers["system.step"].si("time"))


def test_events_of_an_inference() -> None:
    """400 + 400 + 10 units and 4 gates in 4 steps; W₁ is 400 × 400, W₂ 400 × 10; a gate reaches a layer and a gate."""
    found = events(inference(SAMPLE).chip)
    assert found["barrier"] == 4
    assert found["neuron_active"] == 810 + 2 * 4
    assert found["neuron_active"] + found["neuron_idle"] == 4 * 814
    assert found["synop"] == 100 + 100 * 400 + 80 * 10 + 810 + 4
    assert found["spike"] == 100 + 100 + 80 + 1 + 4
    # six units a core are 67 cores for a layer of 400, one is 10 for the outputs
    assert found["message"] == 100 + 100 * 67 + 80 * 10 + 67 + 67 + 10 + 4
    assert found["hop"] == round(found["message"] * (63 / 24 + 15 / 12))
    assert found["learning_update"] == 0


def test_events_of_a_training_sample() -> None:
    """Two populations of 400 inputs, six of 400 hidden units and seven of ten outputs."""
    found = events(training(SAMPLE).chip)
    units = 2 * 400 + 6 * 400 + 7 * 10 + 12
    assert found["barrier"] == 12
    assert found["neuron_active"] + found["neuron_idle"] == 12 * units
    # W₁ and W₂ thrice, W₂ᵀ twice, each visited at the end of each step
    assert found["learning_update"] == 12 * (3 * 400 * 400 + 3 * 400 * 10 + 2 * 10 * 400)
    # synapses of each gate to the units it reaches, from the published topology, and one to the next gate
    gates = sum((1230, 400, 1600, 450, 400, 840, 2830, 400, 1230, 840, 2030, 400)) + 12
    sent = 101 + 300 * 1201 + 5 * 80 * 31 + 6 * 80 + 4 * 80 * 3 + 100 * 2 + 80 * 4 + 80 * 6
    sent += 3 * 402 + 3 * 2 + 3 + 2 * 400 + 2 + 4
    assert found["synop"] == sent + gates


def test_the_core_that_has_most_to_do() -> None:
    """Six of each hidden population and one of each output population: 8,520 of the 500,000 synapses that learn."""
    found = events(training(SAMPLE).core)
    assert found["learning_update"] == 12 * (3 * 6 * 400 + 3 * 400 + 6 * 20)
    assert found["neuron_active"] == 12 * (4 * 6 + 4)
    assert found["synop"] == 18 * 300 + 3 * 5 * 80 + 6 * (3 + 2)
    assert found["hop"] == 12 * (7 + 3)
    assert events(inference(SAMPLE).core)["synop"] == 6 * 100 + 80


def test_learning_behind_spikes_alone() -> None:
    found = training(SAMPLE, all_synapses=False)
    assert events(found.chip)["learning_update"] == 300 * 1200 + 400 * 30 + 3 * 400 + 2 * 400
    assert events(found.core)["learning_update"] == events(found.core)["synop"]
    everywhere = training(SAMPLE)
    for event in Event:
        if event is not Event.LEARN:
            assert (found.chip.counts[:, event] == everywhere.chip.counts[:, event]).all()


def test_what_a_chip_adds_by_hand() -> None:
    """4 barriers of 2 s give way to 4 steps of 10 s, beside 4 · 7 neuron updates of 0.5 s; 3 W for all of that."""
    prices = Prices({"spike": Band.exact(1.0)}, {"barrier": Band.exact(2.0), "neuron_active": Band(0.5, 0.25, 1.0)})
    load = inference(SAMPLE)
    assert billed(load, prices) == (Band.exact(285.0), Band(8 + 14, 8 + 7, 8 + 28))
    joules, seconds = billed(load, prices, System(Band(3.0, 1.0, 4.0), Band(10.0, 10.0, 20.0)))
    assert seconds == Band(40 + 14, 40 + 7, 80 + 28)
    assert joules == Band(285 + 3 * 54, 285 + 47, 285 + 4 * 108)


@pytest.mark.parametrize("activity", [Activity(), Activity(60, 20, 0), Activity(150, 400, 2)])
@pytest.mark.parametrize("name", MEASURED)
def test_measured_figures_are_met_within_three(name: str, activity: Activity) -> None:
    load = {"inference": inference, "training": training}[name](activity)
    found = billed(load, load_device("loihi1").prices(), system())
    for figure, measured in zip(found, MEASURED[name], strict=True):
        assert 1 / 3 < figure.value / measured < 3
