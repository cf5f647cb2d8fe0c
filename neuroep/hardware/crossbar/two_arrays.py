"""Crossbars with an array for each direction: upward reads see one, downward reads another of the same kind.

Many accelerators drive rows and read columns, and nothing else. Weights that are to be read both ways are then stored
twice, W for upward and B for downward reads, on devices of their own: spread, errors of programming, write noise and
stuck cells make W ≠ B, whereas equilibrium propagation wants them equal. Both arrays are sent the same trains of
pulses; what a train does is each device's affair.

Two ways to bring them together again:

    W ← W + Δ − ηλ W,  B ← B + Δ − ηλ B   ⇒   W − B ← (1 − ηλ)(W − B)

with λ = `programming.decay` (J. F. Kolen & J. B. Pollack, Backpropagation without weight transport, 1994; M. Akrout et
al., Deep learning without weight transport, 2019), where each array decays by its own weights and no weight is ever
carried from one to the other; and `programming.average_every`: both are read, and programmed to their mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.hardware.cells.law import Column
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.effects import APART
from neuroep.hardware.crossbar.keeping import State
from neuroep.hardware.crossbar.schedule import Schedule
from neuroep.hardware.crossbar.wearing import count_moves
from neuroep.hardware.device import Mounted, Update
from neuroep.hardware.lines import LineSiemens
from neuroep.hardware.programming import Chance, saved
from neuroep.hardware.wear import Wear
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network
from neuroep.recipe import Programming, Reads
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

CLOCK = "since_mean"
"""State: updates since both arrays were programmed to their mean."""


@dataclass(frozen=True, slots=True)
class TwoArrays:
    """Two crossbars of one kind, read upward and downward.

    Attributes
    ----------
    array : Crossbar
        What either is. Resistive wires weaken the first as upward reads see it, the second as downward reads do, from
        the ends of the lines that `wires.ends` names.
    average_every : int
        Updates after which both are programmed to their mean; 0 never.

    Raises
    ------
    BadInput
        If one-sided devices, which pulses can't lower, are to be averaged, or adjoint reads are asked for, which read
        either array the other way round.
    """

    array: Crossbar
    average_every: int = 0
    kind: ClassVar[str] = "crossbar"

    def __post_init__(self) -> None:
        settle(self, "two arrays: ")
        if self.average_every and self.array.one_sided:
            raise BadInput("a mean of one-sided devices", f"{self.name}: programming.average_every", "0")
        if self.array.programming.method.by_states:
            method = self.array.programming.method.value
            raise BadInput(f"method {method!r} with two arrays", f"{self.name}: programming.method", "another method")
        if self.array.programming.reads is Reads.ADJOINT:
            raise BadInput(
                "adjoint reads of arrays that are read one way", f"{self.name}: programming.reads", "changes"
            )

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.array.name

    @property
    def programming(self) -> Programming:
        """How updates are sent."""
        return replace(self.array.programming, average_every=self.average_every)

    @property
    def retention(self) -> str:
        """What becomes of programmed conductances."""
        return self.array.retention

    def check_sizes(self, network: Network) -> None:
        """Refuse networks whose arrays are too large for their wires to be solved."""
        self.array.check_sizes(network)

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        """Program the same weights onto two arrays of fresh devices.

        State: that of the array, each entry with a leading axis of two (up, down); `CLOCK` (1,) int64 if there is to be
        averaging.
        """
        return self._joined([self.array.mount(network, weights, rng) for _ in range(2)])

    def restore(self, network: Network, weights: Weights, state: State) -> Mounted:
        """Take both arrays from `state`, the biases and the float type from `weights`."""
        halves = {key: value for key, value in state.items() if key != CLOCK}
        for key, value in halves.items():
            if value.ndim == 0 or len(value) != 2:
                raise BadInput(f"{key!r} has shape {value.shape}", "saved hardware state", "two arrays")
        parts = [
            self.array.restore(network, weights, {key: value[side] for key, value in halves.items()})
            for side in range(2)
        ]
        return self._joined(parts, saved(state, CLOCK, (1,), np.int64) if self.average_every else None)

    def _joined(self, parts: list[Mounted], clock: NDArray[np.generic] | None = None) -> Mounted:
        state = {key: np.stack([part.state[key] for part in parts]) for key in parts[0].state}
        up, down = (
            replace(part, state={key: both[side] for key, both in state.items()}) for side, part in enumerate(parts)
        )
        circuit = up.circuit._replace(down=down.circuit.down, noise_down=down.circuit.noise_down)
        if self.average_every:
            state[CLOCK] = np.zeros(1, np.int64) if clock is None else clock
        return Mounted(circuit, state, (up, down))

    def line_siemens(self, mounted: Mounted) -> LineSiemens:
        """Return what upward reads drive in the first array, and downward reads in the second."""
        up, down = (self.array.line_siemens(part) for part in mounted.parts)
        return LineSiemens(up.up, down.down)

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        """Send both arrays the update, rounded to pulses alike; see :meth:`Crossbar.program`.

        Pulses and writes of both are counted; pulse times are shared, so those of the slower one count.

        Raises
        ------
        Diverged
            If the update isn't finite; nothing has been written then.
        """
        trains, circuit, counted = int(rng.integers(1 << 62)), mounted.circuit, []
        for part, seen in zip(mounted.parts, (circuit.up, circuit.down), strict=True):
            counted.append(Ledger.empty(ledger.sizes))
            asked = update.decayed(seen, self.array.programming.decay)
            self.array.pulse(part, asked, Chance(stream(trains, "trains"), rng), counted[-1])
        _add_parallel(ledger, *(one.counts for one in counted))
        if self.average_every:
            clock = cast(NDArray[np.int64], mounted.state[CLOCK])
            clock[0] = (clock[0] + 1) % self.average_every
            if clock[0] == 0:
                self.average(mounted, rng, ledger)

    def average(self, mounted: Mounted, rng: np.random.Generator, ledger: Ledger) -> None:
        """Program both arrays closed loop to the mean of what they hold, with the errors of mounting; the stuck stay.

        Counted: a read of every line alone, one write a weight and array, and as many pulses as a device is nominal
        steps from where it was. Cells are read one by one, slowly: without the noise and the wires of other reads.
        """
        held = [self._difference(part) for part in mounted.parts]
        mean, moved = 0.5 * (held[0] + held[1]), []
        for part in mounted.parts:
            before = _values(part)
            self.array.rewrite(part, mean, rng)
            moved.append(np.rint((_values(part) - before) / self.array.step))
            count_moves(part.state, moved[-1])
        _count_average(ledger, np.concatenate(moved), self.array.schedule)

    def wear(self, mounted: Mounted) -> Wear:
        """Return the pulses of the devices of both arrays; see :meth:`Crossbar.wear`."""
        return self.array.wear(mounted)

    def _difference(self, part: Mounted) -> FloatArray:
        first, other = self.array.conductances(part)
        difference: FloatArray = (first - other) / self.array.scale.per_unit
        return difference

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights | None:
        """Return None: conductances only change by :meth:`program`."""
        return None

    def written(self, network: Network, weights: Weights, rng: np.random.Generator, seed: int) -> Mounted:
        """Program weights by write-verify as :meth:`Crossbar.written` does, each array with errors of its own."""
        return self._joined([self.array.written(network, weights, rng, own) for own in _seeds(seed)])

    def aged(self, network: Network, mounted: Mounted, seconds: float, seed: int) -> Mounted:
        """Return a copy at an age as :meth:`Crossbar.aged` does, each array on paths of its own."""
        parts = zip(mounted.parts, _seeds(seed), strict=True)
        clock = mounted.state[CLOCK].copy() if self.average_every else None
        return self._joined([self.array.aged(network, part, seconds, own) for part, own in parts], clock)

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects of its arrays, and of their being two."""
        return (*self.array.effects, APART)

    def freed_of(self, effect: str) -> TwoArrays | Crossbar:
        """Return the same hardware without one of its effects."""
        return self.array if effect == APART else replace(self, array=self.array.freed_of(effect))

    def programmed_by(self, programming: Programming) -> TwoArrays:
        """Return the same hardware, programmed in another way."""
        array = self.array.programmed_by(replace(programming, average_every=0))
        return TwoArrays(array, programming.average_every)


