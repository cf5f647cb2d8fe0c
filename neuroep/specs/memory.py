"""The memories of a device file: `[memory.LEVEL]` tables, from the nearest to the outermost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from neuroep.cost.hierarchy import Hierarchy, Level
from neuroep.errors import BadInput
from neuroep.quantities import Quantity
from neuroep.specs.numbers import Rule, checked_numbers
from neuroep.specs.reading import Table, at, convert, join

MEMORY_RULES = {
    "capacity": Rule("bytes", 1.0, 2.0**60, whole=True),
    "energy_per_byte": Rule("energy", 0.0, 1e-3),
}


def memory_numbers(levels: Table, path: Path) -> dict[str, Quantity]:
    """Return the numbers of all levels by key path, checked one by one and against each other.

    Raises
    ------
    BadInput
        If a level has no energy, one but the outermost no capacity, the outermost has one, or one isn't larger than
        the level before.
    """
    numbers: dict[str, Quantity] = {}
    largest = 0.0
    for place, (name, raw) in enumerate(levels.items(), start=1):
        key = join("memory", name)
        found = checked_numbers(convert(raw, dict, path, key), MEMORY_RULES, path, key)
        outermost = place == len(levels)
        if join(key, "energy_per_byte") not in found:
            raise BadInput("the key 'energy_per_byte' is missing", at(path, key), ", ".join(MEMORY_RULES))
        capacity = found.get(join(key, "capacity"))
        if (capacity is None) != outermost:
            allowed = "a capacity for every level but the last, which holds the rest"
            raise BadInput(f"level {place} of {len(levels)}, {name!r}", at(path, key), allowed)
        if capacity is not None:
            if capacity.value <= largest:
                raise BadInput(f"{capacity.value:g} bytes", at(path, join(key, "capacity")), f"more than {largest:g}")
            largest = capacity.value
        numbers |= found
    return numbers


def hierarchy(levels: Table, numbers: Mapping[str, Quantity]) -> Hierarchy | None:
    """Return the memories that a file's checked numbers describe, or None where there are none."""
    if not levels:
        return None
    return Hierarchy(tuple(_level(name, numbers) for name in levels))


def _level(name: str, numbers: Mapping[str, Quantity]) -> Level:
    capacity = numbers.get(f"memory.{name}.capacity")
    size = math.inf if capacity is None else capacity.si("bytes").value
    return Level(name, size, numbers[f"memory.{name}.energy_per_byte"].si("energy"))
