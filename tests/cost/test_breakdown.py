"""Bills taken apart: every way of cutting one adds up to it, stages by hand, and what has no price."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.cost.breakdown import AXES, Axis, Coverage, table
from neuroep.cost.energy import INFERENCE, TRAINING_STEP, price
from neuroep.errors import BadInput
from neuroep.ledger import Event, Ledger, Phase
from neuroep.prices import PARTS, PRICED_EVENTS, WORKS, Prices, part_of
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import estimate_cost

UNIT = Prices({event: Band(1.0, 0.5, 2.0) for event in PRICED_EVENTS}, {"array_read": Band.exact(3.0)}, Band.exact(7.0))


def filled() -> Ledger:
    """One of everything at every layer, and two samples."""
    ledger = Ledger.empty((3, 2, 1))
    ledger.counts[...] = 1
    ledger.counts[:, Event.SAMPLE] = [2, 0, 0]
    return ledger


@pytest.mark.parametrize("axis", AXES)
def test_rows_add_up_to_the_bill(axis: Axis) -> None:
    bill = price(filled(), UNIT)
    phases = (*TRAINING_STEP, *INFERENCE) if axis == "phase" else TRAINING_STEP
    for end in Band._fields:
        parts = sum(getattr(band, end) for row in table(bill.lines, axis).values() for band in row.values())
        assert parts == pytest.approx(sum(getattr(bill.energy((phase,)), end) for phase in phases))


def test_stages_by_hand() -> None:
    """Reads of the first coupling are the drive, products and states kept the contrast, writes the program."""
    ledger = Ledger.empty((3, 2, 1))
    ledger.add(Phase.FREE, Event.SAMPLE, 0, 1)
    ledger.add_read(Phase.FREE, True, 1, 1)
    ledger.add_read(Phase.FREE, True, 2, 4)
    ledger.add_read(Phase.NUDGED, False, 2, 5)
    ledger.add_products(2, 6, 7)
    ledger.add(Phase.UPDATE, Event.WRITE, 1, 8)
    prices = Prices({"synop": Band.exact(1.0), "contrast_mac": Band.exact(10.0), "weight_write": Band.exact(100.0)})
    rows = {
        stage: {part: band.value for part, band in row.items()}
        for stage, row in table(price(ledger, prices).lines, "phase").items()
    }
    assert rows == {
        "drive": {"array": 6.0},
        "free": {"array": 4 * 2.0},
        "nudged": {"array": 5 * 2.0},
        "contrast": {"digital": 10.0 * 6 * 2},
        "program": {"write": 800.0},
    }
    layers = table(price(ledger, prices).lines, "layer")
    assert {name: sum(row.values()).value for name, row in layers.items()} == {"1": 806.0, "2": 8 + 10 + 120.0}


def test_power_and_energy_delay() -> None:
    ledger = Ledger.empty((3, 2))
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 2)
    ledger.add_read(Phase.INFERENCE, True, 1, 2)
    prices = Prices({"synop": Band(2.0, 1.0, 4.0)}, {"array_read": Band(4.0, 2.0, 8.0)})
    bill = price(ledger, prices)  # 6 operations and one read a sample: 12 J in 4 s
    assert bill.power(INFERENCE) == Band(3.0, 6 / 8, 24 / 2)
    assert bill.energy_delay(INFERENCE) == Band(48.0, 12.0, 24 * 8.0)
    assert price(ledger, Prices({"synop": Band.exact(1.0)})).power(INFERENCE) is None


def test_what_has_no_price_is_said() -> None:
    """Six products with a price, two updates of units without; conversions only where there are converters."""
    ledger = Ledger.empty((3, 2))
    ledger.add(Phase.INFERENCE, Event.SAMPLE, 0, 1)
    ledger.add_read(Phase.INFERENCE, True, 1, 1)
    ledger.add(Phase.INFERENCE, Event.NEURON, 1, 1)
    known = {"synop": Band.exact(1.0), "state_transfer": Band.exact(0.0)}
    found = price(ledger, Prices(known)).covers(INFERENCE)
    assert found == Coverage(6 + 3, 6 + 3 + 2, ("updates of units",))
    assert found.share == pytest.approx(9 / 11)
    found = price(ledger, Prices(known, converters=True)).covers(INFERENCE)
    assert found == Coverage(9, 11 + 3 + 2, ("drives of lines", "conversions of sums", "updates of units"))
    dark = Ledger.empty((3, 2))  # all states are zero: three are brought to no line, at a price each
    dark.add(Phase.INFERENCE, Event.SAMPLE, 0, 1)
    dark.add_read(Phase.INFERENCE, True, 1, 1, lit=0)
    assert price(dark, Prices({"sent_state": Band.exact(1.0)})).covers(INFERENCE).missing == ()
    assert price(dark, Prices({"message": Band.exact(1.0)})).covers(INFERENCE).share == 0.0
    assert price(Ledger.empty((3, 2)), Prices()).covers(INFERENCE).share == 1.0


def test_every_event_belongs_to_one_work_and_one_part() -> None:
    assert len(set(PRICED_EVENTS)) == len(PRICED_EVENTS)
    assert set(PRICED_EVENTS) == set(Ledger.empty((1, 1)).by_layer(Phase.FREE))
    assert {part_of(event) for event in (*PRICED_EVENTS, "static")} == set(PARTS)
    for work in WORKS:
        assert set(work.amount) <= set(work.events)


def test_a_companion_prices_digital_work_alone() -> None:
    own = Prices({"effective_synop": Band.exact(1.0)}, static_watts=Band.exact(2.0), converters=True)
    other = Prices(
        {event: Band.exact(5.0) for event in ("synop", "adc", "neuron_update", "contrast_mac", "state_store")},
        {"contrast_mac": Band.exact(6.0), "synop": Band.exact(7.0)},
        Band.exact(9.0),
    )
    found = own.beside(other)
    assert set(found.energy_joules) == {"effective_synop", "neuron_update", "contrast_mac", "state_store"}
    assert (set(found.time_seconds), found.static_watts, found.converters) == ({"contrast_mac"}, Band.exact(2.0), True)
    # a rule at the synapse is a price of the contrast, so that software's isn't added to it
    ruled = Prices({"local_product": Band.exact(1.0)}).beside(other)
    assert set(ruled.energy_joules) == {"local_product", "neuron_update", "state_store"}


def test_every_priced_crossbar_pays_for_its_digital_work() -> None:
    ecram, digital = load_device("ecram"), load_device("digital-45nm")
    assert ecram.companion is not None
    for event in ("neuron_update", "contrast_mac", "accumulation", "state_store", "state_transfer"):
        assert ecram.prices().energy_joules[event] == digital.prices().energy_joules[event]
    assert "contrast_mac" not in ecram.own_prices().energy_joules


@pytest.mark.parametrize("name", ["ecram", "loihi1", "digital-45nm"])
def test_all_work_of_a_step_is_priced(name: str) -> None:
    found = estimate_cost(load_model("xor"), load_device(name), engine="reference", warm=2)
    assert found.bill.covers(TRAINING_STEP).missing == ()
    assert sum(line.number for line in found.bill.lines if line.event == "sample") > 0


def test_phases_that_were_not_counted_are_still_refused() -> None:
    with pytest.raises(BadInput, match="no samples"):
        price(Ledger.empty((1, 1)), UNIT).power(INFERENCE)


def test_counts_a_sample_are_whole_again_times_samples() -> None:
    bill = price(filled(), UNIT)
    numbers = np.array([2 * line.number for line in bill.lines])
    assert (numbers == np.rint(numbers)).all()
