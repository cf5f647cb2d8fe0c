"""The numbers of a device file: which there are, what each must measure, and in which range."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.quantities import Quantity
from neuroep.specs.reading import Table, at, convert, join, refuse_unknown_keys, word

ROUNDINGS = ("stochastic", "nearest", "loihi")
SYNAPSE_CHOICES = {"sign_mode": ("mixed", "excitatory", "inhibitory"), "draws": ("element", "matrix")}


class Rule(NamedTuple):
    """What a quantity must measure, and the range of its value in SI units, ends included."""

    dimension: str
    low: float
    high: float
    whole: bool = False


SYNAPSE_RULES = {
    "weight_bits": Rule("bits", 2, 16, whole=True),
    "headroom": Rule("number", 1.0, 1e3),
    "min_exponent": Rule("number", -64, 64, whole=True),
    "max_exponent": Rule("number", -64, 64, whole=True),
}
SYNAPSE_OPTIONS = {"trace_bits": Rule("bits", 0, 16, whole=True)}
RULES = {f"synapse.{key}": rule for key, rule in (SYNAPSE_RULES | SYNAPSE_OPTIONS).items()}
ENERGY_RULE = Rule("energy", 0.0, 1.0)
TIME_RULE = Rule("time", 0.0, 1e3)
STATIC_RULE = Rule("power", 0.0, 1e6)


def synapse_numbers(table: Table, path: Path) -> dict[str, Quantity]:
    """Return the numbers of [synapse] by key path, checked; its `rounding` and other choices are checked too."""
    _check_rounding(table, path)
    plain = {key: value for key, value in table.items() if key in SYNAPSE_RULES}
    options = {key: value for key, value in table.items() if key in SYNAPSE_OPTIONS}
    numbers = checked_numbers(plain, SYNAPSE_RULES, path, "synapse", required=True)
    numbers |= checked_numbers(options, SYNAPSE_OPTIONS, path, "synapse")
    rule = SYNAPSE_RULES["min_exponent"]
    check_order(numbers, "synapse.min_exponent", "synapse.max_exponent", path, rule, strict=False)
    return numbers


def _check_rounding(table: Table, path: Path) -> None:
    refuse_unknown_keys(table, ("rounding", *SYNAPSE_CHOICES, *SYNAPSE_RULES, *SYNAPSE_OPTIONS), path, "synapse")
    if "rounding" not in table:
        raise BadInput("the key 'rounding' is missing", at(path, "synapse"), ", ".join(ROUNDINGS))
    word(table["rounding"], "rounding", ROUNDINGS, path, "synapse.rounding")
    for key, known in SYNAPSE_CHOICES.items():
        if key in table:
            word(table[key], key, known, path, f"synapse.{key}")
    if "draws" in table and table["rounding"] != "loihi":
        raise BadInput(f"'draws' with rounding {table['rounding']!r}", at(path, "synapse.draws"), "rounding 'loihi'")


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
