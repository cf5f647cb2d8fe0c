"""The figures of a run: learning curves, accuracy against energy, energy and time by phase and event.

matplotlib is imported inside the functions, and only its object interface is used: no global figure, no window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.quantities import Band
from neuroep.report.plotting import COLOURS, Look, engineering, grid, legend_below, looks, style, write_figure
from neuroep.report.summary import Row, SummaryRow, band, groups, label, spread, summary_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
PHASES = ("free", "nudged", "update", "inference")
HATCHES = ("", "///", "\\\\\\", "xx")  # lines: dots would take half a megabyte of SVG


def _curve(axes: Axes, rows: Sequence[Row], key: str, scale: float, look: Look, name: str) -> None:
    """Draw mean and ± one standard deviation over the seeds present at each epoch."""
    by_epoch: dict[int, list[float]] = {}
    for row in rows:
        if row[key] is not None:
            by_epoch.setdefault(int(row["epoch"]) + 1, []).append(scale * float(row[key]))
    epochs = sorted(by_epoch)
    spreads = [spread(by_epoch[epoch]) for epoch in epochs]
    means = [one.mean for one in spreads]
    half = [one.deviation or 0.0 for one in spreads]
    axes.plot(
        epochs,
        means,
        color=look.colour,
        linestyle=look.line,
        linewidth=1.6,
        label=name,
        marker=look.marker if len(epochs) < 40 else None,
        markersize=3.5,
    )
    low = [mean - d for mean, d in zip(means, half, strict=True)]
    high = [mean + d for mean, d in zip(means, half, strict=True)]
    axes.fill_between(epochs, low, high, color=look.colour, alpha=0.15, linewidth=0)


def learning_figure(history: Sequence[Row], rows: Sequence[Row], narrow: bool = False) -> Figure:
    """Draw training accuracy and cost against the epoch, and validation accuracy where it was measured.

    Parameters
    ----------
    history : sequence of dict
        Rows of ``history.csv``.
    rows : sequence of dict
        The result's rows, which fix colours and markers.
    narrow : bool
        Whether panels stand one below the other, for a phone.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import MaxNLocator

    shown = [("train_accuracy", 100.0, "Training accuracy (%)"), ("train_cost", 1.0, "Training cost per sample")]
    if any(row["validation_accuracy"] is not None for row in history):
        shown.insert(1, ("validation_accuracy", 100.0, "Validation accuracy (%)"))
    figure, all_axes = grid(len(shown), len(shown), 2.7, narrow)
    drawn = looks([*rows, *history])
    for axes, (key, scale, title) in zip(all_axes, shown, strict=True):
        for (method, device), group in groups(history).items():
            _curve(axes, group, key, scale, drawn[method, device], label(method, device))
        axes.set(title=title, xlabel="Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len({row["epoch"] for row in history}) == 1:  # around one number the locator finds fractions, too
            axes.set_xticks([history[0]["epoch"] + 1])
        axes.grid(True, axis="y")
    legend_below(figure, all_axes)
    return figure


def _point(axes: Axes, row: SummaryRow, energy: Band, look: Look) -> None:
    accuracy = row.test_accuracy
    left = energy.value - energy.low if energy.low > 0 else energy.value * 0.99  # a log axis has no zero
    axes.errorbar(
        energy.value,
        100 * accuracy.mean,
        xerr=[[left], [energy.high - energy.value]],
        yerr=None if accuracy.deviation is None else 100 * accuracy.deviation,
        fmt=look.marker,
        color=look.colour,
        markersize=7,
        capsize=3,
        linewidth=1.2,
        label=row.label,
    )


def _level(axes: Axes, row: SummaryRow, look: Look) -> None:
    """A method without energy is a level to compare with, not a point."""
    axes.axhline(
        100 * row.test_accuracy.mean,
        color=look.colour,
        linewidth=1.0,
        linestyle=(0, (4, 3)),
        label=f"{row.label} (no energy model)",
    )


def energy_figure(result: Mapping[str, Any], narrow: bool = False) -> Figure | None:
    """Draw test accuracy against energy a sample, for inference and for one training step.

    Points are means over seeds; vertical bars are ± one standard deviation, horizontal bars the band of the
    energy estimate. A method without an energy is a dashed level.

    Parameters
    ----------
    result : dict
        As ``result.json`` holds it.
    narrow : bool
        Whether panels stand one below the other, for a phone.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if no row has an energy.
    """
    rows, drawn = summary_rows(result), looks(result["rows"])
    if not any(row.energy_inference_joules or row.energy_training_step_joules for row in rows):
        return None
    figure, all_axes = grid(2, 2, 3.0, narrow)
    keys = (("energy_inference_joules", "Inference"), ("energy_training_step_joules", "Training step"))
    for axes, (key, title) in zip(all_axes, keys, strict=True):
        energies = [(row, getattr(row, key)) for row in rows]
        if any(energy is not None and energy.value > 0 for _, energy in energies):
            axes.set_xscale("log")
        ends = {end for _, energy in energies if energy is not None for end in energy if end > 0}
        if len(ends) == 1:  # a logarithmic axis can't make room around a single number by itself
            axes.set_xlim(0.5 * min(ends), 2.0 * max(ends))
        for row, energy in energies:
            look = drawn[row.method, row.device]
            if energy is None or energy.value <= 0:
                _level(axes, row, look)
            else:
                _point(axes, row, energy, look)
        axes.set(title=title, xlabel="Energy per sample")
        axes.margins(x=0.12, y=0.12)
        axes.grid(True)
        engineering(axes.xaxis, "J")
    all_axes[0].set_ylabel("Test accuracy (%)")
    all_axes[1].sharey(all_axes[0])
    if narrow:
        all_axes[1].set_ylabel("Test accuracy (%)")
    else:
        all_axes[1].tick_params(labelleft=False)
    all_axes[0].autoscale(axis="y")
    legend_below(figure, all_axes)
    return figure


def accuracy_energy_figure(result: Mapping[str, Any], path: Path) -> Path:
    """Write :func:`energy_figure` of rows with energies as a PNG of 160 dots an inch and return its path."""
    with style():
        figure = energy_figure(result)
        assert figure is not None
        write_figure(figure, path)
    return path


def split_figure(split: Mapping[str, Any], unit: str, title: str, narrow: bool = False) -> Figure | None:
    """Draw what each device spends in each phase, as bars stacked by event.

    Parameters
    ----------
    split : dict
        ``{device: {phase: {event: {"value", "low", "high"}}}}``, per sample.
    unit : str
        ``J`` or ``s``.
    title : str
        What is split, for the axes' names.
    narrow : bool
        Whether panels stand one below the other, for a phone.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if there is nothing to draw. Each device has an axis of its own: they differ by orders of magnitude.
    """
    devices = {name: phases for name, phases in split.items() if _total(phases) > 0}
    if not devices:
        return None
    columns = 2 if len(devices) in (2, 4) else 3
    figure, all_axes = grid(len(devices), columns, 1.7, narrow)
    events = _events(devices)
    for axes, (name, phases) in zip(all_axes, devices.items(), strict=True):
        _stack(axes, phases, events)
        axes.set(title=name, xlabel=f"{title} per sample")
        axes.grid(True, axis="x")
        engineering(axes.xaxis, unit)
        axes.locator_params(axis="x", nbins=3 if columns == 3 else 5)
    legend_below(figure, all_axes)
    return figure


def _total(phases: Mapping[str, Any]) -> float:
    return float(sum(event["value"] for events in phases.values() for event in events.values()))


def _events(devices: Mapping[str, Any]) -> list[str]:
    """Every event that costs something somewhere, in order of first appearance."""
    names = (
        event
        for phases in devices.values()
        for events in phases.values()
        for event, cost in events.items()
        if cost["value"] > 0
    )
    return list(dict.fromkeys(names))


def _stack(axes: Axes, phases: Mapping[str, Any], events: Sequence[str]) -> None:
    shown = [phase for phase in PHASES if phase in phases]
    starts = [0.0] * len(shown)
    for k, event in enumerate(events):
        found = [band(phases[phase].get(event)) for phase in shown]
        widths = [one.value if one else 0.0 for one in found]
        if any(widths):
            axes.barh(
                shown,
                widths,
                left=starts,
                height=0.62,
                color=COLOURS[k % len(COLOURS)],
                edgecolor="white",
                linewidth=0.5,
                hatch=HATCHES[k // len(COLOURS) % len(HATCHES)],
                label=event.replace("_", " "),
            )
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    for place, phase in enumerate(shown):
        low = sum(cost["low"] for cost in phases[phase].values())
        high = sum(cost["high"] for cost in phases[phase].values())
        axes.plot([low, high], [place, place], color="#222222", linewidth=1.2, marker="|", markersize=6)
    axes.invert_yaxis()
    axes.set_xlim(left=0.0)
