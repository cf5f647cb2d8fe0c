"""Equations of programmed devices, of which the published models are instances.

With G in µS, g = G/G_max, t the age in seconds and ξ ~ N(0, 1), drawn for each device:

    FixedError    G(t) = G₀ = max(G_target + σ_p(G_target) ξ, 0)
    PowerLaw      G(t) = G₀ (t/t₀)^(−ν),    ν = |μ_ν(g) + σ_ν(g) ξ|,    σ_read = G Q(g₀) √ln((t + t_r)/(2 t_r))
    Spreading     G(t) = G₀ + √(σ_t² − σ_p²) ξ: the deviation from the target has grown to σ_t
    Relaxing      G(t) = G₀ − a ln t + (b ln t + c) ξ,    σ_read = K log₁₀(G/µS) √ln((t + t_r)/(2 t_r)) µS
    ChargeLoss    in currents I = V G:  I(t) = I₀ + P_t(I₀) + √(σ_t² − σ_p²) ξ,    σ = A (1 − exp(−I/B))

Ages below t₀, the first that was measured, count as t₀, and fits are held at the ends of their range. The simulators
that the fits come from (aihwkit, CrossSim) evaluate ν, σ_t and P at a device's target and draw its state at each age
anew; we evaluate them at its programmed state and let that age. Where only the moments at an age are known (Spreading,
Relaxing, ChargeLoss), a device's path isn't: the same stream at every age gives each device one path, a fresh one
independent snapshots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuroep.hardware.retention.base import Retention, conductances, normal
from neuroep.weights import FloatArray

MICRO = 1e-6

Curve = Callable[[FloatArray], FloatArray]
"""A fit over g = G/G_max."""


@dataclass(frozen=True, kw_only=True)
class FixedError(Retention):
    """Programming error alone: no drift and no read noise are published.

    Attributes
    ----------
    error : tuple of float
        Coefficients of σ_p in µS, a polynomial in g, lowest power first.
    """

    error: tuple[float, ...]

    def _programming_sd(self, g: FloatArray) -> FloatArray:
        return self._fit(self.error, g)

    def _fit(self, coefficients: tuple[float, ...], g: FloatArray) -> FloatArray:
        return np.maximum(_polynomial(coefficients, self._relative(g)), 0.0) * MICRO


@dataclass(frozen=True, kw_only=True)
class PowerLaw(FixedError):
    """Phase-change memory: power-law drift with an exponent for each device, 1/f noise.

    Attributes
    ----------
    nu_mean, nu_sd, noise : callable
        μ_ν, σ_ν and Q over g.
    read_seconds : float
        t_r, the duration of a read.
    """

    nu_mean: Curve
    nu_sd: Curve
    noise: Curve
    read_seconds: float

    def drift_traits(self, programmed: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Return ν = |μ_ν + σ_ν ξ|."""
        g = self._relative(conductances(programmed, "programmed"))
        return np.abs(self.nu_mean(g) + self.nu_sd(g) * normal(g, rng))

    def _aged(self, g: FloatArray, trait: FloatArray, age: float, rng: np.random.Generator) -> FloatArray:
        aged: FloatArray = g * (age / self.t0_seconds) ** -trait
        return aged

    def _noise(self, g: FloatArray, start: FloatArray, age: float) -> FloatArray:
        return g * self.noise(self._relative(start)) * _flicker(age, self.read_seconds)


@dataclass(frozen=True, kw_only=True)
class Spreading(FixedError):
    """Devices whose deviations from their targets grow about an unchanged mean.

    Attributes
    ----------
    later : tuple of (float, tuple of float)
        Ages in seconds, rising from above t₀, each with the coefficients of σ_t there. Between ages σ_t is linear in
        ln t (an interpolation: three ages that span five decades suit no other), and held after the last.
    """

    later: tuple[tuple[float, tuple[float, ...]], ...]

    def _aged(self, g: FloatArray, trait: FloatArray, age: float, rng: np.random.Generator) -> FloatArray:
        ages = np.log([self.t0_seconds, *(seconds for seconds, _ in self.later)])
        place = float(np.interp(np.log(age), ages, np.arange(len(ages))))
        before = min(int(place), len(ages) - 2)
        fits = [self._fit(coefficients, g) for coefficients in (self.error, *(fit for _, fit in self.later))]
        spread = fits[before] + (place - before) * (fits[before + 1] - fits[before])
        return g + _growth(spread, fits[0]) * normal(g, rng)


