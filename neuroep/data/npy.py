"""One array of an .npz archive, read without trust: its header first, then as many values as that says."""

from __future__ import annotations

import ast
import math
import re
import struct
import zipfile
import zlib
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.data.limits import CHUNK, check_ratio, check_values, cut
from neuroep.errors import BadInput

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000
PLAIN = "arrays of plain numbers, as numpy.savez writes them"
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError)
"""What zipfile raises on archives that are damaged, encrypted, or of a kind it doesn't know."""


class Header(NamedTuple):
    """What an .npy file says of its values, and the bytes it takes to say it."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran: bool
    length: int

    @property
    def values(self) -> int:
        """How many values follow."""
        return math.prod(self.shape)


def read_header(archive: zipfile.ZipFile, name: str, where: str) -> Header:
    """Read the header of a member, and check that the member can hold what it claims.

    Raises
    ------
    BadInput
        If it is damaged, or isn't of plain numbers, or claims too much.
    """
    entry = archive.getinfo(f"{name}.npy")
    if entry.flag_bits & 1:
        raise BadInput("encrypted", where, PLAIN)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(f"compressed by method {entry.compress_type}", where, "stored or deflated, as numpy does")
    with archive.open(entry) as stream:
        header = _parse(stream, where)
    check_values(header.values, where)
    size = header.length + header.values * header.dtype.itemsize
    if size != entry.file_size:
        kind = "truncated" if entry.file_size < size else "too long"
        raise BadInput(f"{kind}: {entry.file_size:,} bytes for shape {header.shape}", where, f"{size:,} bytes")
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        check_ratio(size, entry.compress_size, where)
    return header


def _parse(stream: IO[bytes], where: str) -> Header:
    start = stream.read(8)
    if start[:6] != MAGIC or start[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise BadInput(f"starts with 0x{start.hex()}, not as an .npy file of version 1, 2 or 3", where, PLAIN)
    field = "<H" if start[6] == 1 else "<I"
    (length,) = struct.unpack(field, stream.read(struct.calcsize(field)))
    if length > LONGEST_HEADER:
        raise BadInput(f"a header of {length:,} bytes", where, f"up to {LONGEST_HEADER:,}")
    text = stream.read(length).decode("utf-8" if start[6] == 3 else "latin-1")
    dtype, shape, fortran = _described(text, where)
    return Header(dtype, shape, fortran, 8 + struct.calcsize(field) + length)


def _described(text: str, where: str) -> tuple[np.dtype[np.generic], tuple[int, ...], bool]:
    try:
        # Python 2 wrote whole numbers as 16L
        found = ast.literal_eval(re.sub(r"(?<=\d)L\b", "", text).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise BadInput(f"a header that can't be read, {cut(text.strip())}", where, PLAIN)
    descr, fortran, shape = found["descr"], found["fortran_order"], found["shape"]
    good = isinstance(shape, tuple) and len(shape) <= 32 and all(type(axis) is int and axis >= 0 for axis in shape)
    if not good or not isinstance(fortran, bool):
        raise BadInput(f"a header that can't be read, {cut(text.strip())}", where, PLAIN)
    return _dtype(descr, where), shape, fortran


def _dtype(descr: object, where: str) -> np.dtype[np.generic]:
    """Return the type of plain numbers or texts that a header names; nothing is ever unpickled."""
    try:
        dtype = np.dtype(descr) if isinstance(descr, str) else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        found = f"values of type {cut(str(descr))}"
        raise BadInput(f"damaged or not an .npz archive of plain arrays ({found})", where)
    return dtype


def read_values(archive: zipfile.ZipFile, name: str, header: Header, where: str) -> NDArray[np.generic]:
    """Read the values that a header promises, a chunk at a time, and check the member's checksum."""
    array = np.empty(header.values, dtype=header.dtype)
    view, at = array.view(np.uint8) if array.size else np.empty(0, np.uint8), 0
    with archive.open(f"{name}.npy") as stream:
        stream.read(header.length)
        while chunk := stream.read(CHUNK):
            view[at : at + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
            at += len(chunk)
    if at != len(view):
        raise BadInput(f"truncated: {at:,} bytes of values", where, f"{len(view):,}")
    return array.reshape(header.shape[::-1]).T if header.fortran else array.reshape(header.shape)
