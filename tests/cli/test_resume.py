"""Stopped runs go on from the last finished epoch and end where an uninterrupted run ends, bit for bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from calling import QUICK, Finished, call, contents

from neuroep.studies.following import Reporter

# Python ignores SIGINT where its parent did (a shell's background job): ask for it
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from neuroep.cli import main
sys.exit(main())
"""


ARGV = ("run", "digits-mlp", "--epochs", "3", "--device", "ecram", "loihi1", "--out")
LONG = ("run", "digits-mlp", "--epochs", "12", "--device", "ecram", "--no-backprop", "--out")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of four trainings, never interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert call(*ARGV, folder).status == 0
    return folder


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve epochs of two trainings, never interrupted."""
    folder = tmp_path_factory.mktemp("long") / "run"
    assert call(*LONG, folder).status == 0
    return folder


def weights(folder: Path | str) -> bytes:
    return (Path(folder) / "weights.safetensors").read_bytes()


def accuracies(folder: Path | str) -> list[float]:
    result = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
    return [row["test_accuracy"] for row in result["rows"]]


def test_a_finished_run_is_found_finished(finished: Finished) -> None:
    before = {name: data for name, data in contents(finished.folder).items() if not name.startswith(".")}
    again = call(*finished.argv)
    assert again.status == 0
    assert again.out == finished.called.out
    assert "epoch" not in again.err
    after = contents(finished.folder)
    assert all(after[name] == data for name, data in before.items())


def wears(folder: Path | str) -> list[dict[str, float] | None]:
    result = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
    return [row["wear"] for row in result["rows"]]


@pytest.mark.parametrize("job", ["ep ideal", "ep ecram", "ep loihi1", "backprop ideal"])
def test_interrupted_after_an_epoch_it_goes_on(
    job: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Reporter.epoch

    def interrupt(self, at, epoch, epochs) -> None:
        report(self, at, epoch, epochs)
        if (f"{at.method} {at.device}", epoch.epoch) == (job, 1):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "epoch", interrupt)
        stopped = call(*ARGV, "parts")
    assert stopped.status == 130
    assert stopped.err.splitlines()[-1].startswith("neuroep: stopped")
    assert not (tmp_path / "parts" / "result.json").exists()
    resumed = call(*ARGV, "parts")
    assert resumed.status == 0
    assert [line.split("  ")[1] for line in resumed.err.splitlines() if line.startswith(f"{job} seed 0  ")] == [
        "epoch 3/3"
    ]
    assert weights("parts") == weights(whole)
    assert accuracies("parts") == accuracies(whole)
    assert wears("parts") == wears(whole)
    assert any(wears(whole))


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_process_that_is_stopped_or_killed_can_be_resumed(sent: signal.Signals, status: int, long: Path) -> None:
    command = [sys.executable, "-c", START, *LONG, "parts"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "ep ideal seed 0  epoch 3/12" in line:
                process.send_signal(sent)
                break
        _, rest = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in rest
    resumed = call(*LONG, "parts")
    assert resumed.status == 0
    assert "ep ideal seed 0  epoch 3/12" not in resumed.err
    assert weights("parts") == weights(long)
    assert accuracies("parts") == accuracies(long)


def test_another_spec_over_an_old_folder_is_refused(tmp_path: Path) -> None:
    assert call(*QUICK, "--no-backprop", "--out", "o").status == 0
    before = contents(tmp_path)
    refused = call("run", "digits-mlp", "--epochs", "2", "--no-backprop", "--out", "o")
    assert refused.status == 2
    assert "epochs was 1 and is now 2" in refused.err
    assert "--fresh" in refused.err
    assert contents(tmp_path) == before


def test_fresh_starts_anew(tmp_path: Path) -> None:
    assert call(*QUICK, "--no-backprop", "--out", "o").status == 0
    fresh = call("run", "digits-mlp", "--epochs", "2", "--no-backprop", "--out", "o", "--fresh")
    assert fresh.status == 0
    assert "epoch 1/2" in fresh.err


def test_fresh_leaves_a_folder_that_is_no_run_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("keep me", encoding="utf-8")
    before = contents(tmp_path)
    assert call(*QUICK, "--out", "letters", "--fresh").status == 2
    assert contents(tmp_path) == before


@pytest.mark.parametrize("file", ["jobs/ep-ideal-0.safetensors", "spec.json"])
def test_a_truncated_file_of_a_run_is_named(file: str, tmp_path: Path) -> None:
    assert call(*QUICK, "--no-backprop", "--out", "o").status == 0
    damaged = tmp_path / "o" / file
    damaged.write_bytes(damaged.read_bytes()[:100])
    refused = call(*QUICK, "--no-backprop", "--out", "o")
    assert (refused.status, refused.out) == (2, "")
    assert len(refused.err.splitlines()) == 1
    assert file in refused.err
    assert call(*QUICK, "--no-backprop", "--out", "o", "--fresh").status == 0


def test_two_runs_cannot_share_a_folder_at_once(tmp_path: Path) -> None:
    from neuroep.report.store import RunFolder

    with RunFolder(tmp_path / "o").open({}):
        refused = call(*QUICK, "--no-backprop", "--out", "o")
    assert refused.status == 2
    assert "another run" in refused.err
