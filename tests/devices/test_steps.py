"""Step models against closed forms, against each other where they meet, and against the pulse curves of aihwkit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.cells.step_presets import PRESETS, preset
from neuroep.hardware.cells.steps import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    SoftBounds,
    StepModel,
)
from neuroep.rng import stream

STORED = Path(__file__).parents[1] / "golden" / "aihwkit_pulses.npz"
DEVICE = {"dw_min": 0.02, "w_min": -0.5, "w_max": 0.7}
SOME = np.linspace(-0.5, 0.7, 9)

# name in the stored file: the same device in our words; parameters as in tests/golden/make_aihwkit.py
AS_STORED: dict[str, StepModel] = {
    "ecram": PRESETS["ecram"].model,
    "reram-es": PRESETS["rram-es"].model,
    "reram-sb": PRESETS["rram-sb"].model,
    "reram-array-om": PRESETS["rram-om"].model,
    "reram-array-hfo2": PRESETS["rram-hfo2"].model,
    "constant": ConstantStep(**DEVICE, up_down=-0.3),
    "linear": LinearStep(**DEVICE, up_down=0.2, gamma_up=0.3, gamma_down=0.8),
    "soft-bounds": SoftBounds(**DEVICE, up_down=0.2),
    "reference": SoftBounds(dw_min=0.0949, up_down=-0.1, w_min=-0.6192, w_max=1.4839).centred(),
    "exp": ExpStep(**DEVICE, up_down=-0.25, a_up=0.4, a_down=0.2, gamma_up=2.0, gamma_down=3.0, slope=0.5, offset=0.1),
    # pow_gamma 1.7 with pow_up_down 0.2: one-sided too, though the peer's documentation says 1.7 (1 ± 0.2)
    "pow": PowStep(**DEVICE, up_down=0.1, gamma_up=1.7, gamma_down=1.7 * 0.8),
    "piecewise": PiecewiseStep(**DEVICE, up_down=-0.1, up=(1.5, 1.0, 0.6, 0.2), down=(0.1, 0.9, 1.1, 1.4)),
}


@pytest.mark.parametrize("name", AS_STORED)
def test_aihwkit(name: str) -> None:
    with np.load(STORED) as stored:
        assert (str(stored["peer"]), str(stored["version"])) == ("aihwkit", "1.1.0")
        expected = stored[name]
    pulses = len(expected) // 2
    made = AS_STORED[name].curve(expected[0].astype(np.float64), pulses, pulses)
    assert np.ptp(expected[: pulses + 1], axis=0).max() > 0.2  # the devices did move
    assert np.abs(made - expected).max() <= 1e-6


def test_every_stored_curve_is_compared() -> None:
    with np.load(STORED) as stored:
        assert set(stored.files) - {"peer", "version"} == set(AS_STORED)


@pytest.mark.parametrize(
    ("up_down", "up", "down"), [(0.0, 0.02, 0.02), (0.25, 0.02, 0.015), (-0.25, 0.015, 0.02), (1.0, 0.02, 0.0)]
)
def test_asymmetry_shrinks_one_side_only(up_down: float, up: float, down: float) -> None:
    model = ConstantStep(**DEVICE, up_down=up_down)
    assert model.step(SOME, 1) == pytest.approx(np.full(9, up), abs=1e-17)
    assert model.step(SOME, -1) == pytest.approx(np.full(9, -down), abs=1e-17)


def test_constant_steps_count_up_to_the_bound() -> None:
    curve = ConstantStep(**DEVICE).curve(0.0, 50, 10)
    expected = np.minimum(0.02 * np.arange(51), 0.7)
    assert curve[:51] == pytest.approx(expected, abs=1e-14)
    assert curve[51:] == pytest.approx(0.7 - 0.02 * np.arange(1, 11), abs=1e-14)


def test_linear_steps_have_a_closed_form() -> None:
    # w/w_max approaches 1/γ by the factor 1 − γ s/w_max a pulse; downward with w_min for w_max, up to the clipping
    model = LinearStep(**DEVICE, gamma_up=0.3, gamma_down=0.8)
    curve = model.curve(np.asarray([-0.3, 0.2]), 20, 12)
    n, m = np.arange(21)[:, None], np.arange(13)[:, None]
    rising = 0.7 / 0.3 - (0.7 / 0.3 - curve[0]) * (1 - 0.3 * 0.02 / 0.7) ** n
    falling = -0.5 / 0.8 + (curve[20] + 0.5 / 0.8) * (1 - 0.8 * 0.02 / 0.5) ** m
    assert curve[:21] == pytest.approx(rising, rel=1e-12)
    assert curve[20:] == pytest.approx(falling, rel=1e-12)


def test_soft_bounds_are_linear_steps_with_unit_slope() -> None:
    soft, linear = SoftBounds(**DEVICE, up_down=0.1), LinearStep(**DEVICE, up_down=0.1, gamma_up=1.0, gamma_down=1.0)
    for direction in (1, -1):
        assert soft.step(SOME, direction) == pytest.approx(linear.step(SOME, direction), rel=1e-13, abs=1e-16)
    assert soft.step(0.7, 1) == pytest.approx(0.0, abs=1e-16)
    assert soft.step(-0.5, -1) == pytest.approx(0.0, abs=1e-16)


def test_a_reference_shifts_what_is_read_and_nothing_else() -> None:
    bare, shifted = SoftBounds(**DEVICE, up_down=0.3), SoftBounds(**DEVICE, up_down=0.3, reference=0.2)
    start = np.linspace(-0.5, 0.7, 5)
    assert shifted.curve(start - 0.2, 30, 30) == pytest.approx(bare.curve(start, 30, 30) - 0.2, abs=1e-14)
    assert shifted.bounds == pytest.approx((-0.7, 0.5))


def test_alternating_pulses_lead_a_centred_device_to_zero() -> None:
    model = SoftBounds(**DEVICE, up_down=0.3).centred()
    assert model.step(0.0, 1) + model.step(0.0, -1) == pytest.approx(0.0, abs=1e-17)
    w = np.asarray([-0.3, 0.3])
    for _ in range(400):
        w = model.pulse(model.pulse(w, 1), -1)
    assert np.abs(w).max() < 0.01  # half a step: the pair ends below zero, having started there


def test_exponential_steps_by_hand() -> None:
    model = ExpStep(**DEVICE, a_up=0.5, a_down=0.25, gamma_up=2.0, gamma_down=1.0, slope=1.2, offset=0.1)
    # z = 2 · 1.2 · 0.15/1.2 + 0.1 = 0.4 at w = 0.15, where 1 − 0.5 exp(0.8) is below zero, and −0.1 at w = −0.1
    assert model.step(0.15, 1) == 0.0
    assert model.step(-0.1, 1) == pytest.approx(0.02 * (1 - 0.5 * np.exp(-0.2)), rel=1e-13)
    # z = −0.9 at w = −0.5
    assert model.step(-0.5, 1) == pytest.approx(0.02 * (1 - 0.5 * np.exp(-1.8)), rel=1e-13)
    assert model.step(-0.5, -1) == pytest.approx(-0.02 * (1 - 0.25 * np.exp(0.9)), rel=1e-13)


def test_exponential_steps_never_turn_back() -> None:
    model = ExpStep(**DEVICE, a_up=0.5, a_down=0.25, gamma_up=9.0, gamma_down=9.0, slope=1.2, offset=0.0)
    assert (model.step(SOME, 1) >= 0.0).all()
    assert model.step(0.7, 1) == 0.0


def test_power_steps_by_hand() -> None:
    model = PowStep(**DEVICE, gamma_up=2.0, gamma_down=0.5)
    # a quarter of the way up the range
    assert model.step(-0.2, 1) == pytest.approx(0.02 * 0.75**2, rel=1e-13)
    assert model.step(-0.2, -1) == pytest.approx(-0.02 * 0.25**0.5, rel=1e-13)
    assert model.step(0.7 + 1e-15, 1) == 0.0


def test_piecewise_steps_interpolate() -> None:
    model = PiecewiseStep(**DEVICE, up=(1.0, 0.4, 0.2), down=(0.0, 1.0, 3.0))
    places = np.asarray([-0.5, -0.2, 0.1, 0.25, 0.7])  # 0, 1/4, 1/2, 5/8 and all of the range
    assert model.step(places, 1) == pytest.approx(0.02 * np.asarray([1.0, 0.7, 0.4, 0.35, 0.2]), rel=1e-13)
    assert model.step(places, -1) == pytest.approx(-0.02 * np.asarray([0.0, 0.5, 1.0, 1.5, 3.0]), rel=1e-13, abs=1e-17)


@pytest.mark.parametrize("name", AS_STORED)
def test_directions_may_differ_and_none_means_no_step(name: str) -> None:
    model = AS_STORED[name]
    w = np.asarray([0.1, 0.1, 0.1])
    mixed = model.step(w, np.asarray([1, 0, -1]))
    assert mixed.tolist() == [float(model.step(0.1, 1)), 0.0, float(model.step(0.1, -1))]
    assert mixed[0] > 0.0 > mixed[2]


@pytest.mark.parametrize("name", AS_STORED)
def test_single_precision_stays(name: str) -> None:
    w = np.zeros(3, dtype=np.float32)
    model = AS_STORED[name]
    assert model.step(w, 1).dtype == np.float32
    assert model.curve(w, 2, 2, stream(0, "pulses")).dtype == np.float32
    assert model.apparent(w, stream(0, "write")).dtype == np.float32


def test_parameters_of_each_device() -> None:
    steps, tops = np.asarray([0.01, 0.02, 0.05]), np.asarray([0.5, 0.7, 0.9])
    together = SoftBounds(dw_min=steps, w_min=-0.5, w_max=tops, up_down=np.asarray([0.1, 0.0, -0.2])).centred()
    curve = together.curve(np.asarray([0.0, 0.1, 0.2]), 5, 5)
    for k, beta in enumerate((0.1, 0.0, -0.2)):
        alone = SoftBounds(dw_min=float(steps[k]), w_min=-0.5, w_max=float(tops[k]), up_down=beta).centred()
        assert curve[:, k] == pytest.approx(alone.curve(0.1 * k, 5, 5), abs=1e-15)


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("direction", [1, -1])
def test_cycle_noise_has_the_stated_moments(additive: bool, direction: int) -> None:
    model = SoftBounds(
        dw_min=1e-3, w_min=-1.0, w_max=1.0, up_down=0.2, cycle_noise=0.4, additive=additive
    )  # 400 standard deviations from the bounds at ±0.5
    count = 200_000
    moved = model.pulse(np.full(count, 0.5), direction, stream(3, "pulses", direction)) - 0.5
    scale = 1e-3 if direction > 0 else 0.8e-3
    mean = direction * scale * (0.5 if direction > 0 else 1.5)
    deviation = 0.4 * (scale if additive else abs(mean))
    # five standard errors of a normal sample
    assert moved.mean() == pytest.approx(mean, abs=5 * deviation / count**0.5)
    assert moved.std() == pytest.approx(deviation, rel=5 / (2 * count) ** 0.5)


def test_noise_respects_bounds_and_pulses_not_sent() -> None:
    model = preset("rram-sb").model
    w = np.full(1000, 1.2)
    noisy = model.pulse(np.tile(w, 50), 1, stream(4, "pulses"))
    assert noisy.max() <= 1.25
    assert (model.pulse(w, 0, stream(4, "none")) == w).all()
    assert model.pulse(w, 1) == pytest.approx(w + 0.002 * (1 - 1.2 / 1.25), rel=1e-14)  # without a generator: the mean


def test_write_noise_shows_in_the_read_only() -> None:
    model, count = preset("rram-es").model, 200_000
    w = np.full(count, 0.3)
    seen = model.apparent(w, stream(5, "write"))
    assert (w == 0.3).all()
    assert seen.mean() == pytest.approx(0.3, abs=5 * 0.10125 / count**0.5)
    assert seen.std() == pytest.approx(75 * 0.00135, rel=5 / (2 * count) ** 0.5)
    assert (preset("ecram").model.apparent(w, stream(5, "write")) == w).all()


def test_number_of_steps_of_the_array_fits() -> None:
    # HARDWARE's "about 21" and "4.3" steps: range over the step at zero
    for name, steps in (("rram-om", 21.07), ("rram-hfo2", 4.327), ("ecram", 1000.0), ("rram-sb", 1000.0)):
        model = preset(name).model
        assert (model.w_max - model.w_min) / float(model.step(0.0, 1)) == pytest.approx(steps, rel=1e-3)


def test_presets_say_where_they_come_from() -> None:
    assert set(PRESETS) == {"ecram", "rram-es", "rram-sb", "rram-om", "rram-hfo2"}
    for found in PRESETS.values():
        assert "aihwkit 1.1.0" in found.source
        assert "20" in found.source.split("fitted")[1]  # and the year of the measurement


def test_unknown_preset_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="rram-om"):
        preset("rram-on")


@pytest.mark.parametrize(
    "change",
    [
        {"dw_min": 0.0},
        {"dw_min": np.nan},
        {"dw_min": np.asarray([0.1, -0.1])},
        {"w_min": 0.8},
        {"w_max": np.inf},
        {"up_down": 1.5},
        {"cycle_noise": -0.1},
        {"write_noise": np.nan},
        {"w_min": 0.1},
        {"gamma_up": np.nan},
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        LinearStep(**{**DEVICE, **change})


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match="0 inside"):
        SoftBounds(dw_min=0.1, w_min=0.0, w_max=1.0)
    with pytest.raises(BadInput, match="reference"):
        SoftBounds(**DEVICE, reference=np.nan)
    with pytest.raises(BadInput, match="gamma_down"):
        PowStep(**DEVICE, gamma_up=1.0, gamma_down=-1.0)
    with pytest.raises(BadInput, match=r"PiecewiseStep\.up"):
        PiecewiseStep(**DEVICE, up=(1.0,), down=(1.0, 1.0))
    with pytest.raises(BadInput, match="offset"):
        ExpStep(**DEVICE, a_up=0.1, a_down=0.1, gamma_up=1.0, gamma_down=1.0, slope=1.0, offset=np.inf)
    with pytest.raises(BadInput, match="pulses"):
        ConstantStep(**DEVICE).curve(0.0, 3, -1)
