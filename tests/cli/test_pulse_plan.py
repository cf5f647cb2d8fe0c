"""Weights as pulses: equal steps by counting, soft bounds by their closed form, and weights got back from the file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from calling import Finished, call
from safetensors.numpy import load_file

from neuroep.bridges.exports import export
from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import ConstantStep, SoftBounds
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.device import Device, Ideal
from neuroep.network import chain
from neuroep.weights import Weights

NETWORK = chain((3, 4, 2))
RNG = np.random.default_rng(2)
WEIGHTS = Weights.from_arrays([RNG.uniform(-1, 1, (3, 4)), RNG.uniform(-0.3, 0.3, (4, 2))], [np.zeros(4), np.zeros(2)])
G_MIN, G_MAX, STEPS = 2e-6, 18e-6, 32
EQUAL = Crossbar(
    name="equal",
    g_min_siemens=G_MIN,
    g_max_siemens=G_MAX,
    cell=ConstantStep(dw_min=2.0 / STEPS, w_min=-1.0, w_max=1.0, cycle_noise=0.3, write_noise=0.1),
    headroom=1.5,
)


def rows(folder: Path, device: Device) -> list[dict[str, str]]:
    export(NETWORK, WEIGHTS, folder / "p.csv", "pulses", device=device)
    with (folder / "p.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_equal_steps_are_counted(tmp_path: Path) -> None:
    found = rows(tmp_path, EQUAL)
    assert len(found) == 2 * (12 + 8)
    step = (G_MAX - G_MIN) / STEPS * 1e6
    for row in found:
        weight = WEIGHTS.coupling(int(row["layer"]))[int(row["row"]), int(row["column"])]
        assert float(row["weight"]) == weight
        full = 1.5 * np.abs(WEIGHTS.coupling(int(row["layer"]))).max()
        # half of the weight's share of the range on either side of the middle
        sign = 1.0 if row["device"] == "plus" else -1.0
        target = 10.0 + sign * 0.5 * weight / full * 16.0
        assert float(row["target_uS"]) == pytest.approx(target, rel=1e-8)
        assert int(row["pulses"]) == round((target - 2.0) / step)
        assert float(row["stands_uS"]) == pytest.approx(2.0 + step * int(row["pulses"]), rel=1e-8)
        assert (float(row["start_uS"]), row["against_uS"]) == (2.0, "")


def test_weights_come_back_within_half_a_step(tmp_path: Path) -> None:
    back = [np.zeros((3, 4)), np.zeros((4, 2))]
    for row in rows(tmp_path, EQUAL):
        layer = int(row["layer"])
        full = 1.5 * np.abs(WEIGHTS.coupling(layer)).max()
        share = float(row["stands_uS"]) / 16.0 * full
        back[layer - 1][int(row["row"]), int(row["column"])] += share if row["device"] == "plus" else -share
    for layer, found in enumerate(back, start=1):
        wanted = WEIGHTS.coupling(layer)
        # two devices, each off by at most half of one of 32 steps
        assert np.abs(found - wanted).max() <= 1.5 * np.abs(wanted).max() / STEPS * 1.0001


def test_soft_bounds_and_a_reference(tmp_path: Path) -> None:
    cell = SoftBounds(dw_min=0.1, w_min=-1.0, w_max=1.0)
    device = Crossbar(name="soft", g_min_siemens=G_MIN, g_max_siemens=G_MAX, cell=cell, encoding=Encoding.OFFSET)
    found = rows(tmp_path, device)
    assert len(found) == 12 + 8
    for row in found:
        n = int(row["pulses"])
        # each pulse leaves nine tenths of the distance to the bound
        assert float(row["stands_uS"]) == pytest.approx(18.0 - 16.0 * 0.9**n, rel=1e-8)
        assert float(row["against_uS"]) == pytest.approx(10.0)
        off = abs(float(row["stands_uS"]) - float(row["target_uS"]))
        for other in (n - 1, n + 1):
            # the way up ends where a pulse moves by a millionth of the range: ten millionths from this bound
            assert off <= abs(18.0 - 16.0 * 0.9**other - float(row["target_uS"])) + 1.6e-4


def test_no_pulses_for_what_has_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a crossbar with one array"):
        rows(tmp_path, Ideal())
    with pytest.raises(BadInput, match="pulses for no device"):
        export(NETWORK, WEIGHTS, tmp_path / "p.csv", "pulses")
    assert not (tmp_path / "p.csv").exists()


def test_the_command(finished: Finished) -> None:
    called = call("export", finished.folder, "--to", "pulses", "--job", "ep/ecram/1", "--out", "p.csv")
    assert called.status == 0, called.err
    assert "pulses from g_min for the devices of ecram" in called.out
    with Path("p.csv").open(newline="", encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    kept = load_file(finished.folder / "weights.safetensors")["ep/ecram/1/W1"]
    assert [float(row["weight"]) for row in found if row["layer"] == "1"] == kept.ravel().tolist()


def test_a_device_of_ones_own_is_the_one_that_the_run_had() -> None:
    levels = ("device", "levels", "--levels", "16", "--g-max", "10uS", "--out", "mine.toml", "--force")
    call(*levels, "--g-min", "2uS")
    run = call("run", "xor", "-d", "mine.toml", "--epochs", "1", "--no-backprop", "--out", "own")
    assert run.status == 0, run.err
    call(*levels, "--g-min", "5uS")  # the file has changed since
    for asked in (("--job", "ep/mine/0"), ("--device", "mine")):
        called = call("export", "own", "--to", "pulses", *asked, "--out", "own.csv", "--force")
        assert called.status == 0, called.err
        with Path("own.csv").open(newline="", encoding="utf-8") as stream:
            assert {row["start_uS"] for row in csv.DictReader(stream)} == {"2"}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--to", "pulses", "--job", "ep/ideal/0"), "'ideal' is no hardware; allowed: --device and a crossbar"),
        (("--to", "pulses", "--device", "loihi1"), "loihi1 has no pulsed cells"),
        (("--to", "pulses", "--sweeps", "3"), "--sweeps"),
        (("--to", "torch", "--device", "ecram"), "--device"),
    ],
)
def test_what_the_command_refuses(finished: Finished, argv: tuple[str, ...], said: str) -> None:
    called = call("export", finished.folder, *argv, "--out", "p.csv")
    assert (called.status, called.out, called.err.count("\n")) == (2, "", 1)
    assert said in called.err
    assert not Path("p.csv").exists()
