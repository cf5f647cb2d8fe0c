"""Standard output and error as they may be: closed, full, gone, or of few signs."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def prepare() -> None:
    """Let both take any text: signs that they don't have are replaced, and what is closed swallows all."""
    for name, errors in (("stdout", "replace"), ("stderr", "backslashreplace")):
        stream = getattr(sys, name)
        if stream is None:  # closed: taken up again, lest the next file that is opened gets its descriptor
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the process ends)
        else:
            stream.reconfigure(errors=errors)


def tell(text: str) -> None:
    """Say one line of what went wrong, where there is anybody to hear it."""
    with suppress(OSError):
        print(f"neuroep: {text}", file=sys.stderr, flush=True)


def drop_output() -> None:
    """Throw away what standard output hasn't taken: the reader is gone, or the disk is full."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
