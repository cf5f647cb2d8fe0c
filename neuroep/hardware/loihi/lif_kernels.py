"""The neurons of :mod:`neuroep.hardware.loihi.neurons` compiled: the same integers, bit for bit.

The accumulator keeps sums modulo 2^22, so that weights and sums may drop what is above. The chip's own weights end in 6
zeros: what is left of them are 16 bits, whose sums wrap as the accumulator does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32
from numpy.typing import NDArray

from neuroep.hardware.loihi.widths import ACCUMULATOR_BITS, DECAY_ONE, STATE_BITS
from neuroep.kernel_cache import njit

IntArray = NDArray[np.int64]
ShortArray = NDArray[np.int16 | np.int32]
BoolArray = NDArray[np.bool_]

FREE_BITS = 6
"""Zeros that the chip's weights end in."""
_TOP = (1 << STATE_BITS) - 1
SPARE_STATE, SPARE_SUM = np.int32(31 - STATE_BITS), np.int32(31 - ACCUMULATOR_BITS)


class Neurons(NamedTuple):
    """What a group of neurons shares.

    Attributes
    ----------
    kept_u, kept_v : int
        What is left of current and voltage after a step, in 1/4096.
    threshold : int
        A neuron fires above it.
    held_steps : int
        Steps for which a voltage stays at 0 after a spike.
    bias : int
        Added to every voltage in each step.
    lift : int
        Bits below the lowest of a stored weight.
    """

    kept_u: int
    kept_v: int
    threshold: int
    held_steps: int
    bias: int
    lift: int


@njit(inline="always")
def kept(x: int, share: int) -> int:
    """Return sign(x)·⌊|x| share / 4096⌋, of 24 bits and 13, by products that fit 32 bits."""
    magnitude = int32(abs(x))
    high, low = int32(magnitude >> int32(12)), int32(magnitude & int32(DECAY_ONE - 1))
    left = int32(int32(high * share) + int32(int32(low * share) >> int32(12)))
    return left if x >= int32(0) else int32(-left)


@njit(inline="always")
def wrapped(x: int, spare: int) -> int:
    """Return x as a two's-complement integer without the `spare` highest of its 32 bits keeps it."""
    return int32(int32(x << spare) >> spare)


@njit(inline="always")
def saturated(x: int) -> int:
    """Return x held within the range of a state."""
    return min(max(x, int32(-_TOP)), int32(_TOP))


@njit(cache=True, nogil=True)
def low_bits(weights: IntArray) -> int:
    """Return all of the low 6 bits that any weight has."""
    found = 0
    for w in weights.ravel():
        found |= w
    return found & ((1 << FREE_BITS) - 1)


@njit(cache=True, nogil=True)
def shortened(weights: IntArray, lift: int, out: ShortArray) -> ShortArray:
    """Fill in the weights in units of 2^lift, without what their type has no room for; return them."""
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            out[i, j] = weights[i, j] >> lift
    return out


def holding(*weights: IntArray) -> tuple[int, type[np.int16 | np.int32]]:
    """Return the lowest bit that weights are stored from, and the type that has room for what the accumulator keeps."""
    return (0, np.int32) if any(low_bits(each) for each in weights) else (FREE_BITS, np.int16)


@njit()
def list_fired(fired: BoolArray, who: IntArray) -> int:
    """Write down who fired, in order; return how many."""
    count = 0
    for i in range(len(fired)):
        who[count] = i
        count += fired[i]
    return count


@njit()
def arrive(who: IntArray, weights: ShortArray, sums: ShortArray) -> None:
    """Add the weights of those who fired to the sums of all that they reach, four senders at a time."""
    whole = len(who) // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = weights[who[i]], weights[who[i + 1]], weights[who[i + 2]], weights[who[i + 3]]
        for j in range(len(sums)):
            sums[j] += a[j] + b[j] + c[j] + d[j]
    for i in range(whole, len(who)):
        a = weights[who[i]]
        for j in range(len(sums)):
            sums[j] += a[j]


@njit()
def keep(now: ShortArray | BoolArray, row: ShortArray | BoolArray) -> None:
    """Copy a step's values to its row."""
    for j in range(len(now)):
        row[j] = now[j]


@njit()
def step(neurons: Neurons, sums: ShortArray, u: ShortArray, v: ShortArray, held: ShortArray, fired: BoolArray) -> None:
    """Bring neurons one step on, in place."""
    kept_u, kept_v, lift = int32(neurons.kept_u), int32(neurons.kept_v), int32(neurons.lift)
    threshold, bias, held_steps = int32(neurons.threshold), int32(neurons.bias), int32(neurons.held_steps)
    for j in range(len(sums)):  # two loops: what one of them may overwrite the compiler can still check
        arriving = wrapped(int32(int32(sums[j]) << lift), SPARE_SUM)
        u[j] = wrapped(int32(kept(u[j], kept_u) + arriving), SPARE_STATE)
    for j in range(len(sums)):
        moved = saturated(int32(int32(kept(v[j], kept_v) + u[j]) + bias))
        free = held[j] == int32(0)
        fires = free & (moved > threshold)
        fired[j] = fires
        v[j] = moved if free & (not fires) else int32(0)
        held[j] = held_steps if fires else max(int32(held[j] - int32(1)), int32(0))


@njit(cache=True, nogil=True)
def run(
    neurons: Neurons, inputs: BoolArray, weights: ShortArray, loop: ShortArray, us: ShortArray, vs: ShortArray,
    spikes: BoolArray,
) -> None:  # fmt: skip
    """Fill in the currents, voltages and spikes, (T, n), of neurons that start from rest."""
    count = us.shape[1]
    sums, fired = np.zeros(count, weights.dtype), np.zeros(count, np.bool_)
    u, v, held = np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.int32)
    who = np.empty(max(count, inputs.shape[1]) + 1, np.int64)
    for t in range(len(inputs)):
        sums[:] = weights.dtype.type(0)
        arrive(who[: list_fired(inputs[t], who)], weights, sums)
        arrive(who[: list_fired(fired, who)], loop, sums)
        step(neurons, sums, u, v, held, fired)
        keep(u, us[t])
        keep(v, vs[t])
        keep(fired, spikes[t])
