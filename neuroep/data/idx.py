"""IDX files, the format of MNIST: two zero bytes, type, number of axes, their lengths (big-endian), then the values."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.data.dataset import Dataset, assemble, check_counts
from neuroep.data.labels import from_zero, label_remark
from neuroep.data.limits import CHUNK, check_ratio, check_values
from neuroep.errors import BadInput

PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTE = 0x08
ALLOWED = f"0x0000{UNSIGNED_BYTE:02x}03 for images, 0x0000{UNSIGNED_BYTE:02x}01 for labels (unsigned bytes)"


class IdxFile(NamedTuple):
    """An IDX file: its values as unsigned bytes, and the SHA-256 of its uncompressed bytes."""

    values: NDArray[np.uint8]
    sha256: str


def read_idx(path: Path, axes: int) -> IdxFile:
    """Read an IDX or IDX.gz file of unsigned bytes, as many as its header says and no more.

    Parameters
    ----------
    path : Path
        The file; uncompressed if it starts as gzip does.
    axes : int
        Number of axes it must have: 3 for images, 1 for labels.

    Returns
    -------
    IdxFile

    Raises
    ------
    BadInput
        If it is empty, truncated, too long, damaged, or of another kind.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stored = os.fstat(raw.fileno()).st_size
            stream: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if packed else raw
            return _read(stream, path, axes, stored, packed)
    except EOFError as error:
        raise BadInput("truncated gzip file", str(path)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"damaged gzip file ({error})", str(path)) from error
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path)) from error


def _read(stream: BinaryIO | gzip.GzipFile, path: Path, axes: int, stored: int, packed: bool) -> IdxFile:
    start = 4 + 4 * axes
    header = stream.read(start)
    shape = _shape(header, path, axes)
    size = math.prod(shape)
    if not packed and stored != start + size:
        raise _wrong_length(stored, shape, path)
    check_values(size, str(path))
    if packed:
        check_ratio(size, stored, str(path))
    values, at, digest = np.empty(size, dtype=np.uint8), 0, hashlib.sha256(header)
    while at < size and (chunk := stream.read(min(CHUNK, size - at))):
        values[at : at + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        at += len(chunk)
        digest.update(chunk)
    more = len(stream.read(1))  # and at the end of a gzip file its checksum is compared
    if at + more != size:
        raise _wrong_length(start + at + more, shape, path)
    return IdxFile(values.reshape(shape), digest.hexdigest())


def _shape(header: bytes, path: Path, axes: int) -> tuple[int, ...]:
    if not header:
        raise BadInput("empty file", str(path), "an IDX file")
    if len(header) < 4 or header[:4] != bytes([0, 0, UNSIGNED_BYTE, axes]):
        raise BadInput(f"starts with 0x{header[:4].hex()}, not as an IDX file with {axes} axes", str(path), ALLOWED)
    if len(header) < 4 + 4 * axes:
        least = f"{4 + 4 * axes} bytes or more"
        raise BadInput(f"truncated in its header: {len(header)} bytes", str(path), least)
    shape = struct.unpack(f">{axes}I", header[4:])
    if math.prod(shape) == 0:
        raise BadInput(f"no samples: shape {shape}", str(path), "at least one")
    return shape


def _wrong_length(length: int, shape: tuple[int, ...], path: Path) -> BadInput:
    expected = 4 + 4 * len(shape) + math.prod(shape)
    kind = "truncated" if length < expected else "too long"
    found = f"{kind}: {length} bytes{' or more' if length > expected else ''} for shape {shape}"
    return BadInput(found, str(path), f"{expected} bytes")


def find_parts(folder: Path) -> tuple[Path, ...]:
    """Return the paths of those of the four files that are in a folder, plain or .gz, in the order of PARTS."""
    found = []
    for part in PARTS:
        names = (part, part + ".gz", part.replace("-idx", ".idx"), part.replace("-idx", ".idx") + ".gz")
        found += [folder / name for name in names if os.path.isfile(folder / name)][:1]
    return tuple(found)


def missing_parts(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that a folder lacks which has some of the four; nothing if it has all or none."""
    found = find_parts(folder)
    names = {path.name.removesuffix(".gz").replace(".idx", "-idx") for path in found}
    return tuple(part for part in PARTS if part not in names) if found else ()


def load_folder(name: str, folder: Path, licence: str) -> tuple[Dataset, tuple[str, ...]]:
    """Load the four IDX files of a folder, pixels divided by 255.

    Returns
    -------
    Dataset
    tuple of str
        SHA-256 of each file's uncompressed bytes, in the order of PARTS.

    Raises
    ------
    BadInput
        If a file is missing or bad, or counts don't match.
    """
    paths = find_parts(folder)
    if len(paths) != len(PARTS):
        present = ", ".join(path.name for path in paths) or "none of them"
        raise BadInput(f"needs four IDX files and has {present}", str(folder), ", ".join(PARTS) + " (or .gz)")
    files = [read_idx(path, axes) for path, axes in zip(paths, (3, 1, 3, 1), strict=True)]
    halves = []
    for k in (0, 2):
        images, labels = files[k].values, files[k + 1].values
        check_counts(images, labels, f"{paths[k]} and {paths[k + 1].name}")
        halves.append(
            (np.divide(images.reshape(len(images), -1), np.float32(255), dtype=np.float32), labels.astype(np.int64))
        )
    digests = tuple(file.sha256 for file in files)
    combined = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()
    (train, y_train), (test, y_test) = halves
    y_train, y_test, moved = from_zero(y_train, y_test)
    dataset = assemble(name, str(folder), combined, licence, (train, y_train), (test, y_test))
    remark = label_remark(y_train, y_test, str(folder)) or moved
    return replace(dataset, label_remark=remark), digests
