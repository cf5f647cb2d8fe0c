"""Rounding and pulse kernels against the step models pulse by pulse, moments of their noise, and sums kept exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroep.hardware.cells.arrays import Spread, draw_devices, law_of, symmetry_points
from neuroep.hardware.cells.steps import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    SoftBounds,
    StepModel,
)
from neuroep.hardware.crossbar import pulse_kernels as kernels
from neuroep.hardware.crossbar.pulse_kernels import Column
from neuroep.hardware.programming import stochastic_round
from neuroep.rng import stream
from neuroep.weights import FloatArray

MANY = 40_000
RANGE = {"dw_min": 0.01, "w_min": -0.8, "w_max": 1.2}
MODELS: list[StepModel] = [
    ConstantStep(**RANGE, up_down=0.3),
    LinearStep(**RANGE, gamma_up=0.2, gamma_down=0.6, up_down=-0.2),
    SoftBounds(**RANGE),
    ExpStep(**RANGE, a_up=-1.2, a_down=-0.1, gamma_up=3.0, gamma_down=4.0, slope=-0.5, offset=-0.3),
    PowStep(**RANGE, gamma_up=1.5, gamma_down=0.7),
    PiecewiseStep(**RANGE, up=(2.0, 1.0, 0.4), down=(0.5, 0.9, 1.4)),
]


def name_of(model: StepModel) -> str:
    return type(model).__name__


def send(
    model: StepModel, start: FloatArray, trains: FloatArray, spread: Spread | None = None, key: int = 5
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Devices, the weights read of them against 0, and the counts, after trains of pulses."""
    devices = draw_devices(model, spread or Spread(), len(start), start.dtype, stream(0, "devices"))
    devices[:, Column.VALUE] = start
    weights, counts = start.copy(), np.zeros(4)
    nothing = np.zeros((len(start), 1), start.dtype)
    empty = np.empty(0, start.dtype)
    kernels.send(
        devices, nothing, law_of(model, start.dtype), trains, empty, start.dtype.type(1.0), np.uint64(key), weights,
        empty, kernels.Worn(np.zeros((len(start), 2)), np.empty((0, 2))), np.zeros((1, 2)), counts,
    )  # fmt: skip
    return devices, weights, counts


@pytest.mark.parametrize("value", [-2.75, -1e-3, 0.0, 0.2, 0.5, 7.0, 100.9])
def test_rounding_is_unbiased_and_to_a_neighbour(value: float) -> None:
    rounded = stochastic_round(np.full(MANY, value), stream(0, "round", str(value)))
    fraction = value - np.floor(value)
    error = np.sqrt(fraction * (1 - fraction) / MANY)
    assert abs(rounded.mean() - value) <= 5 * error
    assert set(np.unique(rounded)) == {np.floor(value), np.ceil(value)}


@given(st.integers(-(2**20), 2**20), st.sampled_from([np.float32, np.float64]))
def test_whole_numbers_stay(value: int, dtype: type) -> None:
    rounded = stochastic_round(np.full(50, value, dtype=dtype), stream(2, value))
    assert rounded.dtype == dtype
    assert (rounded == value).all()


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 2e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_trains_are_pulses_one_by_one(model: StepModel, dtype: type, bound: float) -> None:
    """Each pulse adds one rounding: 40 of them stay under 40 · eps."""
    start = stream(1, "start").uniform(-0.8, 1.2, 200).astype(dtype)
    trains = stream(1, "trains").integers(-40, 41, 200).astype(dtype)
    expected = start.astype(np.float64)
    for number in range(40):
        expected = model.pulse(expected, np.where(np.abs(trains) > number, np.sign(trains), 0.0))
    devices, weights, counts = send(model, start, trains)
    assert np.abs(devices[:, Column.VALUE] - expected).max() <= bound
    assert (weights == devices[:, Column.VALUE]).all()
    assert counts[kernels.PULSES] == np.abs(trains).sum()
    assert counts[kernels.UPWARD] == trains[trains > 0].sum()
    assert counts[kernels.WRITTEN] == np.count_nonzero(weights != start)


@pytest.mark.parametrize("additive", [True, False])
def test_cycle_noise_has_its_moments(additive: bool) -> None:
    """One pulse at w = 0.4: Δw = 0.01 · y, y = 1 − 0.5 · 0.4/1.2, of standard deviation 0.3 y or 0.3."""
    model = LinearStep(**RANGE, gamma_up=0.5, gamma_down=0.5, cycle_noise=0.3, additive=additive)
    devices, _, _ = send(model, np.full(MANY, 0.4), np.ones(MANY))
    change, y = devices[:, Column.VALUE] - 0.4, 1 - 0.5 * 0.4 / 1.2
    sd = 0.01 * 0.3 * (1.0 if additive else y)
    assert abs(change.mean() - 0.01 * y) < 5 * sd / np.sqrt(MANY)
    assert abs(change.std() / sd - 1) < 5 / np.sqrt(2 * MANY)


