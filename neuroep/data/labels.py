"""What labels as a whole tell: words for classes, a count from 1, one class only, classes without samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuroep.data.dataset import Labels
from neuroep.errors import BadInput

MOST_NAMED = 20
"""Words for classes that a line names."""


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
    if empty:
        first = int(np.argmax(present != np.arange(len(present))))
        return f"{empty} of the classes 0 to {present[-1]} have no sample, the first of them class {first}{because}"
    unseen = np.setdiff1d(tested, trained)
    return f"class {unseen[0]} is in the test set and has no training sample" if unseen.size else ""


def coded(parts: Sequence[NDArray[np.generic]]) -> tuple[list[Labels], str]:
    """Return labels that are words as numbers, in the order of the alphabet, and a line that says which.

    Parameters
    ----------
    parts : sequence of ndarray of text
        Of all sets.
    """
    words = [np.asarray(part).astype(str) for part in parts]
    names = np.unique(np.concatenate(words))
    shown = ", ".join(f"{name} {k}" for k, name in enumerate(names[:MOST_NAMED].tolist()))
    more = ", ..." if len(names) > MOST_NAMED else ""
    return [np.searchsorted(names, part).astype(np.int64) for part in words], f"labels are words: {shown}{more}"


def are_words(labels: NDArray[np.generic]) -> bool:
    """Return whether labels are texts that aren't all numbers."""
    if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "UO":
        return False
    return labels.dtype.kind == "U" or all(isinstance(label, str) for label in labels.tolist())


def from_zero(train: Labels, test: Labels) -> tuple[Labels, Labels, str]:
    """Return labels counted from 0, and a line if they were 1 to n without a gap; others are left as they are."""
    present = np.union1d(train, test)
    if len(present) < 2 or not np.array_equal(present, 1 + np.arange(len(present))):
        return train, test, ""
    return train - 1, test - 1, f"labels run from 1 to {present[-1]} and are counted from 0"
