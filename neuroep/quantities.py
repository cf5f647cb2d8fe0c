"""Numbers with a unit, a source and a tag, and the bands they give."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from neuroep import checks
from neuroep.errors import BadInput, UnknownName

Tag = Literal["measured", "simulated", "derived", "estimate", "unverified"]


class Unit(NamedTuple):
    """A unit: what it measures, and its factor to the SI unit (or to one bit, byte, one)."""

    dimension: str
    factor: float


UNITS = MappingProxyType(
    {
        "fJ": Unit("energy", 1e-15),
        "pJ": Unit("energy", 1e-12),
        "nJ": Unit("energy", 1e-9),
        "J": Unit("energy", 1.0),
        "ps": Unit("time", 1e-12),
        "ns": Unit("time", 1e-9),
        "us": Unit("time", 1e-6),
        "ms": Unit("time", 1e-3),
        "s": Unit("time", 1.0),
        "nS": Unit("conductance", 1e-9),
        "uS": Unit("conductance", 1e-6),
        "S": Unit("conductance", 1.0),
        "fF": Unit("capacitance", 1e-15),
        "pF": Unit("capacitance", 1e-12),
        "mV": Unit("voltage", 1e-3),
        "V": Unit("voltage", 1.0),
        "ohm": Unit("resistance", 1.0),
        "kohm": Unit("resistance", 1e3),
        "mW": Unit("power", 1e-3),
        "W": Unit("power", 1.0),
        "um2": Unit("area", 1e-12),
        "mm2": Unit("area", 1e-6),
        "bit": Unit("bits", 1.0),
        "byte": Unit("bytes", 1.0),
        "1": Unit("number", 1.0),
        "%": Unit("number", 1e-2),
    }
)


def units_of(dimension: str) -> tuple[str, ...]:
    """Return the units of a dimension, smallest first.

    Raises
    ------
    UnknownName
        If no unit has that dimension.
    """
    found = tuple(name for name, unit in UNITS.items() if unit.dimension == dimension)
    if not found:
        raise UnknownName("dimension", dimension, {unit.dimension for unit in UNITS.values()})
    return found


#: Words for spans of time, and their seconds.
SPANS = MappingProxyType({"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0, "year": 365.0 * 86400.0})


def seconds_of(span: object, where: str) -> float:
    """Return the seconds of a span of time: a number of them, or text such as ``"1 day"`` or ``"30 min"``.

    Raises
    ------
    BadInput
        If it is neither, negative or not finite.
    """
    allowed = f"seconds, 0 or more, or a number and one of {', '.join(SPANS)}"
    if isinstance(span, str):
        number, _, unit = span.strip().partition(" ")
        try:
            return seconds_of(float(number) * SPANS[unit if unit in SPANS else unit.removesuffix("s")], where)
        except (KeyError, ValueError):
            raise BadInput(checks.shown(span), where, allowed) from None
    return checks.number(span, where, 0.0, allowed=allowed)


class Band(NamedTuple):
    """A figure and the interval in which it may lie, in SI units.

    Attributes
    ----------
    value, low, high : float
        low <= value <= high; without a band all three are equal.
    """

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Band:
        """Return a figure whose band is itself."""
        return cls(value, value, value)

    def plus(self, other: Band) -> Band:
        """Return the sum; the ends add up too, as if the two always erred together."""
        return Band(self.value + other.value, self.low + other.low, self.high + other.high)

    def scaled(self, factor: float) -> Band:
        """Return the band times a number that isn't negative.

        Raises
        ------
        BadInput
            If the factor is negative or not finite.
        """
        if not (math.isfinite(factor) and factor >= 0.0):
            raise BadInput(f"a band times {factor}", "factor", "a finite number of at least 0")
        return Band(self.value * factor, self.low * factor, self.high * factor)

    def __add__(self, other: object) -> Band:
        """Return :meth:`plus`, rather than a tuple of six."""
        return self.plus(other) if isinstance(other, Band) else NotImplemented

    def __radd__(self, other: object) -> Band:
        """Let ``sum`` begin at 0."""
        return self if other == 0 else NotImplemented

    def __mul__(self, factor: object) -> Band:
        """Return :meth:`scaled`, rather than a repeated tuple."""
        return self.scaled(float(factor)) if isinstance(factor, int | float) else NotImplemented

    def __rmul__(self, factor: object) -> Band:
        """Return :meth:`scaled` for ``factor * band``."""
        return self * factor


_PLAIN = str.maketrans({"µ": "u", "\u03bc": "u", "\u03a9": "ohm", "\u2126": "ohm"})


def _hint(unit: str) -> str:
    plain = unit.strip().translate(_PLAIN)
    near = [name for name in UNITS if name == plain] or [name for name in UNITS if name.lower() == plain.lower()]
    return f" (did you mean {near[0]!r}?)" if near else ""


class _Refused(BadInput, ValueError):
    """A quantity that can't be; a ValueError too, so that msgspec adds the key path."""


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number as it stands in a device profile.

    Attributes
    ----------
    value : float
        The figure.
    unit : str
        One of ``UNITS``.
    source : str
        Where it comes from: a publication with its table, a file, or the reasoning.
    tag : str
        measured, simulated, derived (arithmetic on published figures), estimate (an engineer's guess,
        reasoned) or unverified (recalled or second-hand).
    low, high : float, optional
        Band in the same unit; where absent, the value.

    Raises
    ------
    BadInput
        If a number isn't finite, the band doesn't hold the value, the unit is unknown or the source empty.
    """

    value: float
    unit: str
    source: str
    tag: Tag
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise _Refused(f"no unit is called {self.unit!r}{_hint(self.unit)}", allowed=", ".join(UNITS))
        if not self.source.strip():
            raise _Refused("a number without a source", allowed="a publication, a file or the reasoning")
        ends = (self.bottom, self.value, self.top)
        if not all(map(math.isfinite, ends)):
            raise _Refused(f"value {self.value} with the band {self.low} to {self.high}", allowed="finite numbers")
        if not self.bottom <= self.value <= self.top:
            raise _Refused(f"value {self.value} outside {self.bottom} to {self.top}", allowed="low <= value <= high")

    @property
    def bottom(self) -> float:
        """Lower end of the band, in the quantity's own unit."""
        return self.value if self.low is None else self.low

    @property
    def top(self) -> float:
        """Upper end of the band, in the quantity's own unit."""
        return self.value if self.high is None else self.high

    def si(self, dimension: str, where: str = "") -> Band:
        """Return the band in SI units (bits, bytes and plain numbers as they are, % as a share).

        Parameters
        ----------
        dimension : str
            What the number must measure: energy, time, conductance, capacitance, voltage, resistance, power, bits,
            bytes, number.
        where : str, optional
            File and key path for the error.

        Raises
        ------
        BadInput
            If the unit measures something else.
        """
        unit = UNITS[self.unit]
        if unit.dimension != dimension:
            allowed = f"{dimension} in {', '.join(units_of(dimension))}"
            raise BadInput(f"unit {self.unit!r} measures {unit.dimension}", where, allowed)
        return Band(self.value * unit.factor, self.bottom * unit.factor, self.top * unit.factor)
