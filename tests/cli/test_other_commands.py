"""models, devices, cost, check, bench, data: what people see and what programs read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calling import call, edited, save_npz

from neuroep import load_device, load_model
from neuroep.specs.catalogue import folder, names

JSON = {
    "models": ["models"],
    "models NAME": ["models", "digits-mlp"],
    "devices": ["devices"],
    "devices NAME": ["devices", "ecram"],
    "cost": ["cost", "digits-mlp", "--device", "ecram", "digital-45nm"],
    "check": ["check", "xor"],
    "bench": ["bench", "--model", "xor", "--steps", "1", "--threads", "1"],
    "data": ["data"],
}


@pytest.mark.parametrize("argv", JSON.values(), ids=JSON)
def test_json_is_one_object_and_nothing_else(argv: list[str]) -> None:
    called = call(*argv, "--json")
    assert (called.status, called.err) == (0, "")
    assert isinstance(called.json, dict)
    assert "NaN" not in called.out
    assert "Infinity" not in called.out


@pytest.mark.parametrize("argv", JSON.values(), ids=JSON)
def test_without_json_it_is_text_on_stdout(argv: list[str]) -> None:
    called = call(*argv)
    assert (called.status, called.err) == (0, "")
    assert not called.out.lstrip().startswith("{")


@pytest.mark.parametrize("kind", ["models", "devices"])
def test_lists_name_everything_shipped(kind: str) -> None:
    rows = call(kind, "--json").json[kind]
    assert [row["name"] for row in rows] == names(kind)
    shown = call(kind).out
    assert all(row["name"] in shown and row["summary"] in shown for row in rows)


@pytest.mark.parametrize("name", names("models"))
def test_a_model_in_full(name: str) -> None:
    found = call("models", name, "--json").json
    spec = load_model(name)
    assert [layer["size"] for layer in found["network"]["layers"]] == list(spec.network().sizes)
    assert set(found["on"]) == set(spec.devices)
    shown = call("models", name).out
    assert all(str(size) in shown for size in spec.network().sizes)


@pytest.mark.parametrize("name", names("devices"))
def test_a_device_in_full_with_unit_and_source_of_every_number(name: str) -> None:
    found = call("devices", name, "--json").json
    quantities = dict(load_device(name).quantities())
    assert set(found["numbers"]) == set(quantities)
    for key, number in found["numbers"].items():
        assert set(number) == {"value", "unit", "source", "tag", "low", "high"}
        assert (number["value"], number["unit"]) == (quantities[key].value, quantities[key].unit)
        assert number["low"] <= number["value"] <= number["high"]
    shown = call("devices", name).out
    assert all(key in shown for key in quantities)


def test_brackets_in_a_file_are_shown_as_they_are(tmp_path: Path) -> None:
    edited(Path(load_device("ecram").path), tmp_path / "mine.toml", 'source = "', 'source = "[bold] see [/2] ')
    assert "[bold] see [/2]" in call("devices", "mine.toml").out


def test_cost_of_a_device_file_is_what_its_prices_say(tmp_path: Path) -> None:
    """Only reads have a price, 1 nJ each: energy is their number."""
    price = 'synop = { value = 1, unit = "nJ", source = "test", tag = "estimate" }'
    text = f'summary = "reads only"\nkind = "cost-only"\n[energy]\n{price}\n'
    (tmp_path / "reads.toml").write_text(text, encoding="utf-8")
    (row,) = call("cost", "digits-mlp", "--device", "reads.toml", "--json").json["rows"]
    for phase in ("free", "nudged", "inference"):
        joules = row["energy_joules"][phase]["synop"]
        assert joules["value"] == joules["low"] == joules["high"]
        assert joules["value"] == pytest.approx(1e-9 * row["events"][phase]["synop"] / row["batch"])
    assert row["time_seconds"]["free"] == {}
    # the clamped input is read through W1 once for each sample, in the free phase alone
    recipe = load_model("digits-mlp").recipe()
    assert row["batch"] == recipe.training.batch_size
    assert row["events"]["free"]["synop"] >= row["batch"] * 64 * 64


def test_cost_says_what_is_not_counted() -> None:
    shown = " ".join(call("cost", "digits-mlp", "--device", "ecram").out.split())
    assert all(" ".join(caveat.split()) in shown for caveat in load_device("ecram").caveats)


def test_cost_prices_reads_where_they_are_served(tmp_path: Path) -> None:
    """One memory without end, 1 nJ a byte, serves every read: 4 nJ a float, and the bill stays empty."""
    price = 'energy_per_byte = { value = 1, unit = "nJ", source = "test", tag = "estimate" }'
    (tmp_path / "flat.toml").write_text(
        f'summary = "flat"\nkind = "cost-only"\n[memory.all]\n{price}\n', encoding="utf-8"
    )
    (row,) = call("cost", "xor", "--device", "flat.toml", "--json").json["rows"]
    for step in row["memory"].values():
        (level,) = step["levels"]
        assert (level["level"], level["share"]) == ("all", 1.0)
        assert level["joules"]["value"] == pytest.approx(4e-9 * level["floats"])
        assert step["misses"][0] == {"capacity": 0, "miss_ratio": 1.0}
        assert step["misses"][-1]["miss_ratio"] == pytest.approx(0.0, abs=1e-12)
    assert row["energy_joules"] == {phase: {} for phase in row["energy_joules"]}
    assert "flat: reads of that step in its memories" in call("cost", "xor", "--device", "flat.toml").out
    assert "in its memories" not in call("cost", "xor", "--device", "ecram").out


def test_cost_shows_the_core_map_and_the_rule_of_a_chip() -> None:
    """784-256-10 by nengo-loihi's packing: 142 units fit the first core (tests/devices/test_loihi_cores.py)."""
    first, other = call("cost", "fashion-mlp", "--device", "loihi1", "ecram", "--json").json["rows"]
    assert other["chip"] is None
    assert (first["chip"]["cores"], first["chip"]["legal"]) == (3, True)
    assert [layer["units_per_core"] for layer in first["chip"]["layers"]] == [142, 10]
    shown = call("cost", "fashion-mlp", "--device", "loihi1").out
    assert "3 core(s) on 1 chip(s)" in shown
    assert "learning rule 'swapped': legal" in shown
    assert "learning rule 'swapped': legal" in call("devices", "loihi1").out


