"""docs/energy.md's tables of settling as physics are what comes out."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from neuroep.quantities import Band
from neuroep.report.summary import si_band
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.relaxation import relaxation_of

PAGE = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| relaxation to ([\d.e-]+) \| (.*) \|$", PAGE, re.MULTILINE)
PAIRS = ("digits-mlp", "ecram"), ("digits-drn", "drn-kendall")


def test_both_tables_have_the_same_tolerances() -> None:
    half = len(ROWS) // 2
    assert half
    assert [name for name, _ in ROWS[:half]] == [name for name, _ in ROWS[half:]]


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_the_tables_have_what_comes_out(place: int) -> None:
    tolerance, cells = ROWS[place]
    model, device = PAIRS[2 * place // len(ROWS)]
    phases = relaxation_of(load_model(model), load_device(device), tolerance=float(tolerance)).phases
    moved, both, seconds = (
        sum((getattr(phase, key) for phase in phases), Band.exact(0.0)) for key in ("moved", "joules", "seconds")
    )
    wanted = [*(si_band(phase.joules, "J") for phase in phases), si_band(moved, "J"), si_band(both, "J")]
    assert cells.split(" | ") == [*wanted, si_band(seconds, "s")]


def test_inputs_are_what_costs() -> None:
    free = relaxation_of(load_model("digits-mlp"), load_device("ecram")).phases[0]
    share = free.layers[0].held.value / free.held.value
    assert f"{share:.1%}".replace("%", " %") in PAGE
    drn = relaxation_of(load_model("digits-drn"), load_device("drn-kendall")).phases[0]
    assert drn.layers[1].held.value / drn.held.value > 0.9998


def test_each_decade_of_tolerance_takes_as_much_again() -> None:
    found = [
        relaxation_of(load_model("digits-mlp"), load_device("ecram"), tolerance=t).phases[0].held.value
        for t in (1e-3, 1e-4, 1e-5)
    ]
    first, second = (after - before for before, after in pairwise(found))
    assert second == pytest.approx(first, rel=0.2)
    assert first == pytest.approx(0.15e-9, rel=0.1)
