"""Settling on Loihi's integer neurons: what a circuit of integer weights, a rate and a nudge are on the chip.

Weights of a circuit are mantissas times 2^e units; the chip takes them as m 2^(6 + e − d), with one d for all, so that
a weight of 1 brings κ = 2^(6−d)/unit a spike to a current, which keeps 1 − λ of itself a step. At most one spike in R
steps leaves a neuron, the state s = 1, so that an input of 1 holds a current of c = κ/(Rλ). Voltages add up currents,
leak by ε, fire above θ = Rc/2 and are then held for R − 1 steps. Without the leak a constant input I gives

    s = R / (R + ⌊R/(2I)⌋),    s ≈ I/(½ + (1 − 1/R) I) for I > 0,    s = 0 below

which rises, as an energy asks; the circuit's activation only says that states lie within 0 and 1. d is the least for
which no weight up to 4, no nudge and no threshold leaves the chip's integers.

The clamped input are neurons that a bias drives with a period of round(R/x) steps. Biases are the synapses of one more
neuron that fires every R steps. A nudge β(y − s) is a bias βcy and a synapse of −βκ to oneself. States handed back are
spikes of the window as the learning engine's traces count them: each adds the whole impulse with which the largest
count is still at most 127. Voltages start at random, 0 to θ, and go on from the free phase to the nudged ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.engines.base import Nudge
from neuroep.engines.spiking.loihi_kernels import Cells, Clockwork, IntArray, Net, Nudging, Senders, ShortArray
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.errors import BadInput
from neuroep.physics.activations import RANGES, Activation
from neuroep.rng import counter_uniform
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray

TRACE_TOP = 127
WEIGHT_BITS, THRESHOLD_BITS, MANTISSA_BITS, BIAS_TOP = 21, 17, 12, 4095 << 7
LONGEST_PERIOD, INPUT_THRESHOLD, GAIN = 64, 1 << 18, 0.5
_LIMIT, _LARGEST_WEIGHT, _FINEST = (1 << WEIGHT_BITS) - 64, 4.0, 8


class Scaling(NamedTuple):
    """What one is on the chip.

    Attributes
    ----------
    shift : int
        d above.
    spike : float
        κ: what a spike brings through a weight of 1.
    current : float
        c: the mean current that an input of 1 holds.
    threshold : int
        θ, a multiple of 64.
    """

    shift: int
    spike: float
    current: float
    threshold: int


def period(how: Spikes) -> int:
    """Return R, the steps from spike to spike at a state of 1."""
    return round(1.0 / how.peak)


def impulse(how: Spikes) -> int:
    """Return what a spike adds to a trace."""
    return TRACE_TOP // -(-how.window // period(how))


def why_not(circuit: Circuit, how: Spikes) -> str | None:
    """Return what the chip's neurons can't do of a circuit and a plan, with the remedy."""
    if not circuit.unit:
        return (
            "weights that aren't the chip's integers: use a device such as loihi1, with phases.solver under "
            "[on.loihi1.phases], since ideal EP is trained beside it"
        )
    if circuit.feedback != 1.0:
        return (
            f"a feedback gain of {circuit.feedback:g}, where both directions hold the same integers: use feedback = 1"
        )
    if len(circuit.skips.sources):
        return "skips between integer neurons: use a network without couplings of its own, or another phases.solver"
    for k, code in enumerate(circuit.activations[1:], start=1):
        if RANGES[Activation(int(code))] != (0.0, 1.0):
            label = Activation(int(code)).label
            return f"{label!r} units in layer {k}, where rates lie within 0 and 1: use hard-sigmoid or sigmoid"
    if abs(how.peak * period(how) - 1.0) > 1e-6 or period(how) > LONGEST_PERIOD:
        return f"{how.peak:g} spikes a step, of which the chip holds none back: use phases.peak of 1/n, n up to 64"
    if how.window > TRACE_TOP * period(how):
        return (
            f"{how.window} steps, whose spikes no trace counts: use phases.window of at most {TRACE_TOP * period(how)}"
        )
    return None


def scaling(circuit: Circuit, how: Spikes) -> Scaling:
    """Return what one is on the chip."""
    wide, whole = period(how), 64.0 / circuit.unit
    for shift in range(64):
        spike = float(np.ldexp(whole, -shift))
        current = spike / (wide * how.leak)
        threshold = int(GAIN * wide * current) >> 6
        fits = spike * _LARGEST_WEIGHT <= _LIMIT and current <= BIAS_TOP and threshold < 1 << THRESHOLD_BITS
        if fits:
            return Scaling(shift, spike, current, max(threshold, 1) << 6)
    raise BadInput(f"a unit of {circuit.unit:g}", "weights", "mantissas that mean something")


def effective(weights: FloatArray, circuit: Circuit, scale: Scaling) -> ShortArray:
    """Return what a spike brings through each weight: the low 6 bits zeroed, so rounded down, within 21 bits."""
    codes = np.rint(np.ldexp(weights.astype(np.float64) / circuit.unit, _FINEST))
    cut = np.floor(np.ldexp(codes, -_FINEST - scale.shift)) * 64.0
    whole: ShortArray = np.clip(cut, -_LIMIT, _LIMIT).astype(np.int32)
    return whole


def net(circuit: Circuit, scale: Scaling) -> Net:
    """Return the circuit's integers, in both directions."""
    up = effective(circuit.up, circuit, scale)
    down = np.zeros_like(up)
    for k in range(2, len(circuit.sizes)):
        part = slice(circuit.starts[k - 1], circuit.starts[k])
        down[part] = up[part].reshape(circuit.sizes[k - 1], circuit.sizes[k]).T.ravel()
    return Net(circuit.sizes, circuit.units, circuit.starts, up, down, effective(circuit.biases, circuit, scale))


