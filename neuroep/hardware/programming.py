"""How a requested change becomes what a device can do: whole codes and whole pulses.

Pulses follow the linear-step model. With the position y of a device counted in the direction of the pulses, −1 to 1,
one pulse moves it by

    y ← y + d (1 − γ y)

where d is the device's step and γ the slope of its response: 0 gives constant steps, 1 soft bounds (Fusi & Abbott 2007;
Gokmen & Vlasov 2016; the LinearStep device of aihwkit, Rasch et al. 2021). n pulses have a closed form,

    1/γ − yₙ = (1/γ − y₀)(1 − γ d)ⁿ.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep.errors import BadInput, Diverged
from neuroep.weights import FloatArray, Weights


def check_range(value: float, low: float, high: float, where: str) -> None:
    """Raise BadInput unless low <= value <= high (NaN never is)."""
    if not low <= value <= high:
        raise BadInput(f"{value!r} is out of range", where, f"{low:g} to {high:g}")


def check_whole(value: int, low: int, high: int, where: str) -> None:
    """Raise BadInput unless `value` is an integer from low to high."""
    if not isinstance(value, int) or not low <= value <= high:
        raise BadInput(f"{value!r} is out of range", where, f"whole numbers from {low} to {high}")


def check_finite(direction: Weights) -> None:
    """Raise Diverged if an update's direction isn't finite: NaN and infinity have no integer and no pulse count."""
    with np.errstate(invalid="ignore"):
        totals = direction.couplings.sum(), direction.biases.sum()
    if not np.isfinite(totals).all():
        raise Diverged("the weight update is not finite: lower the learning rates")


def full_scales(weights: Weights, headroom: float) -> NDArray[np.float64]:
    """Return the largest |W_k| that hardware is scaled to hold, one per coupling, shape (L,).

    Parameters
    ----------
    weights : Weights
        The weights to be programmed.
    headroom : float
        Factor above max |W_k| that is left for weights to grow. A coupling of zeros counts as if its largest weight
        were 1.

    Raises
    ------
    BadInput
        If a weight isn't finite.
    """
    if not np.isfinite(weights.couplings).all():
        raise BadInput("a weight is not finite", "weights", "finite numbers")
    largest = [float(np.max(np.abs(weights.coupling(k)))) for k in range(1, weights.depth + 1)]
    return np.asarray([headroom * (w if w > 0.0 else 1.0) for w in largest], dtype=np.float64)


def saved(
    state: Mapping[str, NDArray[np.generic]], key: str, shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[np.generic]:
    """Return a copy of one array of a saved hardware state.

    Raises
    ------
    BadInput
        If it is missing, or of another shape.
    """
    if key not in state:
        raise BadInput(
            f"no array {key!r}", "saved hardware state", ", ".join(sorted(state)) or "a state of this device"
        )
    if state[key].shape != shape:
        raise BadInput(f"{key!r} has shape {state[key].shape}", "saved hardware state", str(shape))
    return state[key].astype(dtype)


def stochastic_round(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Round each entry up or down at random so that the mean is the entry itself.

    Parameters
    ----------
    x : ndarray
        Finite numbers.
    rng : numpy.random.Generator
        Draws one uniform number an entry, in the type of `x`.

    Returns
    -------
    ndarray
        Whole numbers in the type of `x`: ⌊x⌋ + 1 with probability x − ⌊x⌋, else ⌊x⌋. Whole numbers stay.
    """
    low: FloatArray = np.floor(x)
    low += rng.random(x.shape, dtype=x.dtype) < x - low
    return low


def mean_travel(count: FloatArray, step: FloatArray, slope: FloatArray) -> FloatArray:
    """Return how far `count` noiseless pulses take a device from y = 0: (1 − (1 − γd)ⁿ)/γ, or n d if γ = 0.

    Parameters
    ----------
    count, step, slope : ndarray, shape (m,)
        Pulses n >= 0, step d > 0 and slope γ in [0, 1]. A step beyond 1/γ counts as 1/γ from the second pulse on:
        either is past the bound.
    """
    travel = count * step
    decay = np.minimum(step * slope, 1.0)
    curved = np.flatnonzero((count > 1.0) & (decay > 0.0))
    if curved.size:
        with np.errstate(divide="ignore"):  # log1p(-1) is the right limit
            travel[curved] = -np.expm1(count[curved] * np.log1p(-decay[curved])) / slope[curved]
    return travel


def pulsed(
    position: FloatArray,
    step: FloatArray,
    pulses: FloatArray,
    slope_up: float,
    slope_down: float,
    cycle_spread: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the positions after trains of pulses, without going through the pulses one by one.

    Each pulse's step has an independent relative error of standard deviation `cycle_spread`. To first order in γd every
    pulse of a train then adds the same noise to where the train ends: `cycle_spread` times the last step. So the train
    ends at the closed form plus √n times that. One pulse, and any number with γ = 0, have the exact moments inside the
    range. At a bound the mean is held there before the noise is added: with steps that often change sign
    (`cycle_spread` of several) the mean distance from the bound is within 15 % of that of pulses clipped one by one for
    trains up to 16; longer ones, and steps of small spread, end a little further from it.

    Parameters
    ----------
    position : ndarray, shape (m,)
        x in [−1, 1].
    step : ndarray, shape (m,)
        Step d of each device at x = 0.
    pulses : ndarray, shape (m,)
        Whole numbers other than 0, positive up and negative down.
    slope_up, slope_down : float
        Slopes γ of the two directions, 0 to 1.
    cycle_spread : float
        Relative standard deviation of a single step (cycle to cycle).
    rng : numpy.random.Generator
        Used only if `cycle_spread` isn't 0.

    Returns
    -------
    ndarray
        New positions, clipped to [−1, 1].
    """
    sign, count = np.sign(pulses), np.abs(pulses)
    slope = np.asarray([slope_down, slope_up], dtype=position.dtype).take(pulses > 0.0)
    start = sign * position
    before = start + (1.0 - slope * start) * mean_travel(count - 1.0, step, slope)
    np.minimum(before, 1.0, out=before)
    last = step * (1.0 - slope * before)
    if cycle_spread > 0.0:
        last *= 1.0 + cycle_spread * np.sqrt(count) * rng.standard_normal(count.shape, dtype=count.dtype)
    moved: FloatArray = np.clip(sign * (before + last), -1.0, 1.0)
    return moved