def test_noise_with_floor_and_slope_has_its_moments() -> None:
    """Standard deviation 0.6 (|Δw| + 0.042 + 0.108 |w|), as of aihwkit's PCM."""
    model = ConstantStep(dw_min=0.01, w_min=0.0, w_max=2.0, cycle_noise=0.6, noise_floor=0.042, noise_slope=0.108)
    devices, _, _ = send(model, np.full(MANY, 1.0), np.ones(MANY))
    change, sd = devices[:, Column.VALUE] - 1.0, 0.6 * (0.01 + 0.042 + 0.108)
    assert abs(change.mean() - 0.01) < 5 * sd / np.sqrt(MANY)
    assert abs(change.std() / sd - 1) < 5 / np.sqrt(2 * MANY)


def test_write_noise_shows_on_pulsed_devices_alone() -> None:
    model = ConstantStep(**RANGE, write_noise=0.1)
    trains = np.where(np.arange(MANY) % 2, 3.0, 0.0)
    devices, weights, _ = send(model, np.zeros(MANY), trains)
    hit = trains > 0
    assert devices[hit, Column.VALUE] == pytest.approx(0.03)
    assert (weights[~hit] == 0).all()
    shown = weights[hit] - 0.03
    assert abs(shown.mean()) < 5 * 0.1 / np.sqrt(hit.sum())
    assert abs(shown.std() / 0.1 - 1) < 5 / np.sqrt(2 * hit.sum())


@pytest.mark.parametrize("mode", [kernels.STOCHASTIC, kernels.NEAREST, kernels.EXACT])
def test_requests_are_rounded_as_the_mode_says(mode: int) -> None:
    direction, out, empty = np.full(MANY, 0.7), np.empty(MANY), np.empty(0)
    kernels.round_requests(direction, 2.0, 31.0, 1.0, mode, empty, np.uint64(3), out)  # 1.4 pulses
    if mode == kernels.STOCHASTIC:
        assert set(np.unique(out)) == {1.0, 2.0}
        assert abs(out.mean() - 1.4) < 5 * np.sqrt(0.4 * 0.6 / MANY)
    else:
        assert (out == (1.0 if mode == kernels.NEAREST else 1.4)).all()
    kernels.round_requests(direction, -1e9, 31.0, 1.0, mode, empty, np.uint64(3), out)
    assert (out == -31.0).all()


@pytest.mark.parametrize("least", [1.0, 5.0])
def test_accumulators_lose_nothing(least: float) -> None:
    """What was sent and what is kept add up to what was asked; shorter trains than `least` wait."""
    rng, sent, asked = stream(4), np.zeros(500), np.zeros(500)
    residual, out = np.zeros(500), np.empty(500)
    for number in range(50):
        direction = rng.normal(size=500)
        kernels.round_requests(direction, 0.7, 31.0, least, kernels.ACCUMULATED, residual, np.uint64(number), out)
        assert (out == np.rint(out)).all()
        assert ((out == 0) | (np.abs(out) >= least)).all()
        sent, asked = sent + out, asked + 0.7 * direction
    assert sent + residual == pytest.approx(asked, abs=1e-12)
    assert np.abs(residual).max() < least
    assert sent.any()


@pytest.mark.parametrize("one_sided", [True, False])
def test_trains_are_shared_by_the_pair(one_sided: bool) -> None:
    asked = np.arange(-5.0, 6.0)
    plus, minus = asked.copy(), np.empty(11)
    kernels.share_out(plus, one_sided, minus)
    assert (plus - minus == asked).all()
    if one_sided:
        assert (plus >= 0).all() and (minus >= 0).all() and (plus * minus == 0).all()  # noqa: PT018 - one property
    else:
        assert np.abs(np.abs(plus) - np.abs(minus)).max() <= 1


