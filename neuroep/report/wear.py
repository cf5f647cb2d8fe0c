"""The wear of a run's devices, a line each."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

UNITS = {"cycles": "full cycles", "pulses": "pulses"}


def wear_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line on each device whose cells wear out: means over seeds, the hottest cell of any.

    Parameters
    ----------
    rows : sequence of dict
        As ``result.json`` holds them.

    Returns
    -------
    list of str
        In the order in which rows first name devices.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("wear") is not None:
            found.setdefault(row["device"], []).append(row["wear"])
    return [f"wear of {device}: {_line(wears)}" for device, wears in found.items()]


def _line(wears: Sequence[Mapping[str, Any]]) -> str:
    parts = [
        f"{number(max(wear[f'{measure}_hottest'] for wear in wears))} {unit} on the hottest cell,"
        f" mean {number(statistics.fmean(wear[f'{measure}_mean'] for wear in wears))}"
        for measure, unit in reversed(UNITS.items())
    ]
    lived = [_lived(wears, measure) for measure in UNITS if measure in wears[0]["endurance"]]
    known = "Endurance of " + "; of ".join(lived) if lived else "No endurance is known"
    return f"{'; '.join(parts)}. {known}"


def _lived(wears: Sequence[Mapping[str, Any]], measure: str) -> str:
    """Endurance by one measure, and the trainings that the seed with the hottest cell leaves."""
    what = f"{_band(wears[0]['endurance'][measure])} {UNITS[measure]}"
    left = [wear["trainings"][measure] for wear in wears if measure in wear["trainings"]]
    if not left:
        return what
    return f"{what}: {_band(min(left, key=lambda band: float(band['value'])))} trainings"


def _band(band: Mapping[str, float]) -> str:
    value, low, high = (number(float(f"{band[key]:.3g}")) for key in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"


def number(value: float) -> str:
    """Return a count as it reads best: whole from a hundred to a million, else three digits."""
    if value < 1e6 and (value >= 100.0 or value == int(value)):
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("e+0", "e").replace("e+", "e")
