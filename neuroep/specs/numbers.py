"""The numbers of a device file: which there are, what each must measure, and in which range."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.quantities import Quantity
from neuroep.specs.reading import Table, at, convert, join, refuse_unknown_keys


class Rule(NamedTuple):
    """What a quantity must measure, and the range of its value in SI units, ends included."""

    dimension: str
    low: float
    high: float
    whole: bool = False


ENERGY_RULE = Rule("energy", 0.0, 1.0)
TIME_RULE = Rule("time", 0.0, 1e3)
STATIC_RULE = Rule("power", 0.0, 1e6)
UTILISATION_RULE = Rule("number", 1e-6, 1.0)
AREA_RULES = {"adc": Rule("area", 0.0, 1.0), "chip": Rule("area", 0.0, 1.0)}
SYSTEM_RULES = {"static": STATIC_RULE, "host": STATIC_RULE, "step": TIME_RULE}
"""What was measured of a whole chip: read, shown and compared with, never charged."""


def check_order(numbers: Mapping[str, Quantity], low: str, high: str, path: Path, rule: Rule, *, strict: bool) -> None:
    """Raise BadInput unless one number is at most the other, or `strict`ly less."""
    smaller, larger = (numbers[key].si(rule.dimension).value for key in (low, high))
    if smaller > larger or (strict and smaller == larger):
        sign = "<" if strict else "<="
        raise BadInput(f"{low} is {smaller:g}, {high} is {larger:g}", at(path, low), f"{low} {sign} {high}")


def checked_numbers(
    table: Table, rules: Mapping[str, Rule], path: Path, prefix: str, required: bool = False
) -> dict[str, Quantity]:
    """Return the quantities of a table by key path, each checked against its rule."""
    refuse_unknown_keys(table, rules, path, prefix)
    for key in rules if required else ():
        if key not in table:
            raise BadInput(f"the key {key!r} is missing", at(path, prefix), ", ".join(rules))
    return {join(prefix, key): checked_quantity(raw, rules[key], path, join(prefix, key)) for key, raw in table.items()}


def checked_quantity(raw: object, rule: Rule, path: Path, key: str) -> Quantity:
    """Return one quantity, its value and band checked for unit and range."""
    if not isinstance(raw, dict):
        raise BadInput(
            f"{raw!r} alone", at(path, key), "a table of value, unit, source, tag and, as a band, low and high"
        )
    quantity = convert(raw, Quantity, path, key)
    for number in quantity.si(rule.dimension, at(path, key)):
        if not rule.low <= number <= rule.high or (rule.whole and number != round(number)):
            what = "whole numbers" if rule.whole else "numbers"
            allowed = f"{what} from {rule.low:g} to {rule.high:g} in SI units"
            raise BadInput(f"{number:g} is out of range", at(path, key), allowed)
    return quantity
