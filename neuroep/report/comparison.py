"""Several runs beside each other: all rows, which of them nothing beats, and in what the runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from neuroep.quantities import Band
from neuroep.report.finished import FinishedRun
from neuroep.report.summary import SummaryRow, band, summary_rows

#: Figures of energy by which points are compared, and what they are called.
ENERGIES = {"energy_inference_joules": "inference", "energy_training_step_joules": "training step"}
#: How a point stands among the others.
FRONT, WITHIN, BEHIND, UNPRICED = "front", "within bands", "behind", "no energy"


class Point(NamedTuple):
    """Mean test accuracy, from 0 to 1, at an energy; `data` is the hash of what it was measured on."""

    accuracy: float
    energy: Band | None
    data: str


def standings(points: Sequence[Point]) -> list[str]:
    """Return how each point stands: on the Pareto front of accuracy against energy, or not.

    Parameters
    ----------
    points : sequence of Point
        Those on other data don't compete.

    Returns
    -------
    list of str
        ``"front"`` where no other point is at least as accurate for at most the energy and better in one of them;
        ``"within bands"`` where some is, but none whose highest energy is at most this one's lowest; ``"behind"``
        else; ``"no energy"`` where none is known.
    """
    return [_standing(point, points) for point in points]


def _standing(point: Point, points: Sequence[Point]) -> str:
    mine = point.energy
    if mine is None:
        return UNPRICED
    surely = ahead = False
    for other in points:
        theirs = other.energy
        if theirs is None or other.data != point.data or other.accuracy < point.accuracy or theirs.value > mine.value:
            continue
        better = other.accuracy > point.accuracy or theirs.value < mine.value
        ahead |= better
        surely |= better and theirs.high <= mine.low
    return BEHIND if surely else WITHIN if ahead else FRONT


def compared(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Return what `neuroep report` prints as JSON, docs/json.md, but for where the page went."""
    owners = [(run, row) for run in runs for row in summary_rows(run.result)]
    ranks = {
        key: standings([Point(row.test_accuracy.mean, getattr(row, key), _hash(run)) for run, row in owners])
        for key in ENERGIES
    }
    rows = [
        {"run": run.name} | _as_dict(row) | {f"{key}_standing": ranks[key][place] for key in ENERGIES}
        for place, (run, row) in enumerate(owners)
    ]
    return {
        "runs": [_about(run) for run in runs],
        "rows": rows,
        "settings": list(differences({run.name: run.result for run in runs})),
        "remarks": list(_remarks(runs)),
    }


def _hash(run: FinishedRun) -> str:
    return str(run.result["data"].get("sha256"))


def _about(run: FinishedRun) -> dict[str, Any]:
    data = run.result["data"]
    return {
        "name": run.name, "folder": str(run.folder), "model": run.result["model"], "data": data["name"],
        "sha256": data.get("sha256"), "version": run.result["versions"].get("neuroep"),
    }  # fmt: skip


def _as_dict(row: SummaryRow) -> dict[str, Any]:
    bands = (*ENERGIES, "latency_inference_seconds")
    found: dict[str, Any] = {name: getattr(row, name) for name in ("method", "device", "weighted_ard")}
    found |= {name: getattr(row, name)._asdict() for name in ("test_accuracy", "epochs", "seconds", "weight_writes")}
    return found | {name: None if (one := getattr(row, name)) is None else one._asdict() for name in bands}


def points_of(found: Mapping[str, Any], key: str) -> list[tuple[Mapping[str, Any], Band, str]]:
    """Return rows of :func:`compared` that have an energy, with it and how they stand."""
    priced = [(row, band(row[key]), str(row[f"{key}_standing"])) for row in found["rows"]]
    return [(row, energy, standing) for row, energy, standing in priced if energy is not None]


def differences(results: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the settings in which runs differ: the key and each run's value, None where it has none.

    Devices and recipes that not every run has are told by the devices' names alone.
    """
    specs = {name: result["spec"] for name, result in results.items()}
    shared = {kind: set.intersection(*(set(spec.get(kind, ())) for spec in specs.values())) for kind in _BY_DEVICE}
    flat = {
        name: {("devices",): list(spec.get("devices", ()))}
        | {path: value for path, value in _leaves(spec) if path[0] not in shared or path[1] in shared[path[0]]}
        for name, spec in specs.items()
    }
    for path in dict.fromkeys(path for one in flat.values() for path in one):
        values = {name: one.get(path) for name, one in flat.items()}
        if any(value != next(iter(values.values())) for value in values.values()):
            yield {"setting": ".".join(path), "values": values}


_BY_DEVICE = ("devices", "recipes")


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting by its path; a list is one setting."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield path, value


def _remarks(runs: Sequence[FinishedRun]) -> Iterator[str]:
    if len({_hash(run) for run in runs}) > 1:
        yield "the runs are on different data: accuracies don't compare, and each data set has a front of its own"
    versions = {run.result["versions"].get("neuroep") for run in runs}
    if len(versions) > 1:
        yield f"the runs were made by several versions of neuroep ({', '.join(sorted(map(str, versions)))})"
