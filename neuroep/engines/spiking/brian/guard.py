"""brian2 for a block of work, after which the process is as it was.

Importing brian2 takes over SIGINT, uncaught exceptions, warnings and a log, and writes two files; running it reads
preferences, an active device and a default clock that belong to all of the process. Whoever uses brian2 beside neuroep
finds all of them as left.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from neuroep.errors import NotAvailable

#: What g++ is told: not to reorder sums, which brian2's own choice lets it.
PLAIN = ["-w", "-O2"]
#: Above every level that is logged.
_SILENT = logging.CRITICAL + 1


@contextmanager
def brian(target: str = "numpy", device: Any = "runtime") -> Iterator[Any]:
    """Import brian2 and hold it in a known state while a block of work lasts. Blocks may lie within each other.

    Parameters
    ----------
    target : str
        Of code generation at run time: ``"numpy"``, or ``"cython"``, whose compiled extensions brian2 keeps in a cache
        of its own.
    device : str or brian2.devices.device.Device
        That runs what is built in the block.

    Yields
    ------
    module
        ``brian2.only``: brian2 without pylab's names.

    Raises
    ------
    NotAvailable
        Outside the main thread, which alone may hand signals back.
    """
    if threading.current_thread() is not threading.main_thread():
        raise NotAvailable("brian2 runs on the main thread only: use --engine spiking")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        b2 = _imported()
        with _quiet(b2), _preferences(b2, target), _running_on(b2, device):
            yield b2


def _imported() -> Any:
    """Import brian2; where this is the first time, without all that comes with it.

    Its own handler of Ctrl-C would end a simulation early and go on with what there is.
    """
    if "brian2" in sys.modules:
        import brian2.only

        return brian2.only
    handler, hook, shown = signal.getsignal(signal.SIGINT), sys.excepthook, warnings.showwarning
    try:
        import brian2.only
    finally:
        signal.signal(signal.SIGINT, handler)
        sys.excepthook = hook
        if warnings.showwarning is not shown:
            logging.captureWarnings(False)
    _close_log(brian2.only.BrianLogger)
    return brian2.only


def _close_log(log: Any) -> None:
    """Close and remove the debug log and the copy of the script that brian2 makes when it is imported."""
    if log.file_handler is not None:
        logging.getLogger("brian2").removeHandler(log.file_handler)
        log.file_handler.close()
    for path in (log.tmp_log, log.tmp_script):
        if path is not None:
            with suppress(OSError):
                os.remove(path)
    log.file_handler = log.tmp_log = log.tmp_script = None


@contextmanager
def _quiet(b2: Any) -> Iterator[None]:
    """Silence the log, and remove the files that a compiler's words went to."""
    words, open_before = b2.std_silent, b2.std_silent.dest_stdout is not None
    handlers = list(logging.getLogger("brian2").handlers)
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(_SILENT)
    try:
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)
        if words.dest_stdout is not None and not open_before:
            words.close()
            words.dest_stdout = words.dest_stderr = None


@contextmanager
def _preferences(b2: Any, target: str) -> Iterator[None]:
    kept = dict(b2.prefs)
    try:
        b2.prefs["codegen.target"] = target
        b2.prefs["core.default_float_dtype"] = np.float64
        b2.prefs["codegen.cpp.extra_compile_args_gcc"] = PLAIN
        yield
    finally:
        for name, value in kept.items():
            if b2.prefs[name] is not value:
                b2.prefs[name] = value


@contextmanager
def _running_on(b2: Any, device: Any) -> Iterator[None]:
    """Run on a device, and hand the one before back with its own default step, which brian2 carries across."""
    from brian2.devices.device import reset_device

    step = b2.defaultclock.dt
    b2.set_device(device, build_on_run=False)
    try:
        yield
    finally:
        reset_device()
        b2.defaultclock.dt = step
