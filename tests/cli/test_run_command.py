"""`neuroep run`: what it prints and what it leaves."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from calling import DEVICES, QUICK, SEEDS, Finished, call, contents, save_npz
from safetensors.numpy import load_file

DEVICE_FILES = Path(__file__).parents[2] / "devices"
ROW = {
    "method", "device", "seed", "epochs", "test_accuracy", "seconds", "energy_inference_joules",
    "energy_training_step_joules", "latency_inference_seconds", "weighted_ard", "weight_writes",
    "outputs_at_bound", "wear", "inspection",
}  # fmt: skip
BANDS = ("energy_inference_joules", "energy_training_step_joules", "latency_inference_seconds")


@pytest.fixture(scope="module")
def result(finished: Finished) -> dict:
    return json.loads((finished.folder / "result.json").read_text(encoding="utf-8"))


def rows(result: dict, method: str, device: str) -> list[dict]:
    return [row for row in result["rows"] if (row["method"], row["device"]) == (method, device)]


def test_table_names_every_method_and_device_with_mean_and_spread(finished: Finished, result: dict) -> None:
    assert finished.called.status == 0
    lines = finished.called.out.splitlines()
    assert "digits-mlp on digits (1,437 + 360), 2 seed(s)" in lines[0]
    for method, device in [
        ("EP", "ideal"),
        *(("EP", d) for d in DEVICES),
        ("backprop", "ideal"),
        ("backprop", DEVICES[2]),
    ]:
        (line,) = (line for line in lines if line.split()[:2] == [method, device])
        reached = [100 * row["test_accuracy"] for row in rows(result, method.lower(), device)]
        assert f"{np.mean(reached):.2f} ± {np.std(reached, ddof=1):.2f} %" in line
    assert str(finished.folder) in lines[-1]


def test_off_a_terminal_each_epoch_is_one_line_on_stderr(finished: Finished) -> None:
    epochs = [line for line in finished.called.err.splitlines() if "epoch 1/1" in line]
    trained = [("ep", "ideal"), ("ep", "ecram"), ("ep", "loihi1"), ("backprop", "ideal")]
    expected = [f"{method} {device} seed {seed}" for seed in SEEDS for method, device in trained]
    assert [line.split("  ")[0] for line in epochs] == expected


def test_folder_holds_what_was_promised_and_no_scraps(finished: Finished) -> None:
    files = {path.name for path in finished.folder.iterdir() if not path.name.startswith(".")}
    assert files == {"result.json", "weights.safetensors", "history.csv", "report.html", "spec.json", "jobs"}
    assert not list(finished.folder.rglob("*.tmp"))


def test_result_has_exactly_the_stable_keys(result: dict) -> None:
    assert set(result) == {
        "model", "data", "command", "versions", "spec", "rows", "events", "costs", "seconds", "coverage", "caveats",
        "remarks",
    }  # fmt: skip
    assert set(result["data"]) == {"name", "sha256", "source", "train", "test"}
    assert all(set(row) == ROW for row in result["rows"])
    assert (result["data"]["train"], result["data"]["test"]) == (1437, 360)
    assert len(result["rows"]) == len(SEEDS) * 6


def test_figures_are_in_range(result: dict) -> None:
    for row in result["rows"]:
        assert row["epochs"] == 1
        # ten classes: an accuracy of a tenth is guessing
        assert 0.15 < row["test_accuracy"] <= 1.0
        assert row["seconds"] > 0.0
        assert row["weighted_ard"] > 0.0
        assert isinstance(row["weight_writes"], int)
        assert row["weight_writes"] > 0
        for key in BANDS:
            if row[key] is not None:
                assert 0.0 < row[key]["low"] <= row[key]["value"] <= row[key]["high"]


def test_an_ideal_device_has_no_prices_and_writes_every_weight_at_every_step(result: dict) -> None:
    batch = result["spec"]["recipes"]["ideal"]["training"]["batch_size"]
    for method in ("ep", "backprop"):
        for row in rows(result, method, "ideal"):
            assert [row[key] for key in BANDS] == [None] * 3
            assert row["weight_writes"] == -(-1437 // batch) * (64 * 64 + 64 * 10)


def test_a_profile_that_only_prices_prices_ep_and_backprop_of_the_ideal_training(result: dict) -> None:
    for method in ("ep", "backprop"):
        pairs = zip(rows(result, method, "digital-45nm"), rows(result, method, "ideal"), strict=True)
        for priced, ideal in pairs:
            assert priced["test_accuracy"] == ideal["test_accuracy"]
            assert all(priced[key] is not None for key in BANDS)
    # one forward pass reads each weight once; settling reads hidden weights many times over
    ep, backprop = (rows(result, method, "digital-45nm")[0] for method in ("ep", "backprop"))
    assert ep["energy_inference_joules"]["value"] > backprop["energy_inference_joules"]["value"]
    assert not rows(result, "backprop", "ecram")


def test_backprop_inference_is_one_forward_pass(result: dict) -> None:
    # 4,736 weights at 9.6 pJ and 1 ns each, as devices/digital-45nm.toml has them; 74 units at 7.7 pJ, 128 states at 5
    row = rows(result, "backprop", "digital-45nm")[0]
    assert row["latency_inference_seconds"]["value"] == pytest.approx(4736e-9)
    assert row["energy_inference_joules"]["value"] == pytest.approx(4736 * 9.6e-12 + 74 * 7.7e-12 + 128 * 5e-12)


def test_the_split_of_costs_adds_up_to_the_rows(result: dict) -> None:
    for device in DEVICES:
        row, costs = rows(result, "ep", device)[0], result["costs"][device]
        inference = sum(band["value"] for band in costs["inference"].values())
        step = sum(band["value"] for phase in ("free", "nudged", "update") for band in costs[phase].values())
        assert row["energy_inference_joules"]["value"] == pytest.approx(inference)
        assert row["energy_training_step_joules"]["value"] == pytest.approx(step)
        assert result["caveats"][device]


def test_counts_times_prices_are_the_costs(result: dict) -> None:
    """By the numbers of the device files themselves, the companion's among them."""
    for device in DEVICES:
        files = [tomllib.loads((DEVICE_FILES / f"{name}.toml").read_text("utf-8")) for name in (device, "digital-45nm")]
        for phase, costs in result["costs"][device].items():
            events = result["events"][device][phase]
            for event in costs.keys() - {"static"}:
                (price, *_) = (file["energy"][event] for file in files if event in file["energy"])
                unit = {"fJ": 1e-15, "pJ": 1e-12, "nJ": 1e-9}[price["unit"]]
                assert costs[event]["value"] == pytest.approx(events[event] * price["value"] * unit, rel=1e-12, abs=0.0)
    # one forward pass meets each weight once
    assert result["events"]["ideal (backprop)"]["inference"]["synop"] == 64 * 64 + 64 * 10


