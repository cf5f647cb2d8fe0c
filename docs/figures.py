"""Draw the pages' figures: ``python docs/figures.py RUN FOLDER [BENCH]``.

RUN is the folder of a finished run, BENCH a file that ``neuroep bench growth --json`` printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from neuroep.disk import read_json
from neuroep.report.figures import accuracy_energy_figure
from neuroep.report.plotting import panels, style

AXES = {
    "width": "Units of each of two hidden layers",
    "depth": "Hidden layers of 128 units",
    "batch": "Samples of a batch",
    "sweeps": "Free sweeps",
}


def growth_figure(bench: dict, path: Path) -> None:
    """Draw the time of all phases against what was varied, and its slope against the work done."""
    from matplotlib.ticker import NullLocator

    with style():
        figure, all_axes = panels(8.0, 5.5, 2, 2)
        for axes, (varied, name) in zip(all_axes, AXES.items(), strict=True):
            rows = [row for row in bench["rows"] if row["varied"] == varied]
            points = [(row["at"], row["value"]) for row in rows if row["name"] == "phases"]
            slope = next(row["value"] for row in rows if row["name"].startswith("slope"))
            axes.loglog(*zip(*points, strict=True), marker="o")
            axes.set_xticks([at for at, _ in points])
            axes.set_yticks([value for _, value in points])
            for axis, form in ((axes.xaxis, "{x:g}"), (axes.yaxis, "{x:.3g}")):
                axis.set_major_formatter(form)
                axis.set_minor_locator(NullLocator())
            axes.set_xlabel(name)
            axes.set_ylabel("All phases (ms)")
            axes.set_title(f"slope against multiplications {slope:.2f}", fontsize="medium")
        figure.savefig(path, dpi=160)


def main(run: Path, folder: Path, bench: Path | None = None) -> None:
    """Write FOLDER/accuracy-energy.png, and FOLDER/growth.png where there are figures for it."""
    folder.mkdir(parents=True, exist_ok=True)
    accuracy_energy_figure(read_json(run / "result.json"), folder / "accuracy-energy.png")
    if bench is not None:
        growth_figure(read_json(bench), folder / "growth.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
