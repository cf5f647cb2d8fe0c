"""What a fit says of numbers that the reads don't determine, of repeated reads, of few reads and of many."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    SoftBounds,
    StepModel,
)
from neuroep.hardware.fitting.curves import collect, paths
from neuroep.hardware.fitting.pulse_data import PulseData, Trace
from neuroep.hardware.fitting.selection import MODELS, fit, rank
from neuroep.hardware.fitting.step_families import FAMILIES
from neuroep.rng import stream
from neuroep.specs.crossbar import rule
from neuroep.specs.device import read_device
from neuroep.specs.profile_text import profile_text

BASE = {"dw_min": 0.03, "w_min": -1.0, "w_max": 1.0, "up_down": -0.1}
KINDS: list[StepModel] = [
    ConstantStep(**BASE),
    LinearStep(**BASE, gamma_up=0.5, gamma_down=-0.3),
    SoftBounds(**BASE),
    ExpStep(**BASE, a_up=0.4, a_down=0.2, gamma_up=0.8, gamma_down=1.2, slope=1.1, offset=0.1),
    PowStep(**BASE, gamma_up=1.7, gamma_down=0.6),
    PiecewiseStep(**BASE, up=(1.5, 1.0, 0.6, 0.2), down=(0.1, 0.9, 1.1, 1.4)),
]


def traced(weights: np.ndarray, up: int, device: str = "", cycle: str = "") -> Trace:
    return Trace(device, cycle, np.asarray([1] * up + [-1] * (len(weights) - 1 - up)), 5e-6 + 4e-6 * weights)


def pulses(*traces: Trace) -> PulseData:
    return PulseData(traces, "made.csv", "0" * 64)


def loads(data: PulseData, folder: Path) -> None:
    for one in fit(data):
        (folder / f"{one.name}.toml").write_text(profile_text(one, data), encoding="utf-8")
        read_device(folder / f"{one.name}.toml")


@pytest.mark.parametrize("model", KINDS, ids=lambda model: type(model).__name__)
def test_compiled_curves_are_those_of_the_step_models(model: StepModel) -> None:
    curve = model.curve(np.float64(-0.95), 120, 150)
    curves = collect([traced(curve, 120), traced(curve[:61], 60)])
    everything = np.arange(len(curves.positions))
    found = paths(model, (-1.0, 1.0), np.asarray([[-0.95, 0.2], [0.5, -0.95]]), curves, everything)
    assert found[:271, 0] == pytest.approx(curve, abs=1e-12)
    assert found[271:, 1] == pytest.approx(curve[:61], abs=1e-12)
    assert found[:271, 1] == pytest.approx(model.curve(np.float64(0.5), 120, 150), abs=1e-12)


def test_a_range_beyond_the_reads_is_not_called_measured(tmp_path: Path) -> None:
    # a sixth of the way to the bound, in noisy steps: where the bound is, nobody can tell
    model = SoftBounds(dw_min=0.004, w_min=-1.0, w_max=1.0, cycle_noise=1.0, write_noise=0.01)
    rng = stream(1, "short")
    curve = model.apparent(model.curve(np.float64(0.0), 40, 40, rng), rng)
    data = pulses(traced(curve, 40))
    fits = fit(data)
    reads = data.traces[0].siemens
    for one in fits:
        table = tomllib.loads(profile_text(one, data))
        for key, value in (("g_min", one.g_min_siemens), ("g_max", one.g_max_siemens)):
            beyond = max(reads.min() - value, value - reads.max())
            unsure = one.errors[f"{key}_siemens"] > 0.1 * np.ptp(reads)
            if beyond > 0.25 * np.ptp(reads) or unsure:
                assert table["crossbar"][key]["tag"] == "estimate"
                assert "not determined" in table["crossbar"][key]["source"]
                assert f"{key}_siemens" in one.doubts
    assert "g_max_siemens" in next(one for one in fits if one.name == "soft-bounds").doubts
    assert not fits[0].doubts
    doubtful = [bool(one.doubts) for one in fits]
    assert doubtful == sorted(doubtful)


def test_boxes_hold_what_a_profile_can_state() -> None:
    for family in FAMILIES.values():
        low, high = family.limits()
        dw_min = rule("cell.dw_min")
        assert dw_min.low <= math.exp(low[0]) < math.exp(high[0]) <= dw_min.high
        for name, (least, most) in zip(family.shape, family.box, strict=True):
            assert rule(f"cell.{name}").low <= least < most <= rule(f"cell.{name}").high


def test_three_states(tmp_path: Path) -> None:
    data = pulses(traced(np.asarray([-1.0, 0.0, 1.0, 0.0, -1.0]), 2))
    ranking = rank(data)
    assert [one.name for one in ranking.fits] == ["constant"]
    assert ranking.fits[0].parameters["dw_min"] == pytest.approx(1.0, rel=1e-6)
    assert set(ranking.left_out) == set(MODELS) - {"constant"}
    with pytest.raises(BadInput, match="no model can be fitted"):
        fit(data, ["exp"])
    loads(data, tmp_path)


def repeated(model: StepModel, times: int, name: str, device: str = "", up: int = 85) -> Trace:
    """Each state of a curve read several times."""
    rng = stream(7, name)
    curve = model.curve(np.float64(-0.9), up, up, rng)
    reads = np.stack([model.apparent(curve, rng) for _ in range(times)])
    mean = reads.mean(axis=0)
    scatter = 16e-12 * np.sum((reads - mean) ** 2, axis=0)
    return traced(mean, up, device)._replace(counts=np.full(len(mean), times), scatter=scatter)


def test_pulses_are_no_noisier_for_being_read_at_rest() -> None:
    # thousands of pulses at the bound, where steps vanish: what is left there is the noise of reads
    model = SoftBounds(dw_min=0.05, w_min=-1.0, w_max=1.0, up_down=0.2, cycle_noise=0.3, write_noise=0.005)
    rng = stream(1, "rest")
    data = pulses(traced(model.apparent(model.curve(np.float64(-0.9), 2000, 2000, rng), rng), 2000))
    (found,) = fit(data, ["soft-bounds"])
    assert abs(found.noise.cycle - 0.3) <= 3.0 * found.noise.cycle_error
    assert abs(found.noise.read - 0.005) <= 0.1 * 0.005
    for key, true in (("dw_min", 0.05), ("up_down", 0.2)):
        assert abs(found.parameters[key] - true) < 3.0 * found.errors[key]


def test_devices_pulsed_more_and_less_and_in_several_cycles() -> None:
    model = LinearStep(**BASE, gamma_up=0.3, gamma_down=0.6)
    counts = {"a": (150, 150), "b": (90, 200), "c": (200, 80)}
    traces = [
        traced(model.curve(np.float64(start), *count), count[0], device, cycle)
        for device, count in counts.items()
        for cycle, start in (("1", -1.0), ("2", 0.1))
    ]
    (found,) = fit(pulses(*traces), ["linear"])
    for key, value in found.parameters.items():
        assert value == pytest.approx(getattr(model, key), rel=1e-5), key
    assert found.step_spread == pytest.approx(0.0, abs=1e-5)


def test_a_bound_at_zero_is_one_whatever_its_last_digit() -> None:
    """Equal steps from 0.5 to 6.5 µS: as soft bounds they would go on to 0 S, which rounding took below."""
    steps = np.r_[np.ones(20), -np.ones(20)].astype(np.int64)
    data = PulseData((Trace("", "", steps, 5e-7 + 3e-7 * np.r_[0, np.cumsum(steps)]),), "steps", "0" * 64)
    (found,) = fit(data, ["soft-bounds"])
    assert found.g_min_siemens == 0.0
    assert "[crossbar.g_min]\nvalue = 0.0\n" in profile_text(found, data)
