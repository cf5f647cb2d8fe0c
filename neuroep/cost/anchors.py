"""Prices held to whole systems: what a published machine took for its work, beside what a profile charges for it.

The work is written as the events that profiles price, each system's in :mod:`neuroep.cost.measured_systems`. Where a
profile misses by more than :data:`CLOSE` times, a term is named that the profile leaves out, with its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, NamedTuple

from neuroep.cost.utilisation import at_utilisation
from neuroep.prices import Prices
from neuroep.quantities import Band

CLOSE = 3.0
"""A prediction counts as right within this factor."""


class Term(NamedTuple):
    """What a profile leaves out of a system that it misses.

    Attributes
    ----------
    name, source : str
        What it is, and where its size comes from.
    instead : mapping of str to float
        Joules of one event, in place of the profile's.
    extra_joules : float
        What comes on top, for the whole work.
    utilisation : float
        Share of the peak rate that the system reached at it.
    """

    name: str
    source: str
    instead: Mapping[str, float] = MappingProxyType({})
    extra_joules: float = 0.0
    utilisation: float = 1.0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A system's published energy for a piece of work.

    Attributes
    ----------
    name : str
        The system and its work.
    profile : str
        The device file that is held to it.
    joules : float
        What was published, for the whole work.
    source : str
        Where, with the arithmetic that leads to it.
    work : mapping of str to float
        How often each event happens, by the names that profiles price; events without a price add nothing.
    read : {"re-read", "second-hand", "recalled"}
        Whether the figure was read in the publication or its abstract, in another's quotation, or is remembered.
    term : Term, optional
        What the profile leaves out.
    """

    name: str
    profile: str
    joules: float
    source: str
    work: Mapping[str, float]
    read: Literal["re-read", "second-hand", "recalled"] = "re-read"
    term: Term | None = None

    def predicted(self, prices: Prices) -> Band:
        """Return the joules that a profile charges for the work."""
        energy = prices.energy_joules
        return sum((energy[event] * n for event, n in self.work.items() if event in energy), Band.exact(0.0))

    def explained(self, prices: Prices) -> float | None:
        """Return the joules with the term put in, or None without one."""
        if self.term is None:
            return None
        energy = at_utilisation(prices, Band.exact(self.term.utilisation)).energy_joules
        unit = {event: band.value for event, band in energy.items()} | dict(self.term.instead)
        return self.term.extra_joules + sum(unit.get(event, 0.0) * n for event, n in self.work.items())


def factor(found: float, published: float) -> float:
    """Return how many times one is the other, at least 1."""
    return max(found / published, published / found)


def off(found: float, published: float) -> str:
    """Return the factor and the side in words: ``"1.9 × under"``."""
    return f"{factor(found, published):.1f} × {'under' if found < published else 'over'}"


def reads(count: float) -> dict[str, float]:
    """Return products of a weight and a state that isn't zero, under the two names of which a profile prices one."""
    return {"synop": count, "effective_synop": count}


def products(rows: int, columns: int) -> dict[str, float]:
    """Return the events of a vector's products with a matrix in an array: one line a row, one conversion a column."""
    return reads(rows * columns) | {"dac": rows, "adc": columns}


def forward(*sizes: int) -> dict[str, float]:
    """Return the events of one pass through dense layers: every weight once, every unit behind it."""
    return reads(sum(a * b for a, b in pairwise(sizes))) | {"neuron_update": sum(sizes[1:])}


def flops(count: float) -> dict[str, float]:
    """Return floating-point operations as multiply-accumulates, two each."""
    return reads(count / 2.0)
