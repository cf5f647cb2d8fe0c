"""Write-verify programming against counts worked out by hand, and what it promises of those it says have converged."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.hardware.cells.step_presets import PRESETS
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.cells.write_verify import write_verify
from neuroep.rng import stream

PLAIN = ConstantStep(dw_min=1 / 64, w_min=-1.0, w_max=1.0)  # a power of two: sums of steps are exact


def test_constant_steps_counted() -> None:
    # n pulses are the least with |target − start| − n·step <= tolerance
    target = np.linspace(-0.9, 0.9, 37)
    made = write_verify(PLAIN, np.zeros(37), target, 0.01, 100, 0.0, stream(1))
    expected = np.ceil(np.maximum(np.abs(target) - 0.01, 0.0) * 64)
    assert made.converged.all()
    assert np.array_equal(made.pulses, expected)
    assert np.array_equal(made.reads, expected + 1)  # the last read stops it
    assert made.values == pytest.approx(np.sign(target) * expected / 64, abs=1e-15)
    assert np.array_equal(made.seen, made.values)


def test_asymmetric_steps_counted() -> None:
    # up_down = 0.5 halves the steps down: twice as many
    model = ConstantStep(dw_min=1 / 64, w_min=-1.0, w_max=1.0, up_down=0.5)
    made = write_verify(model, np.zeros(2), np.array([0.5, -0.5]), 1e-3, 100, 0.0, stream(1))
    assert made.pulses.tolist() == [32, 64]


@pytest.mark.parametrize("name", PRESETS)
def test_within_the_tolerance_where_converged(name: str) -> None:
    model = PRESETS[name].model
    tolerance = min(3.0 * float(model.dw_min), 0.1)
    target = np.linspace(0.8 * float(model.w_min), 0.8 * float(model.w_max), 400)
    made = write_verify(model, np.zeros(400), target, tolerance, 3000, 0.0, stream(2, name))
    assert made.converged.any()
    assert np.abs(made.seen - target)[made.converged].max() <= tolerance
    assert np.all((np.abs(made.seen - target) > tolerance) == ~made.converged)
    assert np.array_equal(made.reads, made.pulses + 1)
    assert np.all(made.pulses[~made.converged] == 3000)
    assert np.array_equal(made.seen, made.values) == (model.write_noise == 0.0)


def test_unreachable() -> None:
    made = write_verify(PLAIN, 0.0, np.array([1.5, -0.25, 0.0]), 0.01, 90, 0.0, stream(1))
    assert made.pulses.tolist() == [90, 16, 0]
    assert made.converged.tolist() == [False, True, True]
    assert made.values.tolist() == [1.0, -0.25, 0.0]  # the first at its bound, the last untouched


def test_steps_too_large_for_the_tolerance() -> None:
    # from 0 by 1/64 to 1.5/64: 1/64 and 2/64 are both too far
    made = write_verify(PLAIN, 0.0, 1.5 / 64, 0.1 / 64, 11, 0.0, stream(1))
    assert (int(made.pulses), bool(made.converged), float(made.values)) == (11, False, 1 / 64)


def test_no_pulses_allowed() -> None:
    made = write_verify(PLAIN, np.zeros(2), np.array([0.0, 0.5]), 0.1, 0, 0.0, stream(1))
    assert made.converged.tolist() == [True, False]
    assert made.reads.tolist() == [1, 1]


def test_devices_of_their_own() -> None:
    sizes = np.array([1 / 64, 1 / 32, 1 / 16])
    model = ConstantStep(dw_min=sizes, w_min=-1.0, w_max=np.array([1.0, 1.0, 0.25]))
    made = write_verify(model, np.zeros(3), 0.5, 1e-3, 50, 0.0, stream(1))
    assert made.pulses.tolist() == [32, 16, 50]
    assert made.values.tolist() == [0.5, 0.5, 0.25]


def test_noisy_reads_are_believed() -> None:
    # what stops a device is a read within the tolerance, so its error is that of the read: |e| <= tolerance + |noise|
    noise, tolerance, n = 0.02, 0.02, 20_000
    made = write_verify(PLAIN, np.zeros(n), 0.5, tolerance, 400, noise, stream(5))
    error = made.values - 0.5
    assert made.converged.all()
    assert np.abs(error).max() > tolerance
    assert np.abs(error).max() <= tolerance + 6.0 * noise  # P(|ξ| > 6) = 2e-9, some forty draws a device near its goal
    assert error.mean() < -0.005  # from below: the first lucky read stops it early


def test_precision_and_input_kept() -> None:
    start = np.zeros(4, dtype=np.float32)
    made = write_verify(PRESETS["rram-om"].model, start, 0.3, 0.1, 50, 0.01, stream(1))
    assert made.values.dtype == made.seen.dtype == np.float32
    assert not start.any()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"tolerance": -0.1}, "tolerance"),
        ({"tolerance": np.nan}, "tolerance"),
        ({"most_pulses": -1}, "most_pulses"),
        ({"read_noise": np.inf}, "read_noise"),
        ({"start": np.nan}, "start"),
        ({"target": np.inf}, "target"),
    ],
)
def test_refuses(change: dict[str, float], where: str) -> None:
    call = {"start": 0.0, "target": 0.1, "tolerance": 0.01, "most_pulses": 5, "read_noise": 0.0} | change
    with pytest.raises(BadInput, match=where):
        write_verify(PLAIN, rng=stream(1), **call)
