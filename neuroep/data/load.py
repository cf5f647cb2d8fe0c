"""From a name or a path to a data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neuroep import checks
from neuroep.data.dataset import Dataset
from neuroep.data.files import check_file, load_npz
from neuroep.data.frames import from_frame, is_frame
from neuroep.data.generated import digits, parity, xor
from neuroep.data.homes import HOMES, load_own, load_published
from neuroep.data.own_tables import load_table, plain_label
from neuroep.data.scaling import scaled
from neuroep.data.tables import load_csv
from neuroep.errors import BadInput, UnknownName
from neuroep.tabular.spreadsheet import SUFFIXES

NAMES = ("digits", "fashion-mnist", "mnist", "parity", "xor")
KINDS = "a .npz file, a table (.csv, .tsv, .txt, .xlsx) or a folder with four IDX files"
TABLES = (".csv", ".tsv", ".txt", *SUFFIXES)


def load_data(
    name_or_path: Any,
    folder: Path | str | None = None,
    seed: int = 42,
    scale: str = "none",
    label: str | None = None,
) -> Dataset:
    """Return a data set by name, from the user's own file or folder, or of a data frame.

    Parameters
    ----------
    name_or_path : str, Path or data frame
        ``digits``, ``fashion-mnist``, ``mnist``, ``parity`` or ``xor``; otherwise the path of an .npz file with
        x_train, y_train, x_test, y_test, of a table (.csv, .tsv, .txt, .xlsx), or of a folder with four IDX files. A
        name goes before a path spelt the same: write ``./digits`` for a file of that name. Or a data frame of pandas,
        polars or their like.
    folder : path, optional
        Where to look for ``fashion-mnist`` or ``mnist``, instead of $NEUROEP_DATA, the cache and the system's folders.
    seed : int
        The run's seed; only ``parity`` uses it.
    scale : str
        ``"standard"`` or ``"minmax"`` scales the inputs by what the training set says; ``"none"`` leaves them.

    label : str, optional
        The column of labels of a table or frame, by name or by number from 1; a path may end in it, ``iris.csv#kind``.
        Without it, the column called class, label or target, else the last. Labels are words, numbered in the order
        of the alphabet, or whole numbers from 0 or 1.

    Returns
    -------
    Dataset

    Raises
    ------
    BadInput
        If there is no such data, or it can't be used. Nothing is ever put in its place.

    Examples
    --------
    >>> digits = neuroep.load_data("digits", scale="standard")
    >>> digits.x_train.shape, digits.classes
    ((1437, 64), 10)
    """
    if is_frame(name_or_path):
        return from_frame(name_or_path, label, scale)
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        _refuse_label(label, name_or_path)
        place = None if folder is None else checks.path(folder, "folder")
        return scaled(_named(name_or_path, place, checks.seed(seed)), scale)
    if name_or_path == "":
        raise BadInput("an empty name", "data", "a name or a path")
    path = checks.path(name_or_path, "data")
    if label is None and not os.path.lexists(path) and "#" in path.name:
        stem, _, label = path.name.rpartition("#")
        path = path.with_name(stem) if stem else path
    return scaled(_own(path, name_or_path, label), scale)


def named_or_given(data: str | Dataset, seed: int, scale: str) -> Dataset:
    """Return a data set that is in memory as it is, or read the one of that name or path as a model scales it."""
    return data if isinstance(data, Dataset) else load_data(data, seed=seed, scale=scale)


def _own(path: Path, name_or_path: str | Path, label: str | None) -> Dataset:
    if os.path.isdir(path):  # Path's own raises where folders can't be searched
        _refuse_label(label, path)
        return load_own(path)
    if os.path.isfile(path):
        return _file(path, label)
    if isinstance(name_or_path, Path) or path.suffix or os.sep in name_or_path:
        found = "not a file or folder" if os.path.lexists(path) else "no such file or folder"
        raise BadInput(found, str(path), f"{KINDS}; or one of {', '.join(NAMES)}")
    raise UnknownName("data set", name_or_path, NAMES)


def _named(name: str, folder: Path | None, seed: int) -> Dataset:
    if name in HOMES:
        return load_published(name, folder)
    if name == "parity":
        return parity(seed=seed)
    return digits() if name == "digits" else xor()


def _file(path: Path, label: str | None) -> Dataset:
    kind = path.suffix.lower()
    if kind == ".npz":
        _refuse_label(label, path)
        return load_npz(path)
    if kind not in TABLES:
        raise BadInput(f"a file of kind {path.suffix or '(none)'!r}", str(path), KINDS)
    if kind not in SUFFIXES:
        check_file(path)
    place = plain_label(path, label) if kind == ".csv" else None
    return load_table(path, label) if place is None else load_csv(path, place)


def _refuse_label(label: str | None, where: object) -> None:
    if label is not None:
        raise BadInput(f"a label {label!r}", str(where), "a label's column for tables alone (.csv, .tsv, .txt, .xlsx)")
