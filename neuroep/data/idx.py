"""IDX files, the format of MNIST: two zero bytes, type, number of axes, their lengths (big-endian), then the values."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.data.dataset import Dataset, assemble, check_counts
from neuroep.errors import BadInput

PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTE = 0x08
ALLOWED = f"0x0000{UNSIGNED_BYTE:02x}03 for images, 0x0000{UNSIGNED_BYTE:02x}01 for labels (unsigned bytes)"


class IdxFile(NamedTuple):
    """An IDX file: its values as unsigned bytes, and the SHA-256 of its uncompressed bytes."""

    values: NDArray[np.uint8]
    sha256: str


def _content(path: Path) -> bytes:
    """Read a file, uncompressed if it starts as gzip does."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except EOFError as error:
        raise BadInput("truncated gzip file", str(path)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"damaged gzip file ({error})", str(path)) from error
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror or error})", str(path)) from error


def read_idx(path: Path, axes: int) -> IdxFile:
    """Read an IDX or IDX.gz file of unsigned bytes.

    Parameters
    ----------
    path : Path
        The file.
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
    content = _content(path)
    if not content:
        raise BadInput("empty file", str(path), "an IDX file")
    start = 4 + 4 * axes
    if len(content) < 4 or content[:4] != bytes([0, 0, UNSIGNED_BYTE, axes]):
        raise BadInput(f"starts with 0x{content[:4].hex()}, not as an IDX file with {axes} axes", str(path), ALLOWED)
    if len(content) < start:
        raise BadInput(f"truncated in its header: {len(content)} bytes", str(path), f"{start} bytes or more")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = start + math.prod(shape)
    if len(content) != expected:
        kind = "truncated" if len(content) < expected else "too long"
        raise BadInput(f"{kind}: {len(content)} bytes for shape {shape}", str(path), f"{expected} bytes")
    if expected == start:
        raise BadInput(f"no samples: shape {shape}", str(path), "at least one")
    values = np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
    return IdxFile(values, hashlib.sha256(content).hexdigest())


def find_parts(folder: Path) -> tuple[Path, ...]:
    """Return the paths of those of the four files that are in a folder, plain or .gz, in the order of PARTS."""
    found = []
    for part in PARTS:
        names = (part, part + ".gz", part.replace("-idx", ".idx"), part.replace("-idx", ".idx") + ".gz")
        found += [folder / name for name in names if (folder / name).is_file()][:1]
    return tuple(found)


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
        x = np.divide(images.reshape(len(images), -1), np.float32(255), dtype=np.float32)
        halves.append((x, labels.astype(np.int64)))
    digests = tuple(file.sha256 for file in files)
    combined = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()
    return assemble(name, str(folder), combined, licence, halves[0], halves[1]), digests
