"""Data sets handed in as objects: checked, and known by what their arrays hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuroep.data.dataset import Dataset, check_counts, class_labels, fingerprint, inputs
from neuroep.errors import BadInput


def handed(dataset: Dataset) -> Dataset:
    """Return a data set whose arrays have been checked: it may have been made by hand.

    Raises
    ------
    BadInput
        Naming the array that can't be used.
    """
    x_train, x_test = (inputs(np.asarray(getattr(dataset, name)), f"data: {name}") for name in ("x_train", "x_test"))
    y_train, y_test = (class_labels(np.asarray(getattr(dataset, k)), f"data: {k}") for k in ("y_train", "y_test"))
    check_counts(x_train, y_train, "data: training set")
    check_counts(x_test, y_test, "data: test set")
    if x_train.shape[1] != x_test.shape[1]:
        widths = f"{x_train.shape[1]} inputs in the training set, {x_test.shape[1]} in the test set"
        raise BadInput(widths, "data", "as many in both")
    largest = max(int(y_train.max()), int(y_test.max()))
    if largest >= dataset.classes:
        raise BadInput(f"label {largest} of {dataset.classes} classes", "data: classes", f"{largest + 1} or more")
    return replace(dataset, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def fingerprinted(dataset: Dataset) -> Dataset:
    """Return a data set under the SHA-256 of its arrays: what it was read from may have been changed since."""
    arrays = (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    return replace(dataset, sha256=fingerprint(arrays))
