"""Pulses where rows and columns have coincidences: many devices abreast, each in the order of its own pulses.

A row of an array is done at a time. First the words of its devices are met, and of each device the directions of its
pulses written down in order; then devices are laid out abreast, those with most pulses first, so that pulse after
pulse is one loop over the devices that still have one, which compilers turn into vector instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from neuroep import rng_kernels
from neuroep.hardware.cells.law import Column, Law, LawCode
from neuroep.hardware.crossbar import pulse_kernels as kernels
from neuroep.hardware.crossbar.meeting_kernels import SINGLE, Hits, MeetingRow, count, find_hits, live_words, meet
from neuroep.hardware.crossbar.train_kernels import IntArray, TrainLines, WordArray
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.weights import FloatArray

_VALUE, _UP, _DOWN, _LOW, _HIGH = (int(c) for c in list(Column)[:5])
_SLOPE_UP, _SLOPE_DOWN, _SHOWN = int(Column.SLOPE_UP), int(Column.SLOPE_DOWN), int(Column.SHOWN)
_LINEAR, _EXPONENTIAL = int(LawCode.LINEAR), int(LawCode.EXPONENTIAL)
LANES, GROUP = 16, 64
"""Devices of one block, a vector's width; of a group of blocks, whose pulses don't wait for each other."""


Shape = tuple[float, float, float, float, float, float]


class Abreast(NamedTuple):
    """Devices of one row beside each other, those with most pulses first, in blocks of `LANES`.

    Flat arrays, block after block, so that within one all distances are known to the compiler.

    Attributes
    ----------
    numbers : ndarray, shape (blocks · 8 · LANES,)
        Of each device, as in `Column`.
    low, high : ndarray of uint32, shape (blocks · LANES,)
        Halves of the key of its noise.
    counts : ndarray of int32, shape (blocks · LANES,)
        How many pulses it has.
    downs : ndarray of uint32, shape (blocks · words · LANES,)
        Bit p of a device's words: whether its pulse number p goes down.
    place : ndarray of int64, shape (n,)
        Where each hit stands.
    filled : ndarray of int64
        By number of pulses: devices with more, and those with as many that already stand.
    """

    numbers: FloatArray
    low: NDArray[np.uint32]
    high: NDArray[np.uint32]
    counts: NDArray[np.int32]
    downs: NDArray[np.uint32]
    place: IntArray
    filled: IntArray


@njit()
def room(words: int, wide: int, devices: FloatArray) -> tuple[Hits, Abreast]:
    """Buffers for rows of so many devices."""
    lanes = -(-wide // LANES) * LANES
    hits = Hits(
        np.empty(wide, np.int64), np.empty((words, wide), np.uint64), np.empty((words, wide), np.uint64),
        np.empty(wide, np.int64), np.empty(wide, np.int64),
    )  # fmt: skip
    return hits, Abreast(
        np.ones(8 * lanes, devices.dtype), np.empty(lanes, np.uint32), np.empty(lanes, np.uint32),
        np.zeros(lanes, np.int32), np.empty(2 * (words + 1) * lanes, np.uint32), np.empty(wide, np.int64),
        np.zeros(64 * words + 1, np.int64),
    )  # fmt: skip


@njit()
def line_up(
    devices: FloatArray, row: MeetingRow, hits: Hits, found: IntArray, first: int, most: int, key: int, abreast: Abreast
) -> None:  # fmt: skip
    """Lay the devices that were hit out, those with most pulses first."""
    filled, above = abreast.filled, 0
    for j in found:
        filled[hits.pulses[j]] += 1
    for p in range(most, -1, -1):
        filled[p], above = above, above + filled[p]
    deep = (most >> 5) + 2
    for j in found:
        place = filled[hits.pulses[j]]
        filled[hits.pulses[j]] += 1
        abreast.place[j] = place
        block, lane, own = place // LANES, place % LANES, rng_kernels.combine(key, first + j)
        abreast.low[place], abreast.high[place] = uint32(own & uint64(0xFFFFFFFF)), uint32(own >> uint64(32))
        abreast.counts[place] = hits.pulses[j]
        for c in range(_SLOPE_DOWN + 1):
            abreast.numbers[(block * 8 + c) * LANES + lane] = devices[first + j, c]
        join(row, hits, j, abreast.downs[block * deep * LANES + lane :])
    abreast.counts[above : -(-above // LANES) * LANES] = 0
    filled[: most + 1] = 0


@njit()
def join(row: MeetingRow, hits: Hits, j: int, downs: NDArray[np.uint32]) -> None:
    """Put the directions of a device's pulses one after another, 32 to a word, words `LANES` apart."""
    held, taken, word = uint64(0), uint64(0), 0
    for i in range(len(row.live)):
        more, count = hits.packed[i, j], hits.counts[i, j]
        held |= more << taken
        if taken + count >= uint64(64):
            downs[word * LANES], downs[(word + 1) * LANES] = uint32(held), uint32(held >> uint64(32))
            word += 2
            held = more >> (uint64(64) - taken) if taken > uint64(0) else uint64(0)
            count -= uint64(64)
        taken += count
    downs[word * LANES], downs[(word + 1) * LANES] = uint32(held), uint32(held >> uint64(32))


