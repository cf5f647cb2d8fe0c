"""docs/energy.md prints what its command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuroep.cost.gated_chain import MEASURED, Activity, System, billed, inference, training
from neuroep.specs.catalogue import load_device

PAGE = Path(__file__).parents[2] / "docs" / "energy.md"


def test_the_page_has_what_comes_out() -> None:
    numbers = load_device("loihi1").numbers
    system = System(numbers["system.static"].si("power"), numbers["system.step"].si("time"))
    loads = {"inference": inference(Activity()), "training": training(Activity())}
    rows = re.findall(r"^\| (inference|training), (\w+) \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 4
    for name, quantity, cells in rows:
        k = ("energy", "time").index(quantity)
        measured = MEASURED[name][k]
        bare, whole = (billed(loads[name], load_device("loihi1").prices(), s)[k].value for s in (None, system))
        given = [float(cell.split()[0]) for cell in cells.split("|")]
        off = [max(found / measured, measured / found) for found in (bare, whole)]
        wanted = [1e6 * measured, 1e6 * bare, off[0], 1e6 * whole, off[1]]
        assert given == pytest.approx(wanted, rel=0.05)  # factors have one digit behind the point
        assert [("under" in cell) for cell in cells.split("|")[2::2]] == [bare < measured, whole < measured]
