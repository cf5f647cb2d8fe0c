"""SANA-FE's event energies on its Loihi, from our ledger and the loihi1-sanafe profile."""

from __future__ import annotations

import pytest

from neuroep.cost.energy import price
from neuroep.ledger import Event, Ledger, Phase
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device


def test_event_energies_of_sana_fe() -> None:
    """SANA-FE 2.2.9, 16 to 8 dense, all inputs spiking, 10 steps; printed with four digits."""
    ledger = Ledger.empty((16, 8))
    ledger.add_read(Phase.INFERENCE, True, 1, 10)
    ledger.add(Phase.INFERENCE, Event.NEURON, 1, 10)
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 1)
    found = price(ledger, load_device("loihi1-sanafe").prices()).energy_joules[Phase.INFERENCE]
    assert found["synop"].value == pytest.approx(4.544e-8, rel=1e-12)
    assert found["neuron_update"].value == pytest.approx(5.824e-9, rel=1e-12)
    assert found["dac"].value == pytest.approx(1.776e-8, rel=1e-12)


@pytest.mark.parametrize("event", ["synop", "neuron_update", "contrast_mac"])
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