@njit(inline="always")
def pulse_block(
    numbers: FloatArray, low: NDArray[np.uint32], high: NDArray[np.uint32], counts: NDArray[np.int32],
    downs: NDArray[np.uint32], law: Law, code: int, shape: Shape, noise: kernels.PulseNoise, number: int,
) -> None:  # fmt: skip
    """Give the devices of one block that still have one their pulse of that number; stuck ones (steps of 0) stay."""
    one, bit = numbers.dtype.type(1.0), uint32(number & 31)
    for h in range(LANES):
        up = (downs[h] >> bit) & uint32(1) == uint32(0)
        step_up, step_down = numbers[_UP * LANES + h], numbers[_DOWN * LANES + h]  # both loaded, or no vectors
        slope_up, slope_down = numbers[_SLOPE_UP * LANES + h], numbers[_SLOPE_DOWN * LANES + h]
        step, slope = step_up if up else step_down, slope_up if up else slope_down
        w, lowest, highest = numbers[_VALUE * LANES + h], numbers[_LOW * LANES + h], numbers[_HIGH * LANES + h]
        if code == _LINEAR:
            relative = one - slope * w
        elif code == _EXPONENTIAL:
            relative = kernels.exponential_step(w, up, lowest, highest, shape, one)
        else:
            relative = kernels.shaped_step(w, up, lowest, highest, slope, code, law.shape)
        change = step * relative
        if noise.size > noise.size - noise.size:
            normal = rng_kernels.standard_normal(low[h], high[h], uint32(number))
            change = kernels.noisy(change, w, step, noise, normal)
        new = scalars.clip(w + change if up else w - change, lowest, highest)
        numbers[_VALUE * LANES + h] = new if (step != 0.0) & (number < counts[h]) else w


@njit()
def pulse_abreast(abreast: Abreast, law: Law, standing: int, most: int) -> None:
    """All pulses of the devices in `abreast`. The commonest laws have loops of their own, without a choice inside."""
    deep, s, nothing = (most >> 5) + 2, law.shape, law.noise - law.noise
    noise = kernels.PulseNoise(law.noise, law.additive, law.floor, law.noise_slope)
    shape = (nothing, nothing, nothing, nothing, nothing, nothing)
    if law.code == _EXPONENTIAL:
        shape = (s[0], s[1], s[2], s[3], s[4], s[5])
    for group in range(0, standing, GROUP):
        for number in range(abreast.counts[group]):
            for start in range(group, min(group + GROUP, standing), LANES):
                counts = abreast.counts[start : start + LANES]
                if counts[0] <= number:
                    break
                numbers, place = abreast.numbers[start * 8 : (start + LANES) * 8], start * deep + (number >> 5) * LANES
                low, high = abreast.low[start : start + LANES], abreast.high[start : start + LANES]
                downs = abreast.downs[place : place + LANES]
                if law.code == _LINEAR:
                    pulse_block(numbers, low, high, counts, downs, law, _LINEAR, shape, noise, number)
                elif law.code == _EXPONENTIAL:
                    pulse_block(numbers, low, high, counts, downs, law, _EXPONENTIAL, shape, noise, number)
                else:
                    pulse_block(numbers, low, high, counts, downs, law, law.code, shape, noise, number)


