"""Trainings that a chip lives, by hand, and the line that says so."""

from __future__ import annotations

from typing import Any

import pytest

from neuroep.hardware.wear import Wear
from neuroep.quantities import Band
from neuroep.report.wear import number, wear_lines
from neuroep.studies.wear import trainings, wear_row

WORN = Wear(100, 1204.0, 8312.0, 0.5, 4.0)
ENDURANCE = {"cycles": Band(1e6, 4e5, 1e8), "pulses": Band.exact(8312e3)}


def row(device: str, wear: Wear | None, endurance: dict[str, Band]) -> dict[str, Any]:
    return {"device": device, "wear": wear_row(wear, endurance)}


def test_the_hottest_cell_ends_a_chips_life() -> None:
    assert trainings(WORN, ENDURANCE) == {"cycles": Band(2.5e5, 1e5, 2.5e7), "pulses": Band.exact(1000.0)}
    assert trainings(WORN, {}) == {}
    assert trainings(WORN._replace(pulses_hottest=0.0, cycles_hottest=0.0), ENDURANCE) == {}


def test_a_row_has_wear_endurance_and_trainings() -> None:
    found = wear_row(WORN, {"pulses": ENDURANCE["pulses"]})
    assert found is not None
    assert (found["cells"], found["pulses_mean"], found["pulses_hottest"]) == (100, 1204.0, 8312.0)
    assert (found["cycles_mean"], found["cycles_hottest"]) == (0.5, 4.0)
    assert found["endurance"] == {"pulses": {"value": 8312e3, "low": 8312e3, "high": 8312e3}}
    assert found["trainings"] == {"pulses": {"value": 1000.0, "low": 1000.0, "high": 1000.0}}
    assert wear_row(None, ENDURANCE) is None


def test_one_line_a_device_over_its_seeds() -> None:
    """The mean of the means; the hottest cell of all seeds, and the trainings that it leaves."""
    cooler = Wear(100, 1000.0, 4156.0, 0.25, 2.0)
    rows = [row("a", WORN, ENDURANCE), row("ideal", None, {}), row("b", WORN, {}), row("a", cooler, ENDURANCE)]
    assert wear_lines(rows) == [
        "wear of a: 8,312 pulses on the hottest cell, mean 1,102; 4 full cycles on the hottest cell, mean 0.375."
        " Endurance of 1e6 (400,000 to 1e8) full cycles: 250,000 (100,000 to 2.5e7) trainings;"
        " of 8.31e6 pulses: 1,000 trainings",
        "wear of b: 8,312 pulses on the hottest cell, mean 1,204; 4 full cycles on the hottest cell, mean 0.5."
        " No endurance is known",
    ]
    assert wear_lines([{"device": "a"}, row("ideal", None, {})]) == []  # results of earlier versions have none


def test_cells_that_were_not_pulsed_leave_any_number() -> None:
    (line,) = wear_lines([row("a", Wear(4, 0.0, 0.0, 0.0, 0.0), ENDURANCE)])
    assert line.endswith("Endurance of 1e6 (400,000 to 1e8) full cycles; of 8.31e6 pulses")


NUMBERS = [(0.0, "0"), (0.0123, "0.0123"), (7.0, "7"), (1234.4, "1,234"), (2e6, "2e6"), (8.654e11, "8.65e11")]


@pytest.mark.parametrize(("value", "text"), NUMBERS)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
