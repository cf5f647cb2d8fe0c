"""From a TOML file to checked values; every mistake becomes one line with file and key path."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from neuroep import checks
from neuroep.errors import BadInput, UnknownName, printable

T = TypeVar("T")
Table = dict[str, Any]

LARGEST_FILE_BYTES = 1_000_000
DEEPEST = 16
"""Tables and lists within each other; profiles and models have four."""
_DEEP = f"at most {DEEPEST} tables and lists within each other"

# The parser takes a time that grows with the square of a chain of keys, or worse: looked for before it is asked.
_CHAIN = re.compile(
    rf"""(?:^|[{{,\[])[ \t]*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{DEEPEST},}}""", re.MULTILINE
)

_LOCATED = re.compile(r"^(?P<what>.*?)(?: - at `(?P<at>[^`]*)`)?$", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING_FIELD = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_ENUM = re.compile(r"Invalid enum value '(?P<name>[^']*)'")


def read_toml(path: str | Path) -> Table:
    """Read a TOML file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        Its contents: text, truth values, finite numbers, lists and tables, at most ``DEEPEST`` within each other.

    Raises
    ------
    BadInput
        If the file is missing, empty, a directory, too large, not text, not TOML, or holds anything else.
    """
    try:
        if not Path(path).is_file():
            found = "not a regular file" if Path(path).exists() else "no such file"
            raise BadInput(found, str(path), "a TOML file")
        with Path(path).open("rb") as stream:
            data = stream.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(f"can't be read ({error})", str(path), "a TOML file") from error
    if len(data) > LARGEST_FILE_BYTES:
        raise BadInput("too large for a profile or a model", str(path), f"up to {LARGEST_FILE_BYTES} bytes")
    table = _parse(data, str(path))
    if not table:
        raise BadInput("nothing in it", str(path), "a TOML file with at least a summary")
    _check_values(table, str(path))
    return table


def _parse(data: bytes, where: str) -> Table:
    try:
        text = data.decode("utf-8-sig")  # editors that put a mark first
        if _CHAIN.search(text):
            raise _too_deep(where)
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise BadInput(f"not text in UTF-8 (byte {error.start})", where, "a TOML file") from error
    except ValueError as error:  # not TOML, or a number of thousands of digits
        raise BadInput(f"not valid TOML: {error}", where) from error
    except RecursionError as error:
        raise BadInput("not valid TOML: nested too deeply", where, _DEEP) from error


def _too_deep(where: str) -> BadInput:
    return BadInput("nested too deeply", where, _DEEP)


def _check_values(value: object, file: str, key: str = "", depth: int = 0) -> None:
    """Refuse what nothing in a profile or a model is, wherever it stands."""
    if depth > DEEPEST:
        raise _too_deep(file)
    if isinstance(value, dict):
        for name, item in value.items():
            _check_values(item, file, join(key, name), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_values(item, file, f"{key}[{index}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"the number {value}", at(file, key), "finite numbers")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadInput("a whole number out of range", at(file, key), "-2^63 to 2^63 - 1")
    elif not isinstance(value, str | int | float):
        raise BadInput(f"a date or time, {value}", at(file, key), "text, numbers, true or false, lists and tables")


def name_of(path: Path) -> str:
    """Return what a file calls its model or device: its own name without the ending.

    Raises
    ------
    BadInput
        If that isn't printable text, or only dots: it stands in tables, in figures, and in names of folders.
    """
    try:
        name = os.fsencode(path.stem).decode("utf-8")
    except UnicodeError as error:
        raise BadInput("a file's name that isn't UTF-8", str(path), "a name of printable characters") from error
    if not name.strip(". ") or printable(name) != name:
        raise BadInput(f"can't be named {name!r} after its file", str(path), "a name of printable characters")
    return name


def join(prefix: str, key: str) -> str:
    """Return the key path `prefix.key`."""
    return f"{prefix}.{key}" if prefix and not key.startswith("[") else prefix + key


def at(file: object, key: str) -> str:
    """Return how a place in a file is written in errors: ``file: key.path``."""
    return f"{file}: {key}" if key else str(file)


def refuse_unknown_keys(table: Mapping[str, object], allowed: Iterable[str], file: object, key: str) -> None:
    """Raise UnknownName for the first key that isn't allowed, with the nearest one that is."""
    names = tuple(allowed)
    for name in table:
        if name not in names:
            raise UnknownName("key", name, names, at(file, key))


def word(value: object, kind: str, known: Iterable[str], file: object, key: str) -> str:
    """Return a word that is among the known ones; of any other type it isn't.

    Raises
    ------
    BadInput
        With file and key, what is allowed and, for a misspelt one, the nearest right word.
    """
    return checks.one_of(value, known, kind, at(file, key))


def convert(raw: object, kind: type[T], file: object, key: str = "") -> T:
    """Convert plain TOML values to a struct, a dataclass or a plain type, strictly.

    Parameters
    ----------
    raw : object
        What TOML gave.
    kind : type
        A msgspec Struct, a dataclass or a builtin type.
    file, key : str
        Where it stands.

    Raises
    ------
    BadInput
        With file, key path, what is allowed and, for a misspelt key or choice, the nearest right name.
    """
    if dataclasses.is_dataclass(kind) and isinstance(raw, dict):
        # msgspec lets unknown keys of dataclasses pass in silence.
        refuse_unknown_keys(raw, [field.name for field in dataclasses.fields(kind)], file, key)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _located(str(error), kind, raw, file, key) from error
    except BadInput as error:
        # Recipes name their own keys ("phases.beta"): say where those stand in the file.
        own, text = kind.__name__.lower(), str(error)
        raise BadInput(key + text.removeprefix(own) if text.startswith(own) else text, str(file)) from error


def _located(message: str, kind: Any, raw: object, file: object, prefix: str) -> BadInput:
    match = _LOCATED.match(message)
    what, inner = (match["what"], match["at"] or "$") if match else (message, "$")
    inner = inner.removeprefix("$").removeprefix(".")
    where = at(file, join(prefix, inner) if inner else prefix)
    if unknown := _UNKNOWN_FIELD.match(what):
        return UnknownName("key", unknown["key"], _keys(_walk(kind, inner)), where)
    if missing := _MISSING_FIELD.match(what):
        return BadInput(f"the key {missing['key']!r} is missing", where, ", ".join(_keys(_walk(kind, inner))))
    if choice := _ENUM.match(what):
        return UnknownName("choice", choice["name"], _choices(_walk(kind, inner)), where)
    what, _, allowed = what.partition("; allowed: ")
    return BadInput(what[:1].lower() + what[1:] + _given(raw, inner), where, allowed)


def _walk(kind: Any, path: str) -> Any:
    """Return the msgspec type that stands at a path such as ``layers[0].size``."""
    found: Any = msgspec.inspect.type_info(kind)
    for step in re.findall(r"\[[^\]]*\]|[^.\[]+", path):
        found = _not_none(found)
        if step.startswith("["):
            found = getattr(found, "item_type", None) or getattr(found, "value_type", found)
        else:
            fields = getattr(found, "fields", ())
            found = next((field.type for field in fields if field.encode_name == step), None)
    return _not_none(found)


def _not_none(kind: Any) -> Any:
    if isinstance(kind, msgspec.inspect.UnionType):
        return next(member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType))
    return kind


def _keys(kind: Any) -> list[str]:
    return [field.encode_name for field in getattr(kind, "fields", ())]


def _choices(kind: Any) -> list[str]:
    if isinstance(kind, msgspec.inspect.EnumType):
        return [str(member.value) for member in kind.cls]
    return [str(value) for value in getattr(kind, "values", ())]


def _given(raw: object, path: str) -> str:
    value: Any = raw
    try:
        for step in re.findall(r"\[(\d+)\]|([^.\[]+)", path):
            value = value[int(step[0])] if step[0] else value[step[1]]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    return f": {value!r}" if isinstance(value, str | int | float | bool) else ""
