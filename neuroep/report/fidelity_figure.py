"""The figure of a gradient's fidelity: its cosine with each oracle's, coupling by coupling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from neuroep.report.plotting import BACKPROP, COLOURS, legend_below

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {"backprop": (BACKPROP, "o"), "finite-differences": (COLOURS[0], "s")}


class Agreeing(Protocol):
    """One coupling's agreement with an oracle."""

    @property
    def layer(self) -> int:
        """Coupling k = 1..L."""

    @property
    def cosine(self) -> float:
        """Of the two gradients."""

    @property
    def against(self) -> str:
        """The oracle."""


def fidelity_figure(title: str, rows: Sequence[Agreeing]) -> Figure:
    """Draw cosines against the coupling, a series an oracle."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    for oracle in dict.fromkeys(row.against for row in rows):
        colour, marker = LOOKS[oracle]
        points = [(row.layer, row.cosine) for row in rows if row.against == oracle]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=oracle.replace("-", " "))
    axes.set(title=title, xlabel="Coupling", ylabel="Cosine of EP's gradient with")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True)
    legend_below(figure, [axes])
    return figure
