"""The tables of a quantized synapse's device file: [synapse], and [chip], which is optional."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neuroep.errors import BadInput
from neuroep.quantities import Quantity
from neuroep.specs.chip import RULE_KEY, build_chip, chip_numbers
from neuroep.specs.kind import Kind, Numbers, Tables
from neuroep.specs.numbers import Rule, check_order, checked_numbers
from neuroep.specs.reading import Table, at, refuse_unknown_keys, word

if TYPE_CHECKING:
    from neuroep.hardware.loihi.synapse import QuantizedSynapse

ROUNDINGS = ("stochastic", "nearest", "loihi")
SYNAPSE_CHOICES = {"sign_mode": ("mixed", "excitatory", "inhibitory"), "draws": ("element", "matrix")}
SYNAPSE_RULES = {
    "weight_bits": Rule("bits", 2, 16, whole=True),
    "headroom": Rule("number", 1.0, 1e3),
    "min_exponent": Rule("number", -64, 64, whole=True),
    "max_exponent": Rule("number", -64, 64, whole=True),
}
SYNAPSE_OPTIONS = {"trace_bits": Rule("bits", 0, 16, whole=True)}
RULES = {f"synapse.{key}": rule for key, rule in (SYNAPSE_RULES | SYNAPSE_OPTIONS).items()}


def _synapse_numbers(table: Table, path: Path) -> dict[str, Quantity]:
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


def _numbers(tables: Tables, path: Path) -> Numbers:
    chip = chip_numbers(tables["chip"], path) if "chip" in tables else {}
    return _synapse_numbers(tables["synapse"], path) | chip


def _words(tables: Tables, path: Path) -> dict[str, str]:
    given = tables["synapse"]
    return {f"synapse.{key}": given[key] for key in ("rounding", *SYNAPSE_CHOICES) if key in given}


def _build(name: str, tables: Tables, numbers: Numbers, path: Path) -> QuantizedSynapse:
    from neuroep.hardware.loihi.synapse import QuantizedSynapse

    table = tables["synapse"]

    def number(key: str) -> float:
        return numbers[key].si(RULES[key].dimension).value

    return QuantizedSynapse(
        name=name,
        weight_bits=int(number("synapse.weight_bits")),
        rounding=table["rounding"],
        headroom=number("synapse.headroom"),
        min_exponent=int(number("synapse.min_exponent")),
        max_exponent=int(number("synapse.max_exponent")),
        trace_bits=int(number("synapse.trace_bits")) if "trace_bits" in table else 0,
        chip=build_chip(name, tables["chip"][RULE_KEY], numbers) if "chip" in tables else None,
        **{key: table[key] for key in SYNAPSE_CHOICES if key in table},
    )


QUANTIZED = Kind(
    name="quantized", tables=("synapse", "chip"), needed=("synapse",), numbers=_numbers, words=_words, build=_build
)
