"""Data frames of pandas, polars and their like, known by their columns; neither is imported."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.data.arrays import from_arrays
from neuroep.data.dataset import Dataset
from neuroep.data.own_tables import label_place
from neuroep.errors import BadInput


def is_frame(value: object) -> bool:
    """Return whether a value is a table with named columns."""
    if isinstance(value, type) or not hasattr(value, "__getitem__"):
        return False
    return hasattr(type(value), "columns") or hasattr(value, "columns")  # a lazy frame works its own out


def from_frame(frame: Any, label: str | None = None, scale: str = "none") -> Dataset:
    """Return the data set of a data frame, of whose rows a fixed fifth becomes the test set.

    Parameters
    ----------
    frame : data frame
        Of numbers, but for the labels: words, or whole numbers from 0 or 1.
    label : str, optional
        The column of labels; without it, the one with a usual name (class, label, target), else the last.
    scale : str
        As for :func:`~neuroep.data.load.load_data`.

    Raises
    ------
    BadInput
        Naming the column that can't be used.
    """
    for name in ("collect", "compute"):
        if callable(getattr(frame, name, None)):
            raise BadInput(f"a {type(frame).__name__}, which isn't worked out yet", "data", f"its .{name}()")
    columns = list(frame.columns)
    names = tuple(str(name) for name in columns)
    place = label_place(names, len(names), label, "data")
    values = [_column(frame[name], str(name)) for name in columns]
    x = np.stack([_numbers(value, names[k]) for k, value in enumerate(values) if k != place], axis=1)
    return from_arrays((x, values[place]), scale)


def _column(series: Any, name: str) -> NDArray[Any]:
    found = np.asarray(series)
    if found.ndim != 1:
        raise BadInput(f"values of shape {found.shape}", f"data: column {name!r}", "a number each row")
    return found


def _numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    if values.dtype.kind not in "biuf":
        allowed = "numbers; leave the column out, or name it as the label"
        raise BadInput(f"values of type {values.dtype}", f"data: column {name!r}", allowed)
    return values.astype(np.float64)
