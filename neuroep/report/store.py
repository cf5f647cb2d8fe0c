"""The run folder: what a run leaves behind, written so that a crash at any moment leaves it whole."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.disk import (
    Arrays,
    load_tensors,
    make_folder,
    plain,
    read_json,
    read_text,
    save_tensors,
    to_json,
    write_atomic,
)
from neuroep.errors import BadInput
from neuroep.report.ownership import clear, lock, refuse_foreign, sweep
from neuroep.report.seal import Owner, opened, sealed

__all__ = [
    "HISTORY",
    "RunFolder",
    "first_difference",
    "job_name",
    "load_tensors",
    "save_tensors",
    "to_json",
    "versions",
    "write_atomic",
]

PACKAGES = ("neuroep", "numpy", "scipy", "numba", "torch")
HISTORY = ("method", "device", "seed", "epoch", "train_accuracy", "train_cost", "validation_accuracy", "seconds")
#: Characters of a value in a message.
QUOTED = 120
FRESH = "--fresh to start anew, or another --out"


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of packages, by default neuroep's own and of what it computes with.

    Nothing is imported for it.
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


#: Of a device's name in that of a training's file: file systems take 255 bytes.
LONGEST_STEM = 100


def job_name(method: str, device: str, seed: int) -> str:
    """Return the name of one training among a run's: safe as a file name, different for different trainings."""
    stem = (Path(device).stem if "/" in device else device)[:LONGEST_STEM]
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{method}-{stem}-{seed}")
    if readable == f"{method}-{device}-{seed}":
        return readable
    return f"{readable}-{hashlib.sha256(device.encode()).hexdigest()[:8]}"


def first_difference(stored: Any, asked: Any, key: str = "") -> str:
    """Return the first key at which two specs differ, with both values; nothing if they agree."""
    if isinstance(stored, Mapping) and isinstance(asked, Mapping):
        for name in [*stored, *(name for name in asked if name not in stored)]:
            inner = f"{key}.{name}" if key else name
            if stored.get(name) is None and asked.get(name) is None:
                continue  # a key that isn't there is one without a value
            if name not in stored or name not in asked:
                return f"{inner} is only in the {'stored' if name in stored else 'new'} spec"
            found = first_difference(stored[name], asked[name], inner)
            if found:
                return found
        return ""
    return "" if stored == asked else f"{key or 'it'} was {_quoted(stored)} and is now {_quoted(asked)}"


