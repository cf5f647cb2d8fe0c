"""The run folder: what a run leaves behind, written so that a crash at any moment leaves it whole."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.disk import Arrays, load_tensors, plain, read_json, save_tensors, to_json, write_atomic
from neuroep.errors import BadInput

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
OWN_FILES = ("spec.json", "result.json", "history.csv", "weights.safetensors", "report.html")
LOCK = ".lock"
FRESH = "--fresh to start anew, or another --out"


def versions() -> dict[str, str]:
    """Return the versions of Python, neuroep and what it computes with; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def job_name(method: str, device: str, seed: int) -> str:
    """Return the name of one training among a run's: safe as a file name, different for different trainings."""
    stem = Path(device).stem if "/" in device else device
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{method}-{stem}-{seed}")
    if readable == f"{method}-{device}-{seed}":
        return readable
    return f"{readable}-{hashlib.sha256(device.encode()).hexdigest()[:8]}"


def first_difference(stored: Any, asked: Any, key: str = "") -> str:
    """Return the first key at which two specs differ, with both values; nothing if they agree."""
    if isinstance(stored, Mapping) and isinstance(asked, Mapping):
        for name in [*stored, *(name for name in asked if name not in stored)]:
            inner = f"{key}.{name}" if key else name
            if name not in stored or name not in asked:
                return f"{inner} is only in the {'stored' if name in stored else 'new'} spec"
            found = first_difference(stored[name], asked[name], inner)
            if found:
                return found
        return ""
    return "" if stored == asked else f"{key} was {json.dumps(stored)} and is now {json.dumps(asked)}"


class RunFolder:
    """The folder of one run: spec, checkpoints, results.

    Use as a context manager, or call :meth:`close`: while it is open no other process can open it.

    Parameters
    ----------
    path : Path
        Need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self._lock: int | None = None

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
        self._refuse_foreign()
        try:
            (self.path / "jobs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"can't be made ({error.strerror})", str(self.path), "a folder to write to") from error
        self._acquire()
        try:
            self._settle_spec(plain(spec), fresh)
        except BaseException:
            self.close()
            raise
        return self

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise BadInput("a file, not a folder", str(self.path), "another --out")
        if not self.path.is_dir() or (self.path / "spec.json").exists():
            return
        foreign = sorted(item.name for item in self.path.iterdir() if item.name not in (LOCK, "jobs", *OWN_FILES))
        foreign = [name for name in foreign if not name.endswith(".tmp")]
        if foreign:
            raise BadInput(f"not a run's folder: it holds {foreign[0]}", str(self.path), "an empty or new folder")

    def _acquire(self) -> None:
        """Lock the folder; the kernel lets go when the process ends, however it ends, so no lock is ever stale."""
        if sys.platform == "win32":
            return
        import fcntl

        descriptor = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BadInput("another run is using this folder", str(self.path), "another --out, or wait") from error
        self._lock = descriptor

    def _settle_spec(self, spec: Any, fresh: bool) -> None:
        file = self.path / "spec.json"
        if fresh:
            self._clear()
        if file.exists():
            difference = first_difference(read_json(file), json.loads(json.dumps(spec)))
            if difference:
                raise BadInput(f"holds a different run: {difference}", str(self.path), FRESH)
            return
        write_atomic(file, to_json(spec))

    def _clear(self) -> None:
        """Remove a run's own files, the spec last: an interrupted clearing is still a run's folder."""
        for file in (self.path / "jobs").glob("*.safetensors"):
            file.unlink()
        for name in reversed(OWN_FILES):
            (self.path / name).unlink(missing_ok=True)

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

    def save_checkpoint(self, job: str, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Keep the state of one training; arrays and `meta` are one file, so they are always of the same epoch."""
        save_tensors(self._checkpoint(job), arrays, {"meta": json.dumps(plain(meta))})

    def load_checkpoint(self, job: str) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]] | None:
        """Return the arrays and `meta` of a training, or None if there is no checkpoint.

        Raises
        ------
        BadInput
            If the checkpoint is damaged.
        """
        path = self._checkpoint(job)
        if not path.exists():
            return None
        arrays, stored = load_tensors(path)
        try:
            meta: dict[str, Any] = json.loads(stored["meta"])
        except (KeyError, ValueError) as error:
            raise BadInput("not a checkpoint of neuroep", str(path), FRESH) from error
        return arrays, meta

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
        try:
            rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
            return [_history_row(row) for row in rows]
        except OSError as error:
            raise BadInput(f"can't be read ({error.strerror or error})", str(path)) from error
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"damaged ({error})", str(path), ", ".join(HISTORY)) from error

    def write_weights(self, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> Path:
        """Write weights.safetensors and return its path."""
        save_tensors(self.path / "weights.safetensors", arrays, metadata)
        return self.path / "weights.safetensors"


def _history_row(row: Mapping[str, str]) -> dict[str, Any]:
    typed: dict[str, Any] = {name: row[name] for name in ("method", "device")}
    typed |= {name: int(row[name]) for name in ("seed", "epoch")}
    return typed | {name: float(row[name]) if row[name] else None for name in HISTORY[4:]}
