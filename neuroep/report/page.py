"""One run as one HTML page: tables and figures, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neuroep.disk import Arrays, write_atomic
from neuroep.report.describing import energies_said, learning_said, split_said
from neuroep.report.document import Section, document, figure, listed, note
from neuroep.report.figures import energy_figure, learning_figure, split_figure
from neuroep.report.inspection_figures import (
    cosines_figure,
    cosines_said,
    levels_note,
    weight_panels,
    weights_figure,
    weights_said,
)
from neuroep.report.inspection_tables import UNKEPT, confusion_tables, settling_table
from neuroep.report.plotting import style
from neuroep.report.repeating import repeat_section, settings_table
from neuroep.report.run_tables import rows_table, summary_table
from neuroep.report.store import RunFolder
from neuroep.report.summary import remarks, uncounted

BARS = "Mean over seeds; vertical bars ± one standard deviation, horizontal bars the range of the estimate."
CURVES = "Training, mean over seeds, band ± one standard deviation."
COSINES = (
    "Of EP's gradient, as the recipe reads it on its device, with backprop's at the same trained weights, on some"
    " training samples; mean over seeds, bars ± one standard deviation. Near a minimum gradients are small, and what"
    " noise and coarse reads leave of them shows most."
)
SPLIT = "Each device has its own scale; the dark line goes from the sum of all lows to the sum of all highs."


def write_report(result: Mapping[str, Any], history: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Write report.html into a folder and return its path.

    Parameters
    ----------
    result : dict
        As ``result.json`` holds it.
    history : sequence of dict
        As ``history.csv`` holds it; may be empty.
    folder : Path
        Must exist.

    Raises
    ------
    BadInput
        If the folder can't be written to.
    """
    path = folder / "report.html"
    write_atomic(path, render(result, history, RunFolder(folder).read_weights()))
    return path


def render(
    result: Mapping[str, Any], history: Sequence[Mapping[str, Any]], weights: Arrays = MappingProxyType({})
) -> str:
    """Return the page of :func:`write_report`, with the weights that weights.safetensors holds."""
    title = f"neuroep: {result['model']} on {result['data']['name']}"
    with style():
        sections = list(_sections(result, history, weights))
    return document(title, _lead(result), sections)


def _lead(result: Mapping[str, Any]) -> str:
    data = result["data"]
    sizes = f"{data['train']:,} training and {data['test']:,} test samples"
    seeds = list(dict.fromkeys(row["seed"] for row in result["rows"]))
    plural = "seeds" if len(seeds) > 1 else "seed"
    return note(f"{sizes}; {plural} {', '.join(map(str, seeds))}.")


def _sections(result: Mapping[str, Any], history: Sequence[Mapping[str, Any]], weights: Arrays) -> Iterator[Section]:
    yield Section("Summary", summary_table(result))
    yield Section("Remarks", listed(remarks(result)))
    yield from _figures(result, history)
    yield Section("Confusions", confusion_tables(result["rows"]))
    yield Section("Settling", settling_table(result["rows"]))
    yield Section("Gradient", _gradient(result))
    yield Section("Weights", _weights(result, weights))
    yield Section("Each training", rows_table(result))
    yield Section("What the estimates leave out", _caveats(result))
    yield Section("Settings that aren't defaults", settings_table(result["spec"]))
    yield Section("How to repeat this run", repeat_section(result))


def _figures(result: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    title = "Accuracy and energy"
    yield Section(title, figure(title, lambda narrow: energy_figure(result, narrow), energies_said(result), BARS))
    if history:
        title, said = "Learning curves", learning_said(history)
        yield Section(title, figure(title, lambda n: learning_figure(history, result["rows"], n), said, CURVES))
    for key, unit, what in (("costs", "J", "Energy"), ("seconds", "s", "Time")):
        yield _split(result.get(key) or {}, unit, what)


def _split(split: Mapping[str, Any], unit: str, what: str) -> Section:
    title, said = f"{what} by phase and event", split_said(split, unit, what)
    return Section(title, figure(title, lambda narrow: split_figure(split, unit, what, narrow), said, SPLIT))


def _gradient(result: Mapping[str, Any]) -> str:
    rows = result["rows"]
    drawing = figure("Gradient", lambda narrow: cosines_figure(rows, narrow), cosines_said(rows), COSINES)
    looked_at = any(row.get("inspection") for row in rows)
    return drawing or note("Not compared: the run has no backprop twin." if looked_at else UNKEPT)


def _weights(result: Mapping[str, Any], weights: Arrays) -> str:
    panels = weight_panels(result["rows"], weights)
    drawing = figure(
        "Weights", lambda narrow: weights_figure(result["rows"], panels, narrow), weights_said(panels),
        levels_note(result),
    )  # fmt: skip
    return drawing or note("The folder has no weights.safetensors.")


def _caveats(result: Mapping[str, Any]) -> str:
    lists = [
        f"<h3>{escape(device)}</h3>\n{listed(texts)}"
        for device, texts in (result.get("caveats") or {}).items()
        if texts
    ]
    return "\n".join(part for part in [listed(uncounted(result)), *lists] if part)
