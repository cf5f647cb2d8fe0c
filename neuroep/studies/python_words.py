"""Refusals in the words of whoever asked: Python's arguments in place of the command line's options.

Commands and functions ask the same studies, which name options, as in ``--engine cpu``. What is called from Python says
``engine="cpu"``, and knows the arguments that the function has.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from neuroep import checks
from neuroep.errors import BadInput, NeuroepError

P = ParamSpec("P")
R = TypeVar("R")

_WORD = r"(?!(?:and|or|to|with|as|in|is)\b)[\w.+-]*\w"
_PAIR = r"\w+=(?:'[^']*'|\w+)"
#: An option, a value or pairs after it, other values, and whether it is the place where something is wrong.
_OPTION = re.compile(rf"--([a-z][a-z-]*)(?:[ =]({_PAIR}(?:,{_PAIR})*|{_WORD}(?:,\w+)*))?((?: or {_WORD})*)(:?)")
#: Options that go by another name in Python.
_RENAMED = {"from": "source"}


def in_python(function: Callable[P, R]) -> Callable[P, R]:
    """Tell what is wrong in the arguments of a function for Python, also arguments that it doesn't have.

    Raises
    ------
    BadInput
        If an argument isn't known or is left out.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def told(*given: P.args, **how: P.kwargs) -> R:
        refuse_arguments(signature, function.__name__, given, how)
        try:
            return function(*given, **how)
        except NeuroepError as error:
            error.args = (in_arguments(str(error), signature.parameters),)
            raise

    return told


def refuse_arguments(
    signature: inspect.Signature, name: str, given: tuple[Any, ...], how: Mapping[str, Any], positional: int = 0
) -> None:
    """Refuse arguments that a function doesn't have, with the nearest name, or that are left out.

    Parameters
    ----------
    signature, name
        Of the function.
    given, how
        What it was called with.
    positional : int
        How many of its first arguments have no name to be called by.
    """
    names = list(signature.parameters)
    try:
        signature.bind(*given, **how)
        return
    except TypeError as error:
        said = str(error)
    for key in how:  # told outside the block, so that a notebook shows one error and not two
        checks.one_of(key, names[positional:], "argument", name)
    raise BadInput(said, name, ", ".join(names))


def in_arguments(message: str, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Return a message with a function's arguments in place of options of the command line."""

    def argument(found: re.Match[str]) -> str:
        option, value, others, colon = found.groups(default="")
        name = _argument(option, parameters)
        if name in parameters and isinstance(parameters[name].default, bool):
            return f"{name}=True{found[0].removeprefix(f'--{option}')}"
        if colon:
            return f'{name}["{value}"]{others}:' if value else f"{name}{others}:"
        if not value:
            return f"{name}={others}"
        return f"{name}={_literal(value)}" + re.sub(r" or (\S+)", lambda other: f" or {_literal(other[1])}", others)

    return _OPTION.sub(argument, message)


def _argument(option: str, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Return the argument for an option; several of a thing are called so."""
    name = option.replace("-", "_")
    name = _RENAMED.get(name, name)
    return f"{name}s" if name not in parameters and f"{name}s" in parameters else name


def _literal(value: str) -> str:
    """Return a value as Python writes it: numbers, pairs, runs of pulses up and down, or text."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
        return value
    if "=" in value:
        pairs = (pair.split("=", 1) for pair in value.split(","))
        return "{" + ", ".join(f'"{key}": "{worth.strip(chr(39))}"' for key, worth in pairs) + "}"
    turns = re.findall(r"(up|down)(\d+)", value)
    if turns:
        return f"({', '.join(length if way == 'up' else f'-{length}' for way, length in turns)})"
    return f'"{value}"'
