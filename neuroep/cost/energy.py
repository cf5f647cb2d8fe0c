"""Joules and seconds per sample: what the ledger counted times what the profile charges.

A phase's figure is Σ over events of count × price, divided by samples; static power times the phase's time
is added as an event of its own, "static". Prices of one profile are taken to err together, so the low
ends add up to the low end of the total and the high ends to the high.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from neuroep.cost.breakdown import Coverage, Line, covered, lines_of
from neuroep.errors import BadInput
from neuroep.ledger import Ledger, Phase
from neuroep.prices import Prices
from neuroep.quantities import Band

TRAINING_STEP = (Phase.FREE, Phase.NUDGED, Phase.UPDATE)
INFERENCE = (Phase.INFERENCE,)

_NOTHING = Band.exact(0.0)


@dataclass(frozen=True, slots=True)
class Bill:
    """Energy and time of one sample, by phase and event.

    Attributes
    ----------
    energy_joules : mapping of Phase to mapping of str to Band
        Joules a sample. Holds the phases whose samples were counted: the three of a training step if
        there were free-phase samples, inference if there were samples there. Within a phase, the events
        that have a price and happened, and "static".
    time_seconds : mapping of Phase to mapping of str to Band
        Seconds a sample, likewise; events follow each other.
    lines : tuple of Line
        Every event that was counted in these phases, layer by layer, with its stage, its number a sample and its
        energy and time, None where it has no price.
    coverage : mapping of Phase to Coverage
        How much of a phase's work has a price, and what hasn't.
    """

    energy_joules: Mapping[Phase, Mapping[str, Band]]
    time_seconds: Mapping[Phase, Mapping[str, Band]]
    lines: tuple[Line, ...] = ()
    coverage: Mapping[Phase, Coverage] = field(default_factory=dict)

    def energy(self, phases: Iterable[Phase]) -> Band:
        """Return the joules a sample of several phases together, e.g. ``TRAINING_STEP``.

        Raises
        ------
        BadInput
            If no samples were counted for one of them.
        """
        return _total(self.energy_joules, phases)

    def time(self, phases: Iterable[Phase]) -> Band:
        """Return the seconds a sample of several phases together, e.g. ``INFERENCE``.

        Raises
        ------
        BadInput
            If no samples were counted for one of them.
        """
        return _total(self.time_seconds, phases)

    def known(self, kind: Literal["energy", "time"], phases: Iterable[Phase]) -> Band | None:
        """Return joules or seconds of several phases; None, not 0, where nothing of them has a price."""
        wanted = tuple(phases)
        table = self.energy_joules if kind == "energy" else self.time_seconds
        return _total(table, wanted) if any(table.get(phase) for phase in wanted) else None

    def power(self, phases: Iterable[Phase]) -> Band | None:
        """Return the mean power in watts of several phases, None where nothing of their time is known.

        Energy over time: the low end is the least energy in the longest time.
        """
        wanted = tuple(phases)
        energy, time = self.energy(wanted), self.time(wanted)
        if not time.low > 0.0:
            return None
        return Band(energy.value / time.value, energy.low / time.high, energy.high / time.low)

    def energy_delay(self, phases: Iterable[Phase]) -> Band:
        """Return the product of energy and time of several phases in joule seconds (EDP)."""
        wanted = tuple(phases)
        return _product(self.energy(wanted), self.time(wanted))

    def covers(self, phases: Iterable[Phase]) -> Coverage:
        """Return how much of the work of several phases has a price, and what hasn't."""
        nothing = Coverage(0, 0, ())
        return sum((self.coverage.get(phase, nothing) for phase in phases), nothing)

    def as_dict(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the energy as ``{"free": {event: {"value", "low", "high"}}, ...}``, in joules a sample."""
        return _plain(self.energy_joules)

    def time_as_dict(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the time as ``{"free": {event: {"value", "low", "high"}}, ...}``, in seconds a sample."""
        return _plain(self.time_seconds)


def price(ledger: Ledger, prices: Prices) -> Bill:
    """Price what a ledger counted.

    Parameters
    ----------
    ledger : Ledger
        Counts of a run.
    prices : Prices
        Energy and time of single events on one device.

    Returns
    -------
    Bill
        Training phases divided by the samples of the free phase, inference by its own.
    """
    energy: dict[Phase, dict[str, Band]] = {}
    time: dict[Phase, dict[str, Band]] = {}
    lines: list[Line] = []
    coverage: dict[Phase, Coverage] = {}
    for phase, samples in _samples(ledger).items():
        layers = ledger.by_layer(phase)
        events = {event: int(counts.sum()) for event, counts in layers.items()}
        time[phase] = _charge(events, prices.time_seconds, samples)
        energy[phase] = _charge(events, prices.energy_joules, samples)
        static = _product(prices.static_watts, sum(time[phase].values(), _NOTHING))
        if static.high > 0.0:
            energy[phase]["static"] = static
        lines += lines_of(phase, layers, prices, samples, static)
        coverage[phase] = covered(events, prices)
    return Bill(energy, time, tuple(lines), coverage)


def per_sample(ledger: Ledger) -> dict[str, dict[str, float]]:
    """Return what a bill is worked out from, as ``{"free": {event: number a sample}, ...}``; what happened alone."""
    return {
        phase.name.lower(): {event: count / samples for event, count in ledger.events(phase).items() if count}
        for phase, samples in _samples(ledger).items()
    }


def _samples(ledger: Ledger) -> dict[Phase, int]:
    """Return what each phase's counts are divided by, of phases that had samples."""
    trained, tested = (ledger.events(phase)["sample"] for phase in (Phase.FREE, Phase.INFERENCE))
    found = {phase: trained if phase in TRAINING_STEP else tested for phase in Phase}
    return {phase: samples for phase, samples in found.items() if samples}


def coverage_of(bill: Bill) -> dict[str, dict[str, Any]]:
    """Return how much of the counted work of an inference and of a training step has a price, as plain data."""
    found = {"inference": bill.covers(INFERENCE), "training_step": bill.covers(TRAINING_STEP)}
    return {name: {"share": each.share, "missing": list(each.missing)} for name, each in found.items()}


def _charge(events: Mapping[str, int], table: Mapping[str, Band], samples: int) -> dict[str, Band]:
    return {event: unit.scaled(events[event] / samples) for event, unit in table.items() if events[event]}


def _product(first: Band, second: Band) -> Band:
    return Band(*(a * b for a, b in zip(first, second, strict=True)))


def _total(table: Mapping[Phase, Mapping[str, Band]], phases: Iterable[Phase]) -> Band:
    total = _NOTHING
    for phase in phases:
        if phase not in table:
            known = ", ".join(known.name.lower() for known in table) or "none"
            raise BadInput(f"no samples were counted for the phase {phase.name.lower()!r}", "ledger", known)
        total = sum(table[phase].values(), total)
    return total


def _plain(table: Mapping[Phase, Mapping[str, Band]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        phase.name.lower(): {event: band._asdict() for event, band in events.items()} for phase, events in table.items()
    }
