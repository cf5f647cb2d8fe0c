"""How much of a file is read: what its header claims, if the file is large enough for it."""

from __future__ import annotations

from neuroep.errors import BadInput

LARGEST_VALUES = 2**28
"""Inputs of both sets together; four bytes each once read."""
HARMLESS_BYTES = 2**24
LARGEST_RATIO = 100
"""Bytes that a compressed byte may stand for, beyond HARMLESS_BYTES. Images stand for 2 to 30, zeros alone for 1000."""
CHUNK = 2**20


def check_values(count: int, where: str) -> None:
    """Refuse more values than are ever read."""
    if count > LARGEST_VALUES:
        raise BadInput(f"claims {count:,} values", where, f"{LARGEST_VALUES:,}")


def check_ratio(size: int, stored: int, where: str) -> None:
    """Refuse data that grow beyond measure when they are uncompressed."""
    if size > max(HARMLESS_BYTES, LARGEST_RATIO * stored):
        limit = f"{LARGEST_RATIO} times as many; store larger ones uncompressed"
        raise BadInput(f"{stored:,} compressed bytes claim to hold {size:,}", where, limit)


def cut(text: str, most: int = 60) -> str:
    """Return text as it may be quoted in an error: printable, on one line, not too long."""
    shown = repr(text if len(text) <= most else text[:most])
    return shown if len(text) <= most else f"{shown}... ({len(text):,} characters)"