@dataclass(frozen=True, kw_only=True)
class Relaxing(FixedError):
    """Devices that relax with the logarithm of time, whatever their state.

    The fits hold from 1 s on. Before, we let the mean stay and the spread b ln t + c go to 0, which it does at 55 µs
    for CMO/HfOₓ: unverified, but continuous.

    Attributes
    ----------
    loss : float
        a, in µS per e-fold of time.
    spread : tuple of (float, float)
        c and b, in µS.
    noise : float
        K.
    read_seconds : float
        t_r, the duration of a read.
    """

    loss: float
    spread: tuple[float, float]
    noise: float
    read_seconds: float

    def _aged(self, g: FloatArray, trait: FloatArray, age: float, rng: np.random.Generator) -> FloatArray:
        folds = float(np.log(max(age, np.finfo(float).tiny)))
        sd = max(self.spread[0] + self.spread[1] * folds, 0.0) * MICRO
        return g - self.loss * MICRO * max(folds, 0.0) + sd * normal(g, rng)

    def _noise(self, g: FloatArray, start: FloatArray, age: float) -> FloatArray:
        level: FloatArray = np.log10(np.maximum(g / MICRO, 1.0))
        return self.noise * MICRO * _flicker(age, self.read_seconds) * level


@dataclass(frozen=True, kw_only=True)
class ChargeLoss(Retention):
    """Charge-trap transistors, fitted in nA: mean and spread were measured once a day.

    Between the days all fits are linear in time, as in CrossSim: an interpolation, which matters within the first day
    only. After the last they are held.

    Attributes
    ----------
    read_volts : float
        V of I = V G.
    spread : tuple of (float, float)
        A and B in nA on each day from 0 on.
    drift : tuple of tuple of float
        Coefficients of P on each day, of the current in nA, lowest power first.
    drift_limit : float
        The largest current in nA for which P holds.
    noise : tuple of (float, float)
        A and B of the read noise, at any age.
    """

    read_volts: float
    spread: tuple[tuple[float, float], ...]
    drift: tuple[tuple[float, ...], ...]
    drift_limit: float
    noise: tuple[float, float]

    @property
    def _nanoamps(self) -> float:
        return self.read_volts * 1e9  # per siemens

    def _programming_sd(self, g: FloatArray) -> FloatArray:
        return _saturating(g * self._nanoamps, *self.spread[0]) / self._nanoamps

    def _aged(self, g: FloatArray, trait: FloatArray, age: float, rng: np.random.Generator) -> FloatArray:
        day = min(age / 86400.0, len(self.spread) - 1.0)
        before = min(int(day), len(self.spread) - 2)
        part = day - before
        current = g * self._nanoamps
        within = np.minimum(current, self.drift_limit)
        ends = [_polynomial(self.drift[k], within) for k in (before, before + 1)]
        aged = np.maximum(current + ends[0] + part * (ends[1] - ends[0]), 0.0)
        size, scale = (a + part * (b - a) for a, b in zip(self.spread[before], self.spread[before + 1], strict=True))
        grown = _growth(_saturating(aged, size, scale), _saturating(current, *self.spread[0]))
        moved: FloatArray = g + (aged - current + grown * normal(g, rng)) / self._nanoamps
        return moved

    def _noise(self, g: FloatArray, start: FloatArray, age: float) -> FloatArray:
        noise: FloatArray = _saturating(g * self._nanoamps, *self.noise) / self._nanoamps
        return noise


def _polynomial(coefficients: tuple[float, ...], x: FloatArray) -> FloatArray:
    total = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def _saturating(current: FloatArray, size: float, scale: float) -> FloatArray:
    spread: FloatArray = -size * np.expm1(-current / scale)
    return spread


def _growth(now: FloatArray, start: FloatArray) -> FloatArray:
    # what has to be added to a deviation of `start` to make it one of `now`; a fit that shrinks adds nothing
    grown: FloatArray = np.sqrt(np.maximum(now**2 - start**2, 0.0))
    return grown


def _flicker(age: float, read_seconds: float) -> float:
    # for a density of 1/f: the logarithm of the highest frequency over the lowest; no band before a read is over
    return float(np.sqrt(max(np.log((age + read_seconds) / (2.0 * read_seconds)), 0.0)))
