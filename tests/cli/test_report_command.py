"""`neuroep report` on the command line: a page anew, several runs on one, and one line for what is no run."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from calling import Finished, call, contents

from neuroep.errors import BadInput
from neuroep.network import chain
from neuroep.specs.catalogue import load_device, load_model
from neuroep.specs.written import written_model
from neuroep.studies.command_line import command_of
from neuroep.studies.experiment import Experiment


def test_page_of_a_run_is_what_the_run_wrote(finished: Finished, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished.folder, copy)
    (copy / "report.html").unlink()
    called = call("report", copy)
    assert (called.status, called.err, called.out) == (0, "", f"{copy / 'report.html'}\n")
    assert (copy / "report.html").read_bytes() == (finished.folder / "report.html").read_bytes()


def test_several_runs_leave_one_page_here(finished: Finished, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished.folder, other)
    before = contents(finished.folder)
    called = call("report", finished.folder, other)
    assert (called.status, called.err, called.out) == (0, "", "comparison.html\n")
    assert "2 runs compared" in Path("comparison.html").read_text(encoding="utf-8")
    assert contents(finished.folder) == before


@pytest.mark.parametrize("given", [("nowhere",), ("empty",), ("empty", "nowhere"), ("finished", "empty")])
def test_what_is_no_run_is_refused_in_a_line(given: tuple[str, ...], finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    called = call("report", *(finished.folder if name == "finished" else name for name in given), "--out", "page.html")
    assert (called.status, called.out) == (2, "")
    assert len(called.err.splitlines()) == 1
    assert given[-1] in called.err or given[0] in called.err
    assert not Path("page.html").exists()


@pytest.mark.parametrize(
    "typed",
    [
        "xor",
        "digits-mlp --device ecram loihi1 --epochs 3 --seed 4 2",
        "digits-mlp --device ecram --without granularity,ir-drop --no-backprop --data 'my data.csv#kind of thing'",
        "./own.toml --device ./mine.toml --engine reference --threads 2",
        "digits-drn --epochs 1",  # has no twin, which nobody left out
    ],
)
def test_the_command_kept_asks_for_the_same(typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_bytes(load_model("xor").path.read_bytes())
    (tmp_path / "mine.toml").write_bytes(load_device("ecram").path.read_bytes())
    asked = []

    def noted(experiment: Experiment, *_: object) -> None:
        asked.append(experiment)
        raise BadInput("enough")

    monkeypatch.setattr("neuroep.studies.run.run", noted)
    assert call("run", *shlex.split(typed)).status == 2
    command = command_of(asked[0])
    assert command is not None
    assert call(*shlex.split(command)[1:]).status == 2
    first, second = asked
    assert first == second
    assert command_of(second) == command


def test_no_command_for_a_network_that_no_file_holds() -> None:
    model = written_model(chain((2, 3, 2)), None, "xor")
    assert command_of(Experiment(model=model, devices=(), data="xor", seeds=(0,))) is None
