"""Pulses on many devices at once: the step models of `steps`, compiled, pulse by pulse.

A device is one row of eight numbers (:class:`~neuroep.hardware.cells.law.Column`), one cache line in float32, so that a
pulse touches memory once. Random numbers are functions of a key, the device's place in its array and the pulse's
number alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32, uint32, uint64
from numpy.typing import DTypeLike, NDArray

from neuroep import rng_kernels
from neuroep.hardware.cells.law import Column, Law, LawCode
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.weights import FloatArray

_VALUE, _UP, _DOWN, _LOW, _HIGH = (int(c) for c in list(Column)[:5])
_SLOPE_UP, _SLOPE_DOWN, _SHOWN = int(Column.SLOPE_UP), int(Column.SLOPE_DOWN), int(Column.SHOWN)
_LINEAR, _EXPONENTIAL, _POWER = int(LawCode.LINEAR), int(LawCode.EXPONENTIAL), int(LawCode.POWER)
STOCHASTIC, NEAREST, ACCUMULATED, EXACT = range(4)
"""How a request becomes pulses: see :func:`round_requests`."""

PULSES, WRITTEN, UPWARD, REFRESHED = range(4)
"""Entries of the counts of :func:`send`."""

SHOWN_NORMAL = 1 << 31  # number of the normal of the write noise: no train is that long
QUIET = 32  # weights in a row that are passed over together when none of them is pulsed
AHEAD = 64  # weights whose devices are fetched together, so that waiting for memory overlaps


class Worn(NamedTuple):
    """Pulses that the devices of an array have had so far, up and down, each of shape (n, 2); (0, 2) of references."""

    plus: NDArray[np.float64]
    minus: NDArray[np.float64]


class PulseNoise(NamedTuple):
    """Of a law: its noise from pulse to pulse, in numbers alone."""

    size: float
    additive: bool
    floor: float
    slope: float


class Room(NamedTuple):
    """Scratch of a batch of devices: halves of their keys, normals of first pulses, of writes and of later pulses."""

    low: NDArray[np.uint32]
    high: NDArray[np.uint32]
    first: FloatArray
    shown: FloatArray
    later: FloatArray


@njit(inline="always")
def make_room(dtype: DTypeLike) -> Room:
    """Return scratch for AHEAD devices."""
    keys, normals = np.empty((2, AHEAD), np.uint32), np.empty((3, AHEAD), dtype)
    return Room(keys[0], keys[1], normals[0], normals[1], normals[2])


@njit(inline="always")
def normal(key: int, number: int) -> float:
    """N(0, 1) number of a key."""
    return rng_kernels.standard_normal(uint32(key & uint64(0xFFFFFFFF)), uint32(key >> uint64(32)), uint32(number))


@njit(inline="always")
def exponential_step(w: float, up: bool, low: float, high: float, shape: FloatArray, one: float) -> float:
    """y₊ or y₋ of `ExpStep`; `shape` may be a tuple, too."""
    z = shape[4] * (w + w) / (high - low) + shape[5]
    grown = (shape[0] if up else shape[1]) * scalars.exponential((shape[2] if up else -shape[3]) * z)
    return max(one - grown, one - one)


@njit()
def shaped_step(w: float, up: bool, low: float, high: float, slope: float, code: int, shape: FloatArray) -> float:
    """y₊ or y₋ of a device at w, of a law that isn't linear; `slope` is that of the direction."""
    one = shape.dtype.type(1.0)
    zero = one - one
    if code == _EXPONENTIAL:
        return exponential_step(w, up, low, high, shape, one)
    if code == _POWER:
        return (max(high - w if up else w - low, zero) / (high - low)) ** slope
    half = len(shape) // 2
    place = scalars.clip((w - low) / (high - low), zero, one) * shape.dtype.type(half - 1)
    left = min(int(place), half - 2)
    start = left if up else half + left
    return shape[start] + (place - shape.dtype.type(left)) * (shape[start + 1] - shape[start])


