"""How results are looked at in Python: a line, a table and a figure in a notebook, a data frame."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from neuroep.errors import BadInput, NotAvailable
from neuroep.report.inline_svg import svg
from neuroep.report.plotting import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
"""Of a table in a notebook; a data frame has all."""


class Shown(ABC):
    """A result that says in a line what was found, and shows it as a table, a figure and a data frame."""

    @abstractmethod
    def headline(self) -> str:
        """Return what was found, on one line."""

    @abstractmethod
    def records(self) -> list[dict[str, Any]]:
        """Return the rows of the table as plain data; quantities name their unit in their key."""

    def _figure(self) -> Figure | None:
        """The figure, drawn in whatever style holds; None where there is nothing to draw."""
        return None

    def _seen(self) -> list[dict[str, Any]]:
        """The rows of the table in a notebook; by default the records."""
        return self.records()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline()}>"

    def _repr_html_(self) -> str:
        """Return a table, and the figure where there is one, as notebooks show a value."""
        with style():
            figure = self._figure()
            drawn = "" if figure is None else svg(figure, self.headline())
        return f"<div><p><strong>{escape(self.headline())}</strong></p>{_table(self._seen())}{drawn}</div>"

    def plot(self) -> Figure:
        """Return the figure, which belongs to no window: ``.savefig(file)`` writes it.

        Raises
        ------
        BadInput
            If there is nothing to draw.
        """
        with style():
            figure = self._figure()
        if figure is None:
            raise BadInput("nothing to draw", self.headline(), "a result with figures")
        return figure

    def to_dataframe(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        Raises
        ------
        NotAvailable
            If pandas isn't installed.
        """
        try:
            pandas: Any = importlib.import_module("pandas")
        except ImportError as error:
            raise NotAvailable("a data frame needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.records())


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a row without tables within it: ``{"a": {"b": 1}}`` as ``{"a_b": 1}``."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        found |= flat(value, f"{prefix}{key}_") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if _fits(rows, name)]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    lines = ["".join(f"<td>{_cell(row.get(name))}</td>" for name in names) for row in rows[:MOST_ROWS]]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    more = f"<p>and {len(rows) - MOST_ROWS} more rows</p>" if len(rows) > MOST_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _fits(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column has numbers or words: no lists, which no cell has room for, and not dashes alone."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and not any(isinstance(value, list | tuple) for value in values)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))
