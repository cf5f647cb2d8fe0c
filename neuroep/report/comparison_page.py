"""Several runs on one HTML page: which of them nothing beats, every row, and in what they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from neuroep.report.comparison import BEHIND, ENERGIES, FRONT, points_of
from neuroep.report.comparison_figure import comparison_figure, name_of
from neuroep.report.document import Section, document, figure, listed, note, setting, table, written
from neuroep.report.plotting import style
from neuroep.report.run_tables import SPREADS, banded
from neuroep.report.summary import SeedSpread, band, method_name, percent, plain_spread, si_band

CAPTION = (
    "Mean over seeds; vertical bars ± one standard deviation, horizontal bars the range of the estimate. Full points"
    " are on the Pareto front: nothing is as accurate for less. Open ones are beaten on central values, within the"
    " ranges; grey ones are beaten even at the ends of the ranges."
)
#: Characters of a setting's value; runs whose settings a phone has room for.
LONGEST, FEW = 300, 2


def render_comparison(found: Mapping[str, Any]) -> str:
    """Return the page of what :func:`neuroep.report.comparison.compared` found."""
    names = [run["name"] for run in found["runs"]]
    with style():
        sections = list(_sections(found))
    models = dict.fromkeys(f"{run['model']} on {run['data']}" for run in found["runs"])
    return document(f"neuroep: {len(names)} runs compared", note("; ".join(models) + "."), sections)


def _sections(found: Mapping[str, Any]) -> Iterator[Section]:
    yield Section("Remarks", listed(found["remarks"]))
    title = "Accuracy against energy"
    drawing = figure(title, lambda narrow: comparison_figure(found, narrow), compared_said(found), CAPTION)
    yield Section(title, drawing or note("No row has an energy: the runs have no device with prices."))
    yield Section("All rows", _rows(found))
    yield Section("Settings that differ", settings_that_differ(found))
    yield Section("Runs", _runs(found))


def compared_said(found: Mapping[str, Any]) -> str:
    """Return what the figure shows: the front of each panel, from the cheapest to the most accurate."""
    said = []
    for key, what in ENERGIES.items():
        points = sorted(points_of(found, key), key=lambda point: point[1].value)
        front = [
            f"{name_of(row)}, {row['test_accuracy']['mean']:.2%} at {si_band(energy, 'J')}"
            for row, energy, standing in points
            if standing == FRONT
        ]
        if points:
            said.append(
                f"{what.capitalize()}: {len(front)} of {len(points)} rows are on the front. {'; '.join(front)}."
            )
    return "Test accuracy against energy per sample. " + " ".join(said)


def _rows(found: Mapping[str, Any]) -> str:
    header = ["Run", "Method", "Device", "On the front of", "Test accuracy", "Energy, inference"]
    header += ["Energy, training step", "Latency, inference", "Training (s)"]
    rows = [
        [
            escape(row["run"]),
            escape(method_name(row["method"])),
            escape(row["device"]),
            _front(row),
            percent(SeedSpread(**row["test_accuracy"])),
            _cell(row["energy_inference_joules"], "J"),
            _cell(row["energy_training_step_joules"], "J"),
            _cell(row["latency_inference_seconds"], "s"),
            plain_spread(SeedSpread(**row["seconds"])),
        ]
        for row in found["rows"]
    ]
    behind = [all(row[f"{key}_standing"] == BEHIND for key in ENERGIES) for row in found["rows"]]
    return f"{table('All rows', header, rows, 4, behind=behind)}\n{note(SPREADS)}"


def _cell(estimate: Mapping[str, float] | None, unit: str) -> str:
    return banded(band(estimate), unit)


def _front(row: Mapping[str, Any]) -> str:
    on = [what for key, what in ENERGIES.items() if row[f"{key}_standing"] == FRONT]
    return ", ".join(on) if on else "–"


def settings_that_differ(found: Mapping[str, Any]) -> str:
    """Return the table of settings in which runs differ."""
    names = [run["name"] for run in found["runs"]]
    rows = [[setting(one["setting"]), *(_value(one["values"][name]) for name in names)] for one in found["settings"]]
    if not rows:
        return note("None: the runs were asked for the same.")
    return table(
        "Settings that differ", ["Setting", *names], rows, 1 + len(names), "fits" if len(names) <= FEW else "settings"
    )


def _value(value: Any) -> str:
    text = written(value)
    return escape(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _runs(found: Mapping[str, Any]) -> str:
    keys: Sequence[str] = ("name", "folder", "model", "data", "sha256", "version")
    header = ["Run", "Folder", "Model", "Data", "Hash of the data", "Version of neuroep"]
    rows = [[escape(str(run[key])) for key in keys] for run in found["runs"]]
    return table("Runs", header, rows, len(keys), "cards")
