"""Fits against the devices that made the curves: noiseless, noisy, and those stored of aihwkit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.cells.step_presets import PRESETS
from neuroep.hardware.cells.steps import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    SoftBounds,
    StepModel,
)
from neuroep.hardware.fitting.pulse_data import PulseData, Trace
from neuroep.hardware.fitting.selection import Fit, fit
from neuroep.rng import stream
from neuroep.specs.levels import from_levels
from neuroep.specs.nonlinearity import slope_of

STORED = Path(__file__).parents[1] / "golden" / "aihwkit_pulses.npz"
BASE = {"dw_min": 0.02, "w_min": -1.0, "w_max": 1.0, "up_down": 0.2}
G_MIN, G_MAX = 1e-6, 9e-6
MODELS: dict[str, StepModel] = {
    "constant": ConstantStep(**BASE),
    "soft-bounds": SoftBounds(**BASE),
    "linear": LinearStep(**BASE, gamma_up=0.3, gamma_down=0.6),
    "pow": PowStep(**BASE, gamma_up=1.7, gamma_down=0.6),
    "exp": ExpStep(**BASE, a_up=0.4, a_down=0.2, gamma_up=0.8, gamma_down=1.2, slope=1.0, offset=0.0),
}
TABLES = PiecewiseStep(
    **{**BASE, "up_down": 0.0}, up=(1.5, 1.0, 0.6, 0.2), down=(0.1, 0.9, 1.1, 1.4)
)  # both tables hold a bend that no other model has


def trace(weights: np.ndarray, up: int, name: str = "") -> Trace:
    down = len(weights) - 1 - up
    return Trace(name, "", np.asarray([1] * up + [-1] * down), G_MIN + (weights + 1.0) / 2.0 * (G_MAX - G_MIN))


def measured(model: StepModel, pulses: int = 150, rng: np.random.Generator | None = None) -> PulseData:
    curves = [model.curve(start, pulses, pulses, rng) for start in (-1.0, 0.3)]
    return PulseData(tuple(trace(curve, pulses) for curve in curves), "made.csv", "0" * 64)


@pytest.mark.parametrize("name", MODELS)
def test_noiseless_curves_give_their_parameters_back(name: str) -> None:
    (best, *_) = fit(measured(MODELS[name]))
    assert best.name == name
    # the search ends where a relative step or gain falls below 1e-12; parameters are as sure as its square root
    for key, value in best.parameters.items():
        assert value == pytest.approx(getattr(MODELS[name], key), rel=1e-5, abs=1e-5), key
    assert best.rmse < 1e-9
    assert best.r_squared == pytest.approx(1.0, abs=1e-12)
    # soft bounds and pow find the range beyond what was reached, the others take what they saw: the same here
    assert best.g_min_siemens == pytest.approx(G_MIN, rel=1e-4)
    assert best.noise.cycle == best.noise.read == 0.0
    if name in ("soft-bounds", "pow", "constant", "linear", "exp"):
        assert best.g_max_siemens == pytest.approx(G_MAX, rel=1e-4)


def test_tables_give_their_steps_back() -> None:
    (best, *_) = fit(measured(TABLES), nodes=4)
    assert best.name == "piecewise"
    w = np.linspace(-1.0, 1.0, 41)
    for sign in (1, -1):
        # the touch of smoothing weighs 1e-7
        assert best.model.step(w, sign) == pytest.approx(TABLES.step(w, sign), abs=1e-5 * 0.02)


@pytest.mark.parametrize("name", MODELS)
def test_noisy_curves_give_parameters_within_their_errors(name: str) -> None:
    noisy = replace(MODELS[name], cycle_noise=0.1)
    (found,) = fit(measured(noisy, rng=stream(2, name)), models=[name])
    values = found.parameters | {"g_max_siemens": found.g_max_siemens}
    true = {key: getattr(noisy, key) for key in found.parameters} | {"g_max_siemens": G_MAX}
    for key, error in found.errors.items():
        if key in values and error > 0.0:
            # three standard errors: one in 370 would miss by chance, and the seed is fixed
            assert abs(values[key] - true[key]) < 3.0 * error, key
    # about 500 steps: a standard deviation is known to 1/sqrt(2 · 500) = 3 %; effective weights halve the number
    assert found.noise.cycle == pytest.approx(0.1, rel=0.2)


def test_standard_errors_are_the_scatter_of_repeated_measurements() -> None:
    noisy = replace(MODELS["linear"], cycle_noise=0.3)
    found = [fit(measured(noisy, 90, stream(k, "again")), models=["linear"])[0] for k in range(24)]
    for key in ("dw_min", "gamma_up", "gamma_down"):
        scatter = np.std([one.parameters[key] for one in found], ddof=1)
        # 24 repeats know a deviation to 1/sqrt(46) = 15 %: three of those
        assert np.mean([one.errors[key] for one in found]) == pytest.approx(scatter, rel=0.45), key


@pytest.mark.parametrize("noise", ["cycle", "read", "both"])
def test_noise_of_pulses_and_of_reads_are_told_apart(noise: str) -> None:
    cycle, read = {"cycle": (0.3, 0.0), "read": (0.0, 0.01), "both": (0.3, 0.005)}[noise]
    model = replace(MODELS["linear"], cycle_noise=cycle, write_noise=read)
    rng = stream(3, noise)
    data = PulseData(
        tuple(trace(model.apparent(model.curve(-0.9, 85, 85, rng), rng), 85, str(k)) for k in range(8)), "m", "0"
    )
    (found,) = fit(data._replace(traces=tuple(t._replace(device="") for t in data.traces)), models=["linear"])
    # the curves don't reach the ends of the device's range, and weights are in halves of the range that was seen
    seen = (found.g_max_siemens - found.g_min_siemens) / (G_MAX - G_MIN)
    for value, true, error in (
        (found.noise.read * seen, read, found.noise.read_error * seen),
        (found.noise.cycle, cycle, found.noise.cycle_error),
    ):
        # three standard errors; a noise that isn't there is taken for 0
        assert abs(value - true) <= 3.0 * error
    # 1300 steps know a variance to 4 %; where one noise is taken from the other, a few times that
    assert found.noise.cycle_error <= 0.2 * cycle
    assert found.noise.read_error <= 0.1 * read


@pytest.mark.parametrize(
    ("stored", "preset", "name"),
    [("ecram", "ecram", "linear"), ("reram-sb", "rram-sb", "soft-bounds"), ("reram-es", "rram-es", "exp")],
)
def test_stored_curves_of_aihwkit_give_their_published_parameters(stored: str, preset: str, name: str) -> None:
    with np.load(STORED) as arrays:
        weights = arrays[stored].astype(np.float64)
    model = PRESETS[preset].model
    low, high = float(model.w_min), float(model.w_max)
    signs = np.asarray([1, -1]).repeat(len(weights) // 2)
    # conductance 1 S + weight: any affine map will do
    data = PulseData(tuple(Trace("", "", signs, 1.0 + column) for column in weights.T), stored, "0")
    (found,) = fit(data, models=[name], frame=(low, high))
    assert found.g_min_siemens == pytest.approx(1.0 + low, abs=1e-4)
    assert found.g_max_siemens == pytest.approx(1.0 + high, abs=1e-4)
    published = {key: getattr(model, key) for key in found.parameters}
    if isinstance(model, ExpStep):
        # the curve only knows A exp(dγb) and γa, which the fit calls A and γ
        for key, gamma, sign in (("a_up", model.gamma_up, 1), ("a_down", model.gamma_down, -1)):
            published[key] = getattr(model, key) * math.exp(sign * gamma * model.offset)
        published |= {key: getattr(model, key) * model.slope for key in ("gamma_up", "gamma_down")}
    # the peer counts in float32: 1800 roundings of 6e-8 leave 1e-6 of the weight, and less than 1e-3 of a parameter
    for key, value in found.parameters.items():
        assert value == pytest.approx(published[key], rel=2e-3, abs=2e-4), key


@pytest.mark.parametrize("name", MODELS)
def test_the_true_model_is_chosen_among_noisy_ones(name: str) -> None:
    noisy = replace(MODELS[name], cycle_noise=0.02)
    assert fit(measured(noisy, rng=stream(4, name)))[0].name == name


def test_devices_that_differ() -> None:
    rng = stream(5, "spread")
    factors = 1.0 + 0.2 * rng.standard_normal(12)
    models = [replace(MODELS["linear"], dw_min=0.02 * factor) for factor in factors]
    traces = tuple(trace(model.curve(-1.0, 200, 200), 200, str(k)) for k, model in enumerate(models))
    (found,) = fit(PulseData(traces, "m", "0"), models=["linear"])
    # every device is fitted alone and exactly: what remains is the sample's own deviation
    assert found.step_spread == pytest.approx(float(np.std(factors / factors.mean(), ddof=1)), rel=1e-4)
    assert found.bounds_spread == pytest.approx(0.0, abs=1e-6)


def test_reads_left_out_change_nothing() -> None:
    full = measured(MODELS["linear"])
    kept = np.where(np.arange(301) % 10 == 0, 1.0, np.nan)
    sparse = full._replace(traces=tuple(t._replace(siemens=t.siemens * kept) for t in full.traces))
    (found,) = fit(sparse, models=["linear"])
    for key, value in found.parameters.items():
        assert value == pytest.approx(getattr(MODELS["linear"], key), rel=1e-4), key


@pytest.mark.parametrize(("n", "up", "down"), [(64, 0.0, 0.0), (2, 0.0, 0.0), (97, 2.4, 4.88), (64, -1.0, 0.5)])
def test_levels_reach_the_bound_with_the_last_pulse(n: int, up: float, down: float) -> None:
    model = from_levels(n, 1e-6, 1e-5, up, down).model
    rise, fall = model.curve(-1.0, n - 1, 0), model.curve(1.0, 0, n - 1)
    assert (rise[-1], fall[-1]) == pytest.approx((1.0, -1.0), abs=1e-9)
    assert rise[-2] < 1.0 - 1e-6
    assert fall[-2] > -1.0 + 1e-6
    assert (model.gamma_up, model.gamma_down) == (slope_of(up), slope_of(down))
    if not up and not down:
        assert model.dw_min == pytest.approx(2.0 / (n - 1), rel=1e-15)


def test_what_cannot_be_used() -> None:
    data = measured(MODELS["constant"])
    with pytest.raises(UnknownName, match="did you mean 'linear'"):
        fit(data, models=["liner"])
    with pytest.raises(BadInput, match="frame"):
        fit(data, frame=(0.0, 1.0))
    with pytest.raises(BadInput, match="nodes"):
        fit(data, nodes=2)
    for bad in ((1, 1e-6, 2e-6), (8, 2e-6, 1e-6), (8, -1e-6, 1e-6), (8, 1e-6, math.inf)):
        with pytest.raises(BadInput):
            from_levels(*bad)


def test_a_fit_says_how_many_pulses_the_range_takes() -> None:
    (found,) = fit(measured(MODELS["constant"]), models=["constant"])
    assert isinstance(found, Fit)
    assert found.pulses == pytest.approx(100.0, rel=1e-6)
