"""What happened in a run of brian2's, counted from its spike trains as the compiled twin counts it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroep.circuit import Circuit, skipping
from neuroep.engines.spiking.brian.programs import Train
from neuroep.engines.spiking.kernels import ACTIVE, IDLE, SPIKE, SYNOP, IntArray


def joined(parts: Sequence[tuple[int, int, Train]], units: int, rows: int) -> Train:
    """Return the train of a whole layer from those of portions: each with its first sample, and its samples."""
    moved = []
    for start, samples, train in parts:
        copy, place = np.divmod(train.unit, samples * units)
        moved.append(train._replace(unit=(copy * rows + start) * units + place))
    return Train(*(np.concatenate(values) for values in zip(*moved, strict=True)))


def sent(trains: Sequence[Train], circuit: Circuit, rows: int, copies: int, steps: int) -> list[IntArray]:
    """Return the spikes that each layer sent, (copies, rows, steps): those of the input in every copy."""
    found = []
    for k, train in enumerate(trains):
        groups = rows * (copies if k else 1)
        places = train.unit // int(circuit.sizes[k]) * steps + train.step
        counts = np.bincount(places, minlength=groups * steps).reshape(-1, rows, steps)
        found.append(np.broadcast_to(counts, (copies, rows, steps)))
    return found


def counted(circuit: Circuit, spikes: Sequence[IntArray]) -> IntArray:
    """Return the rows of counts that :func:`neuroep.engines.spiking.carried.count` enters into the ledger."""
    sizes, depth = circuit.sizes, len(circuit.sizes) - 1
    found = np.zeros((4, depth + 1), dtype=np.int64)
    found[SPIKE] = [layer.sum() for layer in spikes]
    for k in range(1, depth + 1):
        found[SYNOP, k] += found[SPIKE, k - 1] * sizes[k] + (found[SPIKE, k] * sizes[k - 1] if k > 1 else 0)
        neighbours = [k - 1, *([k + 1] if k < depth else []), *(j for j, _ in skipping(circuit, k))]
        reached = sum(spikes[j] for j in neighbours) > 0
        active = np.where(reached, sizes[k], spikes[k]).sum()
        found[ACTIVE, k], found[IDLE, k] = active, sizes[k] * spikes[k].size - active
    return found


def updates(circuit: Circuit, spikes: Sequence[IntArray], k: int) -> int:
    """Return how many synapses of coupling k changed: all that a spike of either end passed."""
    return int(spikes[k - 1].sum() * circuit.sizes[k] + spikes[k].sum() * circuit.sizes[k - 1])
