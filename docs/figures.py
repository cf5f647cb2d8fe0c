"""Draw the README's figures from the folder of a finished run: ``python docs/figures.py RUN FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from neuroep.disk import read_json
from neuroep.figures import accuracy_energy_figure


def main(run: Path, folder: Path) -> None:
    """Write FOLDER/accuracy-energy.png."""
    folder.mkdir(parents=True, exist_ok=True)
    accuracy_energy_figure(read_json(run / "result.json"), folder / "accuracy-energy.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