def clockwork(how: Spikes, scale: Scaling) -> Clockwork:
    """Return a phase as the kernels run it."""
    kept_u, kept_v = (4096 - max(1, round(4096 * share)) for share in (how.leak, how.relaxation))
    return Clockwork(how.steps, how.window, period(how), kept_u, kept_v, scale.threshold, INPUT_THRESHOLD)


def as_bias(values: FloatArray | IntArray) -> ShortArray:
    """Return the nearest biases that the chip holds: 12 bits and a sign, times a power of two."""
    whole = np.rint(values).astype(np.int64)
    spare = np.maximum(np.frexp(np.abs(whole).astype(np.float64))[1] - MANTISSA_BITS, 0)
    step = np.left_shift(np.int64(1), spare)
    rounded = np.rint(whole / step).astype(np.int64) * step
    held: ShortArray = np.clip(rounded, -BIAS_TOP, BIAS_TOP).astype(np.int32)
    return held


def input_drive(x: FloatArray, how: Spikes) -> ShortArray:
    """Return the biases at which input neurons fire every round(R/x) steps."""
    wide = period(how)
    with np.errstate(divide="ignore", over="ignore"):
        wanted = np.clip(np.rint(wide / x.astype(np.float64)), wide, INPUT_THRESHOLD)
    least = np.ceil((INPUT_THRESHOLD + 1) / (wanted - wide + 1))
    spare = np.maximum(np.frexp(least)[1] - MANTISSA_BITS, 0)
    held = np.ceil(np.ldexp(least, -spare)) * np.ldexp(1.0, spare)  # upwards: a period too long would lose the top
    return np.where(x > 0.0, held, 0.0).astype(np.int32)


def nudging(nudge: Nudge, copies: int, scale: Scaling) -> Nudging:
    """Return the nudge of each copy in integers.

    Raises
    ------
    BadInput
        If it is more than a bias holds.
    """
    asked = nudge.beta[:, None].astype(np.float64) * nudge.targets * scale.current
    if asked.size and np.abs(asked).max() > BIAS_TOP:
        most = BIAS_TOP / float(np.abs(nudge.targets).max() * scale.current)
        raise BadInput(f"a nudge of {np.abs(nudge.beta).max():g} beyond a bias", "phases.beta", f"at most {most:.3g}")
    own = np.clip(np.rint(-nudge.beta.astype(np.float64) * scale.spike / 64.0) * 64.0, -_LIMIT, _LIMIT)
    rows = len(nudge.beta) // copies
    return Nudging(as_bias(asked).reshape(copies, rows, -1), own.astype(np.int32).reshape(copies, rows))


