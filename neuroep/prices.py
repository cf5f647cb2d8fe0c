"""What each counted event costs on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from neuroep.errors import BadInput, UnknownName
from neuroep.quantities import Band

NOTHING = Band.exact(0.0)

PRICED_EVENTS = (
    "array_read",
    "synop",
    "dac",
    "adc",
    "neuron_update",
    "layer_update",
    "contrast_mac",
    "weight_write",
    "pulse",
    "pulse_up",
    "pulse_down",
    "accumulation",
    "state_move",
    "pulse_slot",
    "sweep",
    "sample",
    "spike",
    "neuron_active",
    "neuron_idle",
    "learning_update",
    "message",
    "hop",
    "barrier",
)
"""The names of :meth:`neuroep.ledger.Ledger.events`; pulses have one price, or one up and one down."""


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

    def __post_init__(self) -> None:
        for kind in ("energy_joules", "time_seconds"):
            table: Mapping[str, Band] = getattr(self, kind)
            for event, band in table.items():
                if event not in PRICED_EVENTS:
                    raise UnknownName("priced event", event, PRICED_EVENTS, kind)
                _check(band, f"{kind}.{event}")
            object.__setattr__(self, kind, MappingProxyType(dict(table)))
        _check(self.static_watts, "static_watts")


def _check(band: Band, where: str) -> None:
    if not 0.0 <= band.low <= band.value <= band.high:
        raise BadInput(f"the band {tuple(band)}", where, "0 <= low <= value <= high")
