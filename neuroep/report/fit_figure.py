"""The figure of a fit: measured conductances with the fitted curves, and what is left over below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuroep.hardware.fitting.pulse_data import PulseData
from neuroep.hardware.fitting.selection import Fit
from neuroep.report.plotting import COLOURS, GREY, LINES, engineering, legend_below, style, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 3


def fit_figure(fits: Sequence[Fit], data: PulseData) -> Figure:
    """Draw the first trace with the best models' curves, and their residuals as shares of the range.

    Parameters
    ----------
    fits : sequence of Fit
        The chosen one first; three are drawn.
    data : PulseData
        What they were fitted to.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    siemens = data.traces[0].siemens
    pulses = np.arange(len(siemens))
    read = np.isfinite(siemens)
    span = fits[0].g_max_siemens - fits[0].g_min_siemens
    above.plot(pulses[read], siemens[read], ".", color=GREY, alpha=0.6, markersize=3.5, label="measured")
    shown = list(enumerate(fits[:SHOWN]))
    for k, one in shown:
        look = {"color": COLOURS[k], "linestyle": LINES[k], "linewidth": 1.8 if k == 0 else 1.2, "zorder": 4 - k}
        name = f"{one.name}, RMSE {one.rmse:.2%}{' (chosen)' if k == 0 else ''}"
        above.plot(pulses, one.curves[0], label=name, **look)
        below.plot(pulses[read], 100.0 * (siemens - one.curves[0])[read] / span, **look)
    below.axhline(0.0, color=GREY, linewidth=0.8)
    trace = data.traces[0]
    which = ", ".join(f"{key} {name}" for key, name in (("device", trace.device), ("cycle", trace.cycle)) if name)
    count = f" (1 of {len(data.traces)} traces)" if len(data.traces) > 1 else ""
    above.set(title=f"{data.name}{f': {which}' if which else ''}{count}", ylabel="Conductance")
    below.set(xlabel="Pulse", ylabel="Residual\n(% of range)")
    engineering(above.yaxis, "S")
    for axes in (above, below):
        axes.grid(True)
        axes.margins(x=0.02)
    legend_below(figure, [above])
    return figure


def write_fit_figure(fits: Sequence[Fit], data: PulseData, path: Path) -> None:
    """Write :func:`fit_figure` as PNG, SVG or PDF by its name's ending."""
    with style():
        write_figure(fit_figure(fits, data), path)
