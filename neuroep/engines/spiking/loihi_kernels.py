"""Compiled settling on Loihi's integer neurons, sample by sample and spike by spike.

Every step is :func:`neuroep.hardware.loihi.neurons.lif_step` of the whole network: spikes of a step arrive in the next.
Copies of a sample that differ in their nudge see the same spikes of the input, which are worked out once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int32
from numpy.typing import NDArray

from neuroep.engines.spiking.kernels import ACTIVE, IDLE, SPIKE, SYNOP, Raster
from neuroep.hardware.loihi.lif_kernels import SPARE_STATE, SPARE_SUM, kept, saturated, wrapped
from neuroep.kernel_cache import njit

ShortArray = NDArray[np.int32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Net(NamedTuple):
    """Effective weights: `up` W_k row by row, `down` W_kᵀ, both where `starts` says, and biases, of one spike each."""

    sizes: IntArray
    units: IntArray
    starts: IntArray
    up: ShortArray
    down: ShortArray
    biases: ShortArray


class Clockwork(NamedTuple):
    """Of a phase: its steps, the last of them that count, and the neurons' parameters.

    Attributes
    ----------
    steps, window : int
        Of the phase; of its end, in which spikes are counted.
    period : int
        Steps from spike to spike at the highest rate: a voltage is held for one less. The neuron that carries the
        biases fires at that rate.
    kept_u, kept_v : int
        What is left of current and voltage after a step, in 1/4096; the input's voltages keep all.
    threshold, input_threshold : int
        Of the units and of the input.
    """

    steps: int
    window: int
    period: int
    kept_u: int
    kept_v: int
    threshold: int
    input_threshold: int


class Senders(NamedTuple):
    """The input's neurons of B samples: what drives them, voltages, steps held, who has fired; each (B, n_0)."""

    drive: ShortArray
    voltage: ShortArray
    held: ShortArray
    fired: BoolArray


class Cells(NamedTuple):
    """C copies of B samples: currents, voltages, steps held, who has fired, each (C, B, units)."""

    current: ShortArray
    voltage: ShortArray
    held: ShortArray
    fired: BoolArray


class Nudging(NamedTuple):
    """What nudges the outputs of C copies of B samples: a bias, (C, B, n_L), and a synapse to themselves, (C, B)."""

    drive: ShortArray
    own: ShortArray


@njit()
def add(weights: ShortArray, sums: ShortArray) -> None:
    """Let a spike arrive."""
    for j in range(len(sums)):
        sums[j] += weights[j]


@njit()
def tick(fired: BoolArray, found: IntArray | Raster) -> None:
    """Count who fired."""
    for i in range(len(fired)):
        found[i] += fired[i]


@njit()
def send_input(clock: Clockwork, drive: ShortArray, voltage: ShortArray, held: ShortArray, fired: BoolArray) -> int:
    """Take the input a step on; return how many fired."""
    count = 0
    for i in range(len(drive)):
        v = saturated(int32(voltage[i] + drive[i]))
        free = held[i] == 0
        fires = free and v > clock.input_threshold
        voltage[i] = v if free and not fires else 0
        held[i] = clock.period - 1 if fires else max(held[i] - 1, 0)
        fired[i] = fires
        count += fires
    return count


@njit()
def arrivals(net: Net, fired: BoolArray, own: int, sums: ShortArray, reached: BoolArray, counts: IntArray) -> None:
    """Add what the units' spikes of the step before bring to units: up, down and, at outputs, to themselves."""
    sizes, units, starts, depth = net.sizes, net.units, net.starts, len(net.sizes) - 1
    for k in range(1, depth + 1):
        for i in range(sizes[k]):
            if not fired[units[k - 1] + i]:
                continue
            if k < depth:
                begin = starts[k] + i * sizes[k + 1]
                add(net.up[begin : begin + sizes[k + 1]], sums[units[k] : units[k + 1]])
                counts[SYNOP, k + 1] += sizes[k + 1]
                reached[k + 1] = True
            elif own != 0:
                sums[units[k - 1] + i] += own
                counts[SYNOP, k] += 1
                reached[k] = True
            if k > 1:
                begin = starts[k - 1] + i * sizes[k - 1]
                add(net.down[begin : begin + sizes[k - 1]], sums[units[k - 2] : units[k - 1]])
                counts[SYNOP, k] += sizes[k - 1]
                reached[k - 1] = True


