"""Scales of inputs, fitted on the training set, and a remark where one is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from neuroep.data.dataset import Dataset, FloatInputs, Scaling
from neuroep.errors import UnknownName
from neuroep.recipe import Scale

SCALES: tuple[str, ...] = get_args(Scale)
FAR, FAINT, APART = 10.0, 0.1, 1000.0
"""Root mean square above which an input drowns the others' start, greatest value below which all of them do next to
nothing, and ratio of two inputs' greatest values above which the smaller is lost; bytes are never further apart."""
ROWS = 4096
LARGEST_FLOAT = float(np.finfo(np.float32).max)

Floats = NDArray[np.float64]


def scaled(dataset: Dataset, scale: str) -> Dataset:
    """Return a data set whose inputs are scaled by what its training set says, test inputs alike.

    Parameters
    ----------
    dataset : Dataset
        As it was read.
    scale : str
        ``"none"``; ``"standard"``: (x − mean)/standard deviation of each input; ``"minmax"``: (x − least)/(greatest −
        least). An input that never changes in the training set is divided by 1.

    Raises
    ------
    UnknownName
        If there is no such scale.
    """
    if scale not in SCALES:
        raise UnknownName("scale", str(scale), SCALES, "data.scale")
    if scale == "none":
        return dataset
    found = _fit(dataset.x_train, scale)
    train, test = (scaled_by(found, x) for x in (dataset.x_train, dataset.x_test))
    return replace(dataset, x_train=train, x_test=test, scale=scale, input_remark="", scaling=found)


def _blocks(x: FloatInputs) -> Iterator[tuple[slice, Floats]]:
    """Rows in float64, some at a time: a float32 set may be large."""
    for start in range(0, len(x), ROWS):
        yield slice(start, start + ROWS), x[start : start + ROWS].astype(np.float64)


def _fit(x: FloatInputs, scale: str) -> Scaling:
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    if scale == "minmax":
        offset, span = low, high - low
    else:
        offset = np.clip(sum(rows.sum(axis=0) for _, rows in _blocks(x)) / len(x), low, high)
        span = np.sqrt(sum(((rows - offset) ** 2).sum(axis=0) for _, rows in _blocks(x)) / len(x))
    return Scaling(offset, np.where((high > low) & (span > 0.0), span, 1.0))


def scaled_by(scaling: Scaling, x: FloatInputs) -> FloatInputs:
    """Return inputs (N, n) scaled as a training set was."""
    out = np.empty_like(x)
    for where, rows in _blocks(x):
        out[where] = np.clip((rows - scaling.offset) / scaling.span, -LARGEST_FLOAT, LARGEST_FLOAT)
    return out


def scale_remark(x: FloatInputs) -> str:
    """Return a line on training inputs that lie far from what networks start for, and what to do; empty if none do."""
    peaks = np.maximum(x.max(axis=0), -x.min(axis=0)).astype(np.float64)
    squares = sum((rows**2).sum(axis=0) for _, rows in _blocks(x)) / len(x)
    large, used = int(squares.argmax()), peaks[peaks > 0.0]
    if squares[large] > FAR**2:
        found = f"input {large} (counted from 0) reaches {peaks[large]:.4g}, far outside"
    elif used.size and peaks.max() < FAINT:
        found = f"no input is larger than {peaks.max():.2g}, faint beside"
    elif used.size and peaks.max() > APART * used.min():
        found = f"of very different scales, one input up to {peaks.max():.4g}, one up to {used.min():.2g}, not all near"
    else:
        return ""
    return f'{found} the 0 to 1 or -1 to 1 that networks start for; scale = "standard" or "minmax" in [data] mends it'
