"""Files written at once and read with care: text, JSON, tensors."""

from __future__ import annotations

import json
import math
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput

Arrays = Mapping[str, NDArray[np.generic]]
#: Bytes: the spec and result of a run of hundreds of trainings stay far below.
LARGEST_TEXT = 64 << 20


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file at once: a temporary file beside it, flushed to disk, then moved over it.

    Raises
    ------
    BadInput
        If the folder can't be written to; the file is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise BadInput("no regular file", str(path), "another path")  # moved over, a device would be gone
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # made by os.open, not by tempfile: the kernel then applies the umask, which a process can't read without
        # setting it, for all its threads
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise BadInput(f"can't be written ({error.strerror})", str(path), "a folder to write to") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise BadInput(f"can't be written ({error.strerror})", str(path), "a disk with room") from error
    finally:
        with suppress(OSError):  # moved away, or its folder is gone
            temporary.unlink()


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none.

    Raises
    ------
    BadInput
        If it can't be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"can't be made ({reason})", str(path), "a folder to write to") from error


def refuse_existing(path: Path | None, option: str, force: bool) -> None:
    """Refuse an output that would take the place of something, a dangling link too, unless it was asked for.

    Raises
    ------
    BadInput
        If something is there that isn't to be replaced, or a folder.
    """
    if path is None or not os.path.lexists(path):
        return
    if path.is_dir():
        raise BadInput(f"{str(path)!r} is a folder", option, "a file")
    if not force:
        raise BadInput(f"{str(path)!r} is there already", option, "another name, or --force")


def require_file(path: Path, allowed: str = "") -> os.stat_result:
    """Return what is known of a regular file; a pipe or a device, which may never end, isn't one.

    Raises
    ------
    BadInput
        If there is none, or it is something else.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise BadInput(f"can't be read ({getattr(error, 'strerror', None) or error})", str(path), allowed) from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise BadInput(f"can't be read ({kind})", str(path), allowed)
    return found


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


def read_text(path: Path, allowed: str = "") -> str:
    """Read a text file of at most :data:`LARGEST_TEXT` bytes.

    Raises
    ------
    BadInput
        If it is missing, no regular file, too large, or no UTF-8.
    """
    size = require_file(path, allowed).st_size
    if size > LARGEST_TEXT:
        raise BadInput(f"too large, {size:,} bytes", str(path), f"at most {LARGEST_TEXT:,}")
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path), allowed) from error
    except ValueError as error:
        raise BadInput(f"damaged ({error})", str(path), "text in UTF-8") from error


def read_json(path: Path, allowed: str = "the folder of a finished run") -> Any:
    """Read a JSON file.

    Raises
    ------
    BadInput
        If it is missing or damaged.
    """
    text = read_text(path, allowed)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"damaged JSON ({error})", str(path), allowed) from error


def save_tensors(path: Path, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays and text metadata to one .safetensors file, at once."""
    from safetensors.numpy import save

    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_atomic(path, save(ordered, metadata=dict(metadata or {})))


def load_tensors(
    path: Path, allowed: str = "a .safetensors file"
) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
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

    require_file(path, allowed)
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path), allowed) from error
    except (SafetensorError, TypeError, ValueError, AttributeError, MemoryError) as error:
        raise BadInput(f"truncated or damaged ({error})", str(path), allowed) from error
