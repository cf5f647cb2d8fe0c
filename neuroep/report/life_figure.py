"""The figure of a chip's life: accuracy against age, and its recovery epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuroep.disk import make_folder, to_json, write_atomic
from neuroep.report.plotting import BACKPROP, COLOURS, legend_below, style, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = ("life.json", "life.png")
TICKS = ((1.0, "1 s"), (3600.0, "1 h"), (86400.0, "1 day"), (365.0 * 86400.0, "1 year"))


def life_figure(found: Mapping[str, Any]) -> Figure:
    """Draw means over seeds of :func:`neuroep.studies.life.lives`, with bands of one standard deviation."""
    from matplotlib.figure import Figure

    rows = found["rows"]
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    seconds = [one["seconds"] for one in rows[0]["aged"]]
    for axes in (left, right):
        software = 100.0 * float(np.mean([row["software"] for row in rows]))
        axes.axhline(software, color=BACKPROP, linestyle="--", linewidth=1.0, label="software")
        axes.grid(True)
    for k, (key, name) in enumerate((("aged", "as programmed"), ("fine_tuned_aged", "fine-tuned by EP in situ"))):
        _band(left, seconds, [[one["accuracy"] for one in row[key]] for row in rows], COLOURS[1 - k], name)
    course = [[row["at_once"], *row["fine_tuned"]] for row in rows]
    _band(right, list(range(len(course[0]))), course, COLOURS[0], "fine-tuned by EP in situ")
    left.set_xscale("log")
    left.set_xticks([s for s, _ in TICKS], [name for _, name in TICKS])
    left.minorticks_off()
    left.set(title="Ageing", xlabel="Age", ylabel="Test accuracy (%)")
    right.set(title="Recovery", xlabel="Epoch of fine-tuning")
    right.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(f"{found['model']} on {found['device']}, weights from {found['from']}, {len(rows)} seed(s)")
    legend_below(figure, [left, right])
    return figure


def _band(axes: Any, x: list[float] | list[int], shares: list[list[float]], colour: str, name: str) -> None:
    percents = 100.0 * np.asarray(shares)
    mean, sd = percents.mean(axis=0), percents.std(axis=0)
    axes.fill_between(x, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0.0)
    axes.plot(x, mean, "o-", color=colour, label=name)


def write_life_figure(found: Mapping[str, Any], path: Path) -> None:
    """Write :func:`life_figure` as PNG, SVG or PDF by its name's ending."""
    with style():
        write_figure(life_figure(found), path)


def write_life(found: Mapping[str, Any], folder: Path) -> None:
    """Write a study's object and its figure, each at once, into a folder that need not exist."""
    make_folder(folder)
    write_atomic(folder / FILES[0], to_json(found))
    write_life_figure(found, folder / FILES[1])
