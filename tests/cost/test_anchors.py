"""Prices held to measured systems: the arithmetic by hand, each miss with its reason."""

from __future__ import annotations

from math import prod

import pytest

from neuroep.cost.anchors import CLOSE, Anchor, Term, factor, flops, forward, off, products
from neuroep.cost.gated_chain import Activity, billed, inference, training
from neuroep.cost.measured_systems import MEASURED_SYSTEMS
from neuroep.prices import Prices
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device


def ids(anchor: Anchor) -> str:
    return f"{anchor.name}, {anchor.profile}"


def named(start: str, profile: str) -> Anchor:
    (found,) = (anchor for anchor in MEASURED_SYSTEMS if anchor.name.startswith(start) and anchor.profile == profile)
    return found


def prices(anchor: Anchor) -> Prices:
    return load_device(anchor.profile).prices()


def test_eyeriss_by_hand() -> None:
    """278 mW at 35 images a second; 666 million products at 9.6 pJ and 650,080 outputs at 7.7 pJ."""
    anchor = named("Eyeriss", "digital-45nm")
    assert anchor.joules == pytest.approx(7.943e-3, rel=1e-3)
    assert anchor.predicted(prices(anchor)).value == pytest.approx(666e6 * 9.6e-12 + 650_080 * 7.7e-12)


def test_hermes_by_hand() -> None:
    """131,072 operations at 9.76 TOPS/W; 65,536 pairs of cells at 10 fJ, 256 lines at 0.284 pJ, 256 sums at .941 pJ."""
    anchor = named("HERMES, 64", "pcm-pair")
    assert anchor.joules == pytest.approx(131_072 / 9.76e12, rel=2e-3)
    assert anchor.predicted(prices(anchor)).value == pytest.approx(65_536 * 10e-15 + 256 * (0.284e-12 + 0.941e-12))
    cells = 65_536 * 4 * (0.2**2 * 12.5e-6 * 64e-9)
    assert anchor.explained(prices(anchor)) == pytest.approx(cells + 256 * (0.284e-12 + 0.941e-12))


def test_neurram_by_hand() -> None:
    """Its own parts, 37.2 and 52.5 fJ an operation, in place of the profile's converters."""
    anchor = named("NeuRRAM", "rram-taox")
    assert anchor.work == {"synop": 128 * 256, "effective_synop": 128 * 256, "dac": 128, "adc": 256}
    assert anchor.explained(prices(anchor)) == pytest.approx(
        128 * 256 * 27.5e-15 + 128 * 0.324e-12 + 65_536 * 89.7e-15, rel=1e-3
    )


def test_a_xeon_at_the_rate_it_ran_at() -> None:
    """1813.63 inferences a second of 172,800 products, over 6 cores of 2.3 GHz with two units of eight floats."""
    anchor = named("Xeon", "cpu-server")
    share = 1813.63 * 2 * 172_800 / (6 * 2.3e9 * 2 * 8)
    assert share == pytest.approx(0.0028, rel=0.02)
    products = 390 * 256 + 256 * 256 + 256 * 29
    assert anchor.work == {"synop": products, "effective_synop": products, "neuron_update": 541}
    assert anchor.predicted(prices(anchor)).value == pytest.approx(172_800 * 100e-12 + 541 * 150e-12)
    assert anchor.explained(prices(anchor)) == pytest.approx((172_800 * 100e-12 + 541 * 150e-12) / share)


@pytest.mark.parametrize("profile", ["loihi1", "loihi1-sanafe"])
@pytest.mark.parametrize("what", ["an inference", "a training sample"])
def test_loihi_is_what_its_bill_says(profile: str, what: str) -> None:
    anchor = named(f"Loihi, 400-400-10 binary units, {what}", profile)
    load = {"an inference": inference, "a training sample": training}[what](Activity())
    joules, _ = billed(load, prices(anchor))
    assert anchor.predicted(prices(anchor)) == pytest.approx(joules)


def test_events_without_a_price_add_nothing_and_terms_stand_in() -> None:
    known = Prices({"synop": Band(2.0, 1.0, 4.0), "adc": Band.exact(10.0)})
    term = Term("a term", "a source", {"adc": 3.0, "dac": 5.0}, extra_joules=7.0, utilisation=0.5)
    anchor = Anchor("a", "b", 1.0, "c", products(3, 4), term=term)
    assert anchor.predicted(known) == Band(12 * 2 + 40, 12 + 40, 12 * 4 + 40)
    assert anchor.explained(known) == pytest.approx(12 * 4 + 3 * 5 + 4 * 3 + 7)
    assert Anchor("a", "b", 1.0, "c", products(3, 4)).explained(known) is None


def test_work_in_words() -> None:
    products = prod((2, 3)) + prod((3, 4))
    assert forward(2, 3, 4) == {"synop": products, "effective_synop": products, "neuron_update": 7}
    assert flops(10) == {"synop": 5, "effective_synop": 5}
    assert (off(2.0, 3.0), off(3.0, 2.0)) == ("1.5 × under", "1.5 × over")


@pytest.mark.parametrize("anchor", MEASURED_SYSTEMS, ids=ids)
def test_each_is_close_or_says_why_not(anchor: Anchor) -> None:
    missed = factor(anchor.predicted(prices(anchor)).value, anchor.joules)
    explained = anchor.explained(prices(anchor))
    if missed <= CLOSE:
        assert anchor.term is None  # no excuse where none is needed
        return
    assert anchor.term is not None
    assert anchor.term.name
    assert anchor.term.source
    assert explained is not None
    assert factor(explained, anchor.joules) < missed


def test_six_profiles_at_least_and_most_terms_suffice() -> None:
    assert len({anchor.profile for anchor in MEASURED_SYSTEMS}) >= 6
    terms = {ids(anchor): anchor.explained(prices(anchor)) for anchor in MEASURED_SYSTEMS if anchor.term is not None}
    far = [
        anchor for anchor in MEASURED_SYSTEMS if factor(terms.get(ids(anchor)) or anchor.joules, anchor.joules) > CLOSE
    ]
    assert [anchor.profile for anchor in far] == ["spinnaker2"]  # the page says so
