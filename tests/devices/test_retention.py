"""Models of programmed devices against the published fits, typed in anew here, and closed forms of their moments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import foldnorm

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.retention.models import MODELS, retention
from neuroep.rng import stream

N = 100_000
CLOSE = 0.02  # of a standard deviation: its sampling error at 1e5 is 1/√(2N) = 0.2 %, nine times less
DAY = 86400.0
MICRO = 1e-6


def sample(name: str, g: float) -> np.ndarray:
    return retention(name).programmed(np.full(N, g * MICRO), stream(3, name, str(g))) / MICRO


def holds(values: np.ndarray, mean: float, sd: float) -> None:
    assert values.std() == pytest.approx(sd, rel=CLOSE)
    assert abs(values.mean() - mean) <= 5.0 * sd / np.sqrt(N)


# σ in µS at G in µS
PROGRAMMING: dict[str, Callable[[float], float]] = {
    "pcm-nandakumar": lambda g: 0.26348 + 1.965 * (g / 25) - 1.1731 * (g / 25) ** 2,
    "pcm-hermes": lambda g: np.polyval([4.68961, -8.48101, 4.71806, 0.16603], g / 20.7),
    "pcm-joshi": lambda g: -0.00178767 * g**2 + 0.07585724 * g + 0.28638599,
    "rram-wan": lambda g: np.polyval([-16.815, 45.393, -43.853, 16.03, 0.348], g / 40),
    "rram-wan-crosssim": lambda g: 1.536e-4 * g**3 - 1.167e-2 * g**2 + 0.2374 * g + 1.053,
    "rram-milo": lambda g: 4.782 - 0.009107 * g,
    "cmo-hfox": lambda g: 0.01122 + 0.01129 * g,
    "cmo-hfox-fine": lambda g: 0.000811 + 0.001069 * g,
    "sonos-40nm": lambda g: 0.01 * 19.89 * (1 - np.exp(-100 * g / 176.3)),  # 100 nA a µS at 0.1 V
}


@pytest.mark.parametrize("name", PROGRAMMING)
@pytest.mark.parametrize("place", [0.35, 0.6, 0.9])  # of the range, five σ and more above 0
def test_programming(name: str, place: float) -> None:
    model = retention(name)
    g = (model.g_min_siemens + place * (model.g_max_siemens - model.g_min_siemens)) / MICRO
    holds(sample(name, g), g, PROGRAMMING[name](g))


def test_every_model_is_tested() -> None:
    assert set(MODELS) == {"none", *PROGRAMMING}


RANGES = {"none": (0, np.inf), "pcm-nandakumar": (0, 25), "pcm-hermes": (0, 20.7), "pcm-joshi": (0.25, 25),
          "rram-wan": (0, 40), "rram-wan-crosssim": (0, 39.26), "rram-milo": (50, 225), "cmo-hfox": (9, 88.2),
          "cmo-hfox-fine": (9, 88.2), "sonos-40nm": (0, 16)}  # fmt: skip


@pytest.mark.parametrize("name", RANGES)
def test_ranges(name: str) -> None:
    model = retention(name)
    assert (model.g_min_siemens / MICRO, model.g_max_siemens / MICRO) == pytest.approx(RANGES[name])
    assert model.source


def test_two_fits_of_one_figure() -> None:
    first, second = (sample(name, 20.0).std() for name in ("rram-wan", "rram-wan-crosssim"))
    assert second / first == pytest.approx(2.36 / 2.02, rel=0.02)


def test_clipped_at_zero() -> None:
    # of a device meant to be 0, half the draws are clipped: the mean of max(σξ, 0) is σ/√(2π), its square's σ²/2
    values = sample("pcm-nandakumar", 0.0)
    assert values.min() == 0.0
    assert values.mean() == pytest.approx(0.26348 / np.sqrt(2 * np.pi), rel=CLOSE)
    assert (values**2).mean() == pytest.approx(0.26348**2 / 2, rel=CLOSE)


# μ and σ of ν at g, as published: between the limits and at both
NU = {
    ("pcm-nandakumar", 1.0): (0.049, 0.008),
    ("pcm-nandakumar", 0.1): (-0.0155 * np.log(0.1) + 0.0244, -0.0125 * np.log(0.1) - 0.0059),
    ("pcm-nandakumar", 0.001): (0.1, 0.045),
    ("pcm-hermes", 0.5): (-0.0436 * 0.25 - 0.0126 * 0.5 + 0.0736, -0.0118 * 0.25 + 0.0093 * 0.5 + 0.0073),
    ("pcm-hermes", 0.05): (-0.0387 * np.log(0.05) - 0.0182, -0.0117 * np.log(0.05) - 0.0057),
    ("pcm-hermes", 0.001): (0.13, 0.04),
}


@pytest.mark.parametrize(("name", "g"), NU)
def test_drift_exponents(name: str, g: float) -> None:
    mean, sd = NU[name, g]
    model = retention(name)
    nu = model.drift_traits(np.full(N, g * model.g_max_siemens), stream(4, name))
    folded = foldnorm(abs(mean) / sd, scale=sd)  # |μ + σξ|
    holds(nu, folded.mean(), folded.std())


@pytest.mark.parametrize(("name", "t0"), [("pcm-nandakumar", 20.0), ("pcm-hermes", 300.0)])
def test_power_law(name: str, t0: float) -> None:
    # with ν normal, (t/t₀)^(−ν) is log-normal: mean exp(−Lμ + L²σ²/2), L = ln(t/t₀). At g = 0.5, μ/σ > 5: not folded
    model = retention(name)
    g = np.full(N, 0.5 * model.g_max_siemens)
    mean, sd = {"pcm-nandakumar": (0.049, 0.008), "pcm-hermes": NU["pcm-hermes", 0.5]}[name]
    nu = model.drift_traits(g, stream(5, name))
    for seconds in (10 * t0, DAY, 365 * DAY):
        part = model.after(g, nu, seconds, stream(6)) / g
        fold = np.log(seconds / t0)
        expected = np.exp(-fold * mean + (fold * sd) ** 2 / 2)
        holds(part, expected, expected * np.sqrt(np.expm1((fold * sd) ** 2)))
    assert np.all(model.after(g, nu, 10.0, stream(6)) == g)  # younger than t₀


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_the_reference_time(name: str, dtype: type) -> None:
    model = retention(name)
    target = np.linspace(0.0, min(model.g_max_siemens, 1e-4), 50, dtype=dtype)
    start = model.programmed(target, stream(7))
    traits = model.drift_traits(start, stream(8))
    now = model.after(start, traits, model.t0_seconds, stream(9))
    later = model.after(start, traits, 1e4, stream(9))
    assert np.array_equal(now, start)
    assert later.min() >= 0.0
    noise = model.read_sd(later, 1e4, start)
    assert noise.min() >= 0.0
    assert {a.dtype for a in (start, traits, now, later, noise)} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", MODELS)
def test_precisions_agree(name: str) -> None:
    model = retention(name)
    target = np.linspace(0.2, 0.9, 9) * min(model.g_max_siemens, 1e-4)
    runs = []
    for dtype in (np.float32, np.float64):
        start = target.astype(dtype)
        runs.append(model.after(start, model.drift_traits(start, stream(1)), 3e5, stream(2)))
    # float32 keeps 6e-8 of each term; those of the polynomials are up to a hundred times their sum
    assert runs[0] == pytest.approx(runs[1], rel=2e-5)


def test_none_is_exact() -> None:
    target = np.array([0.0, 1e-7, 3.3e-5])
    model = retention("none")
    assert np.array_equal(model.programmed(target, stream(1)), target)
    assert np.array_equal(model.after(target, np.zeros(3), 1e9, stream(1)), target)
    assert not model.read_sd(target, 1e9).any()


def test_drift_never_rises() -> None:
    ages = [0.0, 20.0, 60.0, 1e3, 1e5, 1e8]
    for name in ("pcm-nandakumar", "pcm-hermes"):
        model = retention(name)
        g = np.linspace(0.01, 1.0, 100) * model.g_max_siemens
        nu = model.drift_traits(g, stream(5))
        path = np.array([model.after(g, nu, t, stream(6)) for t in ages])
        assert np.all(np.diff(path, axis=0) <= 0.0)
        noise = np.array([model.read_sd(g, t) for t in ages])
        assert np.all(np.diff(noise, axis=0) >= 0.0)


def test_wan_spreads() -> None:
    coefficients = {DAY: [-16.458, 47.095, -50.773, 22.086, 0.701], 2 * DAY: [-11.934, 37.062, -43.507, 20.274, 0.782]}
    model = retention("rram-wan")
    for g in (12.0, 20.0, 32.0):
        early = PROGRAMMING["rram-wan"](g)
        for seconds, fit in coefficients.items():
            late = np.polyval(fit, g / 40)
            moved = model.after(np.full(N, g * MICRO), np.zeros(N), seconds, stream(6)) / MICRO
            holds(moved, g, np.sqrt(late**2 - early**2))
        halfway = early + 0.5 * (np.polyval(coefficients[DAY], g / 40) - early)  # in ln t
        moved = model.after(np.full(N, g * MICRO), np.zeros(N), np.sqrt(DAY), stream(6)) / MICRO
        holds(moved, g, np.sqrt(halfway**2 - early**2))


@pytest.mark.parametrize("name", ["cmo-hfox", "cmo-hfox-fine"])
def test_cmo_relaxes(name: str) -> None:
    model = retention(name)
    for g in (20.0, 70.0):
        for seconds in (1.0, 600.0, 1e6):
            moved = model.after(np.full(N, g * MICRO), np.zeros(N), seconds, stream(6)) / MICRO
            holds(moved, g - 0.089 * np.log(seconds), 0.0420 * np.log(seconds) + 0.4118)
    early = model.after(np.full(N, 20 * MICRO), np.zeros(N), 1e-3, stream(6)) / MICRO
    holds(early, 20.0, 0.4118 - 0.0420 * np.log(1e3))  # the mean stays, the spread goes on
    assert np.all(model.after(np.full(9, 20 * MICRO), np.zeros(9), 1e-5, stream(6)) == 20 * MICRO)


# CrossSim's coefficients at one and five days: P in nA from the highest power down, A and B
SONOS = {
    1: ([5.95180e-29, -1.66869e-25, -8.85448e-22, 5.41293e-18, -1.19803e-14, 1.40575e-11, -9.37682e-09, 3.50271e-06,
         -6.85715e-04, 5.72552e-02, 1.72684e-01], 25.59, 186.86),
    5: ([7.14608e-29, -2.43893e-25, -7.26841e-22, 5.45513e-18, -1.27592e-14, 1.56477e-11, -1.10352e-08, 4.50290e-06,
         -1.04054e-03, 1.06596e-01, 3.19927e-01], 34.58, 207.34),
}  # fmt: skip


@pytest.mark.parametrize("current", [300.0, 800.0, 1500.0])
def test_sonos_loses_charge(current: float) -> None:
    model = retention("sonos-40nm")
    start = np.full(N, current / 0.1 * 1e-9)
    early = 19.89 * (1 - np.exp(-current / 176.3))

    def moments(day: float) -> np.ndarray:
        moved = model.after(start, np.zeros(N), day * DAY, stream(6)) * 0.1e9
        return np.array([moved.mean(), moved.std()])

    for day, (fit, size, scale) in SONOS.items():
        mean = current + np.polyval(fit, current)
        late = size * (1 - np.exp(-mean / scale))
        made = moments(day)
        assert made[0] == pytest.approx(mean, abs=5 * late / np.sqrt(N))
        assert made[1] == pytest.approx(np.sqrt(late**2 - early**2), rel=CLOSE)
    assert moments(0.5)[0] - current == pytest.approx((moments(1)[0] - current) / 2, abs=5 * 30 / np.sqrt(N))
    assert np.array_equal(moments(30), moments(5))  # held


def test_sonos_at_a_day_from_its_target() -> None:
    # programming and a day together have the published spread about the published mean; 5 %: the fits are read at the
    # programmed current instead of the target, whose slopes shift the spread by up to |dP/dI| = 4 %
    model = retention("sonos-40nm")
    start = model.programmed(np.full(N, 8e-6), stream(2))
    moved = model.after(start, np.zeros(N), DAY, stream(3)) * 0.1e9
    assert moved.std() == pytest.approx(25.59 * (1 - np.exp(-796.2 / 186.86)), rel=0.05)


def one_over_f(seconds: float, read: float) -> float:
    return float(np.sqrt(np.log((seconds + read) / (2 * read))))


def test_read_noise() -> None:
    g = np.array([0.004, 0.1, 0.5, 1.0])
    for seconds in (20.0, 1e5):
        q = np.array([0.2, 0.0088 / 0.1**0.65, 0.0088 / 0.5**0.65, 0.0088])
        made = retention("pcm-nandakumar").read_sd(25 * MICRO * g, seconds)
        assert made == pytest.approx(25 * MICRO * g * q * one_over_f(seconds, 250e-9), rel=1e-6)
    relative = np.array([0.001, 0.1, 0.5])
    q = np.array([0.04, -0.0117 * np.log(0.1) - 0.0069, 0.0069 / 8 - 0.0280 / 4 + 0.0211 / 2 + 0.0123])
    made = retention("pcm-hermes").read_sd(20.7 * MICRO * relative, 1e4)
    assert made == pytest.approx(20.7 * MICRO * relative * q * one_over_f(1e4, 512e-9), rel=1e-6)
    made = retention("cmo-hfox").read_sd(np.array([10 * MICRO, 50 * MICRO]), 100.0)
    assert made == pytest.approx(0.02773 * MICRO * np.log10([10, 50]) * one_over_f(100.0, 1e-6), rel=1e-3)
    made = retention("sonos-40nm").read_sd(np.array([2e-6, 15e-6]), 5.0)
    assert made == pytest.approx(1e-8 * 12.58 * (1 - np.exp(-np.array([200, 1500]) / 215.4)), rel=1e-3)
    for name in ("pcm-joshi", "rram-wan", "rram-wan-crosssim", "rram-milo"):
        assert not retention(name).read_sd(np.array([6e-5]), 5.0).any()


def test_noise_keeps_the_level_it_was_programmed_to() -> None:
    model = retention("pcm-nandakumar")
    start, now = np.array([12.5e-6]), np.array([10e-6])
    made = model.read_sd(now, 1e5, start)
    assert made == pytest.approx(now * 0.0088 / 0.5**0.65 * one_over_f(1e5, 250e-9), rel=1e-6)
    assert model.read_sd(now, 1e5) > made


@pytest.mark.parametrize("name", MODELS)
def test_refuses(name: str) -> None:
    model, good = retention(name), np.array([1e-5])
    for bad in (np.array([np.nan]), np.array([-1e-9]), np.array([np.inf])):
        with pytest.raises(BadInput, match="target: a conductance"):
            model.programmed(bad, stream(1))
        with pytest.raises(BadInput, match="programmed: a conductance"):
            model.drift_traits(bad, stream(1))
        with pytest.raises(BadInput, match="programmed: a conductance"):
            model.after(bad, np.zeros(1), 1.0, stream(1))
        with pytest.raises(BadInput, match="conductance: a conductance"):
            model.read_sd(bad, 1.0)
    for seconds in (-1.0, np.nan, np.inf):
        with pytest.raises(BadInput, match="seconds"):
            model.after(good, np.zeros(1), seconds, stream(1))
        with pytest.raises(BadInput, match="seconds"):
            model.read_sd(good, seconds)
    with pytest.raises(BadInput, match="traits"):
        model.after(good, np.array([np.nan]), 1.0, stream(1))


def test_unknown_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'pcm-hermes'"):
        retention("pcm-herms")