@njit()
def own_keys(key: int, hits: NDArray[np.int64], room: Room) -> None:
    """room.low, room.high ← the halves of the key of each device at `hits`."""
    for h in range(len(hits)):
        own = rng_kernels.combine(key, hits[h])
        room.low[h], room.high[h] = uint32(own & uint64(0xFFFFFFFF)), uint32(own >> uint64(32))


@njit()
def normals_of(count: int, number: int, room: Room, out: FloatArray) -> None:
    """out ← of each of `count` devices the normal of one number: all at once, which is what makes them cheap."""
    for h in range(count):
        out[h] = rng_kernels.standard_normal(room.low[h], room.high[h], uint32(number))


@njit()
def normals_from(low: int, high: int, first: int, count: int, out: FloatArray) -> None:
    """out ← one device's normals of `count` numbers from `first` on."""
    for i in range(count):
        out[i] = rng_kernels.standard_normal(low, high, uint32(first + i))


@njit(inline="always")
def noisy(change: float, w: float, step: float, noise: PulseNoise, normal: float) -> float:
    """What a pulse changes, with the noise from pulse to pulse."""
    return change + noise.size * (step if noise.additive else abs(change) + noise.floor + noise.slope * abs(w)) * normal


@njit(inline="always")
def pulse(
    w: float, up: bool, part: float, step: float, low: float, high: float, slope: float, code: int, shape: FloatArray,
    noise: PulseNoise, normal: float,
) -> float:  # fmt: skip
    """Where one pulse, or a part of one, takes a device from w; without noise the normal doesn't count."""
    one = shape.dtype.type(1.0)
    change = step * (one - slope * w if code == _LINEAR else shaped_step(w, up, low, high, slope, code, shape))
    if noise.size > 0.0:
        change = noisy(change, w, step, noise, normal)
    return scalars.clip(w + (part if up else -part) * change, low, high)


@njit()
def train(
    w: float, up: bool, left: float, step: float, low: float, high: float, slope: float, code: int, shape: FloatArray,
    noise: PulseNoise, key_low: int, key_high: int, later: FloatArray,
) -> float:  # fmt: skip
    """Where all pulses but the first, of which `left` are left, take a device from w; a broken pulse comes last."""
    one, place = shape.dtype.type(1.0), 0
    number = place
    while left > 0.0:
        if noise.size > 0.0 and place == 0:
            normals_from(key_low, key_high, number + 1, min(AHEAD, int(np.ceil(left))), later)
        w = pulse(w, up, min(left, one), step, low, high, slope, code, shape, noise, later[place])
        left -= one
        number += 1
        place = number % AHEAD
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
            u = real(int32(rng_kernels.hashed(low, high, uint32(i)) >> uint32(8))) * real(2.0**-24)
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


@njit(inline="always")
def note_longest(longest: FloatArray, turn: int, up: float, down: float) -> None:
    """Raise a turn's longest trains to these."""
    longest[turn, 0], longest[turn, 1] = max(longest[turn, 0], up), max(longest[turn, 1], down)


