"""Pages of finished runs: of one anew, of several beside each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuroep.disk import refuse_existing, write_atomic
from neuroep.errors import BadInput
from neuroep.report.comparison import compared
from neuroep.report.comparison_page import render_comparison
from neuroep.report.document import GENERATOR
from neuroep.report.finished import ALLOWED, FinishedRun, read_runs
from neuroep.report.page import render

#: Where the page of several runs goes unless told otherwise.
COMPARISON = Path("comparison.html")
#: Bytes within which a page of neuroep's says so.
HEAD = 1000


def report(folders: Sequence[Path], out: Path | None = None, force: bool = False) -> dict[str, Any]:
    """Write the page of one run, or of several beside each other, and return what it compares.

    Parameters
    ----------
    folders : sequence of Path
        Of finished runs.
    out : Path, optional
        The page; ``report.html`` in the folder of a single run, else ``comparison.html`` here.
    force : bool
        Whether it may take the place of a file that isn't such a page.

    Returns
    -------
    dict
        As ``neuroep report --json`` prints it; docs/json.md describes the keys.

    Raises
    ------
    BadInput
        If a folder isn't a finished run's, or the page would take the place of something else.
    """
    runs = read_runs(folders)
    own = folders[0] / "report.html" if len(runs) == 1 else COMPARISON
    path = own if out is None else out
    in_run = len(runs) == 1 and os.path.abspath(path) == os.path.abspath(own)
    refuse_existing(path, "--out", force or in_run or _is_page(path))
    found, page = _both(runs, render_runs)
    write_atomic(path, page)
    return {"out": str(path)} | found


def compare(folders: Sequence[Path]) -> dict[str, Any]:
    """Return what :func:`report` does, and write nothing.

    Raises
    ------
    BadInput
        If a folder isn't a finished run's.
    """
    return {"out": None} | _both(read_runs(folders), lambda *_: "")[0]


def render_runs(runs: Sequence[FinishedRun], found: Mapping[str, Any]) -> str:
    """Return the page of a run, or the one that compares several."""
    return render(*runs[0][2:]) if len(runs) == 1 else render_comparison(found)


def _both(
    runs: Sequence[FinishedRun], page: Callable[[Sequence[FinishedRun], Mapping[str, Any]], str]
) -> tuple[dict[str, Any], str]:
    """What is compared and its page, or the refusal of files that have lost a part."""
    try:
        found = compared(runs)
        return found, page(runs, found)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        damaged = ", ".join(str(run.folder / "result.json") for run in runs)
        raise BadInput(f"not what a run wrote ({type(error).__name__}: {error})", damaged, ALLOWED) from error


def _is_page(path: Path) -> bool:
    """Whether a file is a page that neuroep wrote."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(HEAD)
    except OSError:
        return False
