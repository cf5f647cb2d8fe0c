"""Weights in safetensors files.

Tensors are called W1, b1, W2, b2, ...; W_k is stored as neuroep keeps it, (n_{k−1}, n_k) = (in, out), the
transpose of torch's ``Linear.weight``. The file's metadata says so (``layout = "in,out"``).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from neuroep.errors import BadInput
from neuroep.network import Network
from neuroep.weights import FloatArray, Weights

_METADATA = {"format": "neuroep-weights", "layout": "in,out"}
_DTYPES = ("float32", "float64")


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
        If the file can't be written there.
    """
    from safetensors.numpy import save

    tensors = {f"W{k}": weights.coupling(k) for k in range(1, weights.depth + 1)}
    tensors |= {f"b{k}": weights.bias(k) for k in range(1, weights.depth + 1)}
    data = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, metadata=_METADATA)
    try:
        _replace(Path(path), data)
    except OSError as error:
        raise BadInput(f"can't be written ({error.strerror})", str(path), "a file in a writable folder") from error


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(data)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def load_weights(path: str | os.PathLike[str], network: Network | None = None) -> Weights:
    """Read weights that :func:`save_weights` wrote.

    Parameters
    ----------
    path : path
        The file.
    network : Network, optional
        Its layer sizes must be those of the file.

    Returns
    -------
    Weights
        In the file's own floating-point type.

    Raises
    ------
    BadInput
        If the file is missing, truncated or of another kind, or its tensors don't fit each other or the
        network.
    """
    tensors = _read(str(path))
    depth = len(tensors) // 2
    expected = {f"{letter}{k}" for letter in "Wb" for k in range(1, depth + 1)}
    if not tensors or set(tensors) != expected:
        raise BadInput(f"tensors {', '.join(sorted(tensors)) or '(none)'}", str(path), "W1, b1, W2, b2, ...")
    for name, tensor in tensors.items():
        _check_tensor(f"{path}: {name}", tensor, 2 if name.startswith("W") else 1)
    if len({tensor.dtype for tensor in tensors.values()}) > 1:
        raise BadInput("tensors of different types", str(path), "all float32 or all float64")
    weights = Weights.from_arrays(*([tensors[f"{letter}{k}"] for k in range(1, depth + 1)] for letter in "Wb"))
    if network is not None and weights.sizes != network.sizes:
        raise BadInput(f"layer sizes {weights.sizes}", str(path), f"{network.sizes}, those of the network")
    return weights


def _read(path: str) -> dict[str, FloatArray]:
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise BadInput("no such file", path, "a file written by neuroep")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"not a readable safetensors file ({error})", path, "a file written by neuroep") from error
    if metadata.get("layout") != _METADATA["layout"]:
        raise BadInput("the file doesn't say that W is stored as (in, out)", path, "a file written by neuroep")
    return tensors


def _check_tensor(where: str, tensor: FloatArray, dimensions: int) -> None:
    if tensor.dtype.name not in _DTYPES:
        raise BadInput(f"type {tensor.dtype.name}", where, " or ".join(_DTYPES))
    if tensor.ndim != dimensions or 0 in tensor.shape:
        raise BadInput(f"shape {tensor.shape}", where, f"{dimensions} dimension(s), none of them empty")
    if not np.isfinite(tensor).all():
        raise BadInput("entries that aren't finite", where, "finite numbers")