@njit()
def write(
    devices: FloatArray, law: Law, trains: FloatArray, key: int, hits: NDArray[np.int64], room: Room,
    worn: NDArray[np.float64], longest: FloatArray, counts: NDArray[np.float64],
) -> None:  # fmt: skip
    """Send the devices at `hits` their trains, then draw the write noise; stuck devices (steps of 0) stay."""
    own_keys(key, hits, room)
    if law.noise > 0.0:
        normals_of(len(hits), 0, room, room.first)
    if law.write_noise > 0.0:
        normals_of(len(hits), SHOWN_NORMAL, room, room.shown)
    code, shape, write_noise, later = law.code, law.shape, law.write_noise, room.later
    noise = PulseNoise(law.noise, law.additive, law.floor, law.noise_slope)
    key_low, key_high, first, shown = room.low, room.high, room.first, room.shown
    one = shape.dtype.type(1.0)
    nothing = one - one
    pulses, upward, most_up, most_down, turn, end = 0.0, 0.0, nothing, nothing, 0, 0
    for h in range(len(hits)):
        i = hits[h]
        count = trains[i]
        if count == 0.0:
            continue
        if i >= end:  # places rise: those of a turn come one after another
            note_longest(longest, turn, most_up, most_down)
            most_up, most_down, turn = nothing, nothing, i // (len(devices) // len(longest))
            end = (turn + 1) * (len(devices) // len(longest))
        up = count > 0.0
        pulses += abs(count)
        upward += count if up else 0.0
        worn[i, 0 if up else 1] += abs(count)
        most_up, most_down = max(most_up, count), max(most_down, -count)
        step, slope = devices[i, _DOWN], devices[i, _SLOPE_DOWN]
        if up:
            step, slope = devices[i, _UP], devices[i, _SLOPE_UP]
        if step == 0.0:
            continue
        low, high, size = devices[i, _LOW], devices[i, _HIGH], abs(count)
        w = pulse(devices[i, _VALUE], up, min(size, one), step, low, high, slope, code, shape, noise, first[h])
        if size > one:
            w = train(w, up, size - one, step, low, high, slope, code, shape, noise, key_low[h], key_high[h], later)
        devices[i, _VALUE] = w
        if write_noise > 0.0:
            devices[i, _SHOWN] = write_noise * shown[h]
    note_longest(longest, turn, most_up, most_down)
    counts[PULSES] += pulses
    counts[UPWARD] += upward


@njit()
def refresh_pairs(
    plus: FloatArray, minus: FloatArray, hits: NDArray[np.int64], refresh: FloatArray, key: int, worn: Worn,
    longest: FloatArray, counts: NDArray[np.float64],
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
        least = np.rint(refresh[2] / refresh[4])
        worn.plus[i, 0] += pulses - least if difference > 0.0 else least
        worn.minus[i, 0] += least if difference > 0.0 else pulses - least
        worn.plus[i, 1] += 1.0
        worn.minus[i, 1] += 1.0
        counts[REFRESHED] += 1.0
        counts[PULSES] += pulses + 2.0
        counts[UPWARD] += pulses
        turn = i // (len(plus) // len(longest))
        longest[turn, 0], longest[turn, 1] = max(longest[turn, 0], pulses), max(longest[turn, 1], 1.0)


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


@njit(fastmath={"reassoc", "nsz"})
def quiet(trains: FloatArray, start: int) -> bool:
    """Whether QUIET trains in a row are empty; False near the end of the array."""
    if start + QUIET > len(trains):
        return False
    total = abs(trains[start])
    for i in range(1, QUIET):
        total += abs(trains[start + i])
    return total == 0.0


@njit(cache=True, nogil=True)
def send(
    plus: FloatArray, minus: FloatArray, law: Law, to_plus: FloatArray, to_minus: FloatArray, scale: float, key: int,
    weights: FloatArray, refresh: FloatArray, worn: Worn, longest: FloatArray, counts: NDArray[np.float64],
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
    worn : Worn
        Added to: every pulse that a device is sent, those that write a pair anew among them.
    longest : ndarray, shape (turns, 2)
        Raised to the longest trains up and down of the devices that are written in the same turn, equally many in
        each; what pairs need that are written anew among them.
    counts : ndarray, shape (4,)
        Added to: pulses, weights written, pulses up, pairs refreshed.
    """
    paired = len(to_minus) > 0
    hits, room = np.empty(AHEAD, np.int64), make_room(plus.dtype)
    start, touched = 0, plus.dtype.type(0.0)
    while start < len(weights):
        found = 0
        while start < len(weights) and found < AHEAD:
            if start % QUIET == 0 and quiet(to_plus, start) and (not paired or quiet(to_minus, start)):
                start += QUIET
                continue
            if to_plus[start] != 0.0 or (paired and to_minus[start] != 0.0):
                hits[found] = start
                found += 1
                touched += plus[start, _VALUE] + minus[start, 0]
            start += 1
        write(plus, law, to_plus, key, hits[:found], room, worn.plus, longest, counts)
        if paired:
            write(minus, law, to_minus, rng_kernels.combine(key, 1), hits[:found], room, worn.minus, longest, counts)
        if len(refresh) > 0:
            refresh_pairs(plus, minus, hits[:found], refresh, rng_kernels.combine(key, 2), worn, longest, counts)
        show(plus, minus, hits[:found], scale, weights, counts)
    return touched
