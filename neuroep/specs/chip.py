"""The table [chip] of a device file: what a chip and its cores hold, and the rule that its learning engine runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from neuroep.errors import BadInput
from neuroep.quantities import Quantity
from neuroep.specs.numbers import Rule, checked_numbers
from neuroep.specs.reading import Table, at, refuse_unknown_keys

if TYPE_CHECKING:
    from neuroep.hardware.loihi.chip import LearningChip

CHIP_RULES = {
    "cores": Rule("number", 1, 1e6, whole=True),
    "chips": Rule("number", 1, 16384, whole=True),
    "compartments": Rule("number", 1, 1e6, whole=True),
    "axons": Rule("number", 1, 1e6, whole=True),
    "synapse_memory": Rule("bits", 64, 2**40, whole=True),
}
RULE_KEY = "learning_rule"


def chip_numbers(table: Table, path: Path) -> dict[str, Quantity]:
    """Return the numbers of [chip] by key path, checked; that its rule is a text is checked too."""
    refuse_unknown_keys(table, (RULE_KEY, *CHIP_RULES), path, "chip")
    if not isinstance(table.get(RULE_KEY), str):
        what = f"{table[RULE_KEY]!r}" if RULE_KEY in table else f"the key {RULE_KEY!r} is missing"
        raise BadInput(what, at(path, f"chip.{RULE_KEY}" if RULE_KEY in table else "chip"), "the name of a rule")
    plain = {key: value for key, value in table.items() if key != RULE_KEY}
    return checked_numbers(plain, CHIP_RULES, path, "chip", required=True)


def build_chip(name: str, rule: str, numbers: Mapping[str, Quantity]) -> LearningChip:
    """Return the chip of a profile from its checked numbers."""
    from neuroep.hardware.loihi.chip import LearningChip
    from neuroep.hardware.loihi.cores import Limits

    value = {key: int(numbers[f"chip.{key}"].si(limits.dimension).value) for key, limits in CHIP_RULES.items()}
    limits = Limits(value["compartments"], value["axons"], value["synapse_memory"], value["cores"])
    return LearningChip(name, rule, limits, value["chips"])
