"""Loihi's integer arithmetic: leaky integrate-and-fire neurons, synaptic weights, and what a spike adds.

One time step of a neuron, in this order (Davies et al. 2018; the same in lava, nengo-loihi and brian2-loihi):

    u ← wrap(decay(u, d_u + offset) + Σ w over the spikes that arrive)       24 bits, wraps
    v ← saturate(decay(v, d_v) + u + bias)                                   24 bits, saturates; held while refractory
    spike if v > 64 · threshold, then v ← 0

    decay(x, d) = sign(x) · ⌊|x| (4096 − d) / 4096⌋

The chip, lava and nengo-loihi have offset 1 in the current's decay; brian2-loihi has 0. Spikes of a step arrive in the
next, or later by their delay. Everything is int64 holding the chip's shorter integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.checks import integers
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.hardware.loihi.widths import ACCUMULATOR_BITS, DECAY_ONE, STATE_BITS
from neuroep.hardware.programming import check_whole

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

WEIGHT_WIDTHS = (0, 1, 2, 3, 4, 5, 6, 8)
SIGN_MODES: Mapping[str, tuple[int, int]] = {"mixed": (-256, 254), "excitatory": (0, 255), "inhibitory": (-256, 0)}
"""Range of a weight's mantissa in each sign mode. lava ends inhibitory weights at −255, brian2-loihi at −256."""

_WEIGHT_LIMIT = (1 << ACCUMULATOR_BITS) - 64


@dataclass(frozen=True, slots=True)
class LIF:
    """What a group of neurons shares, in the chip's integers.

    Attributes
    ----------
    decay_u, decay_v : int
        Decays of current and voltage in 1/4096 a step; `decay_v` and `decay_u` + `decay_u_offset` are 0 to 4096.
    threshold : int
        Mantissa 0 to 131071; a neuron fires above 64 times it.
    refractory_steps : int
        1 to 64. A neuron that fires in step t can next fire in step t + `refractory_steps`.
    decay_u_offset : int
        1 as on the chip, 0 as in brian2-loihi.
    bias_mantissa, bias_exponent : int
        Bias added to the voltage each step, mantissa · 2^exponent; −4096 to 4095 and 0 to 7.

    Raises
    ------
    BadInput
        If a value is out of range.
    """

    decay_u: int
    decay_v: int
    threshold: int
    refractory_steps: int = 1
    decay_u_offset: int = 1
    bias_mantissa: int = 0
    bias_exponent: int = 0

    def __post_init__(self) -> None:
        settle(self)
        check_whole(self.decay_u_offset, 0, 1, "decay_u_offset")
        check_whole(self.decay_u, 0, DECAY_ONE - self.decay_u_offset, "decay_u")
        check_whole(self.decay_v, 0, DECAY_ONE, "decay_v")
        check_whole(self.threshold, 0, (1 << 17) - 1, "threshold")
        check_whole(self.refractory_steps, 1, 64, "refractory_steps")
        check_whole(self.bias_mantissa, -(1 << 12), (1 << 12) - 1, "bias_mantissa")
        check_whole(self.bias_exponent, 0, 7, "bias_exponent")


class LIFState(NamedTuple):
    """State of a group of n neurons.

    Attributes
    ----------
    u, v : ndarray of int64, shape (n,)
        Current and voltage, 24-bit signed.
    held : ndarray of int64, shape (n,)
        Steps for which the voltage still stays at 0 after a spike.
    """

    u: IntArray
    v: IntArray
    held: IntArray

    @classmethod
    def rest(cls, neurons: int) -> LIFState:
        """Return `neurons` neurons at rest."""
        return cls(*(np.zeros(neurons, dtype=np.int64) for _ in range(3)))


class LIFTrace(NamedTuple):
    """What T steps of n neurons did: current, voltage after the reset, spikes, each of shape (T, n)."""

    u: NDArray[np.int32]
    v: NDArray[np.int32]
    spikes: BoolArray


def decay(x: IntArray, rate: int) -> IntArray:
    """Return sign(x)·⌊|x|(4096 − rate)/4096⌋: the magnitude is cut off towards zero.

    Parameters
    ----------
    x : ndarray of int64
        24-bit signed integers.
    rate : int
        0 to 4096.
    """
    x = integers(x, "x")
    kept: IntArray = np.sign(x) * ((np.abs(x) * (DECAY_ONE - int(rate))) >> 12)
    return kept


