"""docs/energy.md shows every measured system as `benchmarks/anchors.py` prints it, with its source and its term."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neuroep.cost.anchors import Anchor, off
from neuroep.cost.measured_systems import MEASURED_SYSTEMS, SIMULATED_SYSTEMS
from neuroep.report.summary import si, si_band
from neuroep.specs.catalogue import load_device

PAGE = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")
EVERY = (*MEASURED_SYSTEMS, *SIMULATED_SYSTEMS)


def ids(anchor: Anchor) -> str:
    return f"{anchor.name}, {anchor.profile}"


@pytest.mark.parametrize("anchor", EVERY, ids=ids)
def test_the_page_has_what_comes_out(anchor: Anchor) -> None:
    prices = load_device(anchor.profile).prices()
    found, explained = anchor.predicted(prices), anchor.explained(prices)
    (row,) = re.findall(rf"^\| {re.escape(anchor.name)} \| `{anchor.profile}` \|(.*)\|$", PAGE, re.MULTILINE)
    term = ["", ""] if explained is None else [si(explained, "J"), off(explained, anchor.joules)]
    wanted = [si(anchor.joules, "J"), si_band(found, "J"), off(found.value, anchor.joules), *term]
    assert [cell.strip() for cell in row.split("|")] == wanted
    assert f"| {anchor.name} | {anchor.source} | {anchor.read} |" in PAGE
    assert anchor.term is None or f"| `{anchor.profile}` | {anchor.term.name} | {anchor.term.source} |" in PAGE


def test_the_page_has_no_other_systems() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([\w-]+)` \| [^|]*J \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(anchor.profile for anchor in EVERY)


@pytest.mark.parametrize(("name", "nanojoules", "times"), [("gpu-h100", 1.5, 71), ("cpu-server", 3.3, 33)])
def test_the_page_says_what_a_small_network_pays(name: str, nanojoules: float, times: float) -> None:
    share = load_device(name).utilisation
    assert share is not None
    price = load_device(name).prices().energy_joules["synop"].value
    assert 1e9 * price / share.value == pytest.approx(nanojoules, abs=0.05)
    assert 1.0 / share.value == pytest.approx(times, abs=0.5)
    assert "costs 1.5 nJ on the H100 and 3.3 nJ on the server, 71 and 33 times the peak's price" in PAGE
