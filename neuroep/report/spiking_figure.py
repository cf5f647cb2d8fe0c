"""The figure of a settling by spikes: raster, rates, and what local plasticity would write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from neuroep.report.plotting import COLOURS, GREY, panels, style, write_figure
from neuroep.weights import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Steps over which a rate is drawn, units of each layer in the raster, and synapses whose change is drawn.
SPAN, UNITS, SYNAPSES = 20, 40, 4


class Spiked(Protocol):
    """One phase: nudging, steps before it, spikes (batch, steps, n_0 + units), the continuous equilibrium.

    `course(peak)` is the error of rates since the phase began, step by step.
    """

    @property
    def beta(self) -> float:
        """Nudging."""
        ...

    @property
    def begin(self) -> int:
        """Steps before it."""
        ...

    @property
    def raster(self) -> NDArray[np.int8]:
        """Spikes, 1 or −1."""
        ...

    @property
    def wanted(self) -> FloatArray:
        """The continuous equilibrium, (batch, units)."""
        ...

    def course(self, peak: float) -> FloatArray:
        """Error of rates at each step, root of the mean square over samples and units."""
        ...


def spiking_figure(
    phases: Sequence[Spiked], sizes: Sequence[int], peak: float, course: FloatArray | None, title: str, sample: int = 0
) -> Figure:
    """Draw one sample: spikes layer by layer, rates of the outputs beside their continuous states, synapses' changes.

    Parameters
    ----------
    phases : sequence of Spiked
        One after the other.
    sizes : sequence of int
        Units of each layer, the input included.
    peak : float
        Spikes a step at a state of 1.
    course : ndarray, shape (steps, n_{L−1}, n_L), optional
        What plasticity has added up in the nudged phase.
    title : str
        Model and code.
    sample : int
        Of the batch.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (raster, rates, change, error) = panels(8.0, 5.8, 2, 2)
    trains = np.concatenate([one.raster[sample] for one in phases])
    _raster(raster, trains, sizes)
    _rates(rates, phases, trains, sizes, peak, sample)
    _change(change, phases, course)
    _error(error, phases, peak)
    for axes in (raster, rates, change, error):
        for one in phases[1:]:
            axes.axvline(one.begin, color=GREY, linewidth=0.8, linestyle=":")
    for axes in (change, error):
        axes.set_xlabel("Step")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _raster(axes: Axes, trains: NDArray[np.int8], sizes: Sequence[int]) -> None:
    """Some units of each layer, the input below."""
    starts, height, ticks = np.cumsum([0, *sizes]), 0, []
    for k, size in enumerate(sizes):
        shown = min(size, UNITS)
        step, unit = np.nonzero(trains[:, starts[k] : starts[k] + size][:, np.linspace(0, size - 1, shown, dtype=int)])
        axes.scatter(step, height + unit, s=1.2, color=COLOURS[k % len(COLOURS)], linewidths=0, rasterized=True)
        ticks.append((height + 0.5 * shown, "input" if k == 0 else f"layer {k}"))
        height += shown + 2
    axes.set(title="Spikes", yticks=[at for at, _ in ticks], yticklabels=[name for _, name in ticks])


def _rates(
    axes: Axes, phases: Sequence[Spiked], trains: NDArray[np.int8], sizes: Sequence[int], peak: float, sample: int
) -> None:
    """Sliding rates of the outputs that end highest, and where the continuous network rests."""
    outputs = trains[:, -sizes[-1] :].astype(np.float64)
    sums = np.cumsum(np.vstack([np.zeros(sizes[-1]), outputs]), axis=0)
    steps = np.arange(len(outputs))
    begins = np.maximum(0, steps + 1 - SPAN)
    sliding = (sums[steps + 1] - sums[begins]) / (peak * (steps + 1 - begins))[:, None]
    highest = np.argsort(phases[-1].wanted[sample, -sizes[-1] :])[::-1][:3]
    for n, unit in enumerate(highest):
        axes.plot(steps, sliding[:, unit], color=COLOURS[n], linewidth=1.2, label=f"output {unit}")
        for one in phases:
            ends = (one.begin, one.begin + one.raster.shape[1])
            axes.plot(
                ends, [one.wanted[sample, one.wanted.shape[1] - sizes[-1] + unit]] * 2, "--", color=COLOURS[n], lw=0.9
            )
    axes.set(title=f"Rates over {SPAN} steps; dashed: at rest")
    axes.legend(loc="best")


def _change(axes: Axes, phases: Sequence[Spiked], course: FloatArray | None) -> None:
    """The synapses onto the outputs that change most."""
    axes.set(title="Change of synapses by local plasticity")
    if course is None:
        axes.annotate("no nudged phase: --beta", (0.5, 0.5), xycoords="axes fraction", ha="center", color=GREY)
        return
    flat = course.reshape(len(course), -1)
    begin = phases[-1].begin
    for n, synapse in enumerate(np.argsort(np.abs(flat[-1]))[::-1][:SYNAPSES]):
        axes.plot(begin + np.arange(len(flat)), flat[:, synapse], color=COLOURS[n], linewidth=1.2)


def _error(axes: Axes, phases: Sequence[Spiked], peak: float) -> None:
    """Error of the rates since each phase began, all samples and units."""
    for one in phases:
        error = one.course(peak)
        count = np.arange(1, len(error) + 1)
        colour = COLOURS[1 if one.beta else 0]
        label = f"nudged, β = {one.beta:g}" if one.beta else "free"
        axes.plot(one.begin + count, error, color=colour, linewidth=1.5, label=label)
        axes.plot(one.begin + count, error[-1] * count[-1] / count, ":", color=GREY, linewidth=1.0)
    axes.set(title="Error of rates so far; dotted: 1/T", yscale="log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    axes.legend(loc="best")


def write_spiking_figure(
    phases: Sequence[Spiked], sizes: Sequence[int], peak: float, course: FloatArray | None, title: str, path: Path,
    sample: int = 0,
) -> None:  # fmt: skip
    """Write the course of all phases as a figure."""
    with style():
        write_figure(spiking_figure(phases, sizes, peak, course, title, sample), path)
