"""`neuroep completion`: a script for a shell, made of the parsers, that completes commands, options and names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from neuroep.commands.completion_scripts import SCRIPTS, Command, Option

#: Of `neuroep` itself.
TOP_OPTIONS = {"--help": "show the commands", "--version": "show the version"}


def add(commands: Any) -> None:
    """Add the command's arguments; it completes every command that is in `commands` when it is carried out."""
    about = "a script that completes commands, options and names of models and devices in a shell"
    parser = commands.add_parser("completion", help=about, example="neuroep completion bash")
    parser.add_argument("shell", help=", ".join(SCRIPTS))
    parser.set_defaults(act=partial(act, commands))


def act(parsers: Any, options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.checks import one_of

    shell = one_of(options.shell, SCRIPTS, "shell", "completion")
    helps = [Option((name,), False, False, (), about) for name, about in TOP_OPTIONS.items()]
    top = Command((), tuple(helps), tuple(parsers.choices), "")
    commands = [top, *_below(parsers, ())]
    sys.stdout.write(SCRIPTS[shell](commands))
    return 0


def _below(parsers: Any, path: tuple[str, ...]) -> Iterator[Command]:
    """Yield the commands of argparse's action for them, and those below each."""
    abouts = {action.dest: action.help for action in parsers._choices_actions}
    for name, parser in parsers.choices.items():
        yield from _commands(parser, (*path, name), abouts[name])


def _commands(parser: argparse.ArgumentParser, path: tuple[str, ...], about: str) -> Iterator[Command]:
    options: list[Option] = []
    values: list[str] = []
    below: list[Command] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            values += action.choices
            below += _below(action, path)
        elif action.option_strings:
            options.append(_option(action, path))
        else:
            values += _values(action, path)
    yield Command(path, tuple(options), tuple(values), about)
    yield from below


def _option(action: argparse.Action, path: tuple[str, ...]) -> Option:
    about = (action.help or "").replace("%%", "%")
    return Option(tuple(action.option_strings), action.nargs != 0, action.nargs == "+", _values(action, path), about)


def _values(action: argparse.Action, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that an argument may be, as far as they are known."""
    from neuroep.specs.catalogue import names

    if action.choices is not None:
        return tuple(map(str, action.choices))
    if action.dest == "shell":
        return tuple(SCRIPTS)
    # `device fit --model` is a step model
    if action.dest == "model" and path[0] != "device":
        return tuple(names("models"))
    if action.dest == "device" or (action.dest == "name" and path == ("devices",)):
        return tuple(names("devices"))
    return tuple(names("models")) if action.dest == "name" and path == ("models",) else ()
