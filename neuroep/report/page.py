"""One run as one HTML page: tables and figures, nothing loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from neuroep.disk import plain, write_atomic
from neuroep.report.figures import accuracy_energy_figure, energy_figure, learning_figure, split_figure
from neuroep.report.plotting import style, svg
from neuroep.report.summary import (
    SummaryRow,
    band,
    percent,
    plain_spread,
    remarks,
    si,
    si_band,
    summary_rows,
    uncounted,
)

__all__ = ["accuracy_energy_figure", "render", "write_report"]

CSS = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
p, figcaption, li { max-width: 46rem; } figcaption, .note { color: #555; font-size: .87rem; }
figure { margin: 0; } svg { width: 100%; height: auto; font-family: system-ui, sans-serif; }
div.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .87rem; width: 100%; }
th, td { padding: .3rem .7rem .3rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid #ddd; }
th { border-bottom: 1px solid #666; } td { font-variant-numeric: tabular-nums; }
th.text, td.text { text-align: left; } small { color: #555; white-space: nowrap; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .8rem; } code { overflow-wrap: anywhere; }
@media (max-width: 40rem) { svg { min-width: 36rem; } figure { overflow-x: auto; } }
"""


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
    parts = [f"<h1>{escape(title)}</h1>", _lead(result), _summary_section(result)]
    with style():
        parts += _figures(result, history)
    parts += [_remarks(result), _rows_section(result), _caveats(result), _provenance(result)]
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _lead(result: Mapping[str, Any]) -> str:
    data = result["data"]
    sizes = f"{data['train']:,} training and {data['test']:,} test samples"
    seeds = list(dict.fromkeys(row["seed"] for row in result["rows"]))
    plural = "seeds" if len(seeds) > 1 else "seed"
    return f'<p class="note">{escape(sizes)}; {plural} {escape(", ".join(map(str, seeds)))}.</p>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], text: int) -> str:
    """Return a table of cells that are HTML already; the first `text` columns are set flush left."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = [' class="text"' if k < text else "" for k in range(len(cells))]
        return (
            "<tr>" + "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)) + "</tr>"
        )

    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="wide"><table>\n<thead>{line("th", header)}</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _estimate(row: SummaryRow, key: str, unit: str) -> str:
    """An estimate, its range in small print below."""
    value, _, rest = si_band(getattr(row, key), unit).partition(" (")
    return f"{value}<br><small>{rest.rstrip(')')}</small>" if rest else value


def _summary_section(result: Mapping[str, Any]) -> str:
    header = ["Method", "Device", "Test accuracy", "Energy, inference", "Energy, training step", "Latency, inference"]
    header += ["Weighted ARD (floats)", "Weight writes", "Training (s)", "Seeds"]
    rows = [
        [
            "EP" if row.method == "ep" else escape(row.method),
            escape(row.device),
            percent(row.test_accuracy),
            _estimate(row, "energy_inference_joules", "J"),
            _estimate(row, "energy_training_step_joules", "J"),
            _estimate(row, "latency_inference_seconds", "s"),
            "–" if row.weighted_ard is None else f"{row.weighted_ard:,.0f}",
            f"{row.weight_writes.mean:.3g}",
            plain_spread(row.seconds),
            str(row.test_accuracy.seeds),
        ]
        for row in summary_rows(result)
    ]
    note = "Mean ± standard deviation over seeds; energy and latency per sample, with the range their sources allow."
    return f'<h2>Summary</h2>\n{_table(header, rows, 2)}\n<p class="note">{note}</p>'


def _figures(result: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> list[str]:
    band_note = "mean over seeds, band ± one standard deviation."
    split_note = "Each device has its own scale; the dark line goes from the sum of all lows to the sum of all highs."
    shown = [
        (
            "Accuracy and energy",
            energy_figure(result),
            "Mean over seeds; vertical bars ± one standard deviation, horizontal bars the range of the estimate.",
        ),
        ("Learning curves", learning_figure(history, result["rows"]) if history else None, f"Training, {band_note}"),
        ("Energy by phase and event", split_figure(result.get("costs") or {}, "J", "Energy"), split_note),
        ("Time by phase and event", split_figure(result.get("seconds") or {}, "s", "Time"), split_note),
    ]
    return [
        f"<h2>{title}</h2>\n<figure>\n{svg(figure, title)}\n<figcaption>{caption}</figcaption>\n</figure>"
        for title, figure, caption in shown
        if figure is not None
    ]


def _cell_band(estimate: Mapping[str, float] | None, unit: str) -> str:
    found = band(estimate)
    return "–" if found is None else si(found.value, unit)


def _rows_section(result: Mapping[str, Any]) -> str:
    header = ["Method", "Device", "Seed", "Epochs", "Test accuracy", "Training (s)", "Energy, inference"]
    header += ["Energy, training step", "Latency, inference", "Weighted ARD (floats)", "Weight writes"]
    rows = [
        [
            "EP" if row["method"] == "ep" else escape(row["method"]),
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
    return f"<h2>Each run</h2>\n{_table(header, rows, 2)}"


def _remarks(result: Mapping[str, Any]) -> str:
    lines = "\n".join(f"<li>{escape(text)}</li>" for text in remarks(result))
    return f"<h2>Remarks</h2>\n<ul>\n{lines}\n</ul>" if lines else ""


def _caveats(result: Mapping[str, Any]) -> str:
    lists = [
        f"<h3>{escape(device)}</h3>\n<ul>\n" + "\n".join(f"<li>{escape(text)}</li>" for text in texts) + "\n</ul>"
        for device, texts in (result.get("caveats") or {}).items()
        if texts
    ]
    lacking = "\n".join(f"<li>{escape(text)}</li>" for text in uncounted(result))
    found = [f"<ul>\n{lacking}\n</ul>"] if lacking else []
    return "\n".join(["<h2>What the estimates leave out</h2>", *found, *lists]) if found or lists else ""


def _provenance(result: Mapping[str, Any]) -> str:
    data = result["data"]
    shown = [key for key in ("name", "source", "sha256", "scale") if key in data]
    rows = [[key, f"<code>{escape(str(data[key]))}</code>"] for key in shown]
    rows += [[f"version of {escape(name)}", escape(version)] for name, version in result["versions"].items()]
    cells = "\n".join(f'<tr><td class="text">{key}</td><td class="text">{value}</td></tr>' for key, value in rows)
    spec = escape(json.dumps(plain(result["spec"]), indent=2, ensure_ascii=False))
    return (
        f'<h2>Data, versions, settings</h2>\n<div class="wide"><table>\n{cells}\n</table></div>\n'
        f"<details><summary>All settings</summary>\n<pre>{spec}</pre>\n</details>"
    )
