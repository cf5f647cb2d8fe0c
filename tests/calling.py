"""Calling the command line in this process, and what the tests of its commands share."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroep.cli import main

Key = tuple[str, ...]

DEVICES = ("ecram", "loihi1", "digital-45nm")
SEEDS = ("0", "1")
QUICK = ("run", "digits-mlp", "--epochs", "1")


class Called(NamedTuple):
    """What a command left: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout; fails if there is anything else."""
        return json.loads(self.out)


class Finished(NamedTuple):
    """A finished run: what was typed, its folder, and what the command left."""

    argv: tuple[str | Path, ...]
    folder: Path
    called: Called


def call(*argv: str | Path) -> Called:
    """Run a command line as the installed script does."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(part) for part in argv])
    return Called(status, out.getvalue(), err.getvalue())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes, and every folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def keys(value: Any, path: Key = ()) -> Iterator[Key]:
    """The path of every leaf; entries of a list are all called []."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from keys(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from keys(item, (*path, "[]"))
    else:
        yield path


def save_npz(path: Path, inputs: int = 64, classes: int = 10, **changes: np.ndarray) -> Path:
    """Write 60 + 20 random samples, with some arrays changed."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "x_train": rng.random((60, inputs)),
        "y_train": np.arange(60) % classes,
        "x_test": rng.random((20, inputs)),
        "y_test": np.arange(20) % classes,
    }
    np.savez(path, **(arrays | changes))
    return path


def edited(source: Path, path: Path, old: str, new: str) -> Path:
    """Copy a text file with the first occurrence of `old` replaced; it must be there."""
    text = source.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path
