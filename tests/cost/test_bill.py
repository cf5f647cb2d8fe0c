"""Bills against sums made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuroep.cost.energy import INFERENCE, TRAINING_STEP, price
from neuroep.errors import BadInput
from neuroep.ledger import Event, Ledger, Phase
from neuroep.prices import PRICED_EVENTS, Prices
from neuroep.quantities import Band

SIZES = (3, 2, 1)


def counted() -> Ledger:
    """4 samples trained on, 2 inferred, in a 3-2-1 network."""
    ledger = Ledger.empty(SIZES)
    ledger.add(Phase.FREE, Event.SAMPLE, 0, 4)
    ledger.add(Phase.FREE, Event.READ_UP, 1, 4)
    ledger.add(Phase.FREE, Event.READ_UP, 2, 12)
    ledger.add(Phase.NUDGED, Event.READ_DOWN, 2, 8)
    ledger.add(Phase.NUDGED, Event.SAMPLE, 0, 8)
    ledger.add(Phase.UPDATE, Event.WRITE, 1, 5)
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 2)
    ledger.add(Phase.INFERENCE, Event.READ_UP, 1, 6)
    return ledger


PRICES = Prices(
    energy_joules={"synop": Band(2.0, 1.0, 4.0), "weight_write": Band(8.0, 8.0, 16.0)},
    time_seconds={"array_read": Band(0.5, 0.25, 1.0)},
    static_watts=Band(10.0, 4.0, 20.0),
)


def test_a_bill_by_hand() -> None:
    # free: (4 * 6 + 12 * 2) / 4 = 12 synops and 16 / 4 = 4 reads a sample; nudged: 8 * 2 / 4 = 4 synops and 2 reads;
    # update: 5 / 4 writes; inference: 6 * 6 / 2 = 18 synops and 3 reads
    bill = price(counted(), PRICES)
    assert bill.as_dict() == {
        "free": {
            "synop": {"value": 24.0, "low": 12.0, "high": 48.0},
            "static": {"value": 20.0, "low": 4.0, "high": 80.0},
        },
        "nudged": {
            "synop": {"value": 8.0, "low": 4.0, "high": 16.0},
            "static": {"value": 10.0, "low": 2.0, "high": 40.0},
        },
        "update": {"weight_write": {"value": 10.0, "low": 10.0, "high": 20.0}},
        "inference": {
            "synop": {"value": 36.0, "low": 18.0, "high": 72.0},
            "static": {"value": 15.0, "low": 3.0, "high": 60.0},
        },
    }
    assert bill.time_as_dict() == {
        "free": {"array_read": {"value": 2.0, "low": 1.0, "high": 4.0}},
        "nudged": {"array_read": {"value": 1.0, "low": 0.5, "high": 2.0}},
        "update": {},
        "inference": {"array_read": {"value": 1.5, "low": 0.75, "high": 3.0}},
    }
    assert bill.energy(TRAINING_STEP) == Band(72.0, 32.0, 204.0)
    assert bill.energy(INFERENCE) == Band(51.0, 21.0, 132.0)
    assert bill.time(TRAINING_STEP) == Band(3.0, 1.5, 6.0)


def test_phases_without_samples_are_absent() -> None:
    ledger = Ledger.empty(SIZES)
    assert price(ledger, PRICES).as_dict() == {}
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 1)
    bill = price(ledger, PRICES)
    assert set(bill.as_dict()) == {"inference"}
    assert bill.energy(INFERENCE) == Band(0.0, 0.0, 0.0)
    with pytest.raises(BadInput, match="no samples were counted for the phase 'free'; allowed: inference"):
        bill.energy(TRAINING_STEP)
    with pytest.raises(BadInput, match="no samples"):
        price(Ledger.empty(SIZES), PRICES).time(INFERENCE)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Draw ledgers with samples in the free phase and in inference."""
    shape = Ledger.empty(SIZES).counts.shape
    ledger = Ledger(SIZES, draw(arrays(np.int64, shape, elements=st.integers(0, 50))))
    for phase in (Phase.FREE, Phase.INFERENCE):
        ledger.counts[phase, Event.SAMPLE] = [10, 0, 0]
    return ledger


@st.composite
def price_lists(draw: st.DrawFn) -> Prices:
    """Draw prices with bands."""

    def band() -> Band:
        low, value, high = sorted(draw(st.lists(st.floats(0, 1e3), min_size=3, max_size=3)))
        return Band(value, low, high)

    chosen = draw(st.lists(st.sampled_from(PRICED_EVENTS), unique=True))
    return Prices({event: band() for event in chosen}, {event: band() for event in chosen}, band())


@given(ledgers(), price_lists())
def test_bands_are_ordered_and_phases_add_up(ledger: Ledger, prices: Prices) -> None:
    bill = price(ledger, prices)
    for phases in (TRAINING_STEP, INFERENCE):
        total = bill.energy(phases)
        assert 0.0 <= total.low <= total.value <= total.high
        parts = [bill.energy((phase,)) for phase in phases]
        assert total.value == pytest.approx(sum(part.value for part in parts))


@given(ledgers(), ledgers(), price_lists())
def test_bills_of_two_runs_average(first: Ledger, second: Ledger, prices: Prices) -> None:
    # both have 10 samples a phase, so a sample of the joint run costs the mean
    both = price(Ledger(SIZES, first.counts + second.counts), prices)
    for phases in (TRAINING_STEP, INFERENCE):
        single = [price(ledger, prices).energy(phases).value for ledger in (first, second)]
        assert both.energy(phases).value == pytest.approx(sum(single) / 2)
