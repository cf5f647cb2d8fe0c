"""The figure of continual learning: the matrix of accuracies, and each task's course while later ones are learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroep.disk import make_folder, to_json, write_atomic
from neuroep.report.continual_summary import mean_matrix, score_summaries
from neuroep.report.plotting import BACKPROP, GREY, MARKERS, style, write_figure
from neuroep.report.summary import method_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILES = ("continual.json", "continual.png")
"""What a study leaves."""
WRITTEN = 10
"""Most tasks whose accuracies are written into the matrix."""


def continual_figure(found: Mapping[str, Any]) -> Figure:
    """Draw means over seeds of :func:`neuroep.studies.continual.continual`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _matrix(figure, left, 100.0 * mean_matrix(found))
    _courses(right, found)
    of = method_name(found["gradient"])
    what = f"{found['model']} on {found['device']}, {of}, method {found['method']}, {found['kind']} tasks"
    figure.suptitle(f"{what}, {len(found['rows'])} seed(s)")
    return figure


def _matrix(figure: Figure, axes: Axes, percents: Any) -> None:
    shown = axes.imshow(percents, vmin=0.0, vmax=100.0, cmap="cividis")
    tasks = len(percents)
    if tasks <= WRITTEN:
        for (i, j), value in np.ndenumerate(percents):
            axes.text(j, i, f"{value:.0f}", ha="center", va="center", color="black" if value > 55.0 else "white")
        axes.set_xticks(range(tasks), [str(j + 1) for j in range(tasks)])
        axes.set_yticks(range(tasks), [str(i + 1) for i in range(tasks)])
    axes.set(title="Test accuracy (%)", xlabel="of task", ylabel="after task")
    figure.colorbar(shown, ax=axes, shrink=0.8)


def _courses(axes: Axes, found: Mapping[str, Any]) -> None:
    """A line a task from when it was learned on, and the mean of those learned so far."""
    import matplotlib

    percents = 100.0 * mean_matrix(found)
    tasks, shades = len(percents), matplotlib.colormaps["cividis"]
    after = np.arange(1, tasks + 1)
    for j in range(tasks):
        marker = MARKERS[j % len(MARKERS)]
        axes.plot(after[j:], percents[j:, j], color=shades(0.85 * j / tasks), marker=marker, markersize=3.5)
    learned = [float(percents[i, : i + 1].mean()) for i in range(tasks)]
    axes.plot(after, learned, color=BACKPROP, linewidth=2.0, label="mean of those learned")
    end = score_summaries(found)
    average, forgetting = 100.0 * end["average"].mean, 100.0 * end["forgetting"].mean
    axes.set(title=f"Average {average:.1f} %, forgetting {forgetting:.1f} points", xlabel="after task")
    axes.set_xticks(after if tasks <= WRITTEN else after[:: -(-tasks // WRITTEN)])
    axes.grid(True)
    axes.legend(loc="lower left", labelcolor=GREY)


def write_continual(found: Mapping[str, Any], folder: Path) -> None:
    """Write a study's object and its figure, each at once, into a folder that need not exist."""
    make_folder(folder)
    write_atomic(folder / FILES[0], to_json(found))
    with style():
        write_figure(continual_figure(found), folder / FILES[1])
