"""Area of a network on a chip: what a profile has a figure for, times how much of it the network takes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from neuroep.network import Network
from neuroep.quantities import Band


class Area(NamedTuple):
    """One part of a chip.

    Attributes
    ----------
    part : str
        ``"adc"`` or ``"chip"``.
    number : int
        How many the network takes.
    square_metres : Band
        Of all of them.
    """

    part: str
    number: int
    square_metres: Band


def converters(network: Network) -> int:
    """Return the sums that are converted: every line at either end, but for the clamped input's."""
    sizes = network.sizes
    return sizes[1] + sum(below + size for below, size in pairwise(sizes[1:]))


def area_of(network: Network, areas: Mapping[str, Band], chips: int = 1) -> tuple[Area, ...]:
    """Return the area of each part with a figure.

    Parameters
    ----------
    network : Network
    areas : mapping of str to Band
        Square metres of one ``"adc"`` or of one ``"chip"``.
    chips : int
        Chips that the network takes.
    """
    numbers = {"adc": converters(network), "chip": chips}
    return tuple(Area(part, numbers[part], unit.scaled(numbers[part])) for part, unit in areas.items())
