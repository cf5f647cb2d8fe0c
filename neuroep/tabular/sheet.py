"""A table of texts: its header, its rows, and where in the file they stand.

What stands above a table is left alone: the header is the last line without a number before the lines of numbers. A
second line that holds units alone is joined to it. Rows are never left out: one that isn't like the others is refused
by whoever reads its cells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from neuroep.errors import BadInput

Cells = list[str]
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
COMMA_NUMBER = re.compile(r"[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")


class Row(NamedTuple):
    """A line of a table: its number in the file, counted from 1, and its cells."""

    number: int
    cells: Cells


class Sheet(NamedTuple):
    """A table of texts.

    Attributes
    ----------
    header : tuple of str
        Names; empty where there are none.
    rows : list of Row
        In the order of the file, each as wide as the header.
    width : int
        Of all rows.
    separator : str
        Between cells; empty in a spreadsheet.
    decimal : str
        ``"."`` or ``","``.
    title : str
        Of the sheet in a spreadsheet.
    """

    header: tuple[str, ...]
    rows: list[Row]
    width: int
    separator: str = ","
    decimal: str = "."
    title: str = ""


def is_number(cell: str, decimal: str = ".") -> bool:
    """Return whether a cell spells a finite number."""
    return bool((COMMA_NUMBER if decimal == "," else NUMBER).fullmatch(cell))


def table_of(
    rows: Sequence[Row], remarks: Sequence[Row], decimal: str, is_unit: Callable[[str], bool], where: object
) -> tuple[tuple[str, ...], list[Row], int]:
    """Return header, rows and width of the table among the lines of a file.

    Parameters
    ----------
    rows : sequence of Row
        Lines that hold something.
    remarks : sequence of Row
        Lines of comment, without their mark: the last one above the table may be its header.
    decimal : str
        Sign of decimals.
    is_unit : callable
        Whether a cell is a unit alone.
    where : object
        The file, for errors.

    Raises
    ------
    BadInput
        If a row is wider or narrower than the others.
    """
    numeric = [sum(is_number(cell, decimal) for cell in row.cells) for row in rows]
    widths = Counter(len(row.cells) for row, numbers in zip(rows, numeric, strict=True) if numbers)
    if not widths:
        return (tuple(rows[0].cells) if rows else ()), list(rows[1:]), len(rows[0].cells) if rows else 0
    width = widths.most_common(1)[0][0]
    usual = Counter(n for row, n in zip(rows, numeric, strict=True) if len(row.cells) == width).most_common(1)[0][0]
    first = next(k for k, row in enumerate(rows) if len(row.cells) == width and numeric[k] >= max(usual, 1))
    names, begin = _header(rows[:first], numeric, width, is_unit)
    if not names:
        names = _remarked(remarks, rows[first].number, width)
        begin = next(k for k, numbers in enumerate(numeric) if numbers)
    return _even(names, rows[begin:], width, where)


def _header(
    above: Sequence[Row], numeric: Sequence[int], width: int, is_unit: Callable[[str], bool]
) -> tuple[tuple[str, ...], int]:
    """Return the names among the lines above the numbers, and where rows begin; no names if there are none."""
    worded = [k for k in range(len(above)) if not numeric[k]]
    fitting = [k for k in worded if len(above[k].cells) == width]
    if not fitting:
        near = [k for k in worded if len(above[k].cells) > 1 and k == len(above) - 1]
        return (tuple(above[near[0]].cells), near[0] + 1) if near else ((), 0)
    last = fitting[-1]
    if last and last - 1 in fitting and _units_alone(above[last].cells, is_unit):
        pairs = zip(above[last - 1].cells, above[last].cells, strict=True)
        return tuple(f"{name} [{unit.strip('()[] ')}]" if unit else name for name, unit in pairs), last + 1
    return tuple(above[last].cells), last + 1


def _units_alone(cells: Cells, is_unit: Callable[[str], bool]) -> bool:
    return any(cells) and all(not cell or is_unit(cell.strip("()[] ")) for cell in cells)


def _remarked(remarks: Sequence[Row], before: int, width: int) -> tuple[str, ...]:
    """Return the last comment above the table as its names, as numpy.savetxt writes them, if it is as wide."""
    above = [row for row in remarks if row.number < before]
    fits = bool(above) and len(above[-1].cells) == width and not any(is_number(cell) for cell in above[-1].cells)
    return tuple(above[-1].cells) if fits and width > 1 else ()


def _even(
    names: tuple[str, ...], rows: Sequence[Row], width: int, where: object
) -> tuple[tuple[str, ...], list[Row], int]:
    """Drop empty cells behind the last column and headers repeated within, and refuse rows of another width."""
    while names and not names[-1]:
        names = names[:-1]
    if names and all(not any(row.cells[len(names) :]) for row in rows):
        rows = [Row(row.number, row.cells[: len(names)]) for row in rows]
    rows = [row for row in rows if tuple(row.cells) != names]
    wanted = len(names) or width
    for row in rows:
        if len(row.cells) != wanted:
            like = "as in the header" if names else "as in most lines"
            raise BadInput(f"{len(row.cells)} cells", f"{where}: line {row.number}", f"{wanted}, {like}")
    return names, list(rows), wanted
