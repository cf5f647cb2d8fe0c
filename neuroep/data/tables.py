"""The user's own .csv tables, read some lines at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.data.cells import GREATEST, LAST, NumberedLines, find_fault, read_header, refuse_column_numbers
from neuroep.data.dataset import Dataset, FloatInputs, holdout, inputs
from neuroep.data.files import Part, check_file, own
from neuroep.data.limits import check_values
from neuroep.errors import BadInput

BLOCK_BYTES = 2**23
LONGEST_LINE = 2**24
NEEDED = "rows of numbers, the label last"


def load_csv(path: Path, label: int = LAST) -> Dataset:
    """Load a table of comma-separated numbers, one column of them the label (an integer from 0), usually the last.

    The first line is a header if its cells are names; lines before it that begin with # are skipped. The table is
    split 80/20 as :func:`neuroep.data.dataset.holdout` says; values are taken as they are.

    Parameters
    ----------
    path : Path
    label : int
        The label's column, counted from 0; -1 for the last.

    Raises
    ------
    BadInput
        Naming the line and column of the first cell that can't be used, both counted from 1.
    """
    check_file(path)
    digest = hashlib.sha256()
    blocks = _blocks(path, digest)
    first = next(blocks, None)
    if first is None:
        raise BadInput("no rows of numbers", str(path), NEEDED)
    header = read_header(first, path, label)
    rest = NumberedLines(first.numbers[1:], first.texts[1:]) if header else first
    x, y = _read(chain([rest] if rest.texts else [], blocks), len(header), path, label)
    if not header:
        refuse_column_numbers(first, x, y, path)
    train, test = holdout(len(x), str(path))
    parts = (x[train], y[train]), (x[test], y[test])
    if label != LAST:
        return own(path, digest.hexdigest(), *parts, "", row_numbers(x, header[:label], path) if label else "")
    hint = "column 1 looks like the label, which belongs last" if _looks_like_labels(x[:, 0]) else ""
    return own(path, digest.hexdigest(), *parts, hint, row_numbers(x, header, path))


def _blocks(path: Path, digest: Any) -> Iterator[NumberedLines]:
    """Yield the lines that hold something, without comments before the first, and digest every byte."""
    number, offset, started = 1, 0, False
    with path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            block += (tail := stream.readline(LONGEST_LINE))
            if len(tail) == LONGEST_LINE and not tail.endswith(b"\n"):
                raise BadInput(f"a line of more than {LONGEST_LINE:,} bytes", str(path), NEEDED)
            digest.update(block)
            texts = _decoded(block, offset, number, path)
            held = [(k, text) for k, text in enumerate(texts, number) if text.strip()]
            while held and not started and held[0][1].lstrip().startswith("#"):
                del held[0]
            number, offset, started = number + len(texts), offset + len(block), started or bool(held)
            if held:
                yield NumberedLines([k for k, _ in held], [text for _, text in held])


def _decoded(block: bytes, offset: int, number: int, path: Path) -> list[str]:
    try:
        text = block.decode("utf-8-sig" if offset == 0 else "utf-8")
    except UnicodeDecodeError as error:
        line = number + block.count(b"\n", 0, error.start)
        raise BadInput(f"not UTF-8 text at byte {offset + error.start}", f"{path}: line {line}", "UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _read(blocks: Iterator[NumberedLines], width: int, path: Path, label: int) -> Part:
    """Parse block by block into float32 inputs and labels; `width` is the header's, or 0."""
    parts: list[Part] = []
    values = 0
    for lines in blocks:
        table = _table(lines, width, path, label)
        if table.shape[1] < 2:
            raise BadInput("one column only", str(path), "inputs and a label, separated by commas")
        width, values = table.shape[1], values + table.size
        check_values(values, str(path))
        parts.append((table[:, :-1].astype(np.float32), table[:, -1].astype(np.int64)))
    if not parts:
        raise BadInput("no rows of numbers", str(path), NEEDED)
    x, y = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    return inputs(x, str(path)), y


def _table(lines: NumberedLines, width: int, path: Path, label: int) -> NDArray[np.float64]:
    """Parse lines into a table with the label last."""
    wide = width or _parsed(lines.texts[:1], label).shape[1]
    table = _parsed(lines.texts, label)
    if not _usable(table, len(lines.texts), wide):
        raise find_fault(
            lines,
            wide or lines.texts[0].count(",") + 1,
            lambda texts: _usable(_parsed(texts, label), len(texts), wide),
            path,
            label,
        )
    return table


def _parsed(texts: Sequence[str], label: int) -> NDArray[np.float64]:
    """Parse rows at numpy's speed; no columns if one isn't of numbers, or rows differ in length."""
    if not all(map(str.isascii, texts)):  # numpy strips blanks of every script
        return np.empty((0, 0))
    try:
        table = np.loadtxt(texts, delimiter=",", comments=None, quotechar='"', dtype=np.float64, ndmin=2)
    except ValueError:
        return np.empty((0, 0))
    if label == LAST:
        return table
    return table[:, [*range(label), *range(label + 1, table.shape[1]), label]]


def _usable(table: NDArray[np.float64], rows: int, width: int) -> bool:
    """Tell whether all rows are there, inputs are finite in float32 and labels integers from 0; false for NaN."""
    if table.shape != (rows, width) or width == 0:
        return False
    x, y = table[:, :-1], table[:, -1]
    finite = max(x.max(initial=0.0), -x.min(initial=0.0)) <= GREATEST and not np.isnan(x).any()
    return bool(finite and np.all((y >= 0) & (y == np.floor(y)) & (y < 2.0**31)))


def _looks_like_labels(column: NDArray[np.float32]) -> bool:
    """Tell whether a column holds a few integers from 0 or 1 on, without gaps."""
    values = np.unique(column)
    gapless = bool(values[0] in (0.0, 1.0) and np.array_equal(values, values[0] + np.arange(len(values))))
    return gapless and 2 <= len(values) <= len(column) // 2


def row_numbers(x: FloatInputs, header: list[str], path: Path) -> str:
    """Return a line on a first column that numbers the rows; refuse one without a name, as pandas' index has none."""
    if len(x) < 10 or not np.array_equal(x[:, 0], x[0, 0] + np.arange(len(x))) or x[0, 0] not in (0.0, 1.0):
        return ""
    if header and header[0].lower() in ("", "unnamed: 0", "index"):
        raise BadInput("column 1 numbers the rows, as an index does", str(path), "inputs and the label (index=False)")
    return "column 1 numbers the rows and is taken as an input"
