"""The user's own files: .npz archives and .csv tables."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroep.data.dataset import Dataset, assemble, class_labels, holdout, inputs
from neuroep.errors import BadInput

OWN_LICENCE = "not stated (the user's own file)"
GREATEST = float(np.finfo(np.float32).max)
ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path)) from error
    if not content:
        raise BadInput("empty file", str(path))
    return content


def load_npz(path: Path) -> Dataset:
    """Load arrays x_train (N, ...), y_train (N,), x_test, y_test from an .npz archive; values are taken as they are.

    Raises
    ------
    BadInput
        If the archive is damaged, lacks an array, or an array can't be used.
    """
    content = _read(path)
    arrays = {name: _member(content, path, name) for name in ARRAYS}
    where = {name: f"{path}: {name}" for name in ARRAYS}
    train = inputs(arrays["x_train"], where["x_train"]), class_labels(arrays["y_train"], where["y_train"])
    test = inputs(arrays["x_test"], where["x_test"]), class_labels(arrays["y_test"], where["y_test"])
    return assemble(path.stem, str(path), hashlib.sha256(content).hexdigest(), OWN_LICENCE, train, test)


def _member(content: bytes, path: Path, name: str) -> NDArray[np.generic]:
    """Read one array of an archive without unpickling anything."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if f"{name}.npy" not in archive.namelist():
                has = ", ".join(entry.removesuffix(".npy") for entry in archive.namelist()) or "nothing"
                raise BadInput(f"no array {name}; it holds {has}", str(path), ", ".join(ARRAYS))
            array: NDArray[np.generic] = np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
            return array
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, MemoryError) as error:
        raise BadInput(f"damaged or not an .npz archive of plain arrays ({error})", f"{path}: {name}") from error


def load_csv(path: Path) -> Dataset:
    """Load a table of comma-separated numbers whose last column is the label (an integer from 0).

    The first row is a header if its last cell isn't a number. The table is split 80/20 as
    :func:`neuroep.data.dataset.holdout` says; values are taken as they are.

    Raises
    ------
    BadInput
        Naming the line and column of the first cell that can't be used, both counted from 1.
    """
    content = _read(path)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 text at byte {error.start}", str(path)) from error
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    skip = first + _is_header(lines[first : first + 1])
    rows = [line for line in lines[skip:] if line.strip()]
    if not rows:
        raise BadInput("no rows of numbers", str(path), "rows of numbers, the label last")
    table = _parse(rows)
    if table is None:
        raise _first_bad_cell(lines, skip, path)
    if table.shape[1] < 2:
        raise BadInput("one column only", str(path), "inputs and a label, separated by commas")
    train, test = holdout(len(table), str(path))
    x, y = inputs(table[:, :-1], str(path)), class_labels(table[:, -1], f"{path}: last column")
    digest = hashlib.sha256(content).hexdigest()
    return assemble(path.stem, str(path), digest, OWN_LICENCE, (x[train], y[train]), (x[test], y[test]))


def _is_header(line: list[str]) -> bool:
    return any(_number(_cells(text)[-1]) is None for text in line)


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(",")]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _parse(rows: list[str]) -> NDArray[np.float64] | None:
    """Parse all rows at numpy's speed; None if a cell isn't a usable number, or rows differ in length."""
    try:
        table = np.loadtxt(rows, delimiter=",", comments=None, quotechar='"', dtype=np.float64, ndmin=2)
    except ValueError:
        return None
    labels = table[:, -1]
    usable = np.abs(table[:, :-1]).max(initial=0.0) <= GREATEST  # false for NaN too
    return table if usable and np.all((labels >= 0) & (labels == np.floor(labels)) & (labels < 2.0**31)) else None


def _first_bad_cell(lines: list[str], skip: int, path: Path) -> BadInput:
    """Find what numpy could only refuse, and say where it stands."""
    width = 0
    for line, text in enumerate(lines[skip:], start=skip + 1):
        if not text.strip():
            continue
        cells = _cells(text)
        width = width or len(cells)
        if len(cells) != width:
            return BadInput(f"line {line} has {len(cells)} cells", str(path), f"{width}, as in the first row")
        for column, cell in enumerate(cells, start=1):
            fault = _fault(cell, column == width)
            if fault:
                return BadInput(f"{cell!r}", f"{path}: line {line}, column {column}", fault)
    return BadInput("can't be read as a table of numbers", str(path), "rows of numbers, the label last")


def _fault(cell: str, is_label: bool) -> str:
    """Return what a cell should have been, or nothing if it is right."""
    value = _number(cell)
    if is_label:
        fits = value is not None and 0 <= value < 2**31 and value == math.floor(value)
        return "" if fits else "an integer label from 0 to 2**31 - 1"
    return "" if value is not None and abs(value) <= GREATEST else "a finite float32 number"
