"""`neuroep device`: files read, profiles written, and every wrong file in one line."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
from calling import call, contents

from neuroep.hardware.cells.steps import SoftBounds
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.fitting.pulse_data import read_pulses
from neuroep.quantities import Quantity
from neuroep.specs import read_device

CURVE = 1.0 + SoftBounds(dw_min=0.05, w_min=-1.0, w_max=1.0).curve(-0.9, 40, 40)
ROWS = [(k, "up" if k <= 40 else "down", float(g)) for k, g in enumerate(CURVE)]


def save(path: Path, header: str = "pulse,direction,conductance_uS", rows: list[tuple] = ROWS) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return path


def numbers(table: object) -> list[dict]:
    """Every number of a profile; each must be one."""
    if not isinstance(table, dict):
        return []
    return [table] if "value" in table else [each for value in table.values() for each in numbers(value)]


def test_a_profile_from_pulses(tmp_path: Path) -> None:
    file = save(tmp_path / "pulses.csv")
    called = call("device", "fit", file, "--out", "my.toml", "--plot", "my.png", "--name", 'a "device"')
    assert called.status == 0, called.err
    assert "chosen: soft-bounds" in called.out
    table = tomllib.loads((tmp_path / "my.toml").read_text(encoding="utf-8"))
    assert (table["summary"], table["kind"], table["crossbar"]["encoding"]) == ('a "device"', "crossbar", "pair")
    assert (table["cell"]["step"], table["cell"]["noise"]) == ("soft-bounds", "multiplicative")
    assert table["cell"]["dw_min"]["value"] == pytest.approx(0.05, rel=1e-4)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest in table["cell"]["dw_min"]["source"]
    found = [Quantity(**number) for number in numbers(table)]  # checks units, tags, bands and sources
    assert {number.tag for number in found} == {"measured", "derived", "estimate"}
    assert {name: set(table[name]) for name in ("spread", "periphery")} == {
        "spread": {"step", "bounds"},
        "periphery": {"dac_bits", "adc_bits", "adc_bound"},
    }
    assert (tmp_path / "my.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("constant", set()),
        ("linear-step", {"gamma_up", "gamma_down"}),
        ("pow", {"gamma_up", "gamma_down"}),
        ("exp", {"gamma_up", "gamma_down", "a_up", "a_down", "slope", "offset"}),
        ("piecewise", {"up", "down", "table_source"}),
    ],
)
def test_a_model_of_ones_own_choice(tmp_path: Path, model: str, keys: set[str]) -> None:
    file = save(tmp_path / "pulses.csv")
    assert call("device", "fit", file, "--model", model, "--out", "my.toml").status == 0
    cell = tomllib.loads((tmp_path / "my.toml").read_text(encoding="utf-8"))["cell"]
    assert cell["step"] == model.removesuffix("-step")
    common = {"step", "noise", "dw_min", "w_min", "w_max", "up_down", "cycle_noise", "write_noise"}
    assert set(cell) == common | keys
    built = read_device("my.toml").build()
    assert isinstance(built, Crossbar)
    assert built.cell.dw_min == cell["dw_min"]["value"]
    for key in keys - {"table_source"}:
        value = cell[key]
        assert getattr(built.cell, key) == (tuple(value) if isinstance(value, list) else value["value"]), key


def test_a_profile_from_levels(tmp_path: Path) -> None:
    line = ("device", "levels", "--levels", "64", "--g-min", "1uS", "--g-max", "10 µS", "--out", "my.toml")
    assert call(*line).status == 0
    table = tomllib.loads((tmp_path / "my.toml").read_text(encoding="utf-8"))
    assert table["cell"]["dw_min"]["value"] == pytest.approx(2.0 / 63.0, rel=1e-12)
    assert [table["crossbar"][key]["value"] for key in ("g_min", "g_max")] == pytest.approx([1.0, 10.0])
    assert all(Quantity(**number) for number in numbers(table))
    built = read_device("my.toml").build()
    assert isinstance(built, Crossbar)
    assert (built.g_min_siemens, built.g_max_siemens) == pytest.approx((1e-6, 1e-5))
    before = (tmp_path / "my.toml").read_bytes()
    again = call(*line[:3], "8", *line[4:])
    assert (again.status, len(again.err.splitlines())) == (2, 1)
    assert "--force" in again.err
    assert (tmp_path / "my.toml").read_bytes() == before
    assert call(*line[:3], "8", *line[4:], "--force").status == 0
    assert (tmp_path / "my.toml").read_bytes() != before


def test_prices_from_the_pulses_that_read_and_write(tmp_path: Path) -> None:
    line = ("device", "levels", "--levels", "64", "--g-min", "10uS", "--g-max", "30uS", "--out", "my.toml")
    assert call(*line, "--read", "0.5V,10ns", "--write", "2V,100us").status == 0
    prices = read_device("my.toml").numbers
    # two cells of 20 uS, 0.25 V^2, 10 ns: 0.1 pJ; one of 20 uS, 4 V^2, 100 us: 8 nJ
    assert prices["energy.effective_synop"].si("energy") == pytest.approx((1e-13, 0.5e-13, 1.5e-13), rel=1e-9, abs=0.0)
    assert prices["energy.pulse"].si("energy") == pytest.approx((8e-9, 4e-9, 12e-9), rel=1e-9, abs=0.0)
    assert prices["time.array_read"].si("time").value == pytest.approx(1e-8, abs=0.0)
    assert prices["time.pulse_slot"].si("time").value == pytest.approx(1e-4)


def test_the_same_data_however_written(tmp_path: Path) -> None:
    same = [
        save(tmp_path / "a.csv"),
        save(tmp_path / "b.csv", "pulse,conductance_nS", [(k, 1e3 * g) for k, _, g in ROWS]),
        save(
            tmp_path / "c.csv",
            "conductance_S,x,direction,pulse",
            [(1e-6 * g, 0, "+" if k <= 40 else "−", k) for k, _, g in ROWS],
        ),
        save(
            tmp_path / "d.csv",
            "pulse,direction,conductance_uS",
            [(k if k <= 40 else k - 40, {"up": 1, "down": -1}[d], g) for k, d, g in ROWS],
        ),
    ]
    (first, *others) = (read_pulses(file).traces for file in same)
    for traces in others:
        assert (traces[0].directions == first[0].directions).all()
        assert traces[0].siemens == pytest.approx(first[0].siemens, rel=1e-12)
    plain = save(tmp_path / "e.csv", "pulse,conductance", [(k, g) for k, _, g in ROWS])
    assert read_pulses(plain, "uS").traces[0].siemens == pytest.approx(first[0].siemens, rel=1e-12)


def test_pulses_without_a_read_are_counted(tmp_path: Path) -> None:
    (trace,) = read_pulses(save(tmp_path / "a.csv", rows=ROWS[::10])).traces
    assert len(trace.directions) == 80
    assert np.flatnonzero(np.isfinite(trace.siemens)).tolist() == list(range(0, 81, 10))


def with_cell(line: int, column: int, cell: str) -> list[tuple]:
    return [tuple(cell if (k, c) == (line - 2, column) else v for c, v in enumerate(r)) for k, r in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("plus,direction,conductance_uS", ROWS, ["'pulse'", "should 'plus' be it", "--columns pulse="]),
        ("pulse,direction,conduct_uV", ROWS, ["'conductance_uS'", "should 'conduct_uV' be it"]),
        ("pulse,direction,conductance", ROWS, ["no unit", "--unit"]),
        ("pulse,direction,direction", ROWS, ["two columns"]),
        ("pulse,direction,conductance_uS", with_cell(7, 2, "x"), ["line 7", "'x'", "finite number"]),
        ("pulse,direction,conductance_uS", with_cell(8, 2, "nan"), ["line 8", "'nan'"]),
        ("pulse,direction,conductance_uS", with_cell(9, 2, "-1"), ["line 9", "0 or more"]),
        ("pulse,direction,conductance_uS", with_cell(9, 0, "7.5"), ["line 9", "whole number"]),
        ("pulse,direction,conductance_uS", with_cell(9, 0, "1e9"), ["line 9", "pulses a trace"]),
        ("pulse,direction,conductance_uS", with_cell(9, 1, "dwn"), ["line 9", "did you mean 'down'"]),
        ("pulse,direction,conductance_uS", with_cell(9, 1, ""), ["line 9", "no direction"]),
        ("pulse,direction,conductance_uS", [*ROWS, (81, "down")], ["line 83", "2 cells", "3, as in the header"]),
        ("pulse,direction,conductance_uS", ROWS[:4], ["4 reads", "5 or more"]),
        ("pulse,direction,conductance_uS", [], ["no rows"]),
        ("pulse,direction,conductance_uS", ROWS[:41], ["no pulses down"]),
        ("pulse,direction,conductance_uS", [(k, d, 1.0) for k, d, _ in ROWS], ["never changes"]),
        ("pulse,x,conductance_uS", with_cell(9, 2, "0.1"), ["'x' tells reads apart", "'direction'"]),
    ],
)  # fmt: skip
def test_wrong_files(tmp_path: Path, header: str, rows: list[tuple], said: list[str]) -> None:
    refused(tmp_path, said, "fit", save(tmp_path / "pulses.csv", header, rows))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["fit", "nowhere.csv"], ["nowhere.csv", "No such file"]),
        (["fit", "empty.csv"], ["empty file"]),
        (["fit", "binary.csv"], ["UTF-8"]),
        (["fit", "good.csv", "--model", "liner"], ["did you mean 'linear'"]),
        (["fit", "good.csv", "--unit", "mV"], ["'mV'", "uS"]),
        (["fit", "good.csv", "--out", "my.tom"], ["--out", ".toml"]),
        (["fit", "good.csv", "--out", "no/my.toml"], ["--out", "folder"]),
        (["fit", "good.csv", "--plot", "my.bmp"], ["--plot", ".png"]),
        (["levels", "--levels", "1", "--g-min", "1uS", "--g-max", "2uS"], ["1 levels"]),
        (["levels", "--levels", "9", "--g-min", "1", "--g-max", "2uS"], ["--g-min", "1uS"]),
        (["levels", "--levels", "9", "--g-min", "3uS", "--g-max", "2uS"], ["g_min < g_max"]),
        (["levels", "--levels", "9", "--g-min", "1uS", "--g-max", "2uS", "--nl-up", "10"], ["label 10"]),
        (["levels", "--levels", "9", "--g-min", "1uS", "--g-max", "2uS", "--name", ""], ["--name", "empty"]),
        (["fit", "good.csv", "--name", " "], ["--name", "empty"]),
        (["fit", "good.csv", "--read", "0.2V"], ["--read", "1.5V,100ns"]),
        (["fit", "good.csv", "--write", "1.5V,2V"], ["--write", "1.5V,100ns"]),
        (["fit", "good.csv", "--write", "0V,1us"], ["--write", "1.5V,100ns"]),
        (["fit", "good.csv", "--write", "1V,1us"], ["--write", "--out"]),
        (["fitt"], ["did you mean 'fit'"]),
        ([], ["WHAT"]),
    ],
)
def test_wrong_commands(tmp_path: Path, argv: list[str], said: list[str]) -> None:
    save(tmp_path / "good.csv")
    (tmp_path / "empty.csv").write_bytes(b"\n")
    (tmp_path / "binary.csv").write_bytes(b"\x00\x90\xff")
    refused(tmp_path, said, *argv)


def refused(tmp_path: Path, said: list[str], *argv: str | Path) -> None:
    before = contents(tmp_path)
    called = call("device", *argv)
    assert (called.status, called.out) == (2, "")
    assert len(called.err.splitlines()) == 1, called.err
    assert all(word in called.err for word in said), called.err
    assert contents(tmp_path) == before
