"""How a request becomes pulses: rounded at random, accumulated, or by way of a second array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.law import COMMON_MODE, Column, Law
from neuroep.hardware.crossbar import pulse_kernels as kernels
from neuroep.hardware.crossbar.schedule import Schedule
from neuroep.hardware.crossbar.wearing import counter
from neuroep.hardware.device import Update
from neuroep.hardware.programming import Chance
from neuroep.ledger import Event, Ledger, Phase
from neuroep.recipe import Method, Programming
from neuroep.weights import FloatArray

MODES = {
    Method.STOCHASTIC: kernels.STOCHASTIC,
    Method.NEAREST: kernels.NEAREST,
    Method.ACCUMULATED: kernels.ACCUMULATED,
    Method.TRANSFER: kernels.STOCHASTIC,
}
REFRESH_LARGER, REFRESH_SMALLER = 0.75, 0.25
"""Of the range: where one-sided pairs are reset (aihwkit's OneSidedUnitCell)."""


NOTHING = np.empty((0, 2))
"""Pulses of references, which aren't pulsed."""


class Array(NamedTuple):
    """One coupling's part of a mounted crossbar: views into its state and weights, weight per unit, clock."""

    state: Mapping[str, FloatArray]
    weights: FloatArray
    scale: float
    clock: NDArray[np.generic] | None


class Pulser(NamedTuple):
    """How one kind of device is pulsed: its law, nominal step, how requests are rounded, and who is written when."""

    law: Law
    step: float
    programming: Programming
    one_sided: bool
    exact: bool
    schedule: Schedule

    def program(self, array: Array, update: Update, k: int, chance: Chance, ledger: Ledger) -> None:
        """Change coupling k as asked, as well as pulses can; count what was sent."""
        if self.programming.method is Method.TRANSFER:
            self._transfer(array, update, k, chance, ledger)
            return
        residual = array.state.get("residual", array.weights[:0])
        if self.programming.method is Method.ACCUMULATED:
            ledger.add(Phase.UPDATE, Event.ACCUMULATION, k, len(array.weights))
        self._send(array, "devices", "against", self._requests(update, k, array.scale), residual, chance, ledger, k)

    def _requests(self, update: Update, k: int, scale: float) -> tuple[FloatArray, float]:
        """Direction and factor: their product is the request in nominal pulses of the whole weight."""
        return update.direction.coupling(k).ravel(), update.rates[k - 1] / (self.step * scale)

    def _send(
        self, array: Array, key: str, other: str, request: tuple[FloatArray, float], residual: FloatArray,
        chance: Chance, ledger: Ledger, k: int,
    ) -> None:  # fmt: skip
        devices, against = array.state[key], array.state[other]
        plus, minus = self._trains(request, residual, against.shape[1] > 1, chance.rounding)
        counts, longest = np.zeros(4), self.schedule.turns(ledger.sizes[k - 1])
        weights = array.weights if key == "devices" else np.empty_like(array.weights)
        real: Any = weights.dtype.type
        kernels.send(
            devices, against, self.law, plus, minus, real(array.scale), _key(chance.devices), weights,
            refresh_of(devices, self.step, self.one_sided), worn_of(array, key, other), longest, counts,
        )  # fmt: skip
        _count(ledger, k, counts, self.schedule.slots(longest))

    def _trains(
        self, request: tuple[FloatArray, float], residual: FloatArray, paired: bool, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Pulses of the devices and, of pairs, of those they are read against."""
        direction, factor = request
        real: Any = direction.dtype.type
        limit, least = real(self.programming.most_pulses), real(self.programming.least_pulses)
        mode = kernels.EXACT if self.exact else MODES[self.programming.method]
        plus, minus = np.empty_like(direction), np.empty_like(direction[: len(direction) if paired else 0])
        halved = paired and not self.one_sided and mode in (kernels.STOCHASTIC, kernels.EXACT)
        share = real(0.5 * factor if halved else factor)
        kernels.round_requests(direction, share, limit, least, mode, residual, _key(rng), plus)
        if halved:
            key = _key(rng)
            kernels.round_requests(direction, -share, limit, least, mode, residual, key, minus)
        elif paired:
            kernels.share_out(plus, self.one_sided, minus)
        return plus, minus

    def _transfer(self, array: Array, update: Update, k: int, chance: Chance, ledger: Ledger) -> None:
        """Tiki-Taka, version 2: the gradient goes to the second array; its rows go to the weights in turn.

        A row of the second array is read (its cells as they are shown) and added to the digital buffer; whole steps
        there are sent to the weights as pulses and taken off the buffer.
        """
        state, clock = array.state, int(cast(NDArray[np.int64], array.clock)[0])
        self._send(
            array, "fast", "fast_against", self._requests(update, k, array.scale), array.weights[:0], chance, ledger, k
        )
        if k == len(ledger.sizes) - 1:
            cast(NDArray[np.int64], array.clock)[0] += 1
        if clock % self.programming.transfer_every:
            return
        rows, columns = ledger.sizes[k - 1], ledger.sizes[k]
        row = clock // self.programming.transfer_every % rows
        part = slice(row * columns, (row + 1) * columns)
        read = _shown(state["fast"][part]) - _other(state["fast_against"][part])
        buffer = state["buffer"][part]
        buffer += self.programming.transfer_gain * read / self.step
        ledger.add_read(Phase.UPDATE, True, k, 1, lines=1)
        ledger.add(Phase.UPDATE, Event.ACCUMULATION, k, columns)
        request = np.zeros_like(array.weights)
        request[part] = np.clip(np.trunc(buffer), -self.programming.most_pulses, self.programming.most_pulses)
        buffer -= request[part]
        # shared out, not halved: half of an odd number of pulses isn't whole
        whole = self._replace(programming=Programming(Method.ACCUMULATED, self.programming.most_pulses))
        whole._send(array, "devices", "against", (request, 1.0), np.zeros_like(request), chance, ledger, k)


def refresh_of(devices: FloatArray, step: float, one_sided: bool) -> FloatArray:
    """Return when and how pairs are reset, as :func:`pulse_kernels.send` takes it: one-sided ones alone are."""
    if not one_sided:
        return np.empty(0, devices.dtype)
    high = float(devices[:, Column.HIGH].mean())
    return np.asarray([REFRESH_LARGER * high, REFRESH_SMALLER * high, COMMON_MODE * high, step, step], devices.dtype)


def worn_of(array: Array, key: str, other: str) -> kernels.Worn:
    """Return the pulses so far of an array's devices, and of what they are read against."""
    plus, minus = (cast(NDArray[np.float64], array.state.get(counter(name), NOTHING)) for name in (key, other))
    return kernels.Worn(plus, minus)


def _key(rng: np.random.Generator) -> Any:
    return np.uint64(rng.integers(1 << 63))


def _shown(devices: FloatArray) -> FloatArray:
    shown: FloatArray = devices[:, Column.VALUE] + devices[:, Column.SHOWN]
    return shown


def _other(against: FloatArray) -> FloatArray:
    return _shown(against) if against.shape[1] > 1 else against[:, 0]


def _count(ledger: Ledger, k: int, counts: NDArray[np.float64], slots: int) -> None:
    ledger.add(Phase.UPDATE, Event.WRITE, k, int(counts[kernels.WRITTEN]))
    up = int(counts[kernels.UPWARD])
    ledger.add(Phase.UPDATE, Event.PULSE_UP, k, up)
    ledger.add(Phase.UPDATE, Event.PULSE_DOWN, k, int(np.ceil(counts[kernels.PULSES])) - up)
    ledger.add(Phase.UPDATE, Event.PULSE_SLOT, k, slots)
