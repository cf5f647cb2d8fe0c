"""Spikes on the command line: recipes of their own, recipes of sweeps carried out in spikes, a course to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calling import call

from neuroep.hardware.device import Ideal
from neuroep.network import chain, initial_weights
from neuroep.recipe import Encoder, Phases
from neuroep.solvers.spikes import Spikes
from neuroep.studies.spiking_course import SpikingPhase, last_coupling, settle_by_spikes, written

MODEL = """
summary = "a test"
data = "xor"
[[layers]]
size = 2
[[layers]]
size = 4
gain = 1.5
[[layers]]
size = 2
bias = 0.1
[phases]
solver = "{solver}"
free_sweeps = 30
nudged_sweeps = 20
{more}
[training]
epochs = 1
batch_size = 2
learning_rates = [0.1]
"""


def model(folder: Path, solver: str = "integrate-and-fire", more: str = "") -> str:
    path = folder / "net.toml"
    path.write_text(MODEL.format(solver=solver, more=more), encoding="utf-8")
    return str(path)


def refused(*argv: str) -> str:
    called = call(*argv)
    assert called.status == 2
    assert called.err.count("\n") == 1
    assert called.out == ""
    return called.err


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("solver", ["integrate-and-fire", "sigma-delta", "poisson", "graded"])
def test_a_recipe_of_spikes_takes_the_engine_that_has_them(tmp_path: Path, solver: str) -> None:
    argv = ("run", model(tmp_path, solver), "--device", "loihi1", "--no-backprop", "--json")
    found = call(*argv).json
    assert found["spec"]["engine"] == "spiking"
    assert found["spec"]["recipes"]["ideal"]["phases"]["solver"] == solver
    assert call(*argv).json == found, "a second run over the first finds all done"


def test_costs_are_of_the_spikes_that_were_sent(tmp_path: Path) -> None:
    row = call("cost", model(tmp_path), "--device", "loihi1", "--json").json["rows"][0]
    events = row["events"]["free"]
    assert events["barrier"] == 30 * events["sample"]
    assert events["synop"] > 0 == events["array_read"]
    assert events["neuron_active"] + events["neuron_idle"] == 30 * events["sample"] * (4 + 2)


def test_sweeps_are_carried_out_in_spikes_where_there_are_only_spikes(tmp_path: Path) -> None:
    found = call("run", "xor", "--engine", "spiking", "--epochs", "1", "--no-backprop", "--json").json
    phases = found["spec"]["recipes"]["ideal"]["phases"]
    assert (phases["solver"], phases["free_sweeps"], phases["nudged_sweeps"]) == ("integrate-and-fire", 100, 60)
    assert found["spec"]["engine"] == "spiking"


@pytest.mark.parametrize(
    ("more", "argv", "words"),
    [
        ("", ("--engine", "cpu"), "spikes on the cpu engine"),
        ("", ("--engine", "reference"), "spikes on the reference engine"),
        ("", ("--device", "ecram"), "converters or read noise"),
        ("rtol = 1e-4", (), "phases.rtol"),
        ("window = 25", (), "phases.window"),
        ("tolerance = 0.1", (), "phases.tolerance"),
        ("free_order = 'backward'", (), "phases.free_order"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_line(
    tmp_path: Path, more: str, argv: tuple[str, ...], words: str
) -> None:
    assert words in refused("run", model(tmp_path, more=more), *argv)
    assert [path.name for path in tmp_path.iterdir()] == ["net.toml"]


def test_peak_is_not_of_sigma_delta(tmp_path: Path) -> None:
    assert "phases.peak" in refused("run", model(tmp_path, "sigma-delta", "peak = 0.25"))
    assert "phases.leak" in refused("run", model(tmp_path, "dopri5", "leak = 0.25"))
    assert "phases.leak" in refused("run", model(tmp_path, "graded", "leak = 0.25"))
    assert "phases.peak" in refused("run", model(tmp_path, "graded", "peak = 0.25"))
    assert "phases.grain" in refused("run", model(tmp_path, "poisson", "grain = 0.25"))
    assert "no rates" in refused("settle", model(tmp_path, "graded"), "--engine", "spiking")


def test_settling_by_spikes_is_drawn(tmp_path: Path) -> None:
    argv = ("settle", model(tmp_path), "--engine", "spiking", "--samples", "3", "--beta", "0.3")
    called = call(*argv, "--plot", "spikes.png")
    assert called.status == 0
    assert (tmp_path / "spikes.png").read_bytes().startswith(b"\x89PNG")
    assert "nudged, β = 0.3" in called.out
    found = call(*argv, "--json").json
    assert [row["steps"] for row in found["rows"]] == [30, 20]
    assert [entry["step"] for entry in found["course"]] == list(range(1, 51))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--rtol", "1e-3"), "--rtol"),
        (("--seconds", "1"), "--seconds"),
        (("--solver", "dopri5"), "--solver"),
        (("--engine", "cpu"), "--engine"),
        (("--steps", "0"), "--steps"),
        (("--device", "ecram"), "converters or read noise"),
    ],
)
def test_settling_by_spikes_refuses_what_has_no_effect(tmp_path: Path, argv: tuple[str, ...], words: str) -> None:
    assert words in refused("settle", model(tmp_path), "--engine", "spiking", *argv)


def test_rates_of_a_course_are_its_spikes_over_its_steps() -> None:
    of = chain((6, 5, 3), gain=0.6, bias=0.3)
    weights = initial_weights(of, np.random.default_rng(0), np.float64)
    circuit = Ideal().mount(of, weights, np.random.default_rng(0)).circuit
    rng = np.random.default_rng(1)
    x, targets = rng.uniform(0.2, 0.8, (2, 6)), rng.uniform(0.0, 1.0, (2, 3))
    phases = Phases(solver="integrate-and-fire", free_sweeps=400, nudged_sweeps=300, window=200)
    free, nudged = settle_by_spikes(circuit, x, targets, phases, 0.5, 0)
    rates = free.rates(0.5)
    np.testing.assert_allclose(rates[:, -1], free.raster[:, :, 6:].sum(axis=1) / (0.5 * 400))
    assert free.course(0.5)[-1] == pytest.approx(np.sqrt(((rates[:, -1] - free.wanted) ** 2).mean()))
    assert free.course(0.5)[-1] < 0.02 > nudged.error
    assert last_coupling((6, 5, 3)) == (slice(6, 11), slice(11, 14))


def test_local_plasticity_is_the_sum_over_spikes_of_the_others_slopes() -> None:
    """One spike before the nudge, one in it: the slope of the first, e steps later, by powers of its decays."""
    raster = np.zeros((1, 30, 2), dtype=np.int8)
    raster[0, 8, 0] = raster[0, 25, 1] = 1
    parts = [SpikingPhase(b, 10 * n, raster[:, i:j], *[np.zeros((1, 2))] * 2, np.zeros(1))
             for n, (b, i, j) in enumerate([(0.0, 0, 10), (0.5, 10, 30)])]  # fmt: skip
    how = Spikes(Encoder.INTEGRATE_AND_FIRE, 10, 5, 0.1, 0.2, 0.5)
    course = written(parts, how, slice(0, 1), slice(1, 2))[:, 0, 0]
    elapsed = 25 - 9
    slope = (0.8**elapsed / (0.5 * 5.0) - 0.95**elapsed / (0.5 * 20.0)) / 15.0
    assert (course[:15] == 0.0).all()
    np.testing.assert_allclose(course[15:], slope / 0.5, rtol=1e-12)


def test_checks_of_a_model_in_spikes_settle_by_sweeps(tmp_path: Path) -> None:
    """Spikes are never exact: what EP's gradient is held to is settled by sweeps, whatever the recipe's solver."""
    found = call("check", model(tmp_path), "--json").json
    assert found["settled"] == 1.0
    ablated = call("ablate", model(tmp_path), "--device", "loihi1", "--json").json
    assert all(row["settled_initial"] == 1.0 for row in ablated["rows"])


def test_the_nearest_code_is_named_as_it_is_written(tmp_path: Path) -> None:
    for argv in (("settle", "xor", "--solver", "sigma-delt"), ("run", model(tmp_path, "sigma-delt"))):
        assert "did you mean 'sigma-delta'?" in refused(*argv)
