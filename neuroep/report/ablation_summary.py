"""An ablation's rows brought together: one line a variant, those first that cost most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from neuroep.report.summary import SeedSpread, spread

KINDS = ("ideal", "without", "all", "alone")
"""In the order of the lines."""


class VariantSummary(NamedTuple):
    """One variant over its seeds.

    Attributes
    ----------
    variant, kind : str
        As in the rows.
    test_accuracy, gain : SeedSpread
        From 0 to 1; the gain is that over everything on, seed by seed.
    gradient, update : tuple of (SeedSpread or None)
        Cosines after training, one a coupling; None where no seed has any.
    first_gradient, first_update : tuple of (SeedSpread or None)
        Likewise, at random initial weights.
    """

    variant: str
    kind: str
    test_accuracy: SeedSpread
    gain: SeedSpread
    gradient: tuple[SeedSpread | None, ...]
    update: tuple[SeedSpread | None, ...]
    first_gradient: tuple[SeedSpread | None, ...]
    first_update: tuple[SeedSpread | None, ...]


def variant_summaries(found: Mapping[str, Any]) -> list[VariantSummary]:
    """Return what :func:`neuroep.studies.ablation.ablate` found, line by line.

    The ideal device; the device without each effect, the largest gain first; the device as it is; the effects alone,
    the largest loss first.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["rows"]:
        groups.setdefault(row["variant"], []).append(row)
    lines = [_line(rows) for rows in groups.values()]
    return sorted(lines, key=lambda line: (KINDS.index(line.kind), _cost(line)))


def _cost(line: VariantSummary) -> float:
    return line.gain.mean if line.kind == "alone" else -line.gain.mean


def _line(rows: Sequence[Mapping[str, Any]]) -> VariantSummary:
    return VariantSummary(
        rows[0]["variant"], rows[0]["kind"], spread(row["test_accuracy"] for row in rows),
        spread(row["gain"] for row in rows), _columns(rows, "gradient_trained"), _columns(rows, "update_trained"),
        _columns(rows, "gradient_initial"), _columns(rows, "update_initial"),
    )  # fmt: skip


def _columns(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[SeedSpread | None, ...]:
    columns = zip(*(row[key] for row in rows), strict=True)
    defined = ([value for value in column if value is not None and math.isfinite(value)] for column in columns)
    return tuple(spread(values) if values else None for values in defined)
