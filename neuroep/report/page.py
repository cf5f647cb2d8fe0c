"""One run as one HTML page: tables and figures, nothing loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from neuroep.disk import plain, write_atomic
from neuroep.report.describing import energies_said, learning_said, split_said
from neuroep.report.document import Section, document, figure, listed, note, table
from neuroep.report.figures import energy_figure, learning_figure, split_figure
from neuroep.report.plotting import style
from neuroep.report.run_tables import rows_table, summary_table
from neuroep.report.summary import remarks, uncounted

BARS = "Mean over seeds; vertical bars ± one standard deviation, horizontal bars the range of the estimate."
CURVES = "Training, mean over seeds, band ± one standard deviation."
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
    write_atomic(path, render(result, history))
    return path


def render(result: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of :func:`write_report`."""
    title = f"neuroep: {result['model']} on {result['data']['name']}"
    with style():
        sections = list(_sections(result, history))
    return document(title, _lead(result), sections)


def _lead(result: Mapping[str, Any]) -> str:
    data = result["data"]
    sizes = f"{data['train']:,} training and {data['test']:,} test samples"
    seeds = list(dict.fromkeys(row["seed"] for row in result["rows"]))
    plural = "seeds" if len(seeds) > 1 else "seed"
    return note(f"{sizes}; {plural} {', '.join(map(str, seeds))}.")


def _sections(result: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    yield Section("Summary", summary_table(result))
    yield from _figures(result, history)
    yield Section("Remarks", listed(remarks(result)))
    yield Section("Each training", rows_table(result))
    yield Section("What the estimates leave out", _caveats(result))
    yield Section("Data, versions, settings", _provenance(result))


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


def _caveats(result: Mapping[str, Any]) -> str:
    lists = [
        f"<h3>{escape(device)}</h3>\n{listed(texts)}"
        for device, texts in (result.get("caveats") or {}).items()
        if texts
    ]
    return "\n".join(part for part in [listed(uncounted(result)), *lists] if part)


def _provenance(result: Mapping[str, Any]) -> str:
    data = result["data"]
    shown = [key for key in ("name", "source", "sha256", "scale") if key in data]
    rows = [[f"data: {key}", f"<code>{escape(str(data[key]))}</code>"] for key in shown]
    rows += [[f"version of {escape(name)}", escape(version)] for name, version in result["versions"].items()]
    spec = escape(json.dumps(plain(result["spec"]), indent=2, ensure_ascii=False))
    return (
        f"{table('Data and versions', [], rows, 2, 'fits')}\n"
        f'<details><summary>All settings</summary>\n<pre tabindex="0">{spec}</pre>\n</details>'
    )
