"""The user's own .npz archives."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroep.data.dataset import Dataset, FloatInputs, Labels, assemble, class_labels, inputs
from neuroep.data.labels import are_words, coded, from_zero, label_remark
from neuroep.data.limits import check_values, cut
from neuroep.data.npy import DAMAGE, Header, read_header, read_values
from neuroep.data.scaling import scale_remark
from neuroep.errors import BadInput

OWN_LICENCE = "not stated (the user's own file)"
ARRAYS = ("x_train", "y_train", "x_test", "y_test")

Part = tuple[FloatInputs, Labels]


def own(path: Path, sha256: str, train: Part, test: Part, hint: str = "", remark: str = "", words: str = "") -> Dataset:
    """Return the data set of a user's own file, with what is odd about it; the last three are the reader's own."""
    return remarked(assemble(path.stem, str(path), sha256, OWN_LICENCE, train, test), hint, remark, words)


def remarked(dataset: Dataset, hint: str = "", remark: str = "", words: str = "") -> Dataset:
    """Return a data set with what is odd about its labels and, unless `remark` says, its inputs.

    Labels that run from 1 are counted from 0; `words` says which words labels were.
    """
    train, test, moved = from_zero(dataset.y_train, dataset.y_test)
    if moved:
        dataset = replace(dataset, y_train=train, y_test=test, classes=dataset.classes - 1)
        moved += f"; {hint}" if hint else ""
    labels = label_remark(train, test, dataset.source, hint) or moved
    labels = "; ".join(part for part in (words, labels) if part)
    return replace(dataset, label_remark=labels, input_remark=remark or scale_remark(dataset.x_train))


def parts(arrays: Sequence[NDArray[np.generic]], where: str) -> tuple[Part, Part, str]:
    """Return training and test set of the four `ARRAYS`, checked, and a line on which words labels were.

    Inputs of type uint8 are divided by 255.

    Raises
    ------
    BadInput
        Naming the array that can't be used.
    """
    x_train, y_train, x_test, y_test = arrays
    if (x_train.dtype == np.uint8) != (x_test.dtype == np.uint8):
        types = f"x_train of type {x_train.dtype} and x_test of type {x_test.dtype}"
        raise BadInput(types, where, "uint8, which is divided by 255, in both or in neither")
    said = ""
    if are_words(y_train) and are_words(y_test):
        (y_train, y_test), said = coded((y_train, y_test))
    train = _inputs(x_train, f"{where}: x_train"), class_labels(y_train, f"{where}: y_train")
    return train, (_inputs(x_test, f"{where}: x_test"), class_labels(y_test, f"{where}: y_test")), said


def check_file(path: Path) -> None:
    """Refuse a file that is empty or can't be read."""
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path)) from error
    if empty:
        raise BadInput("empty file", str(path))


def load_npz(path: Path) -> Dataset:
    """Load arrays x_train (N, ...), y_train (N,), x_test, y_test from an .npz archive.

    Inputs of type uint8 are divided by 255, as those of IDX files are; others are taken as they are.

    Raises
    ------
    BadInput
        If the archive is damaged, lacks an array, or an array can't be used.
    """
    check_file(path)
    arrays = _arrays(path)
    train, test, words = parts([arrays[name] for name in ARRAYS], str(path))
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return own(path, digest, train, test, words=words)


def _inputs(values: NDArray[np.generic], where: str) -> FloatInputs:
    found = inputs(values, where)
    return found / np.float32(255) if values.dtype == np.uint8 else found


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read the four arrays, their headers first, so that nothing large is read of an archive that can't be used."""
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            headers: dict[str, Header] = {}
            for name in ARRAYS:
                where = f"{path}: {name}"
                _check_there(archive, name, path)
                headers[name] = read_header(archive, name, where)
            check_values(headers["x_train"].values + headers["x_test"].values, str(path))
            found = {}
            for name in ARRAYS:
                where = f"{path}: {name}"
                found[name] = read_values(archive, name, headers[name], where)
            return found
    except DAMAGE as error:
        raise BadInput(f"damaged or not an .npz archive of plain arrays ({cut(str(error), 200)})", where) from error


def _check_there(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entries = archive.namelist()
    if f"{name}.npy" not in entries:
        has = ", ".join(cut(entry.removesuffix(".npy"))[1:-1] for entry in entries[:8]) or "nothing"
        more = ", ..." if len(entries) > 8 else ""
        raise BadInput(f"no array {name}; it holds {has}{more}", str(path), ", ".join(ARRAYS))
