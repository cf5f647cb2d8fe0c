"""The `[relaxation]` table of a device file: how its lines are held while a network settles as one analog circuit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neuroep.cost.relaxation import Held
from neuroep.errors import BadInput
from neuroep.quantities import Band, Quantity
from neuroep.specs.numbers import Rule, checked_numbers
from neuroep.specs.reading import Table, at

TABLE = "relaxation"
_VOLTS = Rule("voltage", 1e-6, 1e3)
_COMMON = {
    "read_voltage": _VOLTS,
    "line_capacitance": Rule("capacitance", 1e-18, 1e-6),
}
_AMPLIFIER = {"amplifier_power": Rule("power", 0.0, 1.0)}
LINES: tuple[Mapping[str, Rule], Mapping[str, Rule]] = (
    _COMMON | {"supply_voltage": _VOLTS},
    _AMPLIFIER | {"time_constant": Rule("time", 1e-15, 1e3)},
)
"""Of arrays whose lines amplifiers hold: numbers that are needed, and those that may be left out."""
NODES: tuple[Mapping[str, Rule], Mapping[str, Rule]] = (
    _COMMON | {"largest_conductance": Rule("conductance", 1e-15, 1e3)},
    _AMPLIFIER,
)
"""Likewise, of networks of resistors: capacitances and conductances give the time constant, and inputs the power."""


def relaxation_numbers(
    tables: Mapping[str, Table], rules: tuple[Mapping[str, Rule], Mapping[str, Rule]], path: Path
) -> dict[str, Quantity]:
    """Return the numbers of the table by key path, checked; none where a file hasn't got it.

    Raises
    ------
    BadInput
        If one is missing, out of range, or of the other kind of circuit.
    """
    if TABLE not in tables:
        return {}
    needed, optional = rules
    numbers = checked_numbers(tables[TABLE], {**needed, **optional}, path, TABLE)
    for key in needed:
        if f"{TABLE}.{key}" not in numbers:
            raise BadInput(f"the key {key!r} is missing", at(path, TABLE), ", ".join(needed))
    return numbers


def held(numbers: Mapping[str, Quantity]) -> Held | None:
    """Return what a file's checked numbers say of lines that are held, or None where they say nothing."""
    if f"{TABLE}.read_voltage" not in numbers:
        return None
    rules = {**LINES[0], **LINES[1], **NODES[0]}

    def band(key: str) -> Band | None:
        found = numbers.get(f"{TABLE}.{key}")
        return None if found is None else found.si(rules[key].dimension)

    volts, farads = (numbers[f"{TABLE}.{key}"].si(rules[key].dimension) for key in _COMMON)
    return Held(
        volts, farads, band("supply_voltage"), band("time_constant"), band("largest_conductance"),
        band("amplifier_power") or Band.exact(0.0),
    )  # fmt: skip
