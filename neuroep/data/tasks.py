"""One data set as several tasks, learned one after the other.

``permuted``: task 0 is the data set, every other one the same samples with their inputs in another order, drawn once
a task (Goodfellow et al., ICLR 2014). ``split``: the classes in order, in as many parts as there are tasks, all on the
same output units (Zenke et al., ICML 2017); the network isn't told which task it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuroep import checks
from neuroep.data.dataset import Dataset, FloatInputs, Labels
from neuroep.errors import BadInput
from neuroep.rng import stream

KINDS = ("permuted", "split")
#: A study reads every task after every other.
MOST_TASKS = 100


@dataclass(frozen=True, slots=True)
class Tasks:
    """Tasks made of a data set, each made when it is asked for.

    Attributes
    ----------
    dataset : Dataset
        What they are made of.
    kind : str
        ``"permuted"`` or ``"split"``.
    number : int
        How many.
    seed : int
        Of the permutations.

    Raises
    ------
    BadInput
        If there is no such kind, or there are fewer than 2 tasks, or more than classes to split.
    """

    dataset: Dataset
    kind: str
    number: int
    seed: int

    def __post_init__(self) -> None:
        check_tasks(self.kind, self.number, self.dataset.classes)

    def train(self, number: int) -> tuple[FloatInputs, Labels]:
        """Return what a task, counted from 0, is learned from: inputs and labels, those of the whole.

        Raises
        ------
        BadInput
            If its classes have no samples.
        """
        return self._part(number, self.dataset.x_train, self.dataset.y_train)

    def test(self, number: int) -> tuple[FloatInputs, Labels]:
        """Return what a task is judged by, likewise."""
        return self._part(number, self.dataset.x_test, self.dataset.y_test)

    def _part(self, number: int, x: FloatInputs, y: Labels) -> tuple[FloatInputs, Labels]:
        if self.kind == "permuted":
            if not number:
                return x, y
            order = stream(self.seed, "permutation", number).permutation(x.shape[1])
            return np.ascontiguousarray(x[:, order]), y
        classes = np.array_split(np.arange(self.dataset.classes), self.number)[number]
        rows = np.flatnonzero(np.isin(y, classes))
        if not len(rows):
            names = ", ".join(map(str, classes))
            raise BadInput(
                f"no samples of class {names} to train or to test", f"data {self.dataset.name}", "fewer tasks"
            )
        return x[rows], y[rows]


def check_tasks(kind: str, number: int, classes: int) -> None:
    """Refuse kinds of tasks that there aren't, and numbers of tasks that can't be.

    Raises
    ------
    BadInput
        Naming what there is.
    """
    checks.one_of(kind, KINDS, "kind of tasks", "--kind")
    checks.whole(number, "--tasks", 2, MOST_TASKS, "task(s)")
    if kind == "split" and number > classes:
        raise BadInput(f"{number} tasks of {classes} classes", "--tasks", f"2 to {classes} with --kind split")


def validation_rows(samples: int, share: float, seed: int, where: str) -> tuple[Labels, Labels]:
    """Return which samples are left to train on, and which are kept aside; `where` is what asked for the share.

    Raises
    ------
    BadInput
        If nothing is left to train on.
    """
    rows = stream(seed, "validation").permutation(samples)
    kept = max(1, round(share * samples))
    if kept >= samples:
        raise BadInput(f"a validation share of {share}", where, "some samples left to train on")
    return rows[kept:], rows[:kept]


def kept_aside(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return a data set whose test set is a share of the training set, for choosing settings without the test set.

    Raises
    ------
    BadInput
        If nothing is left to train on.
    """
    x, y = dataset.x_train, dataset.y_train
    train, test = validation_rows(len(x), share, seed, "--validation")
    return replace(dataset, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])
