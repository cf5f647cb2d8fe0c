"""Prices of a cell's reads and writes from its pulses: V² G t, as a laboratory knows them."""

from __future__ import annotations

import re
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.quantities import UNITS

CELLS = 2
"""Of a weight: a pair."""


class Pulse(NamedTuple):
    """A pulse: volts, and how long it lasts."""

    volts: float
    seconds: float


class Pulses(NamedTuple):
    """The pulse that reads a cell and the one that writes it; None where it isn't known."""

    read: Pulse | None = None
    write: Pulse | None = None


def pulse_of(text: str, where: str) -> Pulse:
    """Return a pulse of text such as ``1.5V,100ns``.

    Raises
    ------
    BadInput
        If it isn't a voltage and a time, both above 0.
    """
    found = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*-?([0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Zµμ]+)\s*", part)
        unit = UNITS.get(match[2].replace("µ", "u").replace("μ", "u")) if match else None
        if match and unit is not None and unit.dimension in ("voltage", "time"):
            found[unit.dimension] = float(match[1]) * unit.factor
    if len(found) != 2 or text.count(",") != 1 or not all(value > 0.0 for value in found.values()):
        raise BadInput(f"{text!r}", where, "a voltage and a time, such as 1.5V,100ns")
    return Pulse(found["voltage"], found["time"])


def prices_of(pulses: Pulses, low: float, high: float) -> dict[str, dict[str, dict[str, object]]]:
    """Return the tables `energy` and `time` of a device file.

    Parameters
    ----------
    pulses : Pulses
    low, high : float
        Conductances in siemens at the ends of a cell's range.
    """
    energy: dict[str, dict[str, object]] = {}
    time: dict[str, dict[str, object]] = {}
    if pulses.read is not None:
        energy["effective_synop"] = _energy(pulses.read, CELLS, low, high, "two cells, ")
        time["array_read"] = _time(pulses.read, "the pulse that reads, as given; converters not counted")
    if pulses.write is not None:
        energy["pulse"] = _energy(pulses.write, 1, low, high, "")
        time["pulse_slot"] = _time(pulses.write, "the pulse that writes, as given")
    return {"energy": energy, "time": time}


def _energy(pulse: Pulse, cells: int, low: float, high: float, what: str) -> dict[str, object]:
    least, most = (cells * pulse.volts**2 * g * pulse.seconds * 1e12 for g in (low, high))
    source = (
        f"{what}V^2 G t with {pulse.volts:g} V and {pulse.seconds:g} s, as given, and the mean of g_min and g_max; "
        "low: all at g_min, high: all at g_max"
    )
    value = 0.5 * (least + most)
    return {"value": value, "low": least, "high": most, "unit": "pJ", "source": source, "tag": "derived"}


def _time(pulse: Pulse, source: str) -> dict[str, object]:
    nano = pulse.seconds * 1e9
    return {"value": nano, "low": nano, "high": nano, "unit": "ns", "source": source, "tag": "unverified"}
