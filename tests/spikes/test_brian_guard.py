"""brian2 leaves the process as it was: signals, hooks, warnings, log, preferences, device, default step, files."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from neuroep.engines.spiking.brian.guard import brian
from neuroep.errors import NotAvailable

#: What a process prints that imports brian2 through the guard, once it is through: nothing that has changed.
FIRST = """
import logging, os, signal, sys, tempfile, warnings
import numba, scipy.special, matplotlib
def state():
    return {
        "sigint": signal.getsignal(signal.SIGINT), "excepthook": sys.excepthook, "shown": warnings.showwarning,
        "filters": list(warnings.filters), "capturing": logging._warnings_showwarning,
        "here": sorted(os.listdir(".")), "temporary": sorted(os.listdir(tempfile.gettempdir())),
    }
from neuroep.engines.spiking.brian.guard import brian
before = state()
assert "brian2" not in sys.modules
with brian() as b2:
    group = b2.NeuronGroup(1, "dv/dt = -v/(10*ms) : 1", method="euler", clock=b2.Clock(dt=0.001 * b2.second))
    b2.Network(group).run(0.01 * b2.second)
print([name for name, value in state().items() if value != before[name]])
"""


def test_a_first_import_leaves_nothing_behind(tmp_path: Path) -> None:
    here, temporary, home = (tmp_path / name for name in ("here", "temporary", "home"))
    for folder in (here, temporary, home):
        folder.mkdir()
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FIRST], cwd=here, capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "TMPDIR": str(temporary), "HOME": str(home)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert list(temporary.iterdir()) == []


def test_what_others_have_set_is_theirs_again() -> None:
    handler = signal.getsignal(signal.SIGINT)
    with brian() as b2:
        pass
    device, step = b2.get_device(), b2.defaultclock.dt
    b2.prefs.codegen.target, b2.defaultclock.dt = "cython", 0.3 * b2.ms
    try:
        b2.set_device("cpp_standalone", build_on_run=False)
        kept = dict(b2.prefs)
        with brian("numpy"):
            assert b2.prefs.codegen.target == "numpy"
            assert b2.get_device() is b2.all_devices["runtime"]
            b2.defaultclock.dt = 0.1 * b2.ms
        assert dict(b2.prefs) == kept
        assert b2.get_device() is b2.all_devices["cpp_standalone"]
        assert b2.defaultclock.dt == 0.3 * b2.ms
    finally:
        b2.set_device(device)
        b2.defaultclock.dt, b2.prefs.codegen.target = step, "auto"
    assert signal.getsignal(signal.SIGINT) is handler


def test_only_the_main_thread_may() -> None:
    found: list[str] = []

    def enter() -> None:
        with pytest.raises(NotAvailable) as raised, brian():
            pass
        found.append(str(raised.value))

    thread = Thread(target=enter)
    thread.start()
    thread.join()
    assert found == ["brian2 runs on the main thread only: use --engine spiking"]
