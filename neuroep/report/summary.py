"""A run's rows brought together: mean and standard deviation over seeds, and numbers as people read them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from neuroep.quantities import Band

Row = Mapping[str, Any]
PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


class SeedSpread(NamedTuple):
    """Mean and sample standard deviation (n − 1) over n seeds; no deviation from a single seed."""

    mean: float
    deviation: float | None
    seeds: int


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One method on one device, over its seeds.

    Attributes
    ----------
    method, device : str
        As in the result's rows.
    test_accuracy : SeedSpread
        0 to 1.
    epochs, seconds, weight_writes : SeedSpread
        Epochs trained, wall-clock seconds of training, weights written in all.
    energy_inference_joules, energy_training_step_joules, latency_inference_seconds : Band or None
        Per sample; value, low and high each averaged over seeds. None where any seed has none.
    weighted_ard : float or None
        Mean over seeds, in floats.
    """

    method: str
    device: str
    test_accuracy: SeedSpread
    epochs: SeedSpread
    seconds: SeedSpread
    weight_writes: SeedSpread
    energy_inference_joules: Band | None
    energy_training_step_joules: Band | None
    latency_inference_seconds: Band | None
    weighted_ard: float | None

    @property
    def label(self) -> str:
        """How figures call it, e.g. ``EP, loihi1``."""
        return label(self.method, self.device)


def method_name(method: str) -> str:
    """Return a method as figures and tables call it."""
    return "EP" if method == "ep" else method


def label(method: str, device: str) -> str:
    """Return the name of a method on a device as figures and tables show it."""
    return f"{method_name(method)}, {device}"


def spread(values: Iterable[float]) -> SeedSpread:
    """Return mean, sample standard deviation and count."""
    numbers = [float(value) for value in values]
    return SeedSpread(statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else None, len(numbers))


def band(estimate: Mapping[str, float] | None) -> Band | None:
    """Return an estimate of a result, or None."""
    return None if estimate is None else Band(*(float(estimate[name]) for name in Band._fields))


def groups(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return rows by (method, device), in order of first appearance."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["method"], row["device"]), []).append(row)
    return found


def _mean_band(rows: Sequence[Row], key: str) -> Band | None:
    bands = [found for found in (band(row[key]) for row in rows) if found is not None]
    if len(bands) < len(rows):
        return None
    return Band(*(statistics.fmean(column) for column in zip(*bands, strict=True)))


def _summary(method: str, device: str, rows: Sequence[Row]) -> SummaryRow:
    distances = [float(row["weighted_ard"]) for row in rows if row["weighted_ard"] is not None]
    return SummaryRow(
        method=method,
        device=device,
        test_accuracy=spread(row["test_accuracy"] for row in rows),
        epochs=spread(row["epochs"] for row in rows),
        seconds=spread(row["seconds"] for row in rows),
        weight_writes=spread(row["weight_writes"] for row in rows),
        energy_inference_joules=_mean_band(rows, "energy_inference_joules"),
        energy_training_step_joules=_mean_band(rows, "energy_training_step_joules"),
        latency_inference_seconds=_mean_band(rows, "latency_inference_seconds"),
        weighted_ard=statistics.fmean(distances) if len(distances) == len(rows) else None,
    )


def summary_rows(result: Mapping[str, Any]) -> list[SummaryRow]:
    """Return one row per method and device, in the order in which the result first names them.

    Parameters
    ----------
    result : dict
        As ``result.json`` holds it.

    Returns
    -------
    list of SummaryRow
    """
    return [_summary(*key, rows) for key, rows in groups(result["rows"]).items()]


#: Columns of a run's table, on a terminal and in a notebook.
COLUMNS = (
    "method", "device", "test accuracy", "energy/inference", "energy/training step", "latency", "weighted ARD",
    "weight writes", "wall-clock s",
)  # fmt: skip


def summary_cells(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of :func:`summary_rows` as text, a cell for each of :data:`COLUMNS`."""
    return [
        (
            method_name(row.method),
            row.device,
            percent(row.test_accuracy),
            si_band(row.energy_inference_joules, "J"),
            si_band(row.energy_training_step_joules, "J"),
            si_band(row.latency_inference_seconds, "s"),
            "–" if row.weighted_ard is None else f"{row.weighted_ard:,.0f}",
            f"{row.weight_writes.mean:,.0f}",
            plain_spread(row.seconds),
        )
        for row in summary_rows(result)
    ]


def si(value: float, unit: str) -> str:
    """Return a number with three significant digits and an SI prefix, e.g. ``1.23 nJ``.

    Outside atto to giga the number is written in powers of ten.
    """
    if value == 0.0:
        return f"0 {unit}"
    exponent = 3 * math.floor(math.log10(float(f"{abs(value):.2e}")) / 3)
    if exponent not in PREFIXES:
        return f"{value:.3g} {unit}"
    scaled = value / 10.0**exponent
    digits = 2 - math.floor(math.log10(float(f"{abs(scaled):.2e}")))
    return f"{scaled:.{max(digits, 0)}f} {PREFIXES[exponent]}{unit}"


def si_band(estimate: Band | None, unit: str) -> str:
    """Return an estimate and its range, e.g. ``1.20 nJ (0.90 nJ to 2.10 nJ)``; a dash where there is none."""
    if estimate is None:
        return "–"
    value = si(estimate.value, unit)
    exact = estimate.low == estimate.high
    return value if exact else f"{value} ({si(estimate.low, unit)} to {si(estimate.high, unit)})"


def percent(accuracy: SeedSpread) -> str:
    """Return a mean accuracy and its deviation in percent, e.g. ``88.61 ± 0.12 %``."""
    mean = f"{100 * accuracy.mean:.2f}"
    return f"{mean} %" if accuracy.deviation is None else f"{mean} ± {100 * accuracy.deviation:.2f} %"


def plain_spread(values: SeedSpread, digits: int = 3) -> str:
    """Return a mean and its deviation with the given significant digits; integers are written out."""
    if values.mean == int(values.mean) and not values.deviation:
        return f"{int(values.mean):,}"
    mean = f"{values.mean:,.{digits}g}" if abs(values.mean) < 10**digits else f"{values.mean:,.0f}"
    if values.deviation is None:
        return mean
    return f"{mean} ± {values.deviation:,.0f}" if values.deviation >= 100 else f"{mean} ± {values.deviation:,.2g}"


def uncounted(result: Mapping[str, Any]) -> list[str]:
    """Return what of each device's counted work has no price, a line each; none where all of it has."""
    steps = {device: found["training_step"] for device, found in (result.get("coverage") or {}).items()}
    return [
        f"{device}: {found['share']:.0%} of a training step's work has a price; none: {', '.join(found['missing'])}"
        for device, found in steps.items()
        if found["missing"] and found["share"]
    ]


def remarks(result: Mapping[str, Any]) -> list[str]:
    """Return what a reader of a run's figures should know: of the data, and of outputs that can't learn any more."""
    return list(result.get("remarks", ())) + [
        f"{row['method']} {row['device']} seed {row['seed']}: {row['outputs_at_bound']} output unit(s) at a bound for"
        " every test sample, where the slope is 0: they can't learn; give them another `bias`, or make them linear"
        for row in result["rows"]
        if row.get("outputs_at_bound")
    ]
