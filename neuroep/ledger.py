"""Counts of what really happened, filled by engines and devices while they work.

Counts first, prices second (the split of Accelergy, Wu et al. 2019): nothing here knows a joule.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.layout import Layout


class Phase(IntEnum):
    """When an event happened."""

    FREE = 0
    NUDGED = 1
    UPDATE = 2
    INFERENCE = 3


class Event(IntEnum):
    """What is counted, per coupling or layer k (entry 0 where it belongs to none)."""

    READ_UP = 0  # rows (samples) read through coupling k from below; repeats of an averaged read count
    READ_DOWN = 1  # rows read through coupling k from above, likewise
    NEURON = 2  # rows for which layer k was updated
    CONTRAST = 3  # rows whose local product entered the contrast of coupling k
    WRITE = 4  # synapses of coupling k whose stored value changed
    PULSE_UP = 5  # programming pulses that raise conductances of coupling k
    PULSE_SLOT = 6  # pulse times spent on coupling k one after the other (arrays work in parallel)
    SWEEP = 7  # entry 0: sweeps, summed over rows
    SAMPLE = 8  # entry 0: rows settled
    LINE = 9  # lines driven in reads of coupling k, summed over rows
    CONVERSION = 10  # weighted sums converted in reads of coupling k, summed over rows
    PULSE_DOWN = 11  # programming pulses that lower conductances of coupling k
    ACCUMULATION = 12  # digital accumulators of coupling k added to
    SKIP = 13  # rows for which a skip brought layer k the states of another
    SPIKE = 14  # spikes that layer k sent, 0 being the input
    SYNOP = 15  # spikes that arrived at synapses of coupling k, up or down
    ACTIVE = 16  # units of layer k, steps and rows in which the unit sent or got a spike
    IDLE = 17  # likewise, in which it did neither
    LEARN = 18  # synapses of coupling k that a learning engine went through, summed over epochs
    MESSAGE = 19  # messages by which cores were told of spikes of layer k
    HOP = 20  # hops of these messages from tile to tile
    BARRIER = 21  # entry 0: time steps, summed over rows; a run in spikes counts them in place of sweeps


class Ledger(NamedTuple):
    """Event counts of a run.

    Attributes
    ----------
    sizes : tuple of int
        Units per layer.
    counts : ndarray of int64, shape (phases, events, L + 1)
        Indexed by Phase, Event and layer or coupling k.
    """

    sizes: tuple[int, ...]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, sizes: tuple[int, ...]) -> Ledger:
        """Return a ledger with all counts zero."""
        return cls(Layout.of(sizes), np.zeros((len(Phase), len(Event), len(sizes)), dtype=np.int64))

    def add(self, phase: Phase, event: Event, k: int, count: int) -> None:
        """Add to one count."""
        self.counts[phase, event, k] += count

    def add_read(
        self, phase: Phase, upward: bool, k: int, rows: int, reads: int = 1, lines: int = 0, sums: int = 0
    ) -> None:
        """Count a read of coupling k and its conversions.

        Parameters
        ----------
        phase : Phase
            When.
        upward : bool
            From below.
        k : int
            Coupling.
        rows : int
            Samples.
        reads, lines, sums : int
            What a row costs, from :func:`neuroep.circuit.read_size`; lines and sums 0 for those of one whole array.
        """
        into, out = (self.sizes[k - 1], self.sizes[k])[:: 1 if upward else -1]
        self.add(phase, Event.READ_UP if upward else Event.READ_DOWN, k, rows * reads)
        self.add(phase, Event.LINE, k, rows * (lines or into))
        self.add(phase, Event.CONVERSION, k, rows * (sums or out))

    def events(self, phase: Phase) -> dict[str, int]:
        """Return the physical events of a phase, under the names that device profiles price.

        Returns
        -------
        dict
            ``array_read`` whole-coupling reads; ``synop`` one weight times one state, or one spike at one
            synapse; ``dac`` line drives; ``adc`` line reads; ``neuron_update``; ``layer_update`` (all units of
            a layer at once); ``contrast_mac`` local products; ``weight_write``; ``pulse``, and of these
            ``pulse_up`` and ``pulse_down``; ``accumulation``; ``state_move`` one state that a skip brought to
            another layer; ``pulse_slot``; ``sweep``; ``sample``. In place of ``neuron_update`` and ``sweep``,
            a run in spikes has ``neuron_active`` and ``neuron_idle``, one unit in one step with and without a
            spike, and ``barrier``, one step; it also has ``spike``, ``message``, ``hop``, and
            ``learning_update``, one synapse.
        """
        sizes = np.asarray(self.sizes, dtype=np.int64)
        synapses = np.concatenate([[0], sizes[:-1] * sizes[1:]])
        count = self.counts[phase]
        up, down = count[Event.READ_UP], count[Event.READ_DOWN]
        found = {
            "array_read": up + down,
            "synop": (up + down) * synapses + count[Event.SYNOP],
            "dac": count[Event.LINE],
            "adc": count[Event.CONVERSION],
            "neuron_update": count[Event.NEURON] * sizes,
            "layer_update": count[Event.NEURON],
            "contrast_mac": count[Event.CONTRAST] * synapses,
            "weight_write": count[Event.WRITE],
            "pulse": count[Event.PULSE_UP] + count[Event.PULSE_DOWN],
            "pulse_up": count[Event.PULSE_UP],
            "pulse_down": count[Event.PULSE_DOWN],
            "accumulation": count[Event.ACCUMULATION],
            "state_move": count[Event.SKIP] * sizes,
            "pulse_slot": count[Event.PULSE_SLOT],
            "sweep": count[Event.SWEEP],
            "sample": count[Event.SAMPLE],
            "spike": count[Event.SPIKE],
            "neuron_active": count[Event.ACTIVE],
            "neuron_idle": count[Event.IDLE],
            "learning_update": count[Event.LEARN],
            "message": count[Event.MESSAGE],
            "hop": count[Event.HOP],
            "barrier": count[Event.BARRIER],
        }
        return {name: int(values.sum()) for name, values in found.items()}
