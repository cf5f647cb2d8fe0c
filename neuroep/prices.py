"""What each counted event costs on one device, and which events are ways of counting the same work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from neuroep.errors import BadInput, UnknownName
from neuroep.quantities import Band

NOTHING = Band.exact(0.0)


class Work(NamedTuple):
    """Something a chip does, and the events that count it.

    Attributes
    ----------
    what : str
        For readers.
    part : str
        Part of the chip that does it: the class of its events.
    events : tuple of str
        Names of :meth:`neuroep.ledger.Ledger.by_layer`; a profile prices the ones that suit it.
    amount : tuple of str
        Those that say how much of it there was, each once.
    digital : bool
        Whether a digital unit beside an array does it, so that a companion's price may stand in.
    converters : bool
        Whether only chips with converters do it.
    """

    what: str
    part: str
    events: tuple[str, ...]
    amount: tuple[str, ...]
    digital: bool = False
    converters: bool = False


WORKS = (
    Work("reads of weights", "array", ("array_read", "synop", "effective_synop"), ("effective_synop",)),
    Work("drives of lines", "DAC", ("dac",), ("dac",), converters=True),
    Work("conversions of sums", "ADC", ("adc",), ("adc",), converters=True),
    Work("updates of units", "digital", ("neuron_update", "layer_update", "neuron_active", "neuron_idle"),
         ("neuron_update", "neuron_active", "neuron_idle"), digital=True),
    Work("products of the contrast", "digital", ("contrast_mac", "local_product", "learning_update"),
         ("contrast_mac", "learning_update"), digital=True),
    Work("digital accumulators", "digital", ("accumulation",), ("accumulation",), digital=True),
    Work("states kept for the contrast", "memory", ("state_store",), ("state_store",), digital=True),
    Work("states of skips", "memory", ("state_move",), ("state_move",), digital=True),
    Work("states and spikes on their way", "network",
         ("state_transfer", "sent_state", "spike", "message", "hop"), ("state_transfer", "spike"), digital=True),
    Work("writes of weights", "write", ("weight_write", "pulse", "pulse_up", "pulse_down", "pulse_slot"),
         ("weight_write",)),
    Work("bits of pulse trains", "digital", ("train_bit",), ("train_bit",), digital=True),
    Work("pulses on their lines", "write", ("line_pulse", "line_cell"), ("line_pulse",)),
    Work("control", "control", ("sweep", "barrier", "sample"), ()),
)  # fmt: skip
"""All that is counted; what has no amount of its own isn't work."""

PRICED_EVENTS = tuple(event for work in WORKS for event in work.events)
"""The names of :meth:`neuroep.ledger.Ledger.by_layer`; pulses have one price, or one up and one down."""

SAME_WORK = (
    ("synop", "effective_synop"), ("contrast_mac", "local_product"), ("state_transfer", "sent_state"),
    ("pulse", "pulse_up"), ("pulse", "pulse_down"),
)  # fmt: skip
"""Events that count the same work twice, so that a profile prices one of the two."""

PARTS = (*dict.fromkeys(work.part for work in WORKS), "static")
"""Classes of events, in the order of tables."""

_PART_OF = {event: work.part for work in WORKS for event in work.events} | {"static": "static"}


def amounts_of(converters: bool) -> frozenset[str]:
    """Return the events that say how much work there was, on a chip with converters or without."""
    return frozenset(event for work in WORKS if converters or not work.converters for event in work.amount)


def part_of(event: str) -> str:
    """Return the part of a chip that an event, or "static", belongs to."""
    return _PART_OF[event]


@dataclass(frozen=True, slots=True)
class Prices:
    """Energy and time of single events, and the power that is drawn all the time.

    Attributes
    ----------
    energy_joules, time_seconds : mapping of str to Band
        Price of one event, keyed by the names in ``PRICED_EVENTS``. An absent event has no known price and
        adds nothing; the profile's caveats say so. Read-only copies are kept.
    static_watts : Band
        Power drawn whatever happens.
    converters : bool
        Whether lines and sums are converted, so that conversions without a price are work left out.

    Raises
    ------
    UnknownName
        If an event isn't one the ledger counts.
    BadInput
        If a price is negative.
    """

    energy_joules: Mapping[str, Band] = field(default_factory=dict)
    time_seconds: Mapping[str, Band] = field(default_factory=dict)
    static_watts: Band = NOTHING
    converters: bool = False

    def __post_init__(self) -> None:
        for kind in ("energy_joules", "time_seconds"):
            table: Mapping[str, Band] = getattr(self, kind)
            for event, band in table.items():
                if event not in PRICED_EVENTS:
                    raise UnknownName("priced event", event, PRICED_EVENTS, kind)
                _check(band, f"{kind}.{event}")
            object.__setattr__(self, kind, MappingProxyType(dict(table)))
        _check(self.static_watts, "static_watts")

    def beside(self, companion: Prices) -> Prices:
        """Return these prices and, for digital work that has none here, those of a digital companion."""
        own = {*self.energy_joules, *self.time_seconds}
        lacking = [work for work in WORKS if work.digital and not own.intersection(work.events)]
        events = {event for work in lacking for event in work.events}
        return replace(
            self,
            energy_joules={**self.energy_joules, **_of(companion.energy_joules, events)},
            time_seconds={**self.time_seconds, **_of(companion.time_seconds, events)},
        )


def _of(table: Mapping[str, Band], events: Iterable[str]) -> dict[str, Band]:
    wanted = set(events)
    return {event: band for event, band in table.items() if event in wanted}


def _check(band: Band, where: str) -> None:
    if not 0.0 <= band.low <= band.value <= band.high:
        raise BadInput(f"the band {tuple(band)}", where, "0 <= low <= value <= high")
