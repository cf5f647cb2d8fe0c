"""Data sets of arrays that are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroep.data.dataset import Dataset, assemble, class_labels, fingerprint, holdout, inputs
from neuroep.data.labels import label_remark
from neuroep.data.scaling import scale_remark, scaled
from neuroep.errors import BadInput

LICENCE = "not stated (the user's own arrays)"
NAMES = ("x", "y"), ("x_train", "y_train", "x_test", "y_test")


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
        if len(x) != len(y):
            raise BadInput(f"{len(x)} inputs and {len(y)} labels", "data", "as many labels as inputs")
        train, test = holdout(len(x), "data")
        given = [x[train], y[train], x[test], y[test]]
        names = NAMES[1]
    if (given[0].dtype == np.uint8) != (given[2].dtype == np.uint8):
        types = f"x_train of type {given[0].dtype} and x_test of type {given[2].dtype}"
        raise BadInput(types, "data", "uint8, which is divided by 255, in both or in neither")
    x_train, x_test = (inputs(values, f"data: {names[i]}") for i, values in ((0, given[0]), (2, given[2])))
    if given[0].dtype == np.uint8:
        x_train, x_test = (part / np.float32(255) for part in (x_train, x_test))
    y_train, y_test = (class_labels(values, f"data: {names[i]}") for i, values in ((1, given[1]), (3, given[3])))
    digest = fingerprint((x_train, y_train, x_test, y_test))
    found = assemble("arrays", "data", digest, LICENCE, (x_train, y_train), (x_test, y_test))
    labels = label_remark(found.y_train, found.y_test, "data")
    return scaled(replace(found, label_remark=labels, input_remark=scale_remark(found.x_train)), scale)


def _array(values: Any, where: str) -> np.ndarray[Any, Any]:
    try:
        found = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise BadInput(f"no array ({error})", where, "numbers in rows of one length") from error
    if found.ndim == 0:
        raise BadInput("a single value", where, "an array")
    return found