def test_a_run_in_spikes_says_how_many(tmp_path: Path) -> None:
    """Of xor's inputs one is on in the mean and fires in every other step; so does each unit above, at most."""
    found = call("run", "xor", "--engine", "spiking", "--epochs", "1", "--no-backprop", "--out", tmp_path / "o")
    (note,) = re.findall(r"ideal, a sample: ([\d,]+) spikes and ([\d,]+) synaptic operations an inference", found.out)
    spikes, operations = (int(number.replace(",", "")) for number in note)
    inference = json.loads((tmp_path / "o" / "result.json").read_text("utf-8"))["events"]["ideal"]["inference"]
    assert (spikes, operations) == (round(inference["spike"]), round(inference["synop"]))
    steps, units = inference["barrier"], (inference["neuron_active"] + inference["neuron_idle"]) / inference["barrier"]
    assert 0.5 * steps - 1 <= spikes <= 0.5 * steps * (1 + units) + 1


def test_weights_load_with_the_network_s_shapes(finished: Finished) -> None:
    tensors = load_file(finished.folder / "weights.safetensors")
    shapes = {"W1": (64, 64), "b1": (64,), "W2": (64, 10), "b2": (10,)}
    trained = ("ep/ideal", "ep/ecram", "ep/loihi1", "backprop/ideal")
    assert set(tensors) == {f"{job}/{seed}/{name}" for job in trained for seed in SEEDS for name in shapes}
    for name, tensor in tensors.items():
        assert tensor.shape == shapes[name.rsplit("/", 1)[1]]
        assert np.isfinite(tensor).all()


def test_stored_weights_are_those_that_reached_the_accuracy(finished: Finished, result: dict) -> None:
    """Backprop's forward pass by hand: hard sigmoids of Wᵀx + b."""
    from neuroep import load_data

    data, tensors = load_data("digits"), load_file(finished.folder / "weights.safetensors")
    for row in rows(result, "backprop", "ideal"):
        layer = data.x_test
        for k in (1, 2):
            prefix = f"backprop/ideal/{row['seed']}"
            layer = np.clip(layer @ tensors[f"{prefix}/W{k}"] + tensors[f"{prefix}/b{k}"], 0.0, 1.0)
        reached = (layer.argmax(axis=1) == data.y_test).mean()
        # one sample of 360 may tip over by the order of a sum
        assert reached == pytest.approx(row["test_accuracy"], abs=1.5 / 360)


