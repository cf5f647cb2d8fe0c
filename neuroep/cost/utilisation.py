"""Software that doesn't keep its processor busy: prices at peak rate, brought to the rate that a network reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neuroep.errors import BadInput
from neuroep.prices import Prices
from neuroep.quantities import Band


def at_utilisation(prices: Prices, share: Band) -> Prices:
    """Return what events cost where a processor does only a share of what it could.

    Everything takes 1 / share times as long, and the board draws the same power meanwhile, so that joules are the
    board's power times the time that it is held: E(u) = E(1) / u where t(u) = t(1) / u. A board that waits draws less
    than one at work, so this is the upper end of what it takes.

    Parameters
    ----------
    prices : Prices
        At peak rate.
    share : Band
        Operations a second over the peak rate, above 0 and at most 1.

    Returns
    -------
    Prices
        Low ends at the highest share, high ends at the lowest. Static power stays what it is: it is drawn for as long
        as events take.

    Raises
    ------
    BadInput
        If the share isn't above 0 and at most 1.
    """
    if not 0.0 < share.low <= share.value <= share.high <= 1.0:
        raise BadInput(f"a utilisation of {share.value:g}", "share", "0 < low <= value <= high <= 1")
    energy, time = (_over(table, share) for table in (prices.energy_joules, prices.time_seconds))
    return replace(prices, energy_joules=energy, time_seconds=time)


def _over(table: Mapping[str, Band], share: Band) -> dict[str, Band]:
    return {
        event: Band(unit.value / share.value, unit.low / share.high, unit.high / share.low)
        for event, unit in table.items()
    }