def _quoted(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


class RunFolder:
    """The folder of one run: spec, checkpoints, results.

    Use as a context manager, or call :meth:`close`: while it is open no other process can open it.

    Parameters
    ----------
    path : Path
        Need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = checks.path(path, "--out")
        self.writable = True
        self._lock: int | None = None
        self._spec: Any = None

    def open(self, spec: Mapping[str, Any], fresh: bool = False) -> RunFolder:
        """Make the folder for a new run, or go on with a stored run of the same spec.

        Parameters
        ----------
        spec : dict
            All that decides the run's outcome; must be plain data.
        fresh : bool
            Remove what an earlier run left (and nothing else) and start anew.

        Raises
        ------
        BadInput
            If the stored spec differs (says where), if another process has the folder open, or if the folder
            holds something that isn't a run.
        """
        try:
            return self._open(plain(spec), fresh)
        except OSError as error:
            self.close()
            place = str(error.filename or self.path)
            raise BadInput(f"can't be used ({error.strerror or error})", place, "a folder to write to") from error
        except BaseException:
            self.close()
            raise

    def _open(self, spec: Any, fresh: bool) -> RunFolder:
        refuse_foreign(self.path)
        make_folder(self.path / "jobs")
        self._lock = lock(self.path)
        places = (self.path, self.path / "jobs")
        self.writable = self._lock is not None and all(os.access(place, os.W_OK) for place in places)
        if self.writable:
            sweep(self.path)
        self._settle_spec(json.loads(json.dumps(spec)), fresh)
        return self

    def _settle_spec(self, spec: Any, fresh: bool) -> None:
        file = self.path / "spec.json"
        if fresh or not os.path.lexists(file):
            self.require_writable()
        if fresh:
            clear(self.path)
        if os.path.lexists(file):
            difference = first_difference(read_json(file, FRESH), spec)
            if difference:
                raise BadInput(f"holds a different run: {difference}", str(self.path), FRESH)
        else:
            write_atomic(file, to_json(spec))
        self._spec = spec

    def require_writable(self) -> None:
        """Refuse a folder that may only be read: of a finished run that is enough, of another it isn't.

        Raises
        ------
        BadInput
            If it may only be read.
        """
        if not self.writable:
            raise BadInput("can't be written to", str(self.path), "a folder to write to, or a finished run")

    def close(self) -> None:
        """Let others open the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checkpoint(self, job: str) -> Path:
        return self.path / "jobs" / f"{job}.safetensors"

    def _owner(self, job: str) -> Owner:
        if self._spec is None:
            self._spec = read_json(self.path / "spec.json", FRESH)
        return Owner(job, self._spec)

    def save_checkpoint(self, job: str, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Keep the state of one training; arrays and `meta` are one file, so they are always of the same epoch."""
        told = sealed(arrays, plain(meta), self._owner(job))
        save_tensors(self._checkpoint(job), arrays, {"meta": json.dumps(told)})

    def load_checkpoint(self, job: str) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]] | None:
        """Return the arrays and `meta` of a training, or None if there is no checkpoint.

        Raises
        ------
        BadInput
            If the checkpoint is damaged, or of another training or run.
        """
        path = self._checkpoint(job)
        if not os.path.lexists(path):
            return None
        arrays, stored = load_tensors(path, FRESH)
        try:
            return arrays, opened(arrays, json.loads(stored["meta"]), self._owner(job))
        except (KeyError, ValueError, RecursionError) as error:
            reason = "no meta" if isinstance(error, KeyError) else error
            raise BadInput(f"not this training's checkpoint ({reason})", str(path), FRESH) from error

    def write_result(self, result: Mapping[str, Any]) -> Path:
        """Write result.json, keys in the order given, and return its path."""
        write_atomic(self.path / "result.json", to_json(result))
        return self.path / "result.json"

    def read_result(self) -> dict[str, Any]:
        """Return what :meth:`write_result` wrote.

        Raises
        ------
        BadInput
            If there is none, or it is damaged.
        """
        result = read_json(self.path / "result.json")
        if not isinstance(result, dict) or "rows" not in result:
            raise BadInput("not a run's result", str(self.path / "result.json"), "an object with rows")
        return result

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write history.csv, one line an epoch of each training; None is an empty cell. Return its path."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: row[name] for name in HISTORY} for row in rows)
        write_atomic(self.path / "history.csv", text.getvalue())
        return self.path / "history.csv"

    def read_history(self) -> list[dict[str, Any]]:
        """Return the rows of history.csv with their numbers as numbers.

        Raises
        ------
        BadInput
            If it is missing or damaged.
        """
        path = self.path / "history.csv"
        text = read_text(path)
        try:
            return [_history_row(row) for row in csv.DictReader(io.StringIO(text))]
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise BadInput(f"damaged ({error})", str(path), ", ".join(HISTORY)) from error

    def write_weights(self, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> Path:
        """Write weights.safetensors and return its path."""
        save_tensors(self.path / "weights.safetensors", arrays, metadata)
        return self.path / "weights.safetensors"

    def read_weights(self) -> Arrays:
        """Return what weights.safetensors holds; nothing where there is none."""
        path = self.path / "weights.safetensors"
        return load_tensors(path)[0] if path.exists() else {}


def _history_row(row: Mapping[str, str]) -> dict[str, Any]:
    typed: dict[str, Any] = {name: row[name] for name in ("method", "device")}
    typed |= {name: int(row[name]) for name in ("seed", "epoch")}
    return typed | {name: float(row[name]) if row[name] else None for name in HISTORY[4:]}
