"""Notebooks run from their first cell to their last, show tables and figures, and are left clean."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIRST = ROOT / "examples" / "notebooks" / "first_table.ipynb"
PROGRESS = re.compile(r'<progress value="(\d+)" max="(\d+)"')
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("nbclient", "ipykernel")), reason="nbclient and ipykernel aren't installed"
)


def execute(notebook: Path, folder: Path) -> dict[str, Any]:
    """Run a notebook in a folder: the outputs of its cells, and what was shown on the way."""
    homes = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(HERE / "executing.py"), str(notebook), str(folder / "executed.json")]
    done = subprocess.run(command, env=os.environ | homes | {"PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    return json.loads((folder / "executed.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_stranger_s_first_table(tmp_path: Path) -> None:
    kept = [cell for cell in json.loads(FIRST.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in kept)
    assert len([line for line in kept[0]["source"] if line.strip()]) <= 5

    done = execute(FIRST, tmp_path)
    for outputs in done["cells"]:
        bar, result = outputs  # and nothing printed
        assert (bar["output_type"], bar["data"]) == ("display_data", {"text/plain": "", "text/html": ""})
        assert result["output_type"] == "execute_result"
    html = done["cells"][0][1]["data"]["text/html"]
    assert [html.count(f">{name}</td>") for name in ("ideal", "ecram", "loihi1")] == [2, 1, 1]
    assert html.count("<svg") == 1
    assert (tmp_path / "runs" / "first-table" / "report.html").is_file()


def test_bars_count_every_epoch_and_are_taken_away(tmp_path: Path) -> None:
    source = 'import neuroep\nneuroep.train("xor", epochs=400);\nneuroep.train("xor", epochs=5, progress=False);'
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": source}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "bars.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    *pictures, last = execute(tmp_path / "bars.ipynb", tmp_path)["shown"]
    assert last == ""
    counts = [tuple(map(int, found.groups())) for found in map(PROGRESS.search, pictures) if found]
    assert len(counts) == len(pictures)
    assert counts[0] == (0, 400)
    assert counts == sorted(set(counts))
    assert {total for _, total in counts} == {400}