def wrap(x: IntArray, bits: int = STATE_BITS) -> IntArray:
    """Return x as a two's-complement integer of `bits` bits and a sign keeps it."""
    half = 1 << bits
    wrapped: IntArray = ((integers(x, "x") + half) & (2 * half - 1)) - half
    return wrapped


def saturate(x: IntArray, bits: int = STATE_BITS) -> IntArray:
    """Return x held within ±(2^bits − 1)."""
    top = (1 << bits) - 1
    held: IntArray = np.clip(integers(x, "x"), -top, top)
    return held


def lif_step(state: LIFState, arriving: IntArray, neurons: LIF) -> tuple[LIFState, BoolArray]:
    """Return the state one step later, and who fired.

    Parameters
    ----------
    state : LIFState
        Of n neurons.
    arriving : ndarray of int64, shape (n,)
        Sum of the effective weights of the spikes that arrive, from :func:`arrivals`.
    neurons : LIF
        Their parameters.
    """
    u = wrap(decay(state.u, neurons.decay_u + neurons.decay_u_offset) + integers(arriving, "arriving"))
    bias = neurons.bias_mantissa << neurons.bias_exponent
    v = np.where(state.held > 0, state.v, saturate(decay(state.v, neurons.decay_v) + u + bias))
    spikes = (v > neurons.threshold << 6) & (state.held == 0)
    held = np.where(spikes, neurons.refractory_steps - 1, np.maximum(state.held - 1, 0))
    return LIFState(u, np.where(spikes, 0, v), held), spikes


def arrivals(spikes: BoolArray, weights: IntArray) -> IntArray:
    """Return what m senders' spikes add to n neurons, wrapped as the chip's 21-bit accumulator (and sign) does.

    Parameters
    ----------
    spikes : ndarray of bool, shape (m,)
        Who fired.
    weights : ndarray of int64, shape (m, n)
        Effective weights, from :func:`effective_weights`.
    """
    weights, fired = integers(weights, "weights"), np.asarray(spikes, dtype=np.bool_)
    if weights.ndim != 2 or fired.shape != weights.shape[:1]:
        raise BadInput(f"spikes of shape {fired.shape} and weights of {weights.shape}", "weights", "(m,) and (m, n)")
    return wrap(weights[fired].sum(axis=0), ACCUMULATOR_BITS)


def run_lif(neurons: LIF, inputs: BoolArray, weights: IntArray, recurrent: IntArray | None = None) -> LIFTrace:
    """Run a group of neurons from rest on given input spikes; compiled.

    Parameters
    ----------
    neurons : LIF
        Their parameters.
    inputs : ndarray of bool, shape (T, m)
        Input spikes, which arrive in the step in which they stand.
    weights : ndarray of int64, shape (m, n)
        Effective input weights.
    recurrent : ndarray of int64, shape (n, n), optional
        Effective weights from each neuron (row) to each; these spikes arrive one step after they were fired.

    Raises
    ------
    BadInput
        If shapes don't go together, or an entry is no integer.
    """
    from neuroep.hardware.loihi import lif_kernels  # compiles: not before it is needed

    given, weights, loop = _group(neurons, inputs, weights, recurrent)
    lift, stored = lif_kernels.holding(weights, loop)
    shared = lif_kernels.Neurons(
        DECAY_ONE - neurons.decay_u - neurons.decay_u_offset,
        DECAY_ONE - neurons.decay_v,
        neurons.threshold << 6,
        neurons.refractory_steps - 1,
        neurons.bias_mantissa << neurons.bias_exponent,
        lift,
    )
    shape = (len(given), weights.shape[1])
    trace = LIFTrace(np.empty(shape, np.int32), np.empty(shape, np.int32), np.empty(shape, np.bool_))
    short, short_loop = (lif_kernels.shortened(each, lift, np.empty(each.shape, stored)) for each in (weights, loop))
    lif_kernels.run(shared, np.ascontiguousarray(given), short, short_loop, *trace)
    return trace