@njit()
def advance(
    clock: Clockwork, drive: ShortArray, sums: ShortArray, u: ShortArray, v: ShortArray, held: ShortArray,
    fired: BoolArray,
) -> None:  # fmt: skip
    """Take units a step on, in place; `drive` is a bias of the last of them."""
    first, kept_u, kept_v = len(sums) - len(drive), int32(clock.kept_u), int32(clock.kept_v)
    for j in range(len(sums)):
        u[j] = wrapped(int32(kept(u[j], kept_u) + wrapped(sums[j], SPARE_SUM)), SPARE_STATE)
        bias = drive[j - first] if j >= first else int32(0)
        moved = saturated(int32(int32(kept(v[j], kept_v) + u[j]) + bias))
        free = held[j] == 0
        fires = free and moved > clock.threshold
        v[j] = moved if free and not fires else 0
        held[j] = clock.period - 1 if fires else max(held[j] - 1, 0)
        fired[j] = fires


@njit(cache=True, nogil=True)
def settle(
    net: Net, clock: Clockwork, senders: Senders, cells: Cells, nudging: Nudging, first: int, last: int,
    sent: IntArray, found: IntArray, late: IntArray, counts: IntArray, raster: Raster,
) -> None:  # fmt: skip
    """Run the copies of samples first..last − 1 through a phase.

    Parameters
    ----------
    net, clock : Net, Clockwork
        The network, and how.
    senders, cells : Senders, Cells
        Where samples and copies stand; changed in place.
    nudging : Nudging
        Of each copy.
    first, last : int
        Samples.
    sent, found, late : ndarray of int64, shapes (B, n_0), (C, B, units) and (C, B, units)
        Spikes of the window, and of its second half; zeros on entry.
    counts : ndarray of int64, shape (4, L + 1)
        Added to.
    raster : ndarray of int8, shape (C, B, steps, n_0 + units)
        Filled in with ones, or of no size.
    """
    sizes, units, depth, copies = net.sizes, net.units, len(net.sizes) - 1, len(cells.current)
    common, sums = np.empty(units[depth], np.int32), np.empty(units[depth], np.int32)
    reached, driven = np.zeros(depth + 1, np.bool_), np.zeros(depth + 1, np.bool_)
    for row in range(first, last):
        for step in range(clock.steps):
            common[:], driven[:], counted = 0, False, step >= clock.steps - clock.window
            delivered = 0
            for i in range(sizes[0]):
                if senders.fired[row, i]:
                    add(net.up[i * sizes[1] : (i + 1) * sizes[1]], common[: sizes[1]])
                    delivered += 1
            driven[1] = delivered > 0
            if step % clock.period == 0:
                add(net.biases, common)
                driven[1:] = True
                counts[SPIKE, 0] += copies
            counts[SPIKE, 0] += copies * send_input(
                clock, senders.drive[row], senders.voltage[row], senders.held[row], senders.fired[row]
            )
            if counted:
                tick(senders.fired[row], sent[row])
            for c in range(copies):
                sums[:], reached[:] = common, driven
                fired = cells.fired[c, row]
                counts[SYNOP, 1] += delivered * sizes[1]
                arrivals(net, fired, nudging.own[c, row], sums, reached, counts)
                advance(clock, nudging.drive[c, row], sums, cells.current[c, row], cells.voltage[c, row],
                        cells.held[c, row], fired)  # fmt: skip
                tally(net, fired, reached, step % clock.period == 0, counts)
                if raster.size:
                    tick(senders.fired[row], raster[c, row, step, : sizes[0]])
                    tick(fired, raster[c, row, step, sizes[0] :])
                if counted:
                    tick(fired, found[c, row])
                if step >= clock.steps - clock.window // 2:
                    tick(fired, late[c, row])


@njit()
def tally(net: Net, fired: BoolArray, reached: BoolArray, biased: bool, counts: IntArray) -> None:
    """Count a step's spikes, and units that sent or got one."""
    for k in range(1, len(net.sizes)):
        sent = 0
        for i in range(net.units[k - 1], net.units[k]):
            sent += fired[i]
        active = net.sizes[k] if reached[k] else sent
        counts[SPIKE, k] += sent
        counts[ACTIVE, k] += active
        counts[IDLE, k] += net.sizes[k] - active
        counts[SYNOP, k] += net.sizes[k] if biased else 0
