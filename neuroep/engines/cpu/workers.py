"""Threads that share out blocks of samples, and BLAS held to one thread meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class Workers:
    """A pool of threads, made anew in a forked process, which has none of its parent's.

    Parameters
    ----------
    count : int
        Threads; they start when first needed.
    prepare : callable
        Called once by each.
    """

    def __init__(self, count: int, prepare: Callable[[], None]) -> None:
        self._count, self._prepare = count, prepare
        self._renew()

    def submit(self, call: Callable[..., None], *arguments: Any) -> Future[None]:
        """Have a thread call something."""
        return self._here()._pool.submit(call, *arguments)

    def turn(self) -> threading.RLock:
        """Return what the user of the moment holds: buffers serve one block of work at a time."""
        return self._here()._turn

    def _here(self) -> Workers:
        if self._process != os.getpid():
            self._renew()
        return self

    def _renew(self) -> None:
        self._process, self._turn = os.getpid(), threading.RLock()
        self._pool = ThreadPoolExecutor(self._count, initializer=self._prepare)


class _Limit:
    """A limit of the whole process: the first who wants it sets it, the last takes it back, whatever its thread."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._before: list[tuple[Any, int]] = []

    def take(self, libraries: ThreadpoolController) -> None:
        with self._lock:
            if self._users == 0:
                self._before = [(library, library.num_threads) for library in libraries.lib_controllers]
                for library, _ in self._before:
                    _set_threads(library, 1)
            self._users += 1

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for library, threads in self._before:
                    _set_threads(library, threads)


def _set_threads(library: Any, threads: int) -> None:
    """Set a library's threads; for OpenBLAS threadpoolctl obeys only the thread that was first, from 3.7 on."""
    free = getattr(library, "clear_controlling_thread", None)
    if free is None:
        library.set_num_threads(threads)
        return
    free(force=True)
    library.set_num_threads(threads)
    free(force=True)


_LIMIT = _Limit()


def blas_libraries() -> ThreadpoolController:
    """Return numpy's and scipy's BLAS, as far as they are loaded."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread(libraries: ThreadpoolController) -> Iterator[None]:
    """Hold numpy's and scipy's BLAS to one thread, for as long as anyone in this process wants that."""
    _LIMIT.take(libraries)
    try:
        yield
    finally:
        _LIMIT.give_back()
