"""Resistive networks on the command line and from Python: what works, and what is refused before data are read."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from calling import call
from torch import nn

import neuroep
from neuroep import load_model
from neuroep.errors import BadInput
from neuroep.network import Activation, initial_weights
from neuroep.rng import stream
from neuroep.studies.chip import Chip
from neuroep.studies.estimate import sample_batch
from neuroep.studies.training import materials

MODEL = """
summary = "a test"
data = "xor"
physics = "resistive"
input_gain = 4.0
layers = [{ size = 4 }, { size = 6 }, { size = 2 }]
[phases]
beta = 0.05
[training]
epochs = 2
batch_size = 2
"""
MISSING = MODEL.replace('"xor"', '"nowhere.npz"')


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.chdir(tmp_path)
    Path("r.toml").write_text(MODEL, encoding="utf-8")
    Path("m.toml").write_text(MISSING, encoding="utf-8")
    return "r.toml"


def refused(*argv: str) -> str:
    """The one line of a refused command."""
    found = call(*argv)
    assert (found.status, found.out) == (2, ""), found.err
    (line,) = found.err.splitlines()
    return line


def test_defaults_are_diodes_and_linear_outputs(model: str) -> None:
    network = load_model(model).network()
    assert [layer.activation for layer in network.layers[1:]] == [Activation.DIODES, Activation.LINEAR]
    assert call("models", model).out.count("±4 x") == 1
    assert call("models", model, "--json").json["network"]["input_gain"] == 4.0


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_run_leaves_backprop_out_and_says_why(model: str, engine: str) -> None:
    found = call("run", model, "--device", "gpu-h100", "--engine", engine, "--out", "out", "--json")
    assert found.status == 0, found.err
    assert {row["method"] for row in found.json["rows"]} == {"ep"}
    assert [row["device"] for row in found.json["rows"]] == ["ideal", "gpu-h100"]
    assert found.json["remarks"] == ["no backprop: a feedforward net isn't the limit of a resistive network"]
    assert "Note: no backprop" in call("run", model, "--device", "gpu-h100", "--engine", engine, "--out", "out").out
    found = call("run", model, "--no-backprop", "--engine", engine, "--out", "quiet", "--json")
    assert "remarks" not in found.json
    spec = json.loads(Path("out/spec.json").read_text(encoding="utf-8"))
    assert spec["network"]["input_gain"] == 4.0
    assert spec["backprop"] is False


def test_check_keeps_finite_differences(model: str) -> None:
    """Without diodes, so that no difference crosses a kink."""
    Path("l.toml").write_text(MODEL.replace("= 6 }", '= 6, activation = "linear" }'), encoding="utf-8")
    found = call("check", "l.toml", "--beta", "1e-4", "--engine", "reference", "--json")
    assert found.status == 0, found.err
    assert {row["against"] for row in found.json["rows"]} == {"finite-differences"}
    assert max(row["relative_error"] for row in found.json["rows"]) < 1e-5
    assert "no backprop" in call("check", model).out


def test_cost_has_no_backprop_step(model: str) -> None:
    found = call("cost", model, "--device", "digital-45nm", "--json")
    assert found.status == 0, found.err
    (row,) = found.json["rows"]
    assert row["memory"]["backprop"] is None
    assert row["memory"]["ep"]["weighted_ard"] > 0
    assert "backprop" not in call("cost", model, "--device", "digital-45nm").out


def test_events_are_a_chains(model: str) -> None:
    """A sweep updates all 8 nodes; the update has one product a conductance, whatever its squares, of each phase."""
    (row,) = call("cost", model, "--device", "ideal", "--json").json["rows"]
    inference = row["events"]["inference"]
    assert inference["neuron_update"] == 8 * inference["sweep"] > 0
    assert row["events"]["update"]["contrast_mac"] == 2 * 4 * 6 + 2 * 2 * 6 * 2


@pytest.mark.parametrize("command", ["run", "check", "cost", "life", "ablate"])
@pytest.mark.parametrize("device", ["ecram", "loihi1"])
def test_hardware_is_refused_before_data_are_read(model: str, command: str, device: str) -> None:
    """m.toml's data aren't there."""
    line = refused(command, "m.toml", "--device", device)
    assert f"a resistive network on {device}, whose weights may be negative" in line
    assert "ideal, or a profile that only has prices" in line


def test_settle_refuses_before_data_are_read(model: str) -> None:
    assert "--form: without effect in this network" in refused("settle", "m.toml", "--form", "gradient")
    assert "a resistive network on ecram, whose weights may be negative" in refused("settle", "m.toml", "-d", "ecram")


def test_settle_comes_to_rest_where_sweeps_do(model: str) -> None:
    found = call("settle", model, "--samples", "3", "--beta", "0.05", "--json").json
    assert [row["converged"] for row in found["rows"]] == [3, 3]
    assert max(row["from_sweeps"] for row in found["rows"]) < 1e-6
    assert (found["form"], found["relaxation"]) == ("gradient", None)
    energies = [row["energy"] for row in found["course"] if row["phase"] == "free"]
    assert all(after <= before + 1e-12 for before, after in pairwise(energies))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[training]", "[backprop]\nepochs = 3\n[training]"), "backprop"),
        (('physics = "resistive"\n', ""), "input_gain: without effect in a hopfield network; allowed: left out"),
        (("{ size = 6 }", '{ size = 6, activation = "tanh" }'), "'tanh' of resistors; allowed: diodes or linear"),
        (("size = 4", "size = 5"), "an even number"),
        (('data = "', 'feedback = 0.5\ndata = "'), "feedback gain 0.5"),
        (('data = "', 'cost = "hinge"\ndata = "'), "cost 'hinge'"),
        (("input_gain = 4.0", "input_gain = -1.0"), "input_gain"),
        (("[phases]", "[phases]\nscaled = true"), "scaled displacements in a resistive network"),
        (("[phases]", '[phases]\nestimator = "holomorphic"'), "holomorphic estimator in a resistive network"),
        (("[phases]", '[phases]\nsolver = "dopri5"'), "continuous time in a resistive network"),
    ],
)  # fmt: skip
def test_what_has_no_effect_or_no_meaning_is_refused(model: str, change: tuple[str, str], said: str) -> None:
    Path("c.toml").write_text(MISSING.replace(*change), encoding="utf-8")
    assert said in refused("run", "c.toml")


def test_diodes_belong_to_resistors(model: str) -> None:
    plain = MISSING.replace('physics = "resistive"\ninput_gain = 4.0\n', "")
    text = plain.replace("= 6 }", '= 6, activation = "diodes" }')
    Path("c.toml").write_text(text, encoding="utf-8")
    line = refused("run", "c.toml")
    assert "activation 'diodes' of hopfield units" in line
    assert "layers[1].activation" in line


def test_other_commands_refuse(model: str) -> None:
    assert "whose limit is no feedforward net" in refused("bench", "step", "--model", model, "--threads", "1")
    assert "feedback gain 0.5" in refused("check", model, "--feedback", "0.5")
    assert "64 inputs a sample; allowed: 2" in refused("run", model, "--data", "digits")


def test_python_refuses_a_twin_and_hardware(model: str) -> None:
    network = load_model(model).network()
    weights = initial_weights(network, stream(0, "weights"))
    with pytest.raises(BadInput, match="backprop of a resistive network"):
        neuroep.train("m.toml", method="backprop")
    with pytest.raises(BadInput, match="a torch module of a resistive network"):
        neuroep.to_torch(network, weights)
    with pytest.raises(BadInput, match="weights from torch of a resistive network"):
        neuroep.from_torch(nn.Linear(4, 2), network)
    with pytest.raises(BadInput, match="may be negative"):
        Chip("ecram", network)


def test_data_are_doubled_once(model: str) -> None:
    """Wherever samples come from a data set: n columns become 2n voltages, ±A x."""
    spec = load_model(model)
    network, data = spec.network(), neuroep.load_data("xor")
    stock = materials(network, data, spec.recipe().training, 0)
    _, batch = sample_batch(spec, network, 4, 0)
    for x, plain in ((stock.train.x, data.x_train), (stock.test.x, data.x_test)):
        assert (x == np.concatenate([4.0 * plain, -4.0 * plain], axis=1)).all()
    assert batch.x.shape == (4, 4)
    assert (batch.x[:, :2] == -batch.x[:, 2:]).all()
    assert np.abs(batch.x).max() == 4.0 * np.abs(data.x_train).max()


def test_arrays_in_memory_train(model: str) -> None:
    rng = stream(0, "data")
    y = np.arange(40) % 2
    x = (rng.normal(size=(40, 2)) + 3.0 * y[:, None]).astype(np.float32)
    found = neuroep.train(network=load_model(model).network(), data=(x, y))
    assert len(found.history) == 20
    assert found.weights.couplings.min() >= 0.0


@pytest.mark.parametrize("name", ["digits-drn", "fashion-drn"])
def test_the_shipped_models_say_what_they_reached(name: str) -> None:
    spec = load_model(name)
    (measured,) = [row for row in spec.measured if row.method == "ep"]
    assert re.fullmatch(rf"neuroep run {name} -s 0 1 2", measured.command)
    assert measured.epochs == spec.recipe().training.epochs
