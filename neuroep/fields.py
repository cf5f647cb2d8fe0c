"""Fields of frozen dataclasses brought to the types that their annotations name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from neuroep import checks
from neuroep.errors import BadInput

_UNIONS = (Union, UnionType)
_PLAIN: dict[Any, Callable[[object, str], object]] = {int: checks.whole, bool: checks.flag, str: checks.text}


def settle(owner: object, prefix: str = "", largest: int | None = None) -> None:
    """Set each field of a frozen dataclass to what its annotation says, or refuse it; for ``__post_init__``.

    Numbers of numpy become Python's, names become members of their enumeration, lists become tuples. A float must be
    finite, unless its default isn't. Ranges are the dataclass's own affair.

    Parameters
    ----------
    owner : dataclass
        As just made.
    prefix : str
        What stands before a field's name in errors, e.g. ``"phases."``.
    largest : int, optional
        Which whole number no field may exceed.
    """
    made: Any = type(owner)
    for name, kind, infinite in _kinds(made):
        value = getattr(owner, name)
        plain = _settled(value, kind, prefix + name, infinite)
        if largest is not None and type(plain) is int and plain > largest:
            raise BadInput(f"{checks.shown(plain)} is out of range", prefix + name, f"whole numbers up to {largest}")
        if plain is not value:
            object.__setattr__(owner, name, plain)


@lru_cache(maxsize=256)
def _kinds(owner: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Name and annotation of each field, and whether its default is infinite."""
    hints = get_type_hints(owner)
    return tuple(
        (field.name, hints[field.name], isinstance(field.default, float) and math.isinf(field.default))
        for field in dataclasses.fields(owner)
    )


def _settled(value: Any, kind: Any, where: str, infinite: bool) -> Any:
    if get_origin(kind) in _UNIONS:
        return _one_kind(value, get_args(kind), where, infinite)
    if get_origin(kind) is tuple:
        return _items(value, get_args(kind), where)
    if kind is float:
        return checks.number(value, where, infinite=infinite)
    if kind in _PLAIN:
        return _PLAIN[kind](value, where)
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False) or get_origin(kind) is not None:
        return value
    return checks.choice(value, kind, where) if issubclass(kind, Enum) else checks.instance(value, kind, where)


def _items(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    items = checks.several(value, where)
    if kinds[1:] == (...,):
        kinds = kinds[:1] * len(items)
    if len(items) != len(kinds):
        raise BadInput(f"{len(items)} values", where, str(len(kinds)))
    pairs = enumerate(zip(items, kinds, strict=True))
    return tuple(_settled(item, kind, f"{where}[{k}]", False) for k, (item, kind) in pairs)


def _one_kind(value: Any, kinds: tuple[Any, ...], where: str, infinite: bool) -> Any:
    """Of a union: nothing, the one kind there is besides, a number or an array of them, or one of several classes."""
    if value is None and NoneType in kinds:
        return None
    rest = [kind for kind in kinds if kind is not NoneType]
    if float in rest and isinstance(value, np.ndarray) and value.ndim:
        return checks.array(value, where, [f"n{k}" for k in range(value.ndim)])
    if len(rest) == 1 or float in rest:
        return _settled(value, float if float in rest else rest[0], where, infinite)
    if all(isinstance(kind, type) for kind in rest) and not isinstance(value, tuple(rest)):
        raise BadInput(f"a {type(value).__name__}", where, " or ".join(kind.__name__ for kind in rest))
    return value
