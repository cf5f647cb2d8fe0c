"""How a command ends when it is asked to: Ctrl-C, SIGTERM and SIGHUP alike, with what is finished kept."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from neuroep.commands.streams import tell

#: Where only the system's or Python's own handler is replaced: a nohup, or a program around us, is left its say.
REPLACED = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}


class Stopped(KeyboardInterrupt):
    """Asked to stop by a signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stops(forever: bool) -> Iterator[None]:
    """Raise :class:`Stopped` in the main thread on a first signal; a second one ends the process at once.

    Files are written whole or not at all, so that no moment is a wrong one to end.

    Parameters
    ----------
    forever : bool
        The process ends with the command: once stopped, keep this up; once done, nothing is left to stop and signals
        are ignored. Else handlers are always put back.
    """
    asked: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if asked:
            os.write(2, b"neuroep: stopped at once\n")
            os._exit(128 + number)
        asked.append(number)
        raise Stopped(number)

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name, usual in REPLACED.items():
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is usual:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if not (asked and forever):
                signal.signal(number, signal.SIG_IGN if forever else handler)


def report(stop: KeyboardInterrupt, goes_on: bool) -> int:
    """Say in a line that the command has stopped, and return its exit status: 130, or 143 for SIGTERM."""
    tell("stopped; the same command goes on from the last finished epoch" if goes_on else "stopped")
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)
