"""The two READMEs name every key, event, unit and shipped file, and their example is a valid number."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from typing import Literal

import msgspec
import pytest

from neuroep.prices import PRICED_EVENTS
from neuroep.quantities import UNITS, Quantity
from neuroep.recipe import Estimator, Method, Order, Phases, Programming, Reads, Training, Trains
from neuroep.specs import catalogue
from neuroep.specs.chip import CHIP_RULES, RULE_KEY
from neuroep.specs.crossbar import CHOICES, LABELS, OPTIONAL, REQUIRED, SHAPES
from neuroep.specs.device import COMMON
from neuroep.specs.memory import MEMORY_RULES
from neuroep.specs.model import ACTIVATIONS, COSTS, LayerTable, Measured, ModelTable
from neuroep.specs.numbers import SYSTEM_RULES
from neuroep.specs.quantized import ROUNDINGS, SYNAPSE_CHOICES, SYNAPSE_OPTIONS, SYNAPSE_RULES
from neuroep.specs.relaxation import LINES, NODES


def readme(kind: Literal["devices", "models"]) -> str:
    return (catalogue.folder(kind) / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", catalogue.KINDS)
def test_every_shipped_file_is_listed(kind: Literal["devices", "models"]) -> None:
    assert set(re.findall(r"^\| `([\w-]+)\.toml`", readme(kind), re.MULTILINE)) == set(catalogue.names(kind))


def test_every_device_key_is_explained() -> None:
    words = set(re.findall(r"[\w%-]+", readme("devices")))
    wanted = {*SYNAPSE_RULES, *LABELS.values(), *PRICED_EVENTS, *UNITS, *ROUNDINGS}
    wanted |= {
        *SYSTEM_RULES,
        *MEMORY_RULES,
        *(key for rules in (*LINES, *NODES) for key in rules),
        *CHIP_RULES,
        RULE_KEY,
        *COMMON,
        *SYNAPSE_OPTIONS,
        *SYNAPSE_CHOICES,
        *sum(SYNAPSE_CHOICES.values(), ()),
    }
    for tables in (REQUIRED, OPTIONAL, SHAPES):
        wanted |= {*tables, *(key for table in tables.values() for key in table)}
    for key, (_, known) in CHOICES.items():
        wanted |= {key.partition(".")[2], *known}
    assert wanted <= words


def test_every_model_key_is_explained() -> None:
    words = set(re.findall(r"[\w-]+", readme("models")))
    structs = {name for struct in (LayerTable, Measured, ModelTable) for name in struct.__struct_fields__}
    fields = {field.name for kind in (Phases, Training, Programming) for field in dataclasses.fields(kind)}
    choices = {
        *ACTIVATIONS,
        *COSTS,
        *(member.value for enum in (Estimator, Order, Method, Reads, Trains) for member in enum),
    }
    assert structs | fields | choices <= words


def test_the_example_number_is_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", readme("devices"), re.DOTALL)
    (table,) = (tomllib.loads(block) for block in blocks)
    assert msgspec.convert(table["energy"]["synop"], Quantity).si("energy").value == pytest.approx(23.6e-12)
