"""The page of the keys of device files, made of the rules that check them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from markdown_tables import attributes, code, table
from model_keys import keys, may_be

from neuroep.prices import PRICED_EVENTS
from neuroep.quantities import UNITS
from neuroep.specs.chip import CHIP_RULES
from neuroep.specs.crossbar import CHOICES, OPTIONAL, REQUIRED, SHAPES
from neuroep.specs.device import COMMON, DeviceTable
from neuroep.specs.memory import MEMORY_RULES
from neuroep.specs.numbers import AREA_RULES, ENERGY_RULE, STATIC_RULE, SYSTEM_RULES, TIME_RULE, UTILISATION_RULE, Rule
from neuroep.specs.quantized import ROUNDINGS, SYNAPSE_CHOICES, SYNAPSE_OPTIONS, SYNAPSE_RULES
from neuroep.specs.relaxation import LINES, NODES

Rules = Mapping[str, Rule]


class Section(NamedTuple):
    """A table of a device file: which files have it, its numbers, and its keys that take a word."""

    heading: str
    of: str
    needed: Rules
    optional: Rules
    words: Mapping[str, Iterable[str]] = {}


def sections() -> list[Section]:
    """Return every table of a device file, in the order of devices/README.md."""
    every, crossbar = "any file", "`crossbar`"
    events = dict.fromkeys(PRICED_EVENTS, ENERGY_RULE), dict.fromkeys(PRICED_EVENTS, TIME_RULE)
    synapse_words = {"rounding": ROUNDINGS, **SYNAPSE_CHOICES}
    return [
        Section("`[synapse]`", "`quantized`", SYNAPSE_RULES, SYNAPSE_OPTIONS, synapse_words),
        Section("`[chip]`", "`quantized`, if it learns by itself", CHIP_RULES, {}),
        *(
            Section(f"`[{name}]`", crossbar, REQUIRED.get(name, {}), numbers, _crossbar_words(name))
            for name, numbers in OPTIONAL.items()
        ),
        *(
            Section(f'`[cell]` with `step = "{shape}"`', crossbar, rules, {})
            for shape, rules in SHAPES.items()
            if rules
        ),
        Section("`[energy.EVENT]`", every, {}, events[0]),
        Section("`[time.EVENT]`", every, {}, events[1]),
        Section("`[static]`", every, {}, {"static": STATIC_RULE}),
        Section("`[utilisation]`", every, {}, {"utilisation": UTILISATION_RULE}),
        Section("`[area.PART]`", every, {}, AREA_RULES),
        Section("`[system]`", every, {}, SYSTEM_RULES),
        Section("`[memory.LEVEL]`", every, {}, MEMORY_RULES),
        Section("`[relaxation]` of lines that amplifiers hold", crossbar, *LINES),
        Section("`[relaxation]` of networks of resistors", "`cost-only`", *NODES),
    ]  # fmt: skip


def text() -> str:
    """Return the page: what every file has, then each table with the dimension, range and need of its numbers."""
    units = [(dimension, ", ".join(map(code, _units(dimension)))) for dimension in sorted(_dimensions())]
    parts = [f"## The file's own keys\n\n{_common()}", *map(_section, sections())]
    return "\n".join([*parts, "## Units\n", table(("a number that measures", "may be in"), units)])


def _common() -> str:
    told = attributes(DeviceTable)
    rows = [(code(key.name), may_be(key), key.default, told[key.name]) for key in keys(DeviceTable)
            if key.name in COMMON]  # fmt: skip
    return table(("key", "type", "default", "meaning"), rows)


def _section(section: Section) -> str:
    rows = [(code(key), *_rule(rule), "needed") for key, rule in section.needed.items()]
    rows += [(code(key), *_rule(rule), "may be left out") for key, rule in section.optional.items()]
    for key, words in section.words.items():
        rows.append((code(key), "word", ", ".join(code(f'"{word}"') for word in words), ""))
    header = ("key", "measures", "range in SI units, or words", "")
    return f"## {section.heading}\n\nOf {section.of}.\n\n{table(header, rows)}"


def _rule(rule: Rule) -> tuple[str, str]:
    what = "plain number" if rule.dimension == "number" else rule.dimension
    return f"{what}{', whole' * rule.whole}", f"{rule.low:g} to {rule.high:g}"


def _crossbar_words(name: str) -> dict[str, Iterable[str]]:
    return {key.partition(".")[2]: words for key, (_, words) in CHOICES.items() if key.startswith(f"{name}.")}


def _dimensions() -> set[str]:
    return {rule.dimension for section in sections() for rule in (*section.needed.values(), *section.optional.values())}


def _units(dimension: str) -> list[str]:
    return [unit for unit, measured in UNITS.items() if measured.dimension == dimension]
