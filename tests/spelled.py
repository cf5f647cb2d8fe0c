"""Traces of accesses spelled out as text, to be held to those that a program leaves."""

from __future__ import annotations

from typing import Literal

from neuroep.cost.reuse import Access


def accesses(text: str) -> list[Access]:
    """Read accesses from text: after `r` buffers are read, after `w` written; x:3 are the first 3 floats of x."""
    kind: Literal["read", "write"] = "read"
    found = []
    for word in text.split():
        if word in ("r", "w"):
            kind = "read" if word == "r" else "write"
        else:
            name, size = word.split(":")
            found.append(Access(kind, name, int(size)))
    return found
