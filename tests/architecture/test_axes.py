"""A member goes in by one file and one name: a toy of each axis trains here and is neither ideal nor refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call
from problems import problem
from toy_estimator import forward
from toy_kind import SLUGGISH
from toy_physics import STIFF

import neuroep
from neuroep.data import load_data
from neuroep.engines import Engine
from neuroep.learning import readings
from neuroep.learning.methods.estimators import SCHEMES
from neuroep.network import Activation, chain
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Estimator, Phases, Recipe, Training
from neuroep.specs.kinds import KINDS

DEVICE = """
summary = "half of each update arrives"
kind = "sluggish"
[cells]
share = { value = 0.5, unit = "1", source = "a test", tag = "estimate" }
[energy]
weight_write = { value = 1, unit = "pJ", source = "a test", tag = "estimate" }
"""
MODEL = """
summary = "a test"
data = "xor"
layers = [{ size = 2 }, { size = 8, activation = "tanh" }, { size = 2, activation = "linear" }]
[training]
epochs = 3
batch_size = 2
learning_rates = [0.1]
[on.any-sluggish.training]
learning_rates = [0.2]
"""


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setitem(KINDS, SLUGGISH.name, SLUGGISH)
    monkeypatch.chdir(tmp_path)
    Path("slow.toml").write_text(DEVICE, encoding="utf-8")
    Path("m.toml").write_text(MODEL, encoding="utf-8")
    return "slow.toml"


def test_a_kind_of_hardware(device: str) -> None:
    """Half of twice the rate is the rate: ideal's weights; the plain recipe's are others."""
    found = neuroep.train("m.toml", device)
    ideal = neuroep.train("m.toml")
    assert found.job.device == "slow"
    assert found.weights.couplings == pytest.approx(ideal.weights.couplings, rel=1e-5)
    plain = neuroep.train("m.toml", device, recipe=neuroep.load_model("m.toml").recipe())
    assert abs(plain.weights.couplings - ideal.weights.couplings).max() > 1e-3


@pytest.mark.parametrize("command", ["run", "cost", "check", "ablate", "life"])
def test_every_command_takes_a_kind_of_hardware(device: str, command: str) -> None:
    extra = {"run": ("--no-backprop", "--epochs", "1"), "ablate": ("--epochs", "1"), "life": ("--epochs", "1")}
    found = call(command, "m.toml", "--device", device, *extra.get(command, ()), "--json")
    assert found.status == 0, found.err
    if command == "run":
        rows = {row["device"]: row for row in found.json["rows"]}
        assert set(rows) == {"ideal", "slow"}
    if command == "ablate":
        assert [row["variant"] for row in found.json["rows"]] == ["everything on", "without sluggishness", "ideal"]


def test_its_effect_can_be_switched_off_by_name(device: str) -> None:
    found = call("run", "m.toml", "--device", device, "--without", "sluggishness", "--no-backprop", "--json")
    assert found.status == 0, found.err
    spec = json.loads(Path("runs/m/spec.json").read_text(encoding="utf-8"))
    assert spec["without"] == ["sluggishness"]
    refused = call("run", "m.toml", "--device", device, "--without", "sluggishnes", "--no-backprop")
    assert refused.status == 2
    assert "did you mean 'sluggishness'" in refused.err


def test_its_tables_are_its_own(device: str) -> None:
    Path("wrong.toml").write_text(DEVICE.replace("[cells]", "[cell]"), encoding="utf-8")
    assert "kind 'sluggish' has no such table (kind 'crossbar' has)" in call("devices", "wrong.toml").err
    Path("wrong.toml").write_text(DEVICE.replace("[cells]", "[cels]"), encoding="utf-8")
    assert "did you mean 'cells'" in call("devices", "wrong.toml").err


@pytest.fixture
def stiff(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setitem(PHYSICS, STIFF.name, STIFF)
    monkeypatch.chdir(tmp_path)
    plain = MODEL.split("[on.")[0]
    Path("m.toml").write_text(plain, encoding="utf-8")
    Path("s.toml").write_text(plain.replace("data =", 'physics = "stiff"\ndata ='), encoding="utf-8")
    return "s.toml"


def test_an_energy(stiff: str) -> None:
    """Its row is neither Hopfield's nor refused."""
    found = neuroep.train(stiff, engine="reference")
    plain = neuroep.train("m.toml", engine="reference")
    assert abs(found.weights.couplings - plain.weights.couplings).max() > 1e-3
    assert len(found.history) == 3


def test_an_energy_is_read_right(stiff: str) -> None:
    """EP's gradient agrees with differences of the settled cost, which know nothing of products."""
    found = call("check", stiff, "--engine", "reference", "--beta", "1e-3", "--json")
    rows = [row for row in found.json["rows"] if row["against"] == "finite-differences"]
    assert len(rows) == 2
    assert max(row["relative_error"] for row in rows) < 1e-5


def test_compiled_engines_and_other_estimators_refuse_an_energy_that_they_do_not_know(stiff: str) -> None:
    for extra, said in (
        ((), "the cpu engine has no physics of code 77; allowed: --engine reference"),
        (("--engine", "reference", "--device", "ecram"), ""),
    ):
        found = call("run", stiff, "--no-backprop", "--epochs", "1", *extra)
        assert (found.status == 2) == bool(said), found.err
        assert said in found.err
    for phases in ("scaled = true", 'estimator = "holomorphic"', 'solver = "dopri5"'):
        text = Path(stiff).read_text(encoding="utf-8") + f"[phases]\n{phases}\n"
        Path("p.toml").write_text(text, encoding="utf-8")
        found = call("run", "p.toml", "--no-backprop", "--engine", "reference")
        assert found.status == 2
        assert "in a stiff network" in found.err


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Estimator:
    """A line in ``Estimator`` and one in ``SCHEMES``."""
    member = str.__new__(Estimator, "forward")
    member._name_, member._value_, member.family = "FORWARD", "forward", "difference"
    monkeypatch.setitem(Estimator._member_map_, "FORWARD", member)
    monkeypatch.setitem(Estimator._value2member_map_, "forward", member)
    monkeypatch.setitem(SCHEMES, member, forward)
    return member


def test_an_estimator_trains(second: Estimator, engine: Engine) -> None:
    """Its weights are neither the centered estimator's nor far from them, and are of its own kind on hardware."""
    data, network = load_data("xor"), chain((2, 8, 2), Activation.TANH)
    few = Training(epochs=3, batch_size=2, learning_rates=(0.1,))
    arrays = data.x_train, data.y_train, data.x_test, data.y_test
    found = [
        neuroep.train(
            network=network, recipe=Recipe(Phases(kind, 0.4), few), data=arrays, engine=engine
        ).weights.couplings
        for kind in (second, Estimator.CENTERED)
    ]
    assert 1e-6 < abs(found[0] - found[1]).max() < 0.1


def test_an_estimator_is_read_right(second: Estimator, engine: Engine) -> None:
    """A bias of second order: a tenth of the nudge leaves a hundredth of it."""
    p = problem((4, 6, 3), Activation.TANH, feedback=0.5, gain=0.5)
    exact, off = Phases(Estimator.CENTERED, 1e-4, 3000, 3000, tolerance=1e-15), []
    wanted = readings.ep_gradients(engine, p.circuit, p.x, p.targets, exact).couplings
    for beta in (0.05, 0.005):
        phases = Phases(second, beta, 3000, 3000, tolerance=1e-15)
        off.append(abs(readings.ep_gradients(engine, p.circuit, p.x, p.targets, phases).couplings - wanted).max())
    assert off[1] == pytest.approx(off[0] / 100, rel=0.1)
