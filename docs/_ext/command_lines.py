"""The page of commands, made of argparse's own parsers: usage, example and every argument."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from markdown_tables import code, table

from neuroep.cli import build_parser


class Command(NamedTuple):
    """A command: the words that call it, what it does, and its parser."""

    words: str
    about: str
    parser: argparse.ArgumentParser


def commands(parser: argparse.ArgumentParser, words: str = "neuroep") -> Iterator[Command]:
    """Yield every command below a parser, those with commands of their own before these."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            abouts = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield Command(f"{words} {name}", abouts[name] or "", below)
                yield from commands(below, f"{words} {name}")


def text() -> str:
    """Return the page: a table of all commands, then each with its example, usage and arguments."""
    parser = build_parser()
    top = Command("neuroep", (parser.description or "").rstrip("."), parser)
    found = [top, *commands(parser)]
    listed = table(("command", "what it does"), [(f"[{code(c.words)}](#{_slug(c.words)})", c.about) for c in found])
    return "\n".join([listed, *map(section, found)])


def section(command: Command) -> str:
    """Return a command's part of the page."""
    parser, level = command.parser, "##" if command.words.count(" ") < 2 else "###"
    parts = [f"{level} {command.words}", f"{command.about[:1].upper()}{command.about[1:]}."]
    parts += [f"```sh\n{_example(parser)}\n```", f"```text\n{parser.format_usage().strip()}\n```"]
    rows = [(_name(action), _about(parser, action)) for action in parser._actions if _is_shown(action)]
    return "\n\n".join([*parts, *([table(("argument", "meaning"), rows)] if rows else [])])


def _slug(words: str) -> str:
    return words.replace(" ", "-")


def _example(parser: argparse.ArgumentParser) -> str:
    return parser.format_help().partition("\n")[0].removeprefix("example: ")


def _is_shown(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)


def _name(action: argparse.Action) -> str:
    if not action.option_strings:
        return code(action.metavar or action.dest)
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    more = " ..." if action.nargs in ("+", "*") else ""
    return ", ".join(code(f"{option}{value}{more}") for option in action.option_strings)


def _about(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    told = parser._get_formatter()._expand_help(action) if action.help else ""
    return told + ("; needed" if action.option_strings and action.required else "")
