"""Barriers for numba's simulator that sleep: its own polls the threads of a block without a pause, most of its time."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numba.cuda.simulator.kernel import BlockManager, BlockThread


class Turnstile:
    """The barrier of a block: it opens when every thread that hasn't ended has come to it."""

    def __init__(self, threads: int) -> None:
        self._changed, self._running, self._waiting, self._turn = threading.Condition(), threads, 0, 0

    def wait(self) -> None:
        with self._changed:
            self._waiting += 1
            turn = self._turn
            self._open()
            self._changed.wait_for(lambda: self._turn != turn)

    def leave(self) -> None:
        with self._changed:
            self._running -= 1
            self._open()

    def _open(self) -> None:
        if self._waiting == self._running:
            self._waiting, self._turn = 0, self._turn + 1
            self._changed.notify_all()


def run(manager: Any, block: tuple[int, ...], *args: Any) -> None:
    """Take the place of `BlockManager.run`: one block, its errors raised again."""
    manager.turnstile = Turnstile(int(np.prod(manager._block_dim)))

    def target() -> None:
        try:
            manager._f(*args)
        finally:
            manager.turnstile.leave()

    threads = [BlockThread(target, manager, block, place, manager._debug) for place in np.ndindex(*manager._block_dim)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread in threads:
        if thread.exception:
            raise thread.exception[0].with_traceback(thread.exception[1])


def sleep_at_barriers(patch: Any) -> None:
    """Put these barriers in place of the simulator's."""
    patch.setattr(BlockManager, "run", run)
    patch.setattr(BlockThread, "syncthreads", lambda thread: thread._manager.turnstile.wait())
