"""The run folder: made, resumed, refused, and whole after a crash."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.report.store import RunFolder, first_difference, job_name, versions

SPEC: dict[str, Any] = {"model": "xor", "seeds": (0, 1), "training": {"epochs": 3, "rate": 0.1}}
W = np.array([[0.1, -2.0]], dtype=np.float32)


def test_new_folder_then_resume(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run"
    with RunFolder(path).open(SPEC) as run:
        assert run.load_checkpoint("ep-ideal-0") is None
        run.save_checkpoint("ep-ideal-0", {"w": W}, {"epoch": 1, "losses": [0.5]})
        run.save_checkpoint("ep-ideal-0", {"w": 2 * W}, {"epoch": 2, "losses": [0.5, 0.25]})
    with RunFolder(path).open(SPEC) as run:
        found = run.load_checkpoint("ep-ideal-0")
    assert found is not None
    np.testing.assert_array_equal(found[0]["w"], 2 * W)
    assert found[1] == {"epoch": 2, "losses": [0.5, 0.25]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (SPEC | {"model": "digits"}, 'model was "xor" and is now "digits"'),
        (SPEC | {"seeds": [0]}, "seeds was [0, 1] and is now [0]"),
        (SPEC | {"training": {"epochs": 3, "rate": 0.2}}, "training.rate was 0.1 and is now 0.2"),
        (SPEC | {"training": {"epochs": 3}}, "training.rate is only in the stored spec"),
        (SPEC | {"device": "ecram"}, "device is only in the new spec"),
    ],
)
def test_other_spec_is_refused_and_changes_nothing(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with RunFolder(tmp_path).open(SPEC) as run:
        run.save_checkpoint("ep-ideal-0", {"w": W}, {"epoch": 1})
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        RunFolder(tmp_path).open(changed)
    assert "--fresh" in str(caught.value)
    assert "--out" in str(caught.value)
    with RunFolder(tmp_path).open(SPEC) as run:
        assert run.load_checkpoint("ep-ideal-0") is not None


def test_fresh_removes_the_old_run_and_nothing_of_the_users(tmp_path: Path) -> None:
    with RunFolder(tmp_path).open(SPEC) as run:
        run.save_checkpoint("ep-ideal-0", {"w": W}, {"epoch": 1})
        run.write_result({"rows": []})
    (tmp_path / "notes.txt").write_text("mine")
    with RunFolder(tmp_path).open(SPEC | {"model": "digits"}, fresh=True) as run:
        assert run.load_checkpoint("ep-ideal-0") is None
    assert not (tmp_path / "result.json").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("fresh", [False, True])
def test_folder_of_something_else_is_refused(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(BadInput, match=r"not a run's folder: it holds thesis\.tex"):
        RunFolder(tmp_path).open(SPEC, fresh)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(BadInput, match="a file, not a folder"):
        RunFolder(tmp_path / "thesis.tex").open(SPEC, fresh)
    with pytest.raises(BadInput, match="can't be made"):
        RunFolder(tmp_path / "thesis.tex" / "run").open(SPEC, fresh)


def test_folder_interrupted_before_its_spec_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / ".spec.json.abc.tmp").write_text("{")
    RunFolder(tmp_path).open(SPEC).close()
    RunFolder(tmp_path).open(SPEC).close()


def test_damaged_spec_is_refused(tmp_path: Path) -> None:
    RunFolder(tmp_path).open(SPEC).close()
    (tmp_path / "spec.json").write_text('{"model": ')
    with pytest.raises(BadInput, match=r"spec\.json: damaged JSON"):
        RunFolder(tmp_path).open(SPEC)
    RunFolder(tmp_path).open(SPEC, fresh=True).close()


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks of this kind on Windows")
def test_one_run_at_a_time(tmp_path: Path) -> None:
    with RunFolder(tmp_path).open(SPEC), pytest.raises(BadInput, match="another run is using this folder"):
        RunFolder(tmp_path).open(SPEC)
    RunFolder(tmp_path).open(SPEC).close()


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks of this kind on Windows")
def test_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from neuroep.report.store import RunFolder; "
        "run = RunFolder(sys.argv[1]).open({'model': 'xor'}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    RunFolder(tmp_path).open({"model": "xor"}).close()


def test_refused_open_lets_go_of_the_folder(tmp_path: Path) -> None:
    RunFolder(tmp_path).open(SPEC).close()
    with pytest.raises(BadInput):
        RunFolder(tmp_path).open(SPEC | {"model": "digits"})
    RunFolder(tmp_path).open(SPEC).close()


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    with RunFolder(tmp_path).open(SPEC) as run:
        run.save_checkpoint("ep-ideal-0", {"w": W}, {"epoch": 1})
        file = tmp_path / "jobs" / "ep-ideal-0.safetensors"
        file.write_bytes(file.read_bytes()[:-3])
        with pytest.raises(BadInput, match=r"ep-ideal-0\.safetensors: truncated or damaged"):
            run.load_checkpoint("ep-ideal-0")


def test_crash_between_checkpoints_never_mixes_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder(tmp_path).open(SPEC) as run:
        run.save_checkpoint("a", {"w": W}, {"epoch": 1})

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            run.save_checkpoint("a", {"w": 2 * W}, {"epoch": 2})
        found = run.load_checkpoint("a")
    assert found is not None
    np.testing.assert_array_equal(found[0]["w"], W)
    assert found[1] == {"epoch": 1}
    assert [item.name for item in (tmp_path / "jobs").iterdir()] == ["a.safetensors"]


def test_result_history_and_weights_come_back(tmp_path: Path) -> None:
    row = {"method": "ep", "device": "a,b", "seed": 1, "epoch": 2, "train_accuracy": 0.1, "train_cost": 1 / 3}
    rows = [row | {"validation_accuracy": None, "seconds": 0.5}, row | {"validation_accuracy": 0.25, "seconds": 1.0}]
    with RunFolder(tmp_path).open(SPEC) as run:
        run.write_result({"rows": [{"seed": np.int64(3)}], "model": "xor"})
        run.write_history(rows)
        run.write_weights({"w": W}, {"job": "ep"})
        assert run.read_result() == {"rows": [{"seed": 3}], "model": "xor"}
        assert run.read_history() == rows
    names = {"spec.json", "result.json", "history.csv", "weights.safetensors", "jobs", ".lock"}
    assert {item.name for item in tmp_path.iterdir()} == names


def test_missing_or_damaged_results_are_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for read in (run.read_result, run.read_history):
        with pytest.raises(BadInput, match="can't be read"):
            read()
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(BadInput, match="not a run's result"):
        run.read_result()
    (tmp_path / "history.csv").write_text("method,device\nep,ideal\n")
    with pytest.raises(BadInput, match=r"history\.csv: damaged"):
        run.read_history()


def test_job_names_are_file_names_and_differ() -> None:
    assert job_name("ep", "rram-taox", 3) == "ep-rram-taox-3"
    names = {job_name("ep", device, 3) for device in ("x", "a/x.toml", "b/x.toml", "a/x .toml", "../x.toml")}
    assert len(names) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names)


def test_first_difference_of_equals_is_nothing() -> None:
    assert first_difference(SPEC, dict(reversed(SPEC.items()))) == ""


def test_versions_are_the_installed_ones() -> None:
    found = versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == np.__version__
    assert found["scipy"] == metadata.version("scipy")
    assert {"neuroep", "numba", "torch"} < set(found)
