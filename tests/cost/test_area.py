"""Area by hand: converters of a chain, chips of a map, and parts without a figure."""

from __future__ import annotations

import pytest

from neuroep.cost.area import area_of, converters
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device, load_model


def test_converters_of_a_chain() -> None:
    """64-64-10: sums of 64 units from the input, then of 10 upward and of 64 downward."""
    assert converters(load_model("digits-mlp").network()) == 64 + 10 + 64


def test_area_is_number_times_unit() -> None:
    network = load_model("digits-mlp").network()
    found = area_of(network, {"adc": Band(2.0, 1.0, 3.0), "chip": Band.exact(5.0)}, chips=2)
    assert [tuple(each) for each in found] == [("adc", 138, Band(276.0, 138.0, 414.0)), ("chip", 2, Band.exact(10.0))]


def test_published_areas() -> None:
    network = load_model("digits-mlp").network()
    (converter,) = load_device("ecram").area(network)
    # ZigZag at 9 bits: 10^(1.206 - 0.332) is 7.48, times 512 square micrometres
    assert converter.square_metres.value == pytest.approx(138 * 10**0.8739 * 512e-12, rel=1e-3)
    assert load_device("loihi1").area(network)[0].square_metres.value == pytest.approx(60e-6)
    assert load_device("cpu-server").area(network) == ()
