"""Pulses on many devices at once: the step models of `steps`, compiled, pulse by pulse.

A device is one row of eight numbers (:class:`~neuroep.hardware.law.Column`), one cache line in float32, so that a
pulse touches memory once. Random numbers are functions of a key, the device's place in its array and the pulse's
number alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32, njit, uint32, uint64
from numpy.typing import NDArray

from neuroep.hardware.law import Column, Law, LawCode
from neuroep.physics import scalars
from neuroep.weights import FloatArray

_VALUE, _UP, _DOWN, _LOW, _HIGH = (int(c) for c in list(Column)[:5])
_SLOPE_UP, _SLOPE_DOWN, _SHOWN = int(Column.SLOPE_UP), int(Column.SLOPE_DOWN), int(Column.SHOWN)
_LINEAR, _EXPONENTIAL, _POWER = int(LawCode.LINEAR), int(LawCode.EXPONENTIAL), int(LawCode.POWER)
STOCHASTIC, NEAREST, ACCUMULATED, EXACT = range(4)
"""How a request becomes pulses: see :func:`round_requests`."""

PULSES, LONGEST_UP, LONGEST_DOWN, WRITTEN, UPWARD, REFRESHED = range(6)
"""Entries of the counts of :func:`send`."""

SHOWN_NORMAL = 1 << 31  # number of the normal of the write noise: no train is that long


class Noise(NamedTuple):
    """Of a law: its noise from pulse to pulse, in numbers alone."""

    size: float
    additive: bool
    floor: float
    slope: float


AHEAD = 64  # weights whose devices are fetched together, so that waiting for memory overlaps


@njit(inline="always")
def normal(key: int, number: int) -> float:
    """N(0, 1) number of a key."""
    return scalars.standard_normal(uint32(key & uint64(0xFFFFFFFF)), uint32(key >> uint64(32)), uint32(number))


@njit(inline="always")
def exponential_step(w: float, up: bool, low: float, high: float, shape: FloatArray, one: float) -> float:
    """y₊ or y₋ of `ExpStep`; `shape` may be a tuple, too."""
    z = shape[4] * (w + w) / (high - low) + shape[5]
    grown = (shape[0] if up else shape[1]) * scalars.exponential((shape[2] if up else -shape[3]) * z)
    return max(one - grown, one - one)


@njit(error_model="numpy")
def relative_step(
    w: float, up: bool, low: float, high: float, slope: float, code: int, shape: FloatArray
) -> float:  # fmt: skip
    """y₊ or y₋ of a device at w; `slope` is that of the direction."""
    one = shape.dtype.type(1.0)
    zero = one - one
    if code == _LINEAR:
        return one - slope * w
    if code == _EXPONENTIAL:
        return exponential_step(w, up, low, high, shape, one)
    if code == _POWER:
        return (max(high - w if up else w - low, zero) / (high - low)) ** slope
    half = len(shape) // 2
    place = scalars.clip((w - low) / (high - low), zero, one) * shape.dtype.type(half - 1)
    left = min(int(place), half - 2)
    start = left if up else half + left
    return shape[start] + (place - shape.dtype.type(left)) * (shape[start + 1] - shape[start])


@njit(inline="always")
def noisy(change: float, w: float, step: float, noise: Noise, key_low: int, key_high: int, number: int) -> float:
    """What a pulse changes, with the noise from pulse to pulse."""
    if noise.size > noise.size - noise.size:
        unit = step if noise.additive else abs(change) + noise.floor + noise.slope * abs(w)
        change += noise.size * unit * scalars.standard_normal(key_low, key_high, uint32(number))
    return change


@njit(error_model="numpy")
def train(
    w: float, count: float, step: float, low: float, high: float, slope: float, law: Law, key: int
) -> float:  # fmt: skip
    """Where |count| pulses take a device from w, up if `count` > 0; a broken pulse comes last."""
    one, number, left = law.shape.dtype.type(1.0), 0, abs(count)
    key_low, key_high = uint32(key & uint64(0xFFFFFFFF)), uint32(key >> uint64(32))
    noise = Noise(law.noise, law.additive, law.floor, law.noise_slope)
    while left > 0.0:
        change = step * relative_step(w, count > 0.0, low, high, slope, law.code, law.shape)
        change = min(left, one) * noisy(change, w, step, noise, key_low, key_high, number)
        w = scalars.clip(w + change if count > 0.0 else w - change, low, high)
        left -= one
        number += 1
    return w


@njit(cache=True, nogil=True)
def round_requests(
    direction: FloatArray,
    factor: float,
    limit: float,
    least: float,
    mode: int,
    residual: FloatArray,
    key: int,
    out: FloatArray,
) -> None:
    """out ← pulses for the requests direction · factor, each within ± limit.

    STOCHASTIC rounds up or down at random with the right mean, NEAREST to the nearest; ACCUMULATED adds the request to
    `residual`, sends its whole part once that is `least` pulses and keeps the rest; EXACT sends broken pulses.
    """
    real, low, high = out.dtype.type, uint32(key & uint64(0xFFFFFFFF)), uint32(key >> uint64(32))
    if mode == STOCHASTIC:
        for i in range(len(out)):
            r = scalars.clip(direction[i] * factor, -limit, limit)
            u = real(int32(scalars.hashed(low, high, uint32(i)) >> uint32(8))) * real(2.0**-24)
            out[i] = np.floor(r + u)
    elif mode == ACCUMULATED:
        for i in range(len(out)):
            kept = residual[i] + direction[i] * factor
            whole = scalars.clip(np.trunc(kept), -limit, limit)
            out[i] = whole if abs(whole) >= least else real(0.0)
            residual[i] = scalars.clip(kept - out[i], -limit, limit)
    else:
        for i in range(len(out)):
            r = scalars.clip(direction[i] * factor, -limit, limit)
            out[i] = np.rint(r) if mode == NEAREST else r


@njit()
def write(
    devices: FloatArray, law: Law, trains: FloatArray, key: int, hits: NDArray[np.int64], counts: NDArray[np.float64]
) -> None:
    """Send the devices at `hits` their trains, then draw the write noise; stuck devices (steps of 0) stay."""
    real = devices.dtype.type
    for i in hits:
        count = trains[i]
        if count == 0.0:
            continue
        up = count > 0.0
        counts[PULSES] += abs(count)
        counts[UPWARD] += max(count, real(0.0))
        counts[LONGEST_UP], counts[LONGEST_DOWN] = max(counts[LONGEST_UP], count), max(counts[LONGEST_DOWN], -count)
        step = devices[i, _UP] if up else devices[i, _DOWN]
        if step == 0.0:
            continue
        own = scalars.combine(key, i)
        devices[i, _VALUE] = train(
            devices[i, _VALUE], count, step, devices[i, _LOW], devices[i, _HIGH],
            devices[i, _SLOPE_UP] if up else devices[i, _SLOPE_DOWN], law, own,
        )  # fmt: skip
        if law.write_noise > 0.0:
            devices[i, _SHOWN] = law.write_noise * real(normal(own, SHOWN_NORMAL))


@njit()
def refresh_pairs(
    plus: FloatArray, minus: FloatArray, hits: NDArray[np.int64], refresh: FloatArray, key: int,
    counts: NDArray[np.float64],
) -> None:  # fmt: skip
    """Reset the pairs whose devices have both grown, and write their difference on the larger one; see :func:`send`."""
    for i in hits:
        larger, smaller = max(plus[i, _VALUE], minus[i, _VALUE]), min(plus[i, _VALUE], minus[i, _VALUE])
        if larger <= refresh[0] or smaller <= refresh[1]:
            continue
        difference = plus[i, _VALUE] - minus[i, _VALUE]
        value = refresh[2] + abs(difference) + refresh[3] * plus.dtype.type(normal(key, i))
        up, down = (value, refresh[2]) if difference > 0.0 else (refresh[2], value)
        plus[i, _VALUE] = scalars.clip(up, plus[i, _LOW], plus[i, _HIGH])
        minus[i, _VALUE] = scalars.clip(down, minus[i, _LOW], minus[i, _HIGH])
        pulses = np.rint((abs(difference) + 2 * refresh[2]) / refresh[4])
        counts[REFRESHED] += 1.0
        counts[PULSES] += pulses + 2.0
        counts[UPWARD] += pulses
        counts[LONGEST_UP], counts[LONGEST_DOWN] = max(counts[LONGEST_UP], pulses), max(counts[LONGEST_DOWN], 1.0)


@njit()
def show(
    plus: FloatArray, minus: FloatArray, hits: NDArray[np.int64], scale: float, weights: FloatArray,
    counts: NDArray[np.float64],
) -> None:  # fmt: skip
    """Refresh the weights at `hits`, counting those that change."""
    for i in hits:
        against = minus[i, 0] + minus[i, _SHOWN] if minus.shape[1] > 1 else minus[i, 0]
        new = scale * (plus[i, _VALUE] + plus[i, _SHOWN] - against)
        if new != weights[i]:
            counts[WRITTEN] += 1.0
        weights[i] = new


@njit(cache=True, nogil=True)
def share_out(trains: FloatArray, one_sided: bool, to_minus: FloatArray) -> None:
    """Share trains over pairs: half of each goes the other way on G⁻; or, one-sided, the negative ones go up there."""
    half, nothing = trains.dtype.type(0.5), trains.dtype.type(0.0)
    for i in range(len(trains)):
        n = trains[i]
        if one_sided:
            to_minus[i], trains[i] = max(-n, nothing), max(n, nothing)
        else:
            first = np.trunc((n + np.sign(n)) * half)
            to_minus[i], trains[i] = first - n, first


@njit(cache=True, nogil=True)
def send(
    plus: FloatArray, minus: FloatArray, law: Law, to_plus: FloatArray, to_minus: FloatArray, scale: float, key: int,
    weights: FloatArray, refresh: FloatArray, counts: NDArray[np.float64],
) -> float:  # fmt: skip
    """Pulse the devices of one coupling and refresh the weights whose devices were pulsed.

    Parameters
    ----------
    plus, minus : ndarray, shapes (n, 8) and (n, 8) or (n, 1)
        Devices; `minus` with one column holds fixed references.
    law : Law
        Their step model.
    to_plus, to_minus : ndarray, shapes (n,) and (n,) or (0,)
        Pulses of each, negative ones down.
    scale : float
        Weight per unit of the difference plus − minus.
    key : int
        Of all randomness.
    weights : ndarray, shape (n,)
        Refreshed in place.
    refresh : ndarray, shape (5,) or (0,)
        Of one-sided pairs: when the larger device is above the first number and the smaller above the second, both are
        reset, the smaller written to the third and the larger to their difference more, with an error of the fourth
        number's standard deviation; the fifth is the nominal step. Empty: never.
    counts : ndarray, shape (6,)
        Added to: pulses, longest train up, longest train down, weights written, pulses up, pairs refreshed.
    """
    paired = len(to_minus) > 0
    hits = np.empty(AHEAD, np.int64)
    start, touched = 0, plus.dtype.type(0.0)
    while start < len(weights):
        found = 0
        while start < len(weights) and found < AHEAD:
            if to_plus[start] != 0.0 or (paired and to_minus[start] != 0.0):
                hits[found] = start
                found += 1
                touched += plus[start, _VALUE] + minus[start, 0]
            start += 1
        write(plus, law, to_plus, key, hits[:found], counts)
        if paired:
            write(minus, law, to_minus, scalars.combine(key, 1), hits[:found], counts)
        if len(refresh) > 0:
            refresh_pairs(plus, minus, hits[:found], refresh, scalars.combine(key, 2), counts)
        show(plus, minus, hits[:found], scale, weights, counts)
    return touched
