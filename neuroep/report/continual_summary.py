"""Figures of merit of tasks learned one after another, from the accuracies on each after each.

With A[i][j] the accuracy on task j after task i, and T tasks (Lopez-Paz & Ranzato, NeurIPS 2017; Chaudhry et al.,
ECCV 2018):

    average           mean_j A[T−1][j]
    forgetting        mean_{j<T−1} (max_i A[i][j] − A[T−1][j])
    forward transfer  mean_{j≥1} (A[j−1][j] − a_j),   a_j that of the untrained network
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.report.summary import SeedSpread, spread


class Scores(NamedTuple):
    """The three figures, as shares."""

    average: float
    forgetting: float
    forward_transfer: float


def scores(accuracy: Sequence[Sequence[float]], untrained: Sequence[float]) -> Scores:
    """Return the figures of one network.

    Parameters
    ----------
    accuracy : sequence of sequence of float
        A, (T, T), at least two tasks.
    untrained : sequence of float
        a, (T,).
    """
    a, first = np.asarray(accuracy, dtype=np.float64), np.asarray(untrained, dtype=np.float64)
    before = np.diagonal(a, offset=1)  # A[j−1][j]
    return Scores(
        float(a[-1].mean()), float((a.max(axis=0) - a[-1])[:-1].mean()), float((before - first[1:]).mean())
    )  # fmt: skip


class TaskSummary(NamedTuple):
    """One task over the seeds: accuracy untrained, just before it was learned, just after, and in the end."""

    task: int
    untrained: SeedSpread
    before: SeedSpread
    learned: SeedSpread
    end: SeedSpread


def mean_matrix(found: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return A, mean over the seeds, (T, T)."""
    mean: NDArray[np.float64] = np.mean([row["accuracy"] for row in found["rows"]], axis=0)
    return mean


def task_summaries(found: Mapping[str, Any]) -> list[TaskSummary]:
    """Return a line a task of what :func:`neuroep.studies.continual.continual` found."""
    lines = []
    for j in range(found["tasks"]):
        untrained = [row["untrained"][j] for row in found["rows"]]
        before = [row["accuracy"][j - 1][j] for row in found["rows"]] if j else untrained
        learned, end = ([row["accuracy"][i][j] for row in found["rows"]] for i in (j, -1))
        lines.append(TaskSummary(j, *map(spread, (untrained, before, learned, end))))
    return lines


def score_summaries(found: Mapping[str, Any]) -> dict[str, SeedSpread]:
    """Return each figure over the seeds."""
    return {name: spread([row[name] for row in found["rows"]]) for name in Scores._fields}
