"""Tables of Markdown, and what docstrings say of attributes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; bars and line ends within cells can't break it."""
    lines = [list(header), ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def code(text: object) -> str:
    """Return text as code, whatever backticks it has."""
    return f"`` {text} ``" if "`" in str(text) else f"`{text}`"


def attributes(of: type) -> dict[str, str]:
    """Return what the numpydoc section Attributes of a class says, by name; several on one line share their text."""
    _, _, section = (inspect.getdoc(of) or "").partition("Attributes\n----------\n")
    section = re.split(r"\n\n\w+\n-+\n", section)[0]
    entries = re.findall(r"^(\S[^\n]*?)(?: : [^\n]*)?\n((?:    [^\n]*\n?|\n)+)", f"{section}\n", re.MULTILINE)
    return {name.strip(): prose(text) for names, text in entries for name in names.split(",")}


def prose(text: str) -> str:
    """Return a docstring's text in one line of Markdown: roles and double backticks of reStructuredText as code."""
    named = re.sub(r":\w+:`~?([^`]+)`", r"``\1``", " ".join(text.split()))
    single = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", named)
    return re.sub(r"``([^`]+)``", r"`\1`", single)
