"""Settling as physics of whole models: refusals, how figures scale with a profile's numbers, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calling import call
from problems import problem

from neuroep import load_device, load_model
from neuroep.circuit import reads_exactly, unclocked
from neuroep.cost.relaxation import Lines
from neuroep.errors import BadInput, Diverged
from neuroep.network import Activation, initial_weights
from neuroep.rng import stream
from neuroep.solvers.controllers import PIController
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.tableaux import named
from neuroep.specs import read_device
from neuroep.studies.relaxation import Relaxation, relaxation_of
from neuroep.studies.relaxing import RelaxingPhase

ECRAM = Path(load_device("ecram").path).read_text(encoding="utf-8")


def of(text: str, folder: Path, tolerance: float = 1e-2) -> Relaxation:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return relaxation_of(load_model("xor"), read_device(path), tolerance=tolerance, samples=3)


def number(key: str, value: float, unit: str) -> str:
    return f'\n[relaxation.{key}]\nvalue = {value}\nunit = "{unit}"\nsource = "a test"\ntag = "estimate"\n'


def own(volts: float = 0.2, supply: float = 0.9, farads: float = 0.3, ns: float = 10.0, more: str = "") -> str:
    """ecram's profile with other lines."""
    head = ECRAM[: ECRAM.index("[relaxation.read_voltage]")]
    lines = number("read_voltage", volts, "V") + number("supply_voltage", supply, "V")
    return head + lines + number("line_capacitance", farads, "pF") + number("time_constant", ns, "ns") + more


@pytest.mark.parametrize(
    ("change", "held", "moved", "seconds"),
    [
        ({"volts": 0.6}, 9.0, 3.0, 1.0),
        ({"supply": 1.8}, 1.0, 2.0, 1.0),
        ({"farads": 1.5}, 1.0, 5.0, 1.0),
        ({"ns": 70.0}, 7.0, 1.0, 7.0),
    ],
)
def test_figures_scale_with_the_profile(
    change: dict[str, float], held: float, moved: float, seconds: float, tmp_path: Path
) -> None:
    for before, after in zip(of(own(), tmp_path).phases, of(own(**change), tmp_path).phases, strict=True):
        assert after.held.value == pytest.approx(held * before.held.value)
        assert after.moved.value == pytest.approx(moved * before.moved.value)
        assert after.seconds.value == pytest.approx(seconds * before.seconds.value)


def test_amplifiers_draw_as_long_as_it_takes(tmp_path: Path) -> None:
    found = of(own(more=number("amplifier_power", 0.02, "mW")), tmp_path)
    units = sum(load_model("xor").network().sizes[1:])
    for phase in found.phases:
        assert phase.amplifiers.value == pytest.approx(2e-5 * units * phase.seconds.value)
        assert phase.joules.value == pytest.approx(phase.held.value + phase.moved.value + phase.amplifiers.value)


def test_without_a_time_constant_the_model_has_its_own(tmp_path: Path) -> None:
    text = own(ns=1.0)
    slow = of(text[: text.index("[relaxation.time_constant]")], tmp_path)
    fast = of(text, tmp_path)
    ratio = load_model("xor").network().layers[1].tau_seconds / 1e-9
    assert slow.phases[0].held.value == pytest.approx(ratio * fast.phases[0].held.value)


def test_tighter_is_longer_and_every_settling_counts() -> None:
    rough, fine = (
        relaxation_of(load_model("digits-mlp"), load_device("ecram"), tolerance=t, samples=4) for t in (1e-1, 1e-3)
    )
    assert [phase.settlings for phase in fine.phases] == [4, 8]  # centered: two nudges
    assert [phase.converged for phase in fine.phases] == [4, 8]
    for before, after in zip(rough.phases, fine.phases, strict=True):
        assert after.held.value > before.held.value
        assert after.seconds.value > before.seconds.value
    assert relaxation_of(load_model("digits-mlp"), load_device("ecram"), samples=4).tolerance == 1e-3


@pytest.mark.parametrize(
    ("model", "device", "said"),
    [
        ("digits-mlp", "loihi1", "no [relaxation] table in the profile loihi1"),
        ("digits-mlp", "ideal", "no [relaxation] table in the profile ideal"),
        ("digits-mlp", "drn-kendall", "a hopfield network on drn-kendall, a network of resistors"),
        ("digits-drn", "ecram", "a resistive network on ecram, whose weights may be negative"),
        ("digits-spiking", "ecram", "a relaxation of spikes"),
    ],
)
def test_what_has_no_relaxation_is_refused(model: str, device: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("[", r"\[")):
        relaxation_of(load_model(model), load_device(device))


