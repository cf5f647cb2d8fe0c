"""`compare`: finished runs beside each other."""

from __future__ import annotations

from pathlib import Path

from neuroep import checks
from neuroep.api.found import Comparison
from neuroep.errors import BadInput
from neuroep.report.comparing import compare as _compare
from neuroep.report.comparing import report
from neuroep.studies.python_words import in_python


@in_python
def compare(*runs: str | Path, out: str | Path | None = None, force: bool = False) -> Comparison:
    """Put finished runs beside each other: all rows, which of them nothing beats, and in what the runs differ.

    Parameters
    ----------
    *runs : str or Path
        Folders of finished runs, each once; of one run alone the page is its own.
    out : str or Path, optional
        An HTML page to write, as ``neuroep report`` does.
    force : bool
        Whether it may take the place of a file that isn't such a page.

    Returns
    -------
    Comparison
        The dict that ``neuroep report --json`` prints (docs/json.md describes it), which shows itself in notebooks.

    Raises
    ------
    BadInput
        If a folder isn't a finished run's, or the page would take the place of something else.

    Examples
    --------
    >>> _ = neuroep.run("xor", "ecram", epochs=1, out="runs/one")
    >>> _ = neuroep.run("xor", "ecram", epochs=2, out="runs/two")
    >>> found = neuroep.compare("runs/one", "runs/two")
    >>> [one["setting"] for one in found["settings"]][:2]
    ['recipes.ideal.training.epochs', 'recipes.ideal.backprop.epochs']
    """
    if not runs:
        raise BadInput("no runs", "runs", "folders of finished runs")
    folders = [checks.path(run, "runs") for run in runs]
    asked = checks.flag(force, "force")
    if out is None and asked:
        raise BadInput("nothing to write over", "force", "with out")
    return Comparison(_compare(folders) if out is None else report(folders, checks.path(out, "out"), asked))
