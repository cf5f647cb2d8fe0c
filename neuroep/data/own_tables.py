"""Tables whose form says more than a plain CSV file: a label by name, words for labels, other separators, spreadsheets.

Plain tables, commas between numbers with the label last, stay with :mod:`neuroep.data.tables`, which reads any number
of them; these are read at once.
"""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroep.data.cells import LABEL_NAMES, LAST, MISSING
from neuroep.data.dataset import Dataset, class_labels, holdout, inputs
from neuroep.data.files import check_file, own
from neuroep.data.labels import coded
from neuroep.data.limits import cut
from neuroep.data.tables import row_numbers
from neuroep.errors import BadInput, UnknownName
from neuroep.tabular.sheet import Sheet, is_number
from neuroep.tabular.spreadsheet import SUFFIXES, read_spreadsheet
from neuroep.tabular.text import decoded, read_text, separator_of

NEEDED = "a table: rows of numbers and a label"
MOST_BYTES = 2**28
SAMPLED = 20
"""Lines that show a table's form."""
_SHOWN = 2**16


def plain_label(path: Path, label: str | None) -> int | None:
    """Return the label's column in a text that the reader of plain tables can read, -1 for the last; None if it can't.

    That is told by its first lines: it can't if cells are separated by something else than commas, if it is UTF-16, or
    if labels are words.
    """
    with path.open("rb") as stream:
        start = stream.read(_SHOWN)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    lines = [line for line in start.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    lines = [line.strip() for line in itertools.dropwhile(lambda line: line.lstrip().startswith("#"), lines)][:SAMPLED]
    if len(lines) < 2:
        return LAST if label is None else None
    if separator_of(lines) != ",":
        return None
    first, second = ([cell.strip().strip('"').strip() for cell in line.split(",")] for line in lines[:2])
    header = () if any(map(is_number, first)) else tuple(first)
    place = label_place(header, len(first), label, str(path))
    place = LAST if place == len(first) - 1 else place
    if label is None and place == LAST:
        worded = second[-1].casefold() not in MISSING and not _is_numeric(second[-1])
        return None if worded and any(map(is_number, second)) and not is_number(first[-1]) else LAST
    return place if place < len(second) and _is_numeric(second[place]) else None


def _is_numeric(cell: str) -> bool:
    return is_number(cell) or cell.casefold().lstrip("+-") in ("nan", "inf", "infinity")


def load_table(path: Path, label: str | None = None) -> Dataset:
    """Load a table of any form that :func:`neuroep.tabular.text.read_text` or a spreadsheet has.

    Parameters
    ----------
    path : Path
    label : str, optional
        The column of labels: its name, or its number from 1. Without it, the column with a usual name (class, label,
        target), else the last. Labels are words or whole numbers.

    Raises
    ------
    BadInput
        Naming the line and column of the first cell that can't be used.
    """
    check_file(path)
    with path.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        allowed = f"up to {MOST_BYTES} bytes; plain tables (commas, integer labels last) and .npz may be larger"
        raise BadInput("too large", str(path), allowed)
    sheet = _sheet(content, path)
    place = label_place(sheet.header, sheet.width, label, str(path))
    x, words = _cells(sheet, place, path)
    y, said = _labels(words, sheet, place, path)
    train, test = holdout(len(x), str(path))
    remark = row_numbers(x, list(sheet.header), path) if place else ""
    parts = (x[train], y[train]), (x[test], y[test])
    return own(path, hashlib.sha256(content).hexdigest(), *parts, "", remark, said)


def _sheet(content: bytes, path: Path) -> Sheet:
    if path.suffix.lower() in SUFFIXES:
        return read_spreadsheet(content, None, _no_unit, path, NEEDED)
    return read_text(decoded(content, path, NEEDED), _no_unit, path, NEEDED)


def _no_unit(cell: str) -> bool:
    return False


def label_place(names: tuple[str, ...], width: int, label: str | None, where: str) -> int:
    """Return which column holds the labels.

    Raises
    ------
    BadInput
        If there is no such column, there are two, or nothing but labels.
    """
    if width < 2:
        raise BadInput("one column only", where, "inputs and a label")
    spelt = [name.casefold() for name in names]
    if label is None:
        usual = [k for k, name in enumerate(spelt) if name in LABEL_NAMES]
        return usual[-1] if len(usual) == 1 or (usual and usual[-1] == width - 1) else width - 1
    found = [k for k, name in enumerate(spelt) if name == label.casefold()]
    if len(found) > 1:
        raise BadInput(f"{len(found)} columns called {label!r}", where, "one")
    if not found and label.isascii() and label.isdigit() and 1 <= int(label) <= width:
        return int(label) - 1
    if not found:
        raise UnknownName("column", label, names or [str(k + 1) for k in range(width)], where)
    return found[0]


def _cells(sheet: Sheet, place: int, path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return inputs, and labels as texts."""
    rows = np.empty((len(sheet.rows), sheet.width - 1))
    for k, row in enumerate(sheet.rows):
        cells = row.cells[:place] + row.cells[place + 1 :]
        for column, cell in enumerate(cells):
            if not is_number(cell, sheet.decimal):
                where = f"{path}: line {row.number}, column {column + 1 + (column >= place)}"
                raise BadInput(cut(cell), where, "a finite number")
            rows[k, column] = float(cell.replace(",", ".") if sheet.decimal == "," else cell)
    return inputs(rows, str(path)), [row.cells[place] for row in sheet.rows]


def _labels(words: list[str], sheet: Sheet, place: int, path: Path) -> tuple[NDArray[np.int64], str]:
    """Return labels as numbers, and what to say of them."""
    numeric = [is_number(word) for word in words]
    for row, word in zip(sheet.rows, words, strict=True):
        if word.casefold() in MISSING:
            raise BadInput(cut(word), f"{path}: line {row.number}, column {place + 1}", "a label")
    if not any(numeric):
        (found,), said = coded((np.asarray(words),))
        return found, said
    if not all(numeric):
        odd = numeric.index(len(numeric) - sum(numeric) > sum(numeric))
        where = f"{path}: line {sheet.rows[odd].number}, column {place + 1}"
        raise BadInput(cut(words[odd]), where, "labels that are all words or all whole numbers")
    return class_labels(np.asarray(words, dtype=np.float64), f"{path}: column {place + 1}"), ""
