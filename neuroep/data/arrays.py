"""Data sets of arrays that are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroep.data.dataset import (
    Dataset,
    assemble,
    check_counts,
    class_labels,
    fingerprint,
    holdout,
    inputs,
    refuse_masked,
)
from neuroep.data.files import ARRAYS, parts, remarked
from neuroep.data.labels import are_words
from neuroep.data.scaling import scaled
from neuroep.errors import BadInput

LICENCE = "not stated (the user's own arrays)"
NAMES = ("x", "y"), ARRAYS


def from_arrays(arrays: Sequence[Any], scale: str = "none") -> Dataset:
    """Return the data set of inputs and labels in memory.

    Parameters
    ----------
    arrays : sequence of array-like
        ``x, y``, of which a fixed fifth becomes the test set (:func:`~neuroep.data.dataset.holdout`), or ``x_train,
        y_train, x_test, y_test``: inputs (N, ...) and labels (N,) from 0. Inputs of type uint8 are divided by 255.
    scale : str
        ``"standard"`` or ``"minmax"`` scales the inputs by what the training set says; ``"none"`` leaves them.

    Raises
    ------
    BadInput
        Naming the array that can't be used.
    """
    names = next((names for names in NAMES if len(names) == len(arrays)), None)
    if names is None:
        raise BadInput(f"{len(arrays)} arrays", "data", "(x, y) or (x_train, y_train, x_test, y_test)")
    given = [_array(values, f"data: {name}") for values, name in zip(arrays, names, strict=True)]
    if len(given) == 2:
        x, y = given
        check_counts(x, y, "data")
        inputs(x, "data: x")  # here rows have the numbers that the user knows
        if not are_words(y):
            class_labels(y, "data: y")
        kept, aside = holdout(len(x), "data")
        given = [x[kept], y[kept], x[aside], y[aside]]
    train, test, words = parts(given, "data")
    found = assemble("arrays", "data", fingerprint((*train, *test)), LICENCE, train, test)
    return scaled(remarked(found, words=words), scale)


def _array(values: Any, where: str) -> np.ndarray[Any, Any]:
    try:
        found = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # the last of a tensor that has a gradient
        raise BadInput(f"no array ({error})", where, "numbers in rows of one length") from error
    if found.ndim == 0:
        raise BadInput(f"a {type(values).__name__}", where, "an array")
    refuse_masked(values, where)
    return found
