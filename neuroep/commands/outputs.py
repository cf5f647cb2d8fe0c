"""What commands write: figures, and folders of studies, which aren't written over another study of their kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Endings of figures.
FORMATS = (".png", ".svg", ".pdf")


def check_plot(plot: Path | None, force: bool) -> None:
    """Refuse a figure's file that can't be written, before anything is computed."""
    from neuroep.disk import refuse_existing
    from neuroep.errors import BadInput

    if plot is not None and plot.suffix.lower() not in FORMATS:
        raise BadInput(f"a figure called {plot.name!r}", "--plot", ", ".join(FORMATS))
    if plot is not None and not plot.resolve().parent.is_dir():
        raise BadInput(f"no folder {str(plot.parent)!r}", "--plot", "an existing folder")
    refuse_existing(plot, "--plot", force)


def refuse_other_study(
    out: Path, files: tuple[str, ...], asked: dict[str, Any], seeds: tuple[int, ...], force: bool, noun: str
) -> None:
    """Refuse, before anything is computed, to write over files that aren't this study's.

    Parameters
    ----------
    out : Path
        Folder, which need not exist.
    files : tuple of str
        What the study writes, its JSON object first.
    asked : dict
        Keys of that object that tell one study from another.
    seeds : tuple of int
        Of its rows.
    force : bool
        Whether it may take the place of others.
    noun : str
        What the study is called.

    Raises
    ------
    BadInput
        Saying what is there, or where a stored study differs.
    """
    from neuroep.errors import BadInput
    from neuroep.report.ownership import refuse_taken
    from neuroep.report.store import first_difference

    stored = refuse_taken(out, files, {*asked, "rows"}, force)
    if stored is None or force:
        return
    rows = stored["rows"] if isinstance(stored["rows"], list) else []
    kept = {key: stored[key] for key in asked} | {"seeds": [row.get("seed") for row in rows if isinstance(row, dict)]}
    difference = first_difference(kept, asked | {"seeds": list(seeds)})
    if difference:
        raise BadInput(f"holds another {noun}: {difference}", str(out), "another --out, or --force")
