"""The figure of bills: what each part of a chip takes of a training step, stage by stage, a panel a device."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from neuroep.cost.breakdown import Axis, table
from neuroep.cost.energy import Bill
from neuroep.errors import BadInput
from neuroep.prices import PARTS
from neuroep.quantities import Band
from neuroep.report.plotting import COLOURS, GREY, engineering, legend_below, style, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES = dict(zip(PARTS, (*COLOURS, "#999999", GREY, "#000000"), strict=False))
#: Inches: a row, what is above and below the rows of a panel, and the width.
ROW, MARGINS, WIDTH = 0.26, 1.0, 7.6


def cost_figure(model: str, bills: Mapping[str, Bill], by: Axis) -> Figure:
    """Draw joules a sample of each device, a bar a row of `by`, parts of the chip stacked.

    Raises
    ------
    BadInput
        If no device has a price.
    """
    from matplotlib.figure import Figure

    tables = {name: table(bill.lines, by) for name, bill in bills.items()}
    tables = {name: rows for name, rows in tables.items() if rows}
    if not tables:
        raise BadInput("no device has prices", "--plot", "a device with prices of energy")
    heights = [ROW * len(rows) + MARGINS for rows in tables.values()]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    panels = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0].tolist()
    for axes, (name, rows) in zip(panels, tables.items(), strict=True):
        _bars(axes, rows)
        axes.set_title(f"{model} on {name}")
    panels[-1].set_xlabel("Energy of a sample" if by == "phase" else "Energy of a training step")
    legend_below(figure, panels)
    return figure


def _bars(axes: Axes, rows: Mapping[str, Mapping[str, Band]]) -> None:
    for place, row in enumerate(rows.values()):
        left = 0.0
        for part in PARTS:
            if part in row:
                value = row[part].value
                axes.barh(place, value, left=left, height=0.66, color=SHADES[part], label=part)
                left += value
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.grid(True, axis="x")
    engineering(axes.xaxis, "J")


def write_cost_figure(model: str, bills: Mapping[str, Bill], by: Axis, path: Path) -> None:
    """Draw :func:`cost_figure` to a file, PNG, SVG or PDF by its name's ending."""
    with style():
        write_figure(cost_figure(model, bills, by), path)