def test_refreshed_pairs_keep_their_difference() -> None:
    """Both devices past the thresholds: reset to 0.4 and 0.4 + |difference|; others stay."""
    model = ConstantStep(dw_min=0.01, w_min=0.0, w_max=2.0)
    plus, minus = (draw_devices(model, Spread(), 3, np.float64, stream(0)) for _ in range(2))
    plus[:, Column.VALUE], minus[:, Column.VALUE] = [1.6, 1.6, 0.9], [0.8, 0.3, 1.7]
    weights, counts = plus[:, Column.VALUE] - minus[:, Column.VALUE], np.zeros(4)
    refresh, up = np.asarray([1.5, 0.5, 0.4, 0.0, 0.01]), np.asarray([1.0, 1.0, 0.0])
    worn, longest = kernels.Worn(np.zeros((3, 2)), np.zeros((3, 2))), np.zeros((3, 2))
    kernels.send(
        plus, minus, law_of(model, np.float64), up, 1 - up, 1.0, np.uint64(1), weights, refresh, worn, longest, counts
    )  # fmt: skip
    assert plus[:, Column.VALUE] == pytest.approx([0.4 + 0.81, 1.61, 0.4])
    assert minus[:, Column.VALUE] == pytest.approx([0.4, 0.3, 0.4 + 0.81])
    assert weights == pytest.approx([0.81, 1.31, -0.81])
    assert counts[kernels.REFRESHED] == 2
    # besides the one pulse sent: a reset of each, 40 pulses to 0.4, and 81 more on the larger one
    assert longest.tolist() == [[161, 1], [1, 0], [161, 1]]  # with a turn for each pair
    assert worn.plus.tolist() == [[1 + 121, 1], [1, 0], [40, 1]]
    assert worn.minus.tolist() == [[40, 1], [0, 0], [1 + 121, 1]]


def test_spreads_have_their_moments() -> None:
    """Each column has the mean and the standard deviation asked for; log-normal gains the median and the spread."""
    model = LinearStep(**RANGE, gamma_up=0.5, gamma_down=0.5)
    spread = Spread(step=0.1, low=0.05, high=0.07, asymmetry=0.02, slope=0.04)
    devices = draw_devices(model, spread, MANY, np.float64, stream(3))
    sure = 5 / np.sqrt(2 * MANY)
    for column, mean, sd in (
        (Column.LOW, -0.8, 0.8 * 0.05), (Column.HIGH, 1.2, 1.2 * 0.07), (Column.UP, 0.01, 0.01 * np.hypot(0.1, 0.02)),
        (Column.DOWN, 0.01, 0.01 * np.hypot(0.1, 0.02)), (Column.SLOPE_UP, 0.5 / 1.2, 0.04 / 1.2),
        (Column.SLOPE_DOWN, -0.5 / 0.8, 0.04 / 0.8),
    ):  # fmt: skip
        drawn = devices[:, column]
        assert abs(drawn.mean() - mean) < 5 * sd / np.sqrt(MANY)
        assert abs(drawn.std() / sd - 1) < sure
    logs = np.log(draw_devices(model, Spread(step=0.78, log_normal=True), MANY, np.float64, stream(4))[:, Column.UP])
    assert abs(logs.mean() - np.log(0.01)) < 5 * 0.78 / np.sqrt(MANY)
    assert abs(logs.std() / 0.78 - 1) < sure


def test_stuck_devices_never_move_and_stay_in_their_range() -> None:
    model = ConstantStep(**RANGE, write_noise=0.1)
    devices = draw_devices(model, Spread(), MANY, np.float64, stream(5), 0.13, 0.01)
    stuck = devices[:, Column.UP] == 0
    assert abs(stuck.mean() - 0.13) < 5 * np.sqrt(0.13 * 0.87 / MANY)
    assert np.abs(devices[stuck, Column.VALUE]).max() <= 0.01
    before, weights, empty = devices.copy(), np.zeros(MANY), np.empty(0)
    kernels.send(
        devices, np.zeros((MANY, 1)), law_of(model, np.float64), np.full(MANY, 9.0), empty, 1.0, np.uint64(0), weights,
        empty, kernels.Worn(np.zeros((MANY, 2)), np.empty((0, 2))), np.zeros((1, 2)), np.zeros(4),
    )  # fmt: skip
    assert (devices[stuck] == before[stuck]).all()
    assert (devices[~stuck, Column.VALUE] != before[~stuck, Column.VALUE]).all()


def test_symmetry_points_are_where_alternating_pulses_lead() -> None:
    """Against the closed form of soft bounds, and against 4000 pulses up and down in turn of every other model."""
    model = SoftBounds(**RANGE, up_down=0.2)
    devices = draw_devices(model, Spread(), 1, np.float64, stream(0))
    assert symmetry_points(devices, law_of(model, np.float64))[0] == pytest.approx(model.symmetry_point, abs=1e-9)
    for other in (MODELS[1], MODELS[3], MODELS[4], MODELS[5]):
        devices = draw_devices(other, Spread(), 1, np.float64, stream(0))
        point, w = symmetry_points(devices, law_of(other, np.float64))[0], np.asarray([0.9])
        for _ in range(4000):
            w = other.pulse(other.pulse(w, 1), -1)
        assert w[0] == pytest.approx(point, abs=2 * 0.01 * 2)  # within two of the largest steps
