"""What the figures of a run show, in words: for those who can't see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neuroep.quantities import Band
from neuroep.report.summary import Row, SummaryRow, band, groups, label, percent, si_band, spread, summary_rows


def energies_said(result: Mapping[str, Any]) -> str:
    """Return what the figure of accuracy against energy shows."""
    return "Test accuracy against energy per sample. " + " ".join(map(_energy_said, summary_rows(result)))


def _energy_said(row: SummaryRow) -> str:
    if row.energy_inference_joules is None and row.energy_training_step_joules is None:
        return f"{row.label}: {percent(row.test_accuracy)}, no energy model."
    inference, step = (si_band(e, "J") for e in (row.energy_inference_joules, row.energy_training_step_joules))
    return f"{row.label}: {percent(row.test_accuracy)}, inference {inference}, training step {step}."


def learning_said(history: Sequence[Row]) -> str:
    """Return what the learning curves show: where each begins and ends."""
    said = []
    for (method, device), rows in groups(history).items():
        first, last = (spread(row["train_accuracy"] for row in rows if row["epoch"] == epoch).mean
                       for epoch in (min(row["epoch"] for row in rows), max(row["epoch"] for row in rows)))  # fmt: skip
        epochs = len({row["epoch"] for row in rows})
        said.append(f"{label(method, device)}: from {first:.2%} to {last:.2%} in {epochs} epoch(s).")
    return "Training accuracy and cost against the epoch, mean over seeds. " + " ".join(said)


def split_said(split: Mapping[str, Any], unit: str, title: str) -> str:
    """Return what the bars of a split show: the largest event of each phase of each device."""
    said = [
        f"{device}: " + ", ".join(_phase_said(phase, events, unit) for phase, events in phases.items() if _of(events))
        for device, phases in split.items()
        if any(map(_of, phases.values()))
    ]
    return f"{title} per sample by phase, each with its largest event. " + ". ".join(said) + "."


def _of(events: Mapping[str, Any]) -> float:
    return float(sum(cost["value"] for cost in events.values()))


def _phase_said(phase: str, events: Mapping[str, Any], unit: str) -> str:
    bands = [found for found in map(band, events.values()) if found is not None]
    total = Band(*(sum(column) for column in zip(*bands, strict=True)))
    largest = max(events, key=lambda event: events[event]["value"])
    share = events[largest]["value"] / total.value
    return f"{phase} {si_band(total, unit)}, {share:.0%} of it {largest.replace('_', ' ')}"
