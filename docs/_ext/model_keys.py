"""The page of the keys of model files, made of the structs and dataclasses that read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple, get_type_hints

import msgspec
from markdown_tables import attributes, code, table
from msgspec import inspect as types

from neuroep.learning.rules import RULES
from neuroep.physics.known import PHYSICS
from neuroep.recipe import SWEEPS, Encoder, Phases, Programming, Training
from neuroep.solvers.tableaux import SOLVERS
from neuroep.specs.kinds import KINDS
from neuroep.specs.model import ACTIVATIONS, COSTS, CouplingTable, DataTable, LayerTable, Measured, ModelTable


class Section(NamedTuple):
    """A table of a model file: its heading, and the class that reads it."""

    heading: str
    read_by: type


class Key(NamedTuple):
    """A key: its type, and what it is where a file leaves it out, "needed" where no file may."""

    name: str
    type: types.Type
    default: str


SECTIONS = (
    Section("The file's own keys", ModelTable),
    Section("`[data]`", DataTable),
    Section("`[[layers]]`", LayerTable),
    Section("`[[couplings]]`", CouplingTable),
    Section("`[phases]`", Phases),
    Section("`[training]` and `[backprop]`", Training),
    Section("`[on.DEVICE.programming]`", Programming),
    Section("`[[measured]]`", Measured),
)
#: What a dictionary of the file itself is.
TABLE = "table"
#: Words that keys of text may say, where they are looked up by name.
WORDS: Mapping[str, Iterable[str]] = {
    "activation": ACTIVATIONS,
    "cost": COSTS,
    "kind": KINDS,
    "physics": PHYSICS,
    "rule": RULES,
    "solver": (SWEEPS, *SOLVERS, *(encoder.value for encoder in Encoder)),
}


def text() -> str:
    """Return the page: a table of keys for each table of a model file."""
    return "\n".join(f"## {heading}\n\n{_keys(read_by)}" for heading, read_by in SECTIONS)


def keys(read_by: type) -> Iterator[Key]:
    """Yield the keys that a msgspec struct, or a dataclass, reads."""
    if dataclasses.is_dataclass(read_by):
        hints = get_type_hints(read_by, include_extras=True)
        for field in dataclasses.fields(read_by):
            yield Key(field.name, types.type_info(hints[field.name]), shown(field.default))
    else:
        for one in msgspec.structs.fields(read_by):
            default = one.default if one.default_factory is msgspec.NODEFAULT else one.default_factory()
            yield Key(one.name, types.type_info(one.type), shown(default))


def _keys(read_by: type) -> str:
    told = attributes(read_by)
    rows = [(code(key.name), may_be(key), key.default, told.get(key.name, "")) for key in keys(read_by)]
    return table(("key", "type", "default", "meaning"), rows)


def shown(default: object) -> str:
    """Return a default as a file would write it."""
    if default is msgspec.NODEFAULT:
        return "needed"
    if default is None or default in ([], {}):
        return "left out"
    plain = default.value if isinstance(default, Enum) else default
    if isinstance(plain, bool):
        return code(str(plain).lower())
    if isinstance(plain, str):
        return code(f'"{plain}"')
    return code(list(plain) if isinstance(plain, tuple) else plain)


_PLAIN: dict[type[Any], str] = {
    types.IntType: "whole number",
    types.FloatType: "number",
    types.StrType: "text",
    types.BoolType: "true or false",
}


def may_be(key: Key) -> str:
    """Return what a key may be: its words where it is looked up by name, else its type."""
    by_name = key.name in WORDS and not isinstance(key.type, types.LiteralType)
    return _choices(WORDS[key.name]) if by_name else in_words(key.type)


def in_words(kind: types.Type) -> str:
    """Return a type in words, with its bounds or its choices."""
    match kind:
        case types.LiteralType(values=values):
            return _choices(values)
        case types.EnumType(cls=members):
            return _choices(member.value for member in members)
        case types.UnionType(types=several):
            return " or ".join(in_words(one) for one in several if not isinstance(one, types.NoneType))
        case types.ListType(item_type=item) | types.VarTupleType(item_type=item):
            return f"list of {in_words(item)}"
        case types.TupleType(item_types=items):
            return f"list of {len(items)}: {', '.join(map(in_words, items))}"
        case types.StructType() | types.DictType():
            return TABLE
    return f"{_PLAIN[type(kind)]}{_bounds(kind)}"


def _choices(words: Iterable[object]) -> str:
    return ", ".join(code(f'"{word}"') for word in words)


def _bounds(kind: Any) -> str:
    signs = (("gt", "> "), ("ge", "≥ "), ("lt", "< "), ("le", "≤ "))
    found = [f"{sign}{getattr(kind, name):g}" for name, sign in signs if getattr(kind, name, None) is not None]
    return f" {', '.join(found)}" if found else ""