def test_a_gradient_of_zero_has_no_direction(tmp_path: Path) -> None:
    """Units held at zero by their biases teach nothing: dashes, and null as JSON."""
    layers = "".join(f', {{ size = {n}, activation = "hard-sigmoid", bias = -100.0 }}' for n in (4, 2))
    (tmp_path / "dark.toml").write_text(f'summary = "x"\ndata = "xor"\nlayers = [{{ size = 2 }}{layers}]\n')
    found = call("check", tmp_path / "dark.toml")
    rows = [line.split() for line in found.out.splitlines() if line.split()[:1] == ["backprop"]]
    assert [row[2:] for row in rows] == [["–", "–"]] * 2
    assert all(row["cosine"] is None for row in call("check", tmp_path / "dark.toml", "--json").json["rows"])


def test_check_agrees_with_finite_differences_for_a_small_beta() -> None:
    found = call("check", "parity", "--beta", "0.001", "--json").json
    assert (found["model"], found["device"], found["beta"], found["settled"]) == ("parity", "ideal", 0.001, 1.0)
    against = [row for row in found["rows"] if row["against"] == "finite-differences"]
    assert [row["layer"] for row in against] == [1, 2]
    # centered: bias O(β²), and tanh units are smooth
    assert all(row["cosine"] > 0.99999 and row["relative_error"] < 1e-3 for row in against)


def test_check_agrees_with_backprop_for_a_small_feedback_gain() -> None:
    argv = ("check", "parity", "--beta", "0.001", "--json", "--feedback")
    errors = [max(row["relative_error"] for row in call(*argv, gain).json["rows"][:2]) for gain in ("0.1", "0.01")]
    # the distance from backprop falls in proportion to γ
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.3)


WIRES = """
[wires]
ends = "opposite"
word = { value = 20.0, unit = "ohm", source = "a test", tag = "estimate" }
bit = { value = 20.0, unit = "ohm", source = "a test", tag = "estimate" }
"""


def test_adjoint_reads_make_up_for_wires_that_two_reads_see_differently(tmp_path: Path) -> None:
    """Against finite differences: of order β² where changes go through the other ends, off by more without."""
    profile = (folder("devices") / "ecram.toml").read_text(encoding="utf-8") + WIRES
    (tmp_path / "wired.toml").write_text(profile, encoding="utf-8")
    argv = ("check", "xor", "--device", str(tmp_path / "wired.toml"), "--without", "read-noise,converters")
    errors = {}
    for reads in ("changes", "adjoint"):
        rows = call(*argv, "--beta", "0.001", "--reads", reads, "--json").json["rows"]
        errors[reads] = max(row["relative_error"] for row in rows if row["against"] == "finite-differences")
    assert errors["adjoint"] < 1e-4 < 1e-3 < errors["changes"]


def test_bench_has_a_row_for_every_model_batch_and_thread_count() -> None:
    found = call("bench", "--model", "xor", "--batch", "2", "4", "--threads", "1", "2", "--steps", "1", "--json").json
    assert [(row["batch"], row["threads"]) for row in found["rows"]] == [(2, 1), (2, 2), (4, 1), (4, 2)]
    for row in found["rows"]:
        assert row["ratio"] == pytest.approx(row["ep_ms"] / row["backprop_ms"])
        assert row["ep_ms"] > 0.0


def test_data_tells_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuroep.data import homes

    monkeypatch.delenv("NEUROEP_DATA", raising=False)
    monkeypatch.setattr(homes, "cache_folder", lambda name: tmp_path / "cache" / name)
    found = {row["name"]: row for row in call("data", "--json").json["data"]}
    assert set(found) == {"digits", "xor", "parity", "fashion-mnist", "mnist"}
    assert (found["digits"]["train"], found["digits"]["test"], found["digits"]["inputs"]) == (1437, 360, 64)
    assert found["mnist"]["place"] == ""
    shown = call("data").out
    assert "not here" in shown
    assert "neuroep data fetch" in shown


def test_a_model_of_ones_own_on_ones_own_data(tmp_path: Path) -> None:
    save_npz(tmp_path / "mine.npz", inputs=3, classes=2)
    (tmp_path / "small.toml").write_text(
        'summary = "small"\ndata = "mine.npz"\n[[layers]]\nsize = 3\n[[layers]]\nsize = 4\n[[layers]]\nsize = 2\n',
        encoding="utf-8",
    )
    found = call("run", "small.toml", "--epochs", "1", "--out", "o", "--json")
    assert found.status == 0
    assert found.json["model"] == "small"
    assert np.isfinite([row["test_accuracy"] for row in found.json["rows"]]).all()
    assert call("cost", "small.toml", "--device", "ecram", "--json").json["rows"][0]["inputs"] == "mine"


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    import neuroep
    from neuroep.cli import main

    for argv, said in ((["--version"], neuroep.__version__), (["--help"], "run"), (["run", "--help"], "--device")):
        with pytest.raises(SystemExit) as left:
            main(argv)
        assert left.value.code == 0
        assert said in capsys.readouterr().out
