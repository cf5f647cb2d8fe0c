"""Cells of a table: which line is a header, and which cell of which line can't be used."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.data.limits import cut
from neuroep.errors import BadInput

GREATEST = float(np.finfo(np.float32).max)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
LAST = -1
"""Column of the label where none is named."""
LABEL_NAMES = ("class", "classes", "label", "labels", "target", "targets")
MISSING = ("", "?", "-", "na", "n/a", "null", "none")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class NumberedLines(NamedTuple):
    """Lines that hold something, and their numbers in the file, counted from 1."""

    numbers: list[int]
    texts: list[str]


def cells_of(lines: NumberedLines, row: int, path: Path) -> list[str]:
    """Return the cells of one line, without quotes and blanks around them."""
    try:
        (cells,) = csv.reader([lines.texts[row]], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise BadInput(f"{error}", f"{path}: line {lines.numbers[row]}", "numbers, separated by commas") from error
    return [cell.strip(" \t") for cell in cells]


def number(cell: str) -> float | None:
    """Return the number that a cell spells, as numpy reads it, or None."""
    return float(cell) if NUMBER.fullmatch(cell) else None


def read_header(lines: NumberedLines, path: Path, label: int = LAST) -> list[str]:
    """Return the names in the first line; none if it is a sample.

    A header has names only, or column numbers and then a usual name for the label, as pandas writes it.

    Raises
    ------
    BadInput
        If cells aren't separated by commas, or the names say that the label isn't last.
    """
    cells = cells_of(lines, 0, path)
    if len(cells) == 1:
        _refuse_separators(lines, path)
    last, before = cells[-1], cells[:-1]
    if not last and before and all(number(cell) is None for cell in before):
        raise BadInput("ends with a comma", f"{path}: line {lines.numbers[0]}", "lines that end with the label")
    counted = before == [str(k) for k in range(len(before))] and last.lower() in LABEL_NAMES
    named = all(number(cell) is None for cell in cells) and last.lower() not in MISSING
    if not (counted or named) or not any(letter.isalpha() for letter in last):
        return []
    first = next((k for k, cell in enumerate(before) if cell.lower() in LABEL_NAMES), None)
    if label == LAST and first is not None and last.lower() not in LABEL_NAMES:
        where = f"{path}: line {lines.numbers[0]}, column {first + 1}"
        raise BadInput(f"{cut(cells[first])} isn't the last column, {cut(last)} is", where, "the label last")
    return cells


def _refuse_separators(lines: NumberedLines, path: Path) -> None:
    for sign, name in SEPARATORS.items():
        if sign in lines.texts[0]:
            raise BadInput(f"no commas, but {name}", f"{path}: line {lines.numbers[0]}", "cells separated by commas")


def refuse_column_numbers(lines: NumberedLines, x: NDArray[np.float32], y: NDArray[np.int64], path: Path) -> None:
    """Refuse a first line that seems to be a header of column numbers, which would pass as a sample."""
    cells = cells_of(lines, 0, path)
    count = len(cells)
    from_zero, from_one = ([str(k + start) for k in range(count)] == cells for start in (0, 1))
    if not (from_zero or from_one):
        return
    alone = np.count_nonzero(y == y[0]) == 1
    broken = bool(np.any(x[:, 0] != np.floor(x[:, 0])))
    if (broken or (from_zero or alone)) if count > 2 else broken:
        remedy = "samples only, or names above them: delete the line if it numbers the columns"
        raise BadInput(f"{cut(','.join(cells))} counts the columns", f"{path}: line {lines.numbers[0]}", remedy)


def find_fault(
    lines: NumberedLines, width: int, parses: Callable[[Sequence[str]], bool], path: Path, label: int = LAST
) -> BadInput:
    """Return the error for the first line that doesn't parse: halving the lines finds it."""
    low, high = 0, len(lines.texts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parses(lines.texts[low:middle]) else (low, middle)
    line = lines.numbers[low]
    try:
        cells = cells_of(lines, low, path)
    except BadInput as error:
        return error
    if len(cells) != width:
        comma = "; it ends with a comma" if cells and not cells[-1] else ""
        return BadInput(f"line {line} has {len(cells)} cells{comma}", str(path), f"{width}, as in the first row")
    for column, cell in enumerate(cells, start=1):
        if wrong := _fault(cell, column == (width if label == LAST else label + 1)):
            return BadInput(cut(cell), f"{path}: line {line}, column {column}", wrong)
    return BadInput("can't be read as numbers", f"{path}: line {line}", "numbers, separated by commas")


def _fault(cell: str, is_label: bool) -> str:
    """Return what a cell should have been, or nothing if it is right."""
    value = number(cell)
    if is_label:
        fits = value is not None and 0 <= value < 2**31 and value == math.floor(value)
        ending = ", without a comma after it" if not cell else "" if value is not None else ", not a word"
        return "" if fits else f"an integer label from 0{ending}"
    if value is not None and abs(value) <= GREATEST:
        return ""
    return "a finite float32 number" + ("; cells separated by commas" if any(s in cell for s in SEPARATORS) else "")
