"""A run's tables as HTML: mean over seeds, and every training."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from neuroep.quantities import Band
from neuroep.report.document import note, table
from neuroep.report.summary import band, method_name, si, si_band, summary_cells

SPREADS = "Mean ± standard deviation over seeds; energy and latency per sample, with the range their sources allow."


def banded(estimate: Band | None, unit: str) -> str:
    """Return an estimate, its range in small print below."""
    return _small(si_band(estimate, unit))


def _small(text: str) -> str:
    """Put the range of an estimate in small print."""
    value, _, rest = text.partition(" (")
    return f"<span>{value}<br><small>{rest.rstrip(')')}</small></span>" if rest else value


def summary_table(result: Mapping[str, Any]) -> str:
    """Return what each method and device reached and costs, over its seeds."""
    header = ["Method", "Device", "Test accuracy", "Energy, inference", "Energy, training step", "Latency, inference"]
    header += ["Weighted ARD (floats)", "Weight writes", "Training (s)"]
    rows = [
        [escape(method), escape(device), accuracy, *map(_small, bands), ard, writes, seconds]
        for method, device, accuracy, *bands, ard, writes, seconds in summary_cells(result)
    ]
    return f"{table('Summary', header, rows, 2, 'cards')}\n{note(SPREADS)}"


def _cell_band(found: Mapping[str, float] | None, unit: str) -> str:
    known = band(found)
    return "–" if known is None else si(known.value, unit)


def rows_table(result: Mapping[str, Any]) -> str:
    """Return a line for each training."""
    header = ["Method", "Device", "Seed", "Epochs", "Test accuracy", "Training (s)", "Energy, inference"]
    header += ["Energy, training step", "Latency, inference", "Weighted ARD (floats)", "Weight writes"]
    rows = [
        [
            escape(method_name(row["method"])),
            escape(row["device"]),
            str(row["seed"]),
            str(row["epochs"]),
            f"{100 * row['test_accuracy']:.2f} %",
            f"{row['seconds']:.2f}",
            _cell_band(row["energy_inference_joules"], "J"),
            _cell_band(row["energy_training_step_joules"], "J"),
            _cell_band(row["latency_inference_seconds"], "s"),
            "–" if row["weighted_ard"] is None else f"{row['weighted_ard']:,.1f}",
            f"{row['weight_writes']:,}",
        ]
        for row in result["rows"]
    ]
    return table("Each training", header, rows, 2)
