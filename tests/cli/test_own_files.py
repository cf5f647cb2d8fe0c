"""Studies go on in their own folders, and never write over anything else unasked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from calling import call, contents

LIFE = ("life", "xor", "--device", "rram-hfo2", "--from", "ep", "--epochs", "1", "--out", "l")
ABLATE = ("ablate", "xor", "--device", "rram-sb", "--effects", "write-noise", "--epochs", "1", "--out", "l")
CONTINUAL = ("continual", "xor", "--tasks", "2", "--epochs", "1", "--out", "l")
RUN = ("run", "xor", "--epochs", "1", "--no-backprop", "--out", "l")
SETTLE = ("settle", "xor", "--samples", "2", "--plot", "l/f.png")
LEVELS = ("device", "levels", "--levels", "8", "--g-min", "1uS", "--g-max", "2uS", "--out", "l/d.toml")


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (LIFE, "life.json"), (LIFE, "life.png"), (ABLATE, "ablation.json"), (ABLATE, "ablation.png"),
        (CONTINUAL, "continual.json"), (CONTINUAL, "continual.png"), (SETTLE, "f.png"), (LEVELS, "d.toml"),
    ],
)  # fmt: skip
def test_a_file_of_mine_is_kept_unless_forced(tmp_path: Path, argv: tuple[str, ...], name: str) -> None:
    (tmp_path / "l").mkdir()
    (tmp_path / "l" / name).write_text("mine")
    before = contents(tmp_path)
    refused = call(*argv)
    assert (refused.status, refused.out, len(refused.err.splitlines())) == (2, "", 1)
    assert "--force" in refused.err
    assert contents(tmp_path) == before
    forced = call(*argv, "--force")
    assert forced.status == 0, forced.err
    assert (tmp_path / "l" / name).read_bytes() != b"mine"


def test_a_life_is_lived_again_but_not_over_another(tmp_path: Path) -> None:
    assert call(*LIFE).status == 0
    first = json.loads((tmp_path / "l" / "life.json").read_text())
    assert call(*LIFE).status == 0
    assert json.loads((tmp_path / "l" / "life.json").read_text()) == first
    before = contents(tmp_path)
    for change, said in ((("--seed", "1"), "seeds was [0] and is now [1]"), (("--verify",), "verify was false")):
        refused = call(*LIFE, *change)
        assert (refused.status, said in refused.err) == (2, True), refused.err
    assert contents(tmp_path) == before
    assert call(*LIFE, "--seed", "1", "--force").status == 0
    assert json.loads((tmp_path / "l" / "life.json").read_text())["rows"][0]["seed"] == 1
    refused = call(*RUN)
    assert refused.status == 2
    assert "not a run's folder: it holds life.json" in refused.err


def test_a_finished_run_and_study_are_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for argv in (RUN, (*ABLATE[:-1], "a")):
        first = call(*argv)
        assert first.status == 0, first.err
        before = contents(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(os, "access", lambda *_: False)
            again = call(*argv)
            longer = call(*(part if part != "1" else "2" for part in argv))
        assert (again.status, again.out) == (0, first.out)
        assert longer.status == 2
        assert contents(tmp_path) == before


def test_an_unfinished_run_where_nothing_can_be_written_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(*RUN).status == 0
    (tmp_path / "l" / "jobs" / "ep-ideal-0.safetensors").unlink()
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused = call(*RUN)
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert "can't be written to" in refused.err


def test_a_model_whose_name_is_the_folder_above_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    layers = 'layers = [{ size = 2 }, { size = 4, activation = "tanh" }, { size = 2, activation = "linear" }]\n'
    training = "[training]\nepochs = 1\nbatch_size = 4\n"
    (tmp_path / "...toml").write_text('summary = "x"\ndata = "xor"\n' + layers + training)
    monkeypatch.chdir(tmp_path / "sub")
    refused = call("run", "../...toml", "--no-backprop")
    assert (refused.status, "can't be named '..'" in refused.err) == (2, True)
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["...toml", "sub"]
