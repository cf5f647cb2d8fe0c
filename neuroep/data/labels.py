"""What labels as a whole tell: one class only, classes without samples, labels that don't count from 0."""

from __future__ import annotations

import numpy as np

from neuroep.data.dataset import Labels
from neuroep.errors import BadInput


def label_remark(train: Labels, test: Labels, where: str, hint: str = "") -> str:
    """Return a line on labels that leave classes without samples; empty if none do.

    Parameters
    ----------
    train, test : ndarray of int64
        Labels of the two sets.
    where : str
        Where they stand.
    hint : str
        What may be the reason.

    Raises
    ------
    BadInput
        If all labels are the same.
    """
    trained, tested = np.unique(train), np.unique(test)
    present = np.union1d(trained, tested)
    because = f"; {hint}" if hint else ""
    if len(present) == 1:
        raise BadInput(f"one class only: every label is {present[0]}{because}", where, "samples of two classes or more")
    empty = int(present[-1]) + 1 - len(present)
    if empty == 1 and present[0] == 1:
        return f"labels run from 1 to {present[-1]}, but classes count from 0: subtract 1{because}"
    if empty:
        first = int(np.argmax(present != np.arange(len(present))))
        return f"{empty} of the classes 0 to {present[-1]} have no sample, the first of them class {first}{because}"
    unseen = np.setdiff1d(tested, trained)
    return f"class {unseen[0]} is in the test set and has no training sample" if unseen.size else ""
