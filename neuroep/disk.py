"""Files written at once and read with care: text, JSON, tensors."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput

Arrays = Mapping[str, NDArray[np.generic]]


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file at once: a temporary file beside it, flushed to disk, then moved over it.

    Raises
    ------
    BadInput
        If the folder can't be written to; the file is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise BadInput(f"can't be written ({error.strerror})", str(path), "a folder to write to") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        raise BadInput(f"can't be written ({error.strerror})", str(path), "a disk with room") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask (mkstemp ignores it); reading it means setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def to_json(value: object) -> str:
    """Return indented JSON with numpy scalars as numbers, paths as text, and NaN and infinities as null."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Return plain data: dicts, lists, text, numbers, booleans and None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    BadInput
        If it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"can't be read ({error.strerror or error})", str(path), "the folder of a finished run"
        ) from error
    except ValueError as error:
        raise BadInput(f"damaged JSON ({error})", str(path)) from error


def save_tensors(path: Path, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays and text metadata to one .safetensors file, at once."""
    from safetensors.numpy import save

    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_atomic(path, save(ordered, metadata=dict(metadata or {})))


def load_tensors(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """Read a .safetensors file.

    Returns
    -------
    arrays : dict of str to ndarray
    metadata : dict of str to str

    Raises
    ------
    BadInput
        If the file is missing, truncated, damaged, or holds a type numpy doesn't have.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path), "a .safetensors file") from error
    except (SafetensorError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"truncated or damaged ({error})", str(path), "a .safetensors file") from error