def run_lif_stepwise(neurons: LIF, inputs: BoolArray, weights: IntArray, recurrent: IntArray | None = None) -> LIFTrace:
    """Do as :func:`run_lif` by :func:`lif_step`, one step after the other: its definition."""
    given, weights, loop = _group(neurons, inputs, weights, recurrent)
    count, both = weights.shape[1], np.concatenate([weights, loop])
    state, fired = LIFState.rest(count), np.zeros(count, dtype=np.bool_)
    steps = []
    for arriving in given:
        state, fired = lif_step(state, arrivals(np.concatenate([arriving, fired]), both), neurons)
        steps.append((state.u, state.v, fired))
    shape = (len(given), count)
    u, v, spikes = zip(*steps, strict=True) if steps else ((), (), ())
    return LIFTrace(
        np.asarray(u, dtype=np.int32).reshape(shape),
        np.asarray(v, dtype=np.int32).reshape(shape),
        np.asarray(spikes, dtype=np.bool_).reshape(shape),
    )


def _group(
    neurons: LIF, inputs: BoolArray, weights: IntArray, recurrent: IntArray | None
) -> tuple[BoolArray, IntArray, IntArray]:
    """What goes into a run, once it is known to go together."""
    weights, inputs = integers(weights, "weights"), np.asarray(inputs, dtype=np.bool_)
    if not isinstance(neurons, LIF) or inputs.ndim != 2 or weights.ndim != 2 or inputs.shape[1] != len(weights):
        shapes = f"inputs of shape {inputs.shape} and weights of {weights.shape} for {checks.shown(neurons)}"
        raise BadInput(shapes, "run_lif", "(T, m) and (m, n) for a LIF")
    count = weights.shape[1]
    loop = np.zeros((count, count), dtype=np.int64) if recurrent is None else integers(recurrent, "recurrent")
    if loop.shape != (count, count):
        raise BadInput(f"shape {loop.shape}", "recurrent", f"({count}, {count})")
    return inputs, weights, loop


def mantissa_range(sign_mode: str) -> tuple[int, int]:
    """Return the smallest and largest mantissa of a sign mode.

    Raises
    ------
    UnknownName
        If there is no such mode.
    """
    return SIGN_MODES[checks.one_of(sign_mode, SIGN_MODES, "sign mode")]


def mantissa_step(sign_mode: str, weight_bits: int) -> int:
    """Return the distance of neighbouring mantissas: 2^(8 − bits), doubled in mixed mode, whose sign takes a bit.

    Raises
    ------
    BadInput
        If the chip has no such width.
    """
    mantissa_range(sign_mode)
    if weight_bits not in WEIGHT_WIDTHS:
        raise BadInput(f"{weight_bits!r} bits", "weight_bits", ", ".join(map(str, WEIGHT_WIDTHS)))
    return 1 << (8 - weight_bits + (sign_mode == "mixed"))


def effective_weights(mantissas: IntArray, exponent: int, sign_mode: str = "mixed", weight_bits: int = 8) -> IntArray:
    """Return what one spike adds to u: mantissa · 2^(6 + exponent), low 6 bits zero, within ±(2^21 − 64).

    Parameters
    ----------
    mantissas : ndarray of int64
        In the range of the sign mode; bits that `weight_bits` has no room for are cut off towards zero.
    exponent : int
        −8 to 7, shared by a group of synapses.
    sign_mode : str
        ``"mixed"``, ``"excitatory"`` or ``"inhibitory"``.
    weight_bits : int
        0 to 6 or 8, the sign included.

    Raises
    ------
    BadInput
        If a value is out of range.
    """
    step, (low, high) = mantissa_step(sign_mode, weight_bits), mantissa_range(sign_mode)
    check_whole(exponent, -8, 7, "exponent")
    mantissas = integers(mantissas, "mantissas")
    if mantissas.size and (mantissas.min() < low or mantissas.max() > high):
        raise BadInput("a mantissa is out of range", f"{sign_mode} weights", f"{low} to {high}")
    kept = np.sign(mantissas) * (np.abs(mantissas) // step * step)
    scaled = (kept << exponent if exponent >= 0 else kept >> -exponent) << 6  # >> rounds down, as zeroing bits does
    clipped: IntArray = np.clip(scaled, -_WEIGHT_LIMIT, _WEIGHT_LIMIT)
    return clipped
