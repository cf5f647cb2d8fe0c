"""The figure of a settling: distance from the end, states, energy and residual against time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuroep.circuit import Circuit
from neuroep.report.plotting import COLOURS, GREY, engineering, panels, style, write_figure
from neuroep.solvers.course import PhaseSettled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def course_figure(phases: Sequence[PhaseSettled], circuit: Circuit, title: str, tolerance: float) -> Figure:
    """Draw distance from the end, states, energy and residual against time: median and range of the samples.

    Parameters
    ----------
    phases : sequence of PhaseSettled
        One after the other in time.
    circuit : Circuit
        For the number of layers.
    title : str
        Model and solver.
    tolerance : float
        Residual at which a sample stops, drawn where it isn't 0.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (states, distance, energy, residual) = panels(8.0, 5.6, 2, 2)
    names = ("Mean |state| of each layer", "Distance from the states at the end", "Energy F per sample", "Residual")
    for axes, name in zip((states, distance, energy, residual), names, strict=True):
        axes.set(title=name)
        axes.grid(True)
    for one in phases:
        course = one.settled.trajectory
        assert course is not None
        seconds = one.begin_seconds + course.times
        for k in range(circuit.last):
            mean = np.abs(course.states[k]).mean(axis=(1, 2))
            states.plot(seconds, mean, color=COLOURS[k % len(COLOURS)], linewidth=1.5,
                        label=f"layer {k + 1}" if one is phases[0] else None)  # fmt: skip
        for axes, values in ((distance, one.distance), (energy, one.energy), (residual, course.residual)):
            colour = COLOURS[1 if one.beta else 0]
            axes.fill_between(seconds, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, linewidth=0)
            axes.plot(seconds, np.median(values, axis=1), color=colour, linewidth=1.5, label=_label(one))
    _finish(phases, (states, distance, energy, residual), tolerance)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _label(one: PhaseSettled) -> str:
    return f"nudged, β = {one.beta:g}" if one.beta else "free"


def _finish(phases: Sequence[PhaseSettled], all_axes: Sequence[Axes], tolerance: float) -> None:
    """Scales, ticks, legends and the line between the phases."""
    states, distance, energy, residual = all_axes
    for axes in (distance, residual):
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    if tolerance > 0.0:
        residual.axhline(tolerance, color=GREY, linewidth=1.0, linestyle="--")
        residual.annotate("tolerance", (0.02, tolerance), xycoords=("axes fraction", "data"), va="bottom", color=GREY)
    for axes in all_axes:
        for one in phases[1:]:
            axes.axvline(one.begin_seconds, color=GREY, linewidth=0.8, linestyle=":")
        engineering(axes.xaxis, "s")
        axes.locator_params(axis="x", nbins=5)
    states.legend(loc="best")
    energy.legend(loc="upper right")
    for axes in (energy, residual):
        axes.set_xlabel("Time")


def write_settling_figure(
    phases: Sequence[PhaseSettled], circuit: Circuit, title: str, tolerance: float, path: Path
) -> None:
    """Write the course of all phases as a figure."""
    with style():
        write_figure(course_figure(phases, circuit, title, tolerance), path)
