"""The figure of an ablation: what each variant reaches, beside the cosines of its gradients and updates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.report.ablation_summary import VariantSummary, variant_summaries
from neuroep.report.plotting import BACKPROP, COLOURS, GREY, MARKERS, legend_below, style, write_figure
from neuroep.report.summary import SeedSpread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES = {"ideal": BACKPROP, "without": COLOURS[2], "all": GREY, "alone": COLOURS[1]}
ROW, MARGINS = 0.24, 1.5
"""Inches: a line of the figure, and what is above and below the lines."""
NAMED = 8
"""Most couplings that the legend names one by one; of more, the first and the last."""
NARROWEST = 0.02
"""Least range of cosines shown, so that rounding looks like rounding."""


def ablation_figure(found: Mapping[str, Any]) -> Figure:
    """Draw what :func:`neuroep.studies.ablation.ablate` found: means over seeds with one standard deviation."""
    from matplotlib.figure import Figure

    lines = variant_summaries(found)
    figure = Figure(figsize=(8.6, MARGINS + ROW * len(lines)), layout="constrained")
    left, *others = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1.0, 1.0))
    _accuracies(left, lines)
    for axes, key in zip(others, ("gradient", "update"), strict=True):
        _cosines(axes, lines, key)
        axes.set(title=f"{key.capitalize()}s", xlabel="Cosine with the exact gradient")
    left.set_yticks(range(len(lines)), [line.variant for line in lines])
    left.invert_yaxis()
    for axes in (left, *others):
        axes.tick_params(axis="y", length=0.0)
        axes.locator_params(axis="x", nbins=5)
    seeds = lines[0].test_accuracy.seeds
    figure.suptitle(f"{found['model']} on {found['device']}, {seeds} seed{'s' if seeds > 1 else ''}")
    legend_below(figure, others)
    return figure


def _accuracies(axes: Axes, lines: Sequence[VariantSummary]) -> None:
    """Bars from what everything on reaches: to the right what a variant gains."""
    full = next(100.0 * line.test_accuracy.mean for line in lines if line.kind == "all")
    for place, line in enumerate(lines):
        mean, deviation = 100.0 * line.test_accuracy.mean, 100.0 * (line.test_accuracy.deviation or 0.0)
        axes.barh(place, mean - full, left=full, height=0.62, color=SHADES[line.kind], alpha=0.75)
        axes.errorbar(
            mean, place, xerr=deviation or None, fmt="o", markersize=3.0, color=BACKPROP, capsize=2.0, linewidth=0.9
        )
    axes.axvline(full, color=GREY, linewidth=0.8)
    axes.grid(True, axis="x")
    axes.set(title="Accuracy", xlabel="Test accuracy (%)")


def _cosines(axes: Axes, lines: Sequence[VariantSummary], key: str) -> None:
    """Full markers after training, open ones at random weights, a colour a coupling."""
    lowest = 1.0
    for prefix, fill, when in (("first_", "none", "random weights"), ("", "full", "trained")):
        rows: list[tuple[SeedSpread | None, ...]] = [getattr(line, prefix + key) for line in lines]
        for k, column in enumerate(zip(*rows, strict=True)):
            shift = 0.36 * (k - 0.5 * (len(rows[0]) - 1)) / max(1, len(rows[0]) - 1)
            seen = [(place + shift, value) for place, value in enumerate(column) if value is not None]
            errors = [value.deviation or 0.0 for _, value in seen]
            named = len(rows[0]) <= NAMED or k in (0, len(rows[0]) - 1)
            axes.errorbar(
                [value.mean for _, value in seen], [place for place, _ in seen], xerr=errors, markersize=4.0,
                fmt=MARKERS[k % len(MARKERS)], fillstyle=fill, linewidth=0.7, color=COLOURS[k % len(COLOURS)],
                label=f"coupling {k + 1}, {when}" if named else None,
            )  # fmt: skip
            lowest = min([lowest, *(value.mean - error for (_, value), error in zip(seen, errors, strict=True))])
    width = max(1.0 - lowest, NARROWEST)
    axes.set_xlim(1.0 - 1.06 * width, 1.0 + 0.06 * width)
    axes.grid(True)


def write_ablation_figure(found: Mapping[str, Any], path: Path) -> None:
    """Write :func:`ablation_figure` as PNG, SVG or PDF by its name's ending; not where a study is only read."""
    if os.access(path.parent, os.W_OK):
        with style():
            write_figure(ablation_figure(found), path)
