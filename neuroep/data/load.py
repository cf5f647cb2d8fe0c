"""From a name or a path to a data set."""

from __future__ import annotations

import os
from pathlib import Path

from neuroep import checks
from neuroep.data.dataset import Dataset
from neuroep.data.files import load_npz
from neuroep.data.generated import digits, parity, xor
from neuroep.data.homes import HOMES, load_own, load_published
from neuroep.data.scaling import scaled
from neuroep.data.tables import load_csv
from neuroep.errors import BadInput, UnknownName

NAMES = ("digits", "fashion-mnist", "mnist", "parity", "xor")
KINDS = "a .npz file, a .csv file or a folder with four IDX files"


def load_data(
    name_or_path: str | Path, folder: Path | str | None = None, seed: int = 42, scale: str = "none"
) -> Dataset:
    """Return a data set by name, or from the user's own file or folder.

    Parameters
    ----------
    name_or_path : str or Path
        ``digits``, ``fashion-mnist``, ``mnist``, ``parity`` or ``xor``; otherwise the path of an .npz file with
        x_train, y_train, x_test, y_test, of a .csv file whose last column is the label, or of a folder with
        four IDX files. A name goes before a path spelt the same: write ``./digits`` for a file of that name.
    folder : path, optional
        Where to look for ``fashion-mnist`` or ``mnist``, instead of $NEUROEP_DATA, the cache and the system's folders.
    seed : int
        The run's seed; only ``parity`` uses it.
    scale : str
        ``"standard"`` or ``"minmax"`` scales the inputs by what the training set says; ``"none"`` leaves them.

    Returns
    -------
    Dataset

    Raises
    ------
    BadInput
        If there is no such data, or it can't be used. Nothing is ever put in its place.
    """
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        place = None if folder is None else checks.path(folder, "folder")
        return scaled(_named(name_or_path, place, checks.seed(seed)), scale)
    if name_or_path == "":
        raise BadInput("an empty name", "data", "a name or a path")
    return scaled(_own(checks.path(name_or_path, "data"), name_or_path), scale)


def _own(path: Path, name_or_path: str | Path) -> Dataset:
    if os.path.isdir(path):  # Path's own raises where folders can't be searched
        return load_own(path)
    if os.path.isfile(path):
        return _file(path)
    if isinstance(name_or_path, Path) or path.suffix or os.sep in name_or_path:
        found = "not a file or folder" if os.path.lexists(path) else "no such file or folder"
        raise BadInput(found, str(path), f"{KINDS}; or one of {', '.join(NAMES)}")
    raise UnknownName("data set", name_or_path, NAMES, "data")


def _named(name: str, folder: Path | None, seed: int) -> Dataset:
    if name in HOMES:
        return load_published(name, folder)
    if name == "parity":
        return parity(seed=seed)
    return digits() if name == "digits" else xor()


def _file(path: Path) -> Dataset:
    loaders = {".npz": load_npz, ".csv": load_csv}
    if path.suffix.lower() not in loaders:
        raise BadInput(f"a file of kind {path.suffix or '(none)'!r}", str(path), KINDS)
    return loaders[path.suffix.lower()](path)