@njit()
def show_abreast(abreast: Abreast, size: float, standing: int) -> None:
    """Draw the write noise of the devices in `abreast`."""
    for start in range(0, standing, LANES):
        numbers = abreast.numbers[start * 8 : (start + LANES) * 8]
        low, high = abreast.low[start : start + LANES], abreast.high[start : start + LANES]
        for h in range(LANES):
            drawn = rng_kernels.standard_normal(low[h], high[h], uint32(kernels.SHOWN_NORMAL))
            numbers[_SHOWN * LANES + h] = size * drawn


@njit()
def write_row(
    devices: FloatArray, law: Law, row: MeetingRow, columns: TrainLines, first: int, found: IntArray, minus: bool,
    key: int, hits: Hits, abreast: Abreast, worn: NDArray[np.float64], counts: NDArray[np.float64],
) -> None:  # fmt: skip
    """Pulse the devices of the row that starts at `first`, then draw their write noise, as in `pulse_kernels.write`."""
    meet(row, columns, minus, hits)
    most = count(row, hits, found, counts)
    line_up(devices, row, hits, found, first, most, key, abreast)
    pulse_abreast(abreast, law, len(found), most)
    if law.write_noise > 0.0:
        show_abreast(abreast, law.write_noise, len(found))
    for j in found:
        if hits.pulses[j] == 0:
            continue
        worn[first + j, 0] += hits.pulses[j] - hits.falling[j]
        worn[first + j, 1] += hits.falling[j]
        i, place = first + j, abreast.place[j] // LANES * 8 * LANES + abreast.place[j] % LANES
        devices[i, _VALUE] = abreast.numbers[place + _VALUE * LANES]
        if law.write_noise > 0.0 and devices[i, _UP] + devices[i, _DOWN] > 0.0:
            devices[i, _SHOWN] = abreast.numbers[place + _SHOWN * LANES]


@njit(cache=True, nogil=True)
def send(
    plus: FloatArray, minus: FloatArray, law: Law, rows: TrainLines, columns: TrainLines, turns: WordArray, share: int,
    scale: float, key: int, weights: FloatArray, refresh: FloatArray, worn: kernels.Worn, longest: FloatArray,
    counts: NDArray[np.float64],
) -> None:  # fmt: skip
    """Pulse the devices of one coupling wherever its rows and columns have coincidences.

    Parameters
    ----------
    plus, minus, law, scale, key, weights, refresh, worn, longest, counts
        As in :func:`neuroep.hardware.crossbar.pulse_kernels.send`.
    rows, columns : TrainLines
        Of n_{k−1} and of n_k lines.
    turns : ndarray of uint64, shape (words,)
        Slots in which it is G⁺'s turn, of pairs that share pulses so.
    share : int
        `SINGLE`, `TURNS` or `ONE_SIDED`.
    """
    words, wide = columns.bits.shape
    whole = MeetingRow(np.empty(words, np.int64), np.empty(words, np.uint64), np.empty(words, np.uint64), turns, share)
    met, (hits, abreast) = np.empty(wide, np.uint64), room(words, wide, plus)
    key_minus, key_refresh = rng_kernels.combine(key, 1), rng_kernels.combine(key, 2)
    for i in range(rows.bits.shape[1]):
        row, first = live_words(rows, i, whole), i * wide
        found = find_hits(row, columns, met, hits.found)
        if len(found) == 0:
            continue
        write_row(plus, law, row, columns, first, found, False, key, hits, abreast, worn.plus, counts)
        if share != SINGLE:
            write_row(minus, law, row, columns, first, found, True, key_minus, hits, abreast, worn.minus, counts)
        found += first
        if len(refresh) > 0:
            kernels.refresh_pairs(plus, minus, found, refresh, key_refresh, worn, longest, counts)
        kernels.show(plus, minus, found, scale, weights, counts)