def test_history_has_a_row_for_every_epoch_of_every_training(finished: Finished) -> None:
    with (finished.folder / "history.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    columns = ["method", "device", "seed", "epoch", "train_accuracy", "train_cost", "validation_accuracy", "seconds"]
    assert list(table[0]) == columns
    assert len(table) == 4 * len(SEEDS)
    assert {row["epoch"] for row in table} == {"0"}


def test_report_is_one_page_that_names_the_devices(finished: Finished) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert all(device in page for device in DEVICES)


def test_json_is_the_stored_result_and_nothing_else(finished: Finished, result: dict) -> None:
    assert call(*finished.argv, "--json").json == result


def test_the_default_folder_is_runs_and_the_model(tmp_path: Path) -> None:
    assert call("run", "xor", "--epochs", "1", "--no-backprop").status == 0
    assert (tmp_path / "runs" / "xor" / "result.json").exists()


def test_seeds_repeat_bit_for_bit_and_differ_from_each_other(finished: Finished, tmp_path: Path) -> None:
    call(*QUICK, "--device", "ecram", "loihi1", "--seed", "1", "--out", "again")
    first, second = load_file(finished.folder / "weights.safetensors"), load_file("again/weights.safetensors")
    assert len(second) == 16
    for name, tensor in second.items():
        assert tensor.tobytes() == first[name].tobytes()
    for job in ("ep/ideal", "ep/ecram", "ep/loihi1", "backprop/ideal"):
        assert first[f"{job}/0/W1"].tobytes() != first[f"{job}/1/W1"].tobytes()


def test_the_reference_engine_trains_the_same_network(finished: Finished) -> None:
    """The definition and the fast engine: the same training up to rounding."""
    call(*QUICK, "--engine", "reference", "--no-backprop", "--out", "reference")
    fast, slow = load_file(finished.folder / "weights.safetensors"), load_file("reference/weights.safetensors")
    for name, tensor in slow.items():
        # rounding grows where a sum falls on either side of a hard sigmoid's corner, but stays small
        assert np.linalg.norm(tensor - fast[name]) < 0.02 * np.linalg.norm(tensor)


def test_data_from_an_npz_file(tmp_path: Path) -> None:
    file = save_npz(tmp_path / "mine.npz")
    found = call(*QUICK, "--data", file, "--no-backprop", "--out", "o", "--json").json["data"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert found == {"name": "mine", "sha256": digest, "source": str(file), "train": 60, "test": 20}


def test_data_from_a_csv_file(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "points.csv"
    lines = [",".join([*(f"{v:.3f}" for v in rng.random(2)), str(k % 2)]) for k in range(50)]
    file.write_text("\n".join(["a,b,label", *lines]) + "\n", encoding="utf-8")
    found = call("run", "xor", "--epochs", "2", "--data", file, "--no-backprop", "--out", "o", "--json").json["data"]
    assert (found["name"], found["train"], found["test"]) == ("points", 40, 10)
    assert found["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_run_reads_its_inputs_and_writes_its_folder_only(tmp_path: Path) -> None:
    save_npz(tmp_path / "mine.npz")
    before = contents(tmp_path)
    call(*QUICK, "--data", "mine.npz", "--out", "o")
    after = contents(tmp_path)
    assert {name for name in after if name.split("/")[0] != "o"} == set(before)


def test_what_a_profile_does_not_price_has_no_figure(tmp_path: Path) -> None:
    """SONOS flash has a time for pulses and none for reads: no latency, rather than one of 0 s."""
    found = call("run", "xor", "-d", "sonos-flash", "--epochs", "1", "--no-backprop", "--out", str(tmp_path), "--json")
    (row,) = (row for row in found.json["rows"] if row["device"] == "sonos-flash")
    assert row["latency_inference_seconds"] is None
    assert row["energy_inference_joules"]["value"] > 0.0


def test_outputs_that_cannot_learn_are_said_so(tmp_path: Path) -> None:
    """At a bias of −3 no output of digits' ten moves off 0; at the default they all do."""
    rows = {}
    for bias in ("", ", bias = -3.0"):
        file = tmp_path / "net.toml"
        file.write_text(
            f'summary = "x"\ndata = "digits"\nlayers = [{{ size = 64 }}, {{ size = 32 }}, {{ size = 10{bias} }}]\n'
            "[training]\nepochs = 3\nlearning_rates = [0.1]\n"
        )
        done = call("run", str(file), "--out", str(tmp_path / f"r{len(rows)}"), "--json")
        rows[bias] = [row["outputs_at_bound"] for row in done.json["rows"]]
    assert rows == {"": [0, 0], ", bias = -3.0": [10, 10]}
    again = call("run", str(file), "--out", str(tmp_path / "r1"))
    assert again.out.count("Note: ") == 2
    assert (tmp_path / "r1" / "report.html").read_text().count("10 output unit(s) at a bound") == 2
