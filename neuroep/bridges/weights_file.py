"""Weights in safetensors files.

Tensors are called W1, b1, W2, b2, ...; W_k is stored as neuroep keeps it, (n_{k−1}, n_k) = (in, out), the
transpose of torch's ``Linear.weight``. The file's metadata says so (``layout = "in,out"``).

A run's folder keeps the weights of all its trainings in one such file, each tensor's name opening with its job,
``method/device/seed/``, e.g. ``ep/ecram/0/W1``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.disk import load_tensors, save_tensors
from neuroep.errors import BadInput, UnknownName
from neuroep.layout import Layout
from neuroep.network import Network
from neuroep.weights import FLOAT_TYPES, FloatArray, Weights

#: What every file of weights says of itself.
METADATA = {"layout": "in,out"}  # a single key: safetensors orders several by chance


def tensors_of(weights: Weights, job: str = "") -> dict[str, FloatArray]:
    """Return the named tensors of weights, under a job's name if one is given."""
    prefix = f"{job}/" if job else ""
    tensors = {f"{prefix}W{k}": weights.coupling(k) for k in range(1, weights.depth + 1)}
    return tensors | {f"{prefix}b{k}": weights.bias(k) for k in range(1, weights.depth + 1)}


def save_weights(weights: Weights, path: str | os.PathLike[str]) -> None:
    """Write weights to a safetensors file, all or nothing.

    Parameters
    ----------
    weights : Weights
        In float32 or float64.
    path : path
        The file, replaced if it exists.

    Raises
    ------
    BadInput
        If :func:`load_weights` couldn't read them back, or the file can't be written there.

    Examples
    --------
    >>> neuroep.save_weights(neuroep.train("xor", epochs=1).weights, "xor.safetensors")
    """
    file = checks.path(path, "path")
    if file.is_dir():
        raise BadInput("a folder", str(file), "a file's name")
    save_tensors(file, _readable(weights), METADATA)


def load_weights(path: str | os.PathLike[str], network: Network | None = None, job: str = "") -> Weights:
    """Read weights that :func:`save_weights` or a run wrote.

    Parameters
    ----------
    path : path
        The file, or a run's folder.
    network : Network, optional
        Its layer sizes must be those of the file.
    job : str, optional
        Which training of a run, ``method/device/seed``, e.g. ``"ep/ecram/0"``.

    Returns
    -------
    Weights
        In the file's own floating-point type.

    Raises
    ------
    BadInput
        If the file is missing, truncated or of another kind, or its tensors don't fit each other or the
        network.
    UnknownName
        If there is no such job.

    Examples
    --------
    >>> trained = neuroep.train("xor", epochs=1)
    >>> neuroep.save_weights(trained.weights, "xor.safetensors")
    >>> weights = neuroep.load_weights("xor.safetensors")
    >>> bool((weights.couplings == trained.weights.couplings).all())
    True
    """
    file = _file_of(path)
    if network is not None:
        checks.instance(network, Network, "network")
    tensors = _of_job(_read(file), checks.text(job, "job"), str(file))
    depth = len(tensors) // 2
    expected = {f"{letter}{k}" for letter in "Wb" for k in range(1, depth + 1)}
    if not tensors or set(tensors) != expected:
        raise BadInput(f"tensors {', '.join(sorted(tensors)) or '(none)'}", str(file), "W1, b1, W2, b2, ...")
    _check_tensors(tensors, str(file))
    weights = Weights.from_arrays(*([tensors[f"{letter}{k}"] for k in range(1, depth + 1)] for letter in "Wb"))
    if network is not None and weights.sizes != checks.instance(network, Network, "network").sizes:
        raise BadInput(f"layer sizes {weights.sizes}", str(file), f"{network.sizes}, those of the network")
    return weights


def _file_of(path: str | os.PathLike[str]) -> Path:
    """Return the weights' file of a run's folder, or the file itself."""
    file = checks.path(path, "path")
    return file / "weights.safetensors" if file.is_dir() else file


def jobs_of(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return which trainings a run's folder or file holds, ``method/device/seed``, sorted.

    Raises
    ------
    BadInput
        If there is no such file, it is damaged, or it holds none.
    """
    file = _file_of(path)
    found = {name.rpartition("/")[0] for name in _read(file)}
    if not found:
        raise BadInput("no weights", str(file), "those of a finished run")
    return tuple(sorted(found))


def _read(path: Path) -> Mapping[str, NDArray[np.generic]]:
    if not path.is_file():
        raise BadInput("no such file", str(path), "a file written by neuroep")
    tensors, metadata = load_tensors(path)
    if metadata.get("layout") != METADATA["layout"]:
        raise BadInput("the file doesn't say that W is stored as (in, out)", str(path), "a file written by neuroep")
    return tensors


def _of_job(tensors: Mapping[str, NDArray[np.generic]], job: str, where: str) -> dict[str, FloatArray]:
    jobs = {name.rpartition("/")[0] for name in tensors}
    if jobs and job not in jobs:
        raise UnknownName("job", job, jobs, where)
    found = {name.rpartition("/")[2]: t for name, t in tensors.items() if name.rpartition("/")[0] == job}
    return cast(dict[str, FloatArray], found)


def _readable(weights: Weights) -> dict[str, FloatArray]:
    """Return the tensors of weights that :func:`load_weights` will take."""
    sizes = checks.instance(weights, Weights, "weights").sizes
    counts = tuple(checks.count(size, "weights.sizes") for size in checks.several(sizes, "weights.sizes"))
    if len(counts) < 2:
        raise BadInput(f"sizes {counts}", "weights.sizes", "two or more")
    parts = np.asarray(weights.couplings), np.asarray(weights.biases)
    lengths = int(Layout.of(counts).starts[-1]), int(Layout.of(counts).units[-1])
    for name, part, length in zip(("couplings", "biases"), parts, lengths, strict=True):
        if part.shape != (length,):
            raise BadInput(f"shape {part.shape}", f"weights.{name}", f"({length},)")
    tensors = tensors_of(Weights(counts, *parts))
    _check_tensors(tensors, "weights")
    return tensors


def _check_tensors(tensors: Mapping[str, FloatArray], where: str) -> None:
    for name, tensor in tensors.items():
        _check_tensor(f"{where}: {name}", tensor, 2 if name.startswith("W") else 1)
    if len({tensor.dtype for tensor in tensors.values()}) > 1:
        raise BadInput("tensors of different types", where, "all float32 or all float64")


def _check_tensor(where: str, tensor: NDArray[np.generic], dimensions: int) -> None:
    if tensor.dtype.name not in FLOAT_TYPES:
        raise BadInput(f"type {tensor.dtype.name}", where, " or ".join(FLOAT_TYPES))
    if tensor.ndim != dimensions or 0 in tensor.shape:
        raise BadInput(f"shape {tensor.shape}", where, f"{dimensions} dimension(s), none of them empty")
    if not np.isfinite(tensor).all():
        raise BadInput("entries that aren't finite", where, "finite numbers")
