"""Weights in a folder of tables, a file a layer, as array simulators keep them.

Files are taken in the order of the numbers in their names; one whose name has `bias` in it, or is b and a number, holds
the biases of the layer of its number. A row of a table is a unit below, a column a unit above. Biases that have no file
are 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput
from neuroep.network import Network
from neuroep.tabular.sheet import is_number
from neuroep.tabular.text import decoded, read_text
from neuroep.weights import Weights

SUFFIXES = (".csv", ".tsv", ".txt")
NEEDED = "a table of numbers, a row a unit below"
MOST_BYTES = 2**30


def weights_of_folder(folder: Path, network: Network) -> Weights:
    """Read a network's weights from the tables of a folder, in float64.

    Raises
    ------
    BadInput
        If there isn't one table a layer, one isn't of numbers, or of another shape than the layer.
    """
    files = sorted((file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES), key=_number)
    biases = [file for file in files if re.search(r"bias|^b[_-]?\d*$", file.stem, re.IGNORECASE)]
    couplings = [file for file in files if file not in biases]
    if len(couplings) != network.depth:
        found = ", ".join(file.name for file in couplings) or "(none)"
        raise BadInput(f"tables {found}", str(folder), f"{network.depth}, one for each layer of weights")
    if biases and len(biases) != network.depth:
        raise BadInput(
            f"{len(biases)} files of biases", str(folder), f"none, or one for each of {network.depth} layers"
        )
    sizes = network.sizes
    read = [_table(file, (sizes[k], sizes[k + 1])) for k, file in enumerate(couplings)]
    own = [_table(file, (1, sizes[k + 1])).ravel() for k, file in enumerate(biases)]
    return Weights.from_arrays(read, own or [np.zeros(n) for n in sizes[1:]])


def _number(file: Path) -> tuple[int, str]:
    found = re.findall(r"\d+", file.stem)
    return (int(found[-1]) if found else -1, file.name)


def _table(file: Path, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return a table of the shape that is wanted; of a single row, also as a column."""
    with file.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadInput("too large", str(file), f"up to {MOST_BYTES} bytes")
    sheet = read_text(decoded(content, file, NEEDED), lambda cell: False, file, NEEDED)
    for row in sheet.rows:
        bad = next((k for k, cell in enumerate(row.cells) if not is_number(cell, sheet.decimal)), None)
        if bad is not None:
            raise BadInput(repr(row.cells[bad]), f"{file}: line {row.number}, column {bad + 1}", "a finite number")
    cells = [[cell.replace(",", ".") if sheet.decimal == "," else cell for cell in row.cells] for row in sheet.rows]
    found = np.asarray(cells, dtype=np.float64).reshape(len(cells), sheet.width)
    if shape[0] == 1 and found.shape == shape[::-1]:
        found = found.T
    if found.shape != shape:
        hint = ": transpose it" if found.shape == shape[::-1] else ""
        raise BadInput(f"a table of {found.shape[0]} x {found.shape[1]}", str(file), f"{shape[0]} x {shape[1]}{hint}")
    if not np.isfinite(found).all():
        raise BadInput("numbers beyond the finite", str(file), NEEDED)
    return found