def test_holomorphic_phases_have_none(tmp_path: Path) -> None:
    (tmp_path / "h.toml").write_text(
        'summary = "t"\ndata = "xor"\nlayers = [{ size = 2 }, { size = 4, activation = "tanh" }, { size = 2 }]\n'
        '[phases]\nestimator = "holomorphic"\n',
        encoding="utf-8",
    )
    with pytest.raises(BadInput, match="a relaxation with the holomorphic estimator"):
        relaxation_of(load_model(tmp_path / "h.toml"), load_device("ecram"))


def test_a_nudged_hinge_is_refused_before_data_are_read(tmp_path: Path) -> None:
    (tmp_path / "h.toml").write_text(
        'summary = "t"\ndata = "nowhere.npz"\ncost = "hinge"\n'
        'layers = [{ size = 2 }, { size = 4 }, { size = 1, activation = "linear" }]\n',
        encoding="utf-8",
    )
    with pytest.raises(BadInput, match="the slope of the hinge jumps"):
        relaxation_of(load_model(tmp_path / "h.toml"), load_device("ecram"))


def test_a_sample_that_diverges_is_said() -> None:
    """Linear units that raise each other without end."""
    p = problem((6, 5, 4, 3), Activation.LINEAR, gain=20.0)
    lines = Lines(tuple(np.ones(n) for n in p.sizes), np.ones(4), np.ones(4), np.zeros(4))
    plan = ContinuousPlan(named("dopri5"), PIController(1e-2, 1e-3), 1e-9, 100_000)
    with pytest.raises(Diverged, match="4 of 4 settlings"):
        RelaxingPhase(p.circuit, p.x, p.targets, np.zeros(4), lines).settle(plan, None)


def test_an_unclocked_circuit_reads_exactly() -> None:
    """And has the same weights."""
    device, network = load_device("ecram").build(), load_model("xor").network()
    assert device is not None
    circuit = device.mount(network, initial_weights(network, stream(0), np.float64), stream(1)).circuit
    assert not reads_exactly(circuit)
    bare = unclocked(circuit)
    assert reads_exactly(bare)
    assert (bare.managed, bare.averaged, bare.changes, bare.tile_rows) == (0, 1, 0, 0)
    assert bare.up is circuit.up


def test_the_command_says_it_or_why_not() -> None:
    found = call("settle", "xor", "--samples", "2", "--device", "ecram", "--beta", "0.2")
    assert found.status == 0, found.err
    assert "relaxation on ecram, a sample: in place of clocked reads, never added to them" in found.out
    assert "amplifiers hold the lines: without converters" in found.out
    drn = call("settle", "digits-drn", "--samples", "2", "--device", "drn-kendall").out
    assert "relaxation on drn-kendall" in drn
    assert "amplifiers hold the lines" not in drn
    assert "no energy of settling: device: no [relaxation] table in the profile loihi1" in call(
        "settle", "xor", "--samples", "2", "--device", "loihi1"
    ).out.replace("\n", " ")
    assert call("settle", "xor", "--samples", "2", "--device", "loihi1", "--json").json["relaxation"] is None


def test_noise_has_none() -> None:
    """The rises of a path of noise have no limit."""
    argv = ("settle", "xor", "--samples", "2", "--device", "ecram", "--solver", "euler-maruyama", "--seconds", "0.01")
    found = call(*argv, "--noise", "0.1")
    assert "no energy of settling: lines that follow noise" in found.out
    assert call(*argv, "--noise", "0.1", "--json").json["relaxation"] is None
    assert call(*argv, "--json").json["relaxation"] is not None


def test_the_command_has_what_the_study_has() -> None:
    """Held by hand from the layers' own figures; the phase at least as long as the slowest sample's mean."""
    rows = call("settle", "xor", "--samples", "2", "--device", "ecram", "--beta", "0.2", "--json").json["relaxation"]
    for row in rows["rows"]:
        for key in ("held", "moved"):
            total = sum(layer[key]["value"] for layer in row["layers"])
            assert row[key]["value"] == pytest.approx(total)
    assert [row["phase"] for row in rows["rows"]] == ["free", "nudged"]


def test_the_recipe_says_how_near(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(
        'summary = "t"\ndata = "xor"\nlayers = [{ size = 2 }, { size = 2 }]\n[phases]\ntolerance = 0.05\n',
        encoding="utf-8",
    )
    assert relaxation_of(load_model(tmp_path / "m.toml"), load_device("ecram"), samples=2).tolerance == 0.05
