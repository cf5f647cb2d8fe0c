"""Prices at a share of the peak rate: the board's power times the time that it is held."""

from __future__ import annotations

import pytest

from neuroep.cost.utilisation import at_utilisation
from neuroep.errors import BadInput
from neuroep.prices import Prices
from neuroep.quantities import Band

WATTS, RATE = 700.0, 66.9e12


def test_a_tenth_of_the_rate_costs_ten_times_as_much() -> None:
    prices = Prices({"synop": Band(3.0, 2.0, 4.0)}, {"synop": Band(6.0, 5.0, 7.0)}, Band.exact(9.0))
    found = at_utilisation(prices, Band(0.1, 0.05, 0.5))
    assert found.energy_joules["synop"] == pytest.approx((30.0, 4.0, 80.0))
    assert found.time_seconds["synop"] == pytest.approx((60.0, 10.0, 140.0))
    assert found.static_watts == Band.exact(9.0)


@pytest.mark.parametrize("share", [0.0002, 0.014, 1.0])
def test_energy_is_power_times_time(share: float) -> None:
    """n operations take n / (share · rate) seconds, in which a board of so many watts draws its joules."""
    prices = Prices({"synop": Band.exact(WATTS * 2 / RATE)}, {"synop": Band.exact(2 / RATE)})
    found = at_utilisation(prices, Band.exact(share))
    seconds = 1e9 * found.time_seconds["synop"].value
    assert seconds == pytest.approx(2e9 / (share * RATE))
    assert 1e9 * found.energy_joules["synop"].value == pytest.approx(WATTS * seconds)


def test_the_whole_rate_is_the_price_itself() -> None:
    prices = Prices({"synop": Band(3.0, 2.0, 4.0)}, {"sweep": Band.exact(1.0)}, Band(1.0, 0.5, 2.0))
    assert at_utilisation(prices, Band.exact(1.0)) == prices


@pytest.mark.parametrize("share", [Band.exact(0.0), Band(0.5, 0.0, 1.0), Band(0.5, 0.4, 1.1), Band(0.5, 0.6, 0.7)])
def test_shares_that_no_processor_has(share: Band) -> None:
    with pytest.raises(BadInput, match="share"):
        at_utilisation(Prices(), share)
