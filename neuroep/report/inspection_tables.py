"""What was looked at after the last epoch, as HTML: confusion matrices, and how the phases settle."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from neuroep.report.document import listed, note, table
from neuroep.report.summary import Row, groups, label, method_name

Counts = Sequence[Sequence[int]]
#: Classes of which the whole matrix is shown, confusions named beside it, and letters of a class's name.
MOST_CLASSES, MOST_NAMED = 12, 5
UNKEPT = "Not kept: the run was made by a version of neuroep that didn't look at it."
LARGE = f"Matrices of more than {MOST_CLASSES} classes are in result.json; here are the most frequent confusions."


def inspected_groups(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return trainings that were looked at, by method and device; profiles that share a training stand once."""
    found: dict[tuple[str, str], list[Row]] = {}
    for key, group in groups(rows).items():
        kept = [row for row in group if row.get("inspection")]
        seen = [[row["inspection"] for row in other] for (method, _), other in found.items() if method == key[0]]
        if kept and [row["inspection"] for row in kept] not in seen:
            found[key] = kept
    return found


def confusion_tables(rows: Sequence[Row]) -> str:
    """Return a matrix for each method and device, counts summed over seeds."""
    kept = {key: counts for key, group in inspected_groups(rows).items() if (counts := summed(group))}
    if not kept:
        return note(UNKEPT)
    whole = len(next(iter(kept.values()))) <= MOST_CLASSES
    parts = [_matrix(label(*key), counts, whole) for key, counts in kept.items()]
    said = "Test samples by their label (rows) and by what they were taken for (columns), summed over seeds."
    matrices = "\n".join(parts)
    return f'<div class="matrices">\n{matrices}\n</div>\n{note(said if whole else LARGE)}'


def summed(rows: Sequence[Row]) -> Counts:
    """Return the confusion matrix of several trainings together."""
    matrices = [row["inspection"]["confusion"] for row in rows]
    return [[sum(cells) for cells in zip(*lines, strict=True)] for lines in zip(*matrices, strict=True)]


def _matrix(name: str, counts: Counts, whole: bool) -> str:
    right = sum(row[k] for k, row in enumerate(counts))
    total = sum(map(sum, counts))
    head = f"<h3>{escape(name)}</h3>\n{note(f'{right:,} of {total:,} right')}"
    cells = _cells(name, counts) if whole else ""
    return f"<div>\n{head}\n{cells}\n{listed(worst(counts))}\n</div>"


def worst(counts: Counts) -> list[str]:
    """Return the most frequent confusions, a line each."""
    wrong = [(count, k, j) for k, row in enumerate(counts) for j, count in enumerate(row) if k != j and count]
    return [f"{k} taken for {j}: {count:,}" for count, k, j in sorted(wrong, key=lambda one: -one[0])[:MOST_NAMED]]


def _cells(name: str, counts: Counts) -> str:
    head = "".join(f'<th scope="col">{k}</th>' for k in range(len(counts)))
    lines = "\n".join(
        f'<tr><th scope="row">{k}</th>{"".join(_cell(count, sum(row), k == j) for j, count in enumerate(row))}</tr>'
        for k, row in enumerate(counts)
    )
    return (
        f'<table class="matrix" aria-label="Confusion matrix of {escape(name)}">\n'
        f'<thead><tr><th scope="col"><span class="unseen">label</span></th>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody>\n</table>"
    )


def _cell(count: int, of: int, right: bool) -> str:
    kind = "right" if right else "wrong"
    share = count / of if of else 0.0
    return f'<td class="{kind}" style="--share: {share:.3f}">{count:,}</td>' if count else "<td></td>"


def settling_table(rows: Sequence[Row]) -> str:
    """Return how each method's phases settle at the trained weights, mean over seeds."""
    header = ["Method", "Device", "Phase", "Converged", "Sweeps, mean", "Sweeps, most", "Residual, median"]
    header += ["Residual, largest", "Samples"]
    found = list(_settled(rows))
    if not found:
        return note(UNKEPT)
    said = (
        "The recipe's phases at the trained weights, on some training samples, mean over seeds. A residual is the norm"
        " of the velocity ρ(input) − s at the end of the phase. Without a tolerance a sample converges only at an"
        " exact fixed point; else all sweeps are taken, and the residual says how near it came."
    )
    return f"{table('Settling', header, found, 3)}\n{note(said)}"


def _settled(rows: Sequence[Row]) -> Iterator[list[str]]:
    for (method, device), group in inspected_groups(rows).items():
        for phase in ("free", "nudged"):
            seen = [row["inspection"][phase] for row in group if row["inspection"][phase] is not None]
            if seen:
                samples = sum(row["inspection"]["samples"] for row in group)
                yield [escape(method_name(method)), escape(device), phase, *_figures(seen), f"{samples:,}"]


def _figures(seen: Sequence[Mapping[str, Any]]) -> list[str]:
    share, steps = (statistics.fmean(one[key] for one in seen) for key in ("converged", "steps_mean"))
    medians, largest = ([one[key] for one in seen] for key in ("residual_median", "residual_most"))
    return [
        f"{share:.0%}",
        f"{steps:.1f}",
        f"{max(one['steps_most'] for one in seen):,}",
        "not finite" if None in medians else f"{statistics.fmean(medians):.1e}",
        "not finite" if None in largest else f"{max(largest):.1e}",
    ]