def fresh(circuit: Circuit, x: FloatArray, key: int, how: Spikes, scale: Scaling) -> tuple[Senders, Cells]:
    """Return samples at rest, with voltages drawn.

    Raises
    ------
    BadInput
        If an input isn't within 0 and 1.
    """
    if x.size and not (x.min() >= 0.0 and x.max() <= 1.0):
        raise BadInput(f"inputs from {x.min():g} to {x.max():g}", "data", "0 to 1, as rates are")
    (rows, inputs), units = x.shape, int(circuit.units[-1])
    drawn = counter_uniform(key, np.arange(rows), inputs + units)
    voltages = (drawn * np.repeat([INPUT_THRESHOLD, scale.threshold], [inputs, units])).astype(np.int32)
    senders = Senders(input_drive(x, how), voltages[:, :inputs].copy(), np.zeros_like(x, np.int32),
                      np.zeros_like(x, np.bool_))  # fmt: skip
    still = np.zeros((1, rows, units), np.int32)
    return senders, Cells(still, voltages[None, :, inputs:].copy(), still.copy(), still.astype(np.bool_))


def repeated(circuit: Circuit, free: Equilibrium, copies: int) -> tuple[Senders, Cells]:
    """Return copies of where the free phase ended, to be changed."""
    assert free.variables is not None
    inputs, units = int(circuit.sizes[0]), int(circuit.units[-1])
    parts = np.split(free.variables, np.cumsum([inputs] * 4 + [units] * 3), axis=1)
    drive, v_in, held_in, fired_in, *rest = (np.ascontiguousarray(part.astype(np.int32)) for part in parts)
    u, v, held, fired = (np.repeat(part[None], copies, axis=0) for part in rest)
    return Senders(drive, v_in, held_in, fired_in.astype(np.bool_)), Cells(u, v, held, fired.astype(np.bool_))


def equilibrium(
    circuit: Circuit, senders: Senders, cells: Cells, sent: IntArray, found: IntArray, late: IntArray, how: Spikes,
    dtype: np.dtype[np.floating],
) -> Equilibrium:  # fmt: skip
    """Return what a phase gave: states as traces count spikes, and for the nudged phases all that goes on.

    The residual is the norm over all units of what rates of the window's halves differ by, in states.
    """
    copies, rows = found.shape[:2]
    flat, ends = counted(found, how).reshape(copies * rows, -1).astype(dtype), [int(n) for n in circuit.units]
    half = how.window // 2
    halves = late / max(half, 1) - (found - late) / max(how.window - half, 1)
    residual = (np.linalg.norm(halves, axis=-1) * period(how) * (half > 0)).reshape(copies * rows).astype(dtype)
    alone = np.concatenate([*senders, *(part[0] for part in cells)], axis=1).astype(np.float64) if copies == 1 else None
    currents = cells.current.reshape(copies * rows, -1).astype(dtype)
    return Equilibrium(
        tuple(np.ascontiguousarray(flat[:, a:b]) for a, b in pairwise(ends)),
        tuple(currents[:, a:b] for a, b in pairwise(ends)), np.ones(len(ends) - 1, dtype=bool), residual,
        np.full(copies * rows, how.steps, dtype=np.int64),
        np.full(copies * rows, ResultCode.CONVERGED, dtype=np.int64), None, alone, counted(sent, how).astype(dtype),
    )  # fmt: skip


def counted(spikes: IntArray, how: Spikes) -> NDArray[np.float64]:
    """Return states of so many spikes in the window: whole traces over the largest."""
    states: NDArray[np.float64] = np.minimum(spikes * impulse(how), TRACE_TOP) / TRACE_TOP
    return states
