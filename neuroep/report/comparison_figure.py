"""Runs beside each other in one figure: accuracy against energy, the Pareto front marked, the rest in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neuroep.quantities import Band
from neuroep.report.comparison import BEHIND, ENERGIES, FRONT, WITHIN, points_of
from neuroep.report.plotting import COLOURS, GREY, MARKERS, engineering, grid, legend_below
from neuroep.report.summary import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: How a marker is filled, by how its point stands.
FILLS = {FRONT: "full", WITHIN: "none", BEHIND: "none"}


def comparison_figure(found: Mapping[str, Any], narrow: bool = False) -> Figure | None:
    """Draw test accuracy against energy a sample of all rows, for inference and for one training step.

    Points are means over seeds; bars are ± one standard deviation and the range of the energy's estimate. Points on
    the Pareto front are full and joined; those that something beats only on central values are open; the rest is grey.

    Parameters
    ----------
    found : dict
        Of :func:`neuroep.report.comparison.compared`.
    narrow : bool
        Whether panels stand one below the other, for a phone.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if no row has an energy.
    """
    shown = [key for key in ENERGIES if points_of(found, key)]
    if not shown:
        return None
    figure, all_axes = grid(len(shown), 2, 3.0, narrow)
    for axes, key in zip(all_axes, shown, strict=True):
        _panel(axes, found, key)
        axes.set(title=ENERGIES[key].capitalize(), xlabel="Energy per sample", ylabel="Test accuracy (%)")
    legend_below(figure, all_axes)
    return figure


def _panel(axes: Axes, found: Mapping[str, Any], key: str) -> None:
    axes.set_xscale("log")
    points = points_of(found, key)
    for row, energy, standing in points:
        _point(axes, found, row, energy, standing)
    data_of = {run["name"]: run["sha256"] for run in found["runs"]}
    for data in dict.fromkeys(data_of[row["run"]] for row, _, _ in points):
        _front(axes, [point for point in points if data_of[point[0]["run"]] == data])
    axes.margins(x=0.12, y=0.12)
    axes.grid(True)
    engineering(axes.xaxis, "J")


def _point(axes: Axes, found: Mapping[str, Any], row: Mapping[str, Any], energy: Band, standing: str) -> None:
    runs = [run["name"] for run in found["runs"]]
    kinds = list(dict.fromkeys((each["method"], each["device"]) for each in found["rows"]))
    colour = GREY if standing == BEHIND else COLOURS[runs.index(row["run"]) % len(COLOURS)]
    marker = MARKERS[kinds.index((row["method"], row["device"])) % len(MARKERS)]
    look: dict[str, Any] = {"color": colour, "marker": marker, "fillstyle": FILLS[standing], "markersize": 7}
    accuracy = row["test_accuracy"]
    left = energy.value - energy.low if energy.low > 0 else energy.value * 0.99  # a log axis has no zero
    axes.errorbar(
        energy.value, 100 * accuracy["mean"], xerr=[[left], [energy.high - energy.value]],
        yerr=None if accuracy["deviation"] is None else 100 * accuracy["deviation"],
        linestyle="none", capsize=2.5, linewidth=1.1, alpha=0.7 if standing == BEHIND else None, **look,
    )  # fmt: skip
    axes.plot([], [], linestyle="none", label=name_of(row), **look)  # in the legend without its bars


def name_of(row: Mapping[str, Any]) -> str:
    """Return how figures and tables call a row."""
    return f"{row['run']}: {label(row['method'], row['device'])}"


def _front(axes: Axes, points: Sequence[tuple[Mapping[str, Any], Band, str]]) -> None:
    """Steps through the front: what any energy at least reaches."""
    front = sorted((e.value, 100 * row["test_accuracy"]["mean"]) for row, e, standing in points if standing == FRONT)
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color=GREY, linewidth=1.0, zorder=0, label="Pareto front")
