"""A command that is asked to stop keeps what is finished, says so in a line, and ends with 128 + its signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from calling import call

from neuroep.commands.stopping import Stopped, stops

LONG = ("run", "xor", "--epochs", "3000", "--no-backprop", "--out", "o")
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
BEFORE
from neuroep.cli import main
sys.exit(main())
"""
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def started(before: str = "") -> subprocess.Popen[str]:
    """A long run that has finished a few epochs."""
    process = subprocess.Popen(
        [sys.executable, "-c", START.replace("BEFORE", before), *LONG],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 5/" in line:
            break
    return process


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_the_last_epoch_told_is_kept(number: signal.Signals, status: int, tmp_path: Path) -> None:
    with started() as process:
        process.send_signal(number)
        _, rest = process.communicate(timeout=120)
    assert process.returncode == status
    *epochs, last = rest.splitlines()
    assert last == "neuroep: stopped; the same command goes on from the last finished epoch"
    assert all("epoch" in line for line in epochs)
    told = max([5, *(int(line.split("epoch ")[1].split("/")[0]) for line in epochs)])

    from neuroep.report.store import RunFolder

    saved = RunFolder(tmp_path / "o").load_checkpoint("ep-ideal-0")
    assert saved is not None
    assert len(saved[1]["history"]) in (told, told + 1)


def test_a_second_one_ends_it_at_once_and_loses_nothing(tmp_path: Path) -> None:
    slow = "import time, neuroep.cli; neuroep.cli.report_stop = lambda *_, **__: time.sleep(600)"
    with started(slow) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == "neuroep: stopped at once"

    from neuroep.report.store import RunFolder

    saved = RunFolder(tmp_path / "o").load_checkpoint("ep-ideal-0")
    assert saved is not None
    assert len(saved[1]["history"]) >= 5


def test_a_run_under_nohup_outlives_its_terminal() -> None:
    with started("signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert any("epoch" in process.stderr.readline() for _ in range(20))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_done_can_no_longer_be_stopped(number: signal.Signals) -> None:
    code = START.replace("sys.exit(main())", "status = main(); signal.raise_signal(NUMBER); sys.exit(status)")
    code = code.replace("BEFORE", "").replace("NUMBER", str(int(number)))
    done = subprocess.run([sys.executable, "-c", code, "models"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_ends_with_its_command_and_all_of_its_output() -> None:
    code = "import atexit, sys; from neuroep.cli import script; atexit.register(lambda: print('late')); script()"
    done = subprocess.run([sys.executable, "-c", code, "models", "--json"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, call("models", "--json").out)
    wrong = [sys.executable, "-c", code, "models", "no-such"]
    done = subprocess.run(wrong, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", call("models", "no-such").err)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    assert call("models").status == 0
    assert [signal.getsignal(number) for number in NUMBERS] == before
    with pytest.raises(Stopped) as caught, stops(forever=False):
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_others_handlers_and_threads_are_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with suppress(Stopped), stops(forever=False):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(call("models").status))
    thread.start()
    thread.join()
    assert statuses == [0]
