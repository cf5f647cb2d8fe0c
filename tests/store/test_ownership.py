"""What isn't a run's or a study's own is refused and left as it is; what is, goes on, be it only readable."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.report.ownership import MARK, refuse_taken
from neuroep.report.store import RunFolder

SPEC: dict[str, Any] = {"model": "xor", "network": {}, "recipes": {}, "devices": {}, "data": {}, "seeds": [0]}
W = {"w": np.ones(2, dtype=np.float32)}
STRANGERS = ["weights.safetensors", "report.html", "result.json", "history.csv", "spec.json", "jobs/mine.safetensors"]


def everything(folder: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        link = path.is_symlink()
        found[str(path.relative_to(folder))] = str(path.readlink()) if link else path.is_file() and path.read_bytes()
    return found


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("text", ["mine", "{}", '{"model": "mine"}'])
@pytest.mark.parametrize("name", STRANGERS)
def test_a_strangers_files_are_refused_and_kept(tmp_path: Path, name: str, text: str, fresh: bool) -> None:
    file = tmp_path / "o" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    before = everything(tmp_path)
    with pytest.raises(BadInput, match=rf"not a run's folder: it holds {name.partition('/')[0]}"):
        RunFolder(tmp_path / "o").open(SPEC, fresh)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("lock", ["link", "dangling", "pipe", "folder", "text"])
def test_a_lock_that_is_none_is_refused(tmp_path: Path, lock: str) -> None:
    (tmp_path / "victim").write_text("mine")
    place = tmp_path / "o" / ".lock"
    place.parent.mkdir()
    makers = {
        "link": lambda: place.symlink_to(tmp_path / "victim"),
        "dangling": lambda: place.symlink_to(tmp_path / "nowhere"),
        "pipe": lambda: os.mkfifo(place),
        "folder": place.mkdir,
        "text": lambda: place.write_text("mine"),
    }
    makers[lock]()
    for spec in (False, True):  # also where the spec says that the folder is a run's
        if spec:
            (tmp_path / "o" / "spec.json").write_text(json.dumps(SPEC))
        if lock == "text" and spec:
            continue
        with pytest.raises(BadInput, match=r"\.lock"):
            RunFolder(tmp_path / "o").open(SPEC)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_fresh_removes_own_checkpoints_only_and_nothing_behind_a_link(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "o").open(SPEC) as run:
        run.save_checkpoint("ep-ideal-0", W, {})
    jobs = tmp_path / "o" / "jobs"
    (jobs / "mine.safetensors").write_text("mine")
    (tmp_path / "mine").write_text("mine")
    (jobs / "ep-ecram-0.safetensors").symlink_to(tmp_path / "mine")
    RunFolder(tmp_path / "o").open(SPEC, fresh=True).close()
    assert [item.name for item in jobs.iterdir()] == ["mine.safetensors"]
    assert (tmp_path / "mine").read_text() == "mine"
    jobs.rename(tmp_path / "elsewhere")
    jobs.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "ep-ideal-0.safetensors").write_text("mine")
    with pytest.raises(BadInput, match="a link: nothing is removed behind it"):
        RunFolder(tmp_path / "o").open(SPEC, fresh=True)
    assert (tmp_path / "elsewhere" / "ep-ideal-0.safetensors").read_text() == "mine"
    RunFolder(tmp_path / "o").open(SPEC).close()


def test_a_folder_of_an_earlier_version_is_known_by_its_spec_and_then_marked(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / ".lock").touch()
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    (tmp_path / "weights.safetensors").write_text("old")
    RunFolder(tmp_path).open(SPEC).close()
    assert (tmp_path / ".lock").read_bytes() == MARK


@pytest.mark.parametrize("text", ["", "null", "[]", '"x"', "[" * 100_000, '{"model": NaN', '{"a": ' + "9" * 9999 + "}"])
def test_a_damaged_spec_is_refused_in_a_short_line_and_fresh_helps(tmp_path: Path, text: str) -> None:
    RunFolder(tmp_path).open(SPEC).close()
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(BadInput) as caught:
        RunFolder(tmp_path).open(SPEC)
    assert "--fresh" in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)
    RunFolder(tmp_path).open(SPEC, fresh=True).close()


@pytest.mark.parametrize("name", ["spec.json", "jobs/ep-ideal-0.safetensors", "result.json", "history.csv"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling"])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    RunFolder(tmp_path).open(SPEC).close()
    place = tmp_path / name
    place.unlink(missing_ok=True)
    {"pipe": lambda: os.mkfifo(place), "folder": place.mkdir, "dangling": lambda: place.symlink_to("nowhere")}[kind]()
    read = {"result.json": "read_result", "history.csv": "read_history"}.get(name, "")
    run = RunFolder(tmp_path)
    with pytest.raises(BadInput, match=place.name.replace(".", r"\.")):
        getattr(run, read)() if read else run.open(SPEC).load_checkpoint("ep-ideal-0")
    run.close()


def test_what_a_killed_run_left_is_swept_up_and_only_that(tmp_path: Path) -> None:
    RunFolder(tmp_path).open(SPEC).close()
    left = [tmp_path / ".result.json.0123abcd.tmp", tmp_path / "jobs" / ".ep-ecram-0.safetensors.0123abcd.tmp"]
    others = [tmp_path / ".mine.0123abcd.tmp", tmp_path / "jobs" / "ep-ecram-0.tmp"]
    for file in (*left, *others):
        file.touch()
    RunFolder(tmp_path).open(SPEC).close()
    assert [file.exists() for file in (*left, *others)] == [False, False, True, True]


@pytest.mark.parametrize("refused", ["lock", "folder"])
def test_a_folder_without_permission_may_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    with RunFolder(tmp_path).open(SPEC) as run:
        run.save_checkpoint("ep-ideal-0", W, {})
    opened = os.open

    def no(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".lock"):
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(path, *rest, **more)

    if refused == "lock":
        monkeypatch.setattr(os, "open", no)
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)
    with RunFolder(tmp_path).open(SPEC) as run:
        assert not run.writable
        assert run.load_checkpoint("ep-ideal-0") is not None
        with pytest.raises(BadInput, match="can't be written to"):
            run.require_writable()
    with pytest.raises(BadInput, match="can't be written to"):
        RunFolder(tmp_path).open(SPEC, fresh=True)
    (tmp_path / "spec.json").unlink()
    with pytest.raises(BadInput, match="can't be written to"):
        RunFolder(tmp_path).open(SPEC)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def none(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    with RunFolder(tmp_path).open(SPEC) as run:
        run.save_checkpoint("ep-ideal-0", W, {})
        assert run.writable


STUDY = ("life.json", "life.png")


@pytest.mark.parametrize("name", STUDY)
@pytest.mark.parametrize("text", ["mine", "[]", '{"model": 1}'])
def test_a_study_takes_no_other_files_place(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=rf"{name}.*--force"):
        refuse_taken(tmp_path, STUDY, {"model", "rows"})
    assert refuse_taken(tmp_path, STUDY, {"model", "rows"}, force=True) is None
    assert (tmp_path / name).read_text() == text


def test_a_study_knows_its_own_folder_and_places_for_a_new_one(tmp_path: Path) -> None:
    own = {"model": "xor", "rows": []}
    assert refuse_taken(tmp_path / "new" / "one", STUDY, {"model", "rows"}) is None
    (tmp_path / "life.json").write_text(json.dumps(own))
    (tmp_path / "life.png").touch()
    assert refuse_taken(tmp_path, STUDY, {"model", "rows"}) == own
    with pytest.raises(BadInput, match="a file, not a folder"):
        refuse_taken(tmp_path / "life.png" / "deep" / "er", STUDY, {"model", "rows"})
    (tmp_path / "life.png").unlink()
    (tmp_path / "life.png").mkdir()
    for force in (False, True):
        with pytest.raises(BadInput, match="a folder, where a file belongs"):
            refuse_taken(tmp_path, STUDY, {"model", "rows"}, force)
