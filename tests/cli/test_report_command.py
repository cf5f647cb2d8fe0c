"""`neuroep report` on the command line: a page anew, several runs on one, and one line for what is no run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from calling import Finished, call, contents


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
