"""What people see on a terminal: tables, lines, JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neuroep.errors import printable

if TYPE_CHECKING:
    from rich.console import Console


def console(stderr: bool = False) -> Console:
    """Return a console; off a terminal it never wraps lines."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, emoji=False, width=None if terminal else 200)


def show_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> None:
    """Print a table whose first `text` columns are words and the others numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for index, name in enumerate(header):
        table.add_column(Text(name), justify="left" if index < text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # as they are: a source may hold [brackets]
    shown = console()
    shown.print(Text(printable(title), style="bold"))
    shown.print(table)


def say(text: str = "") -> None:
    """Print a line, its brackets as they are."""
    console().print("\n".join(map(printable, text.split("\n"))), markup=False)


def show_json(value: Mapping[str, Any]) -> None:
    """Print one object and nothing else."""
    from neuroep.disk import plain

    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=not utf8) + "\n")


def add_without(parser: argparse.ArgumentParser) -> None:
    """Add the option that frees hardware of effects."""
    parser.add_argument("--without", metavar="A,B", help="effects to switch off on hardware devices, as ir-drop")


def names_in(given: str | None) -> tuple[str, ...]:
    """Return the effects named in a list with commas, each once."""
    return () if given is None else tuple(dict.fromkeys(name.strip() for name in given.split(",")))


def without_note(names: Iterable[str]) -> str:
    """Return what a title says about effects that are off."""
    listed = ", ".join(names)
    return f", without {listed}" if listed else ""