Analog = Crossbar | TwoArrays
"""Hardware whose weights are conductances, which age."""


def _values(part: Mounted) -> FloatArray:
    """Where the devices are that pulses move, shape (arrays, n)."""
    arrays = [cast(FloatArray, part.state[key]) for key in ("devices", "against")]
    return np.stack([devices[:, Column.VALUE] for devices in arrays if devices.shape[1] > 1])


def _seeds(seed: int) -> tuple[int, int]:
    """Seeds of the paths of either array's devices."""
    return seed, int(stream(seed, "downward array").integers(1 << 62))


def _add_parallel(ledger: Ledger, first: NDArray[np.int64], other: NDArray[np.int64]) -> None:
    """Add what two arrays did at the same time."""
    total = first + other
    slots = Phase.UPDATE, Event.PULSE_SLOT
    total[slots] = np.maximum(first[slots], other[slots])
    ledger.counts[...] += total


def _count_average(ledger: Ledger, steps: FloatArray, schedule: Schedule) -> None:
    """Count an averaging in which devices, (arrays, n), moved by so many whole steps."""
    starts, sizes = Layout.of(ledger.sizes).starts, ledger.sizes
    for k in range(1, len(sizes)):
        pulses = steps[:, starts[k - 1] : starts[k]]
        ledger.add_read(Phase.UPDATE, True, k, sizes[k - 1], lines=1)
        ledger.add_read(Phase.UPDATE, False, k, sizes[k], lines=1)
        ledger.add(Phase.UPDATE, Event.WRITE, k, 2 * sizes[k - 1] * sizes[k])
        ledger.add(Phase.UPDATE, Event.PULSE_UP, k, int(np.maximum(pulses, 0.0).sum()))
        ledger.add(Phase.UPDATE, Event.PULSE_DOWN, k, int(np.maximum(-pulses, 0.0).sum()))
        turns = np.abs([np.maximum(pulses, 0.0).max(axis=0), np.minimum(pulses, 0.0).min(axis=0)])
        longest = turns.reshape(2, len(schedule.turns(sizes[k - 1])), -1).max(axis=2)
        ledger.add(Phase.UPDATE, Event.PULSE_SLOT, k, schedule.slots(longest.T))
