"""SANA-FE's event energies on its Loihi, from our ledger and the loihi1-sanafe profile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuroep.cost.energy import INFERENCE, price
from neuroep.ledger import Event, Ledger, Phase
from neuroep.prices import NOTHING
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device


def test_event_energies_of_sana_fe() -> None:
    """SANA-FE 2.2.9, 16 to 8 dense, all inputs spiking, 10 steps; printed with four digits."""
    ledger = Ledger.empty((16, 8))
    ledger.add_read(Phase.INFERENCE, True, 1, 10)
    ledger.add(Phase.INFERENCE, Event.NEURON, 1, 10)
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 1)
    found = price(ledger, load_device("loihi1-sanafe").prices()).energy_joules[Phase.INFERENCE]
    assert found["effective_synop"].value == pytest.approx(4.544e-8, rel=1e-12)
    assert found["neuron_update"].value == pytest.approx(5.824e-9, rel=1e-12)
    assert found["sent_state"].value == pytest.approx(1.776e-8, rel=1e-12)


def test_the_same_energies_from_events_of_spikes() -> None:
    """Those of the same 16 to 8 network: each of 160 spikes is a message, and arrives at 8 synapses."""
    ledger = Ledger.empty((16, 8))
    for event, count in ((Event.SYNOP, 1280), (Event.ACTIVE, 80), (Event.MESSAGE, 160)):
        ledger.add(Phase.INFERENCE, event, 1, count)
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 1)
    found = price(ledger, load_device("loihi1-sanafe").prices()).energy_joules[Phase.INFERENCE]
    joules = {"effective_synop": 4.544e-8, "neuron_active": 5.824e-9, "message": 1.776e-8}
    dynamic = {event: band.value for event, band in found.items() if event != "static"}
    assert dynamic == pytest.approx(joules, rel=1e-12)


DAVIES = {  # Davies et al. 2018, pre-silicon: pJ and ns of one event
    "effective_synop": (23.6, 3.5),
    "neuron_active": (81, 8.4),
    "neuron_idle": (52, 5.3),
    "learning_update": (120, 6.1),
    "message": (1.7, 2.1),
}


def test_loihi_is_priced_as_published() -> None:
    prices = load_device("loihi1").prices()
    for event, (picojoules, nanoseconds) in DAVIES.items():
        assert prices.energy_joules[event].value == pytest.approx(picojoules * 1e-12)
        assert prices.time_seconds[event].value == pytest.approx(nanoseconds * 1e-9)
    energy, time = prices.energy_joules["hop"], prices.time_seconds["hop"]
    assert energy.value == pytest.approx((3.0 + 4.0) / 2 * 1e-12)
    assert time == pytest.approx(((4.1 + 6.5) / 2 * 1e-9, 4.1e-9, 6.5e-9))
    assert prices.time_seconds["barrier"] == prices.time_seconds["sweep"]  # the same wait of all cores


@pytest.mark.parametrize("name", ["loihi1", "loihi1-sanafe", "loihi2"])
def test_a_run_in_spikes_is_charged_once(name: str) -> None:
    """One of each of its events costs the sum of their prices: none has a second name with a price of its own."""
    events = {
        Event.SPIKE: "spike", Event.SYNOP: "effective_synop", Event.ACTIVE: "neuron_active", Event.IDLE: "neuron_idle",
        Event.LEARN: "learning_update", Event.MESSAGE: "message", Event.HOP: "hop", Event.BARRIER: "barrier",
    }  # fmt: skip
    ledger, prices = Ledger.empty((1, 1)), load_device(name).prices()
    for event in (*events, Event.SAMPLE):
        ledger.add(Phase.INFERENCE, event, 0, 1)
    bill = price(ledger, replace(prices, static_watts=NOTHING))
    for total, table in ((bill.energy, prices.energy_joules), (bill.time, prices.time_seconds)):
        assert {event for event in events.values() if event not in table} <= {"spike", "barrier"}
        assert total(INFERENCE).value == pytest.approx(sum(table[e].value for e in events.values() if e in table))


@pytest.mark.parametrize(
    "event",
    [
        "effective_synop",
        "neuron_update",
        "local_product",
        "neuron_active",
        "neuron_idle",
        "learning_update",
        "message",
        "hop",
    ],
)
def test_loihi2_is_half_the_energy_and_a_fifth_of_the_time(event: str) -> None:
    first, second = load_device("loihi1").prices(), load_device("loihi2").prices()
    assert second.energy_joules[event] == pytest.approx(Band(*(0.5 * x for x in first.energy_joules[event])))
    assert second.time_seconds[event] == pytest.approx(Band(*(0.2 * x for x in first.time_seconds[event])))


def test_digital_7nm_prices_are_arithmetic_and_memory() -> None:
    mac, small, large = 0.38 + 1.31, 7.5 / 8, 14 / 8
    prices = load_device("digital-7nm").prices().energy_joules
    for event, octets in (("synop", 4), ("contrast_mac", 8), ("weight_write", 12)):
        assert prices[event].value == pytest.approx((mac + octets * small) * 1e-12, rel=1e-3)
        assert prices[event].high == pytest.approx((mac + octets * large) * 1e-12)


@pytest.mark.parametrize("name", ["cpu-server", "digital-45nm", "digital-7nm", "spinnaker2"])
def test_software_updates_units_whether_spikes_come_or_not(name: str) -> None:
    prices = load_device(name).prices()
    for event in ("neuron_active", "neuron_idle"):
        assert prices.energy_joules[event] == prices.energy_joules["neuron_update"]
    assert prices.time_seconds.get("barrier") == prices.time_seconds.get("sweep")
