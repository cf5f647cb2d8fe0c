"""Finished runs as they are read again: by their folders, each under a short name of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from neuroep.disk import Arrays
from neuroep.errors import BadInput
from neuroep.report.store import RunFolder
from neuroep.report.summary import summary_rows

ALLOWED = "the folder of a finished run"


class FinishedRun(NamedTuple):
    """What a run left.

    Attributes
    ----------
    name : str
        Short, and different from those of the runs beside it.
    folder : Path
        Where it lies.
    result : dict
        As result.json holds it.
    history : list of dict
        As history.csv holds it; empty where there is none.
    weights : dict of str to ndarray
        As weights.safetensors holds them, likewise.
    """

    name: str
    folder: Path
    result: dict[str, Any]
    history: list[dict[str, Any]]
    weights: Arrays


def read_runs(folders: Sequence[Path]) -> list[FinishedRun]:
    """Read finished runs.

    Parameters
    ----------
    folders : sequence of Path
        Of ``neuroep run``, each once.

    Raises
    ------
    BadInput
        If one isn't such a folder, or its files are damaged.
    """
    real = [os.path.realpath(folder) for folder in folders]
    for place, folder in zip(real, folders, strict=True):
        if real.count(place) > 1:
            raise BadInput("is named twice", str(folder), "each run once")
    return [_read(name, folder) for name, folder in zip(_names(folders), folders, strict=True)]


def _read(name: str, folder: Path) -> FinishedRun:
    store = RunFolder(folder)
    result = store.read_result()
    try:
        summary_rows(result)
        known = all(isinstance(result[key], dict) for key in ("data", "versions", "spec")) and bool(result["rows"])
        sizes = result["data"]["train"] + result["data"]["test"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"not what a run wrote ({error})", str(folder / "result.json"), ALLOWED) from error
    if not known or not isinstance(sizes, int) or not isinstance(result.get("model"), str):
        raise BadInput("not what a run wrote", str(folder / "result.json"), ALLOWED)
    history = store.read_history() if (folder / "history.csv").exists() else []
    return FinishedRun(name, folder, result, history, store.read_weights())


def _names(folders: Sequence[Path]) -> list[str]:
    """As many last parts of each path as tell them all apart."""
    parts = [Path(os.path.abspath(folder)).parts for folder in folders]
    longest = max(map(len, parts))
    for count in range(1, longest + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]
