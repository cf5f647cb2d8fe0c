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
    LIT_UP = 22  # lines of upward reads of coupling k that carried something: no zero, and no change of zero
    LIT_DOWN = 23  # likewise of downward reads; repeats count, the arrays that a line crosses don't
    LOCAL = 24  # rows and phases whose states met at coupling k, as a rule at the synapse forms products
    KEPT = 25  # rows and phases whose states of layer k were kept until the contrast was formed
    TRAIN_SLOT = 26  # slots of trains of states at coupling k, once for each direction that a train has
    ROW_PULSE = 27  # pulses that these trains sent on rows of coupling k, its input lines
    COLUMN_PULSE = 28  # likewise on columns; the arrays that a line crosses don't count


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

    def __repr__(self) -> str:
        return f"<Ledger: {'-'.join(map(str, self.sizes))}, {int(self.counts.sum()):,} events>"

    @classmethod
    def empty(cls, sizes: tuple[int, ...]) -> Ledger:
        """Return a ledger with all counts zero."""
        return cls(Layout.of(sizes), np.zeros((len(Phase), len(Event), len(sizes)), dtype=np.int64))

    def add(self, phase: Phase, event: Event, k: int, count: int) -> None:
        """Add to one count."""
        self.counts[phase, event, k] += count

    def add_read(
        self,
        phase: Phase,
        upward: bool,
        k: int,
        rows: int,
        reads: int = 1,
        lines: int = 0,
        sums: int = 0,
        lit: int | None = None,
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
        lit : int, optional
            Lines of all rows that carried something, each read once; all that were driven if left out.
        """
        into, out = (self.sizes[k - 1], self.sizes[k])[:: 1 if upward else -1]
        self.add(phase, Event.READ_UP if upward else Event.READ_DOWN, k, rows * reads)
        self.add(phase, Event.LINE, k, rows * (lines or into))
        self.add(phase, Event.CONVERSION, k, rows * (sums or out))
        carried = rows * min(into, lines or into) if lit is None else lit
        self.add(phase, Event.LIT_UP if upward else Event.LIT_DOWN, k, carried * reads)

    def add_products(self, k: int, formed: int, met: int) -> None:
        """Count a contrast of coupling k.

        Parameters
        ----------
        k : int
            Coupling.
        formed : int
            Rows whose products were formed.
        met : int
            Rows and phases whose states there are: a rule at the synapse would form the product of each.
        """
        self.add(Phase.UPDATE, Event.CONTRAST, k, formed)
        self.add(Phase.UPDATE, Event.LOCAL, k, met)
        self.add(Phase.UPDATE, Event.KEPT, k, met)

    def by_layer(self, phase: Phase) -> dict[str, NDArray[np.int64]]:
        """Return the physical events of a phase, of each layer or coupling, under the names that profiles price.

        Returns
        -------
        dict of str to ndarray of int64, shape (L + 1,)
            Reads: ``array_read`` whole-coupling reads; ``synop`` one weight times one state, zeros among them, or one
            spike at one synapse; ``effective_synop`` the same without zeros and what hasn't changed (NeuroBench's
            effective operations); ``sent_state`` lines that carried something; ``state_transfer`` one state brought to
            the lines of a coupling; ``dac`` line drives; ``adc`` line reads. Units: ``neuron_update``;
            ``layer_update`` (all units of a layer at once); ``state_move`` one state that a skip brought to another
            layer. Learning: ``state_store`` one state of a phase kept until the contrast; ``contrast_mac`` products
            that were formed; ``local_product`` one state times another in each phase at each synapse;
            ``accumulation``; ``weight_write``; ``pulse``, and of these ``pulse_up`` and ``pulse_down``;
            ``pulse_slot``; and of trains of states ``train_bit`` one line in one slot, ``line_pulse`` one pulse on one
            line, ``line_cell`` one cell that such a pulse passes. ``sweep``; ``sample``. In place of
            ``neuron_update`` and ``sweep``, a run in spikes has ``neuron_active`` and ``neuron_idle``, one unit in one
            step with and without a spike, and ``barrier``, one step; it also has ``spike``, ``message``, ``hop``,
            and ``learning_update``, one synapse.
        """
        sizes = np.asarray(self.sizes, dtype=np.int64)
        below = np.concatenate([[0], sizes[:-1]])
        synapses = below * sizes
        count = self.counts[phase]
        up, down = count[Event.READ_UP], count[Event.READ_DOWN]
        lit_up, lit_down = count[Event.LIT_UP], count[Event.LIT_DOWN]
        return {
            "array_read": up + down,
            "synop": (up + down) * synapses + count[Event.SYNOP],
            "effective_synop": lit_up * sizes + lit_down * below + count[Event.SYNOP],
            "sent_state": lit_up + lit_down,
            "state_transfer": up * below + down * sizes,
            "dac": count[Event.LINE],
            "adc": count[Event.CONVERSION],
            "neuron_update": count[Event.NEURON] * sizes,
            "layer_update": count[Event.NEURON],
            "state_move": count[Event.SKIP] * sizes,
            "state_store": count[Event.KEPT] * sizes,
            "contrast_mac": count[Event.CONTRAST] * synapses,
            "local_product": count[Event.LOCAL] * synapses,
            "accumulation": count[Event.ACCUMULATION],
            "weight_write": count[Event.WRITE],
            "pulse": count[Event.PULSE_UP] + count[Event.PULSE_DOWN],
            "pulse_up": count[Event.PULSE_UP],
            "pulse_down": count[Event.PULSE_DOWN],
            "pulse_slot": count[Event.PULSE_SLOT],
            "train_bit": count[Event.TRAIN_SLOT] * (below + sizes),
            "line_pulse": count[Event.ROW_PULSE] + count[Event.COLUMN_PULSE],
            "line_cell": count[Event.ROW_PULSE] * sizes + count[Event.COLUMN_PULSE] * below,
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

    def events(self, phase: Phase) -> dict[str, int]:
        """Return the events of :meth:`by_layer`, of all layers together."""
        return {name: int(values.sum()) for name, values in self.by_layer(phase).items()}
