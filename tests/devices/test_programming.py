"""Rounding and pulses against pulses sent one by one, closed-form moments and the linear-step model's own limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroep.hardware.programming import mean_travel, pulsed, stochastic_round
from neuroep.rng import stream
from neuroep.weights import FloatArray

MANY = 40_000


def one_by_one(x: float, step: float, pulses: int, slope_up: float, slope_down: float) -> float:
    """The linear-step model as its equation reads, clipped after every pulse."""
    for _ in range(abs(pulses)):
        x += step * (1 - slope_up * x) if pulses > 0 else -step * (1 + slope_down * x)
        x = min(max(x, -1.0), 1.0)
    return x


def sent(x: float, step: float, pulses: int, slope: float, spread: float, size: int = MANY) -> FloatArray:
    """Many devices alike, after the same train."""
    full = [np.full(size, value) for value in (x, step, float(pulses))]
    return pulsed(full[0], full[1], full[2], slope, slope, spread, stream(1, "pulses"))


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


@given(
    x=st.floats(-1, 1),
    step=st.floats(1e-4, 1.9),
    pulses=st.integers(-60, 60).filter(bool),
    slope_up=st.floats(0, 1),
    slope_down=st.floats(0, 1),
)
def test_train_equals_pulses_one_by_one(x: float, step: float, pulses: int, slope_up: float, slope_down: float) -> None:
    args = (np.asarray([x]), np.asarray([step]), np.asarray([float(pulses)]))
    train = pulsed(*args, slope_up, slope_down, 0.0, stream(3))
    assert train[0] == pytest.approx(one_by_one(x, step, pulses, slope_up, slope_down), abs=1e-11)


def test_single_precision_keeps_small_steps_accurate() -> None:
    """1 − (1 − γd)ⁿ would lose every digit at γd = 1e-7 in float32."""
    one = [np.full(1, value, dtype=np.float32) for value in (1000.0, 1e-5, 1e-2)]
    exact = (1 - (1 - 1e-7) ** 1000) / 1e-2
    assert mean_travel(*one)[0] == pytest.approx(exact, rel=1e-5)


def test_without_slope_steps_are_constant() -> None:
    assert sent(-0.5, 0.003, 7, 0.0, 0.0, 1)[0] == pytest.approx(-0.5 + 7 * 0.003, abs=1e-15)


@pytest.mark.parametrize("direction", [1, -1])
def test_soft_bounds_converge_to_the_bound(direction: int) -> None:
    trains = [sent(0.3, 0.02, direction * n, 1.0, 0.0, 1)[0] * direction for n in (10, 100, 1000)]
    gaps = 1.0 - np.asarray(trains)
    assert (np.diff(gaps) < 0).all()
    assert gaps[1] == pytest.approx((1 - 0.3 * direction) * 0.98**100)
    assert 0 <= gaps[2] < 1e-8


@pytest.mark.parametrize(("x", "pulses", "slope"), [(0.2, 1, 0.8), (-0.4, -1, 0.5), (0.0, 30, 0.0), (0.1, 40, 0.9)])
def test_cycle_noise_has_the_moments_of_independent_pulses(x: float, pulses: int, slope: float) -> None:
    """z = 1 − γy obeys z ← z (1 − γd(1 + cξ)): its mean and variance after n pulses are known."""
    step, spread, count = 1e-3, 0.3, abs(pulses)
    moved = sent(x, step, pulses, slope, spread)
    noiseless = one_by_one(x, step, pulses, slope, slope)
    if slope:
        start = 1 - slope * x * np.sign(pulses)
        decay, jitter = (1 - slope * step) ** 2, (slope * step * spread) ** 2
        deviation = start / slope * np.sqrt((decay + jitter) ** count - decay**count)
    else:
        deviation = np.sqrt(count) * spread * step
    assert abs(moved.mean() - noiseless) < 5 * deviation / np.sqrt(MANY)
    assert abs(moved.std() / deviation - 1) < 5 / np.sqrt(2 * MANY)


@pytest.mark.parametrize("pulses", [1, 2, 4, 16])
def test_strong_cycle_noise_at_the_bound_is_near_that_of_clipped_pulses(pulses: int) -> None:
    """TaOx-like steps, 4.69 times as noisy as large, from the upper bound: simulated pulse by pulse."""
    step, slope, spread, rng = 0.0158, 0.04, 4.69, stream(8, pulses)
    x = np.ones(MANY)
    for _ in range(pulses):
        x = np.minimum(x + step * (1 - slope * x) * (1 + spread * rng.standard_normal(MANY)), 1.0)
    assert 1 - sent(1.0, step, pulses, slope, spread).mean() == pytest.approx(1 - x.mean(), rel=0.15)
