"""What goes on from the free phase to the nudged ones: membranes, currents, accumulators, the clamped input."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines.spiking.kernels import ACTIVE, IDLE, SPIKE, SYNOP, Cells, Inputs, IntArray
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.ledger import Event, Ledger, Phase
from neuroep.rng import counter_uniform
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray


class Carried(NamedTuple):
    """The input of B samples, and C copies of their cells."""

    inputs: Inputs
    cells: Cells


def fresh(circuit: Circuit, x: FloatArray, key: int) -> Carried:
    """Return samples at rest; accumulators start anywhere in [0, 1), so that spikes don't keep step."""
    (rows, inputs), units = x.shape, int(circuit.units[-1])
    accumulated = counter_uniform(key, np.arange(rows), inputs + units).astype(x.dtype)
    nothing = [np.zeros((1, rows, units), dtype=x.dtype) for _ in range(3)]
    cells = Cells(nothing[0], nothing[1], accumulated[None, :, inputs:].copy(), nothing[2])
    return Carried(Inputs(x, accumulated[:, :inputs].copy(), np.zeros_like(x)), cells)


def repeated(circuit: Circuit, free: Equilibrium, copies: int) -> Carried:
    """Return copies of where the free phase ended, to be changed."""
    assert free.variables is not None
    n0, units = int(circuit.sizes[0]), int(circuit.units[-1])
    parts = np.split(free.variables, np.cumsum([n0, n0, n0, units, units, units]), axis=1)
    x, *rest = (np.ascontiguousarray(part) for part in parts[:3])
    return Carried(Inputs(x, *rest), Cells(*(np.repeat(part[None], copies, axis=0) for part in parts[3:])))


def equilibrium(circuit: Circuit, end: Carried, means: FloatArray, velocity: FloatArray, how: Spikes) -> Equilibrium:
    """Return what a phase gave: mean states, copy after copy, and for the nudged phases all that goes on."""
    rows = means.shape[0] * means.shape[1]
    flat = means.reshape(rows, -1)
    ends = [int(n) for n in circuit.units]
    states = tuple(np.ascontiguousarray(flat[:, a:b]) for a, b in pairwise(ends))
    currents = end.cells.current.reshape(rows, -1)
    residual = velocity.reshape(rows)
    code = np.where(np.isfinite(residual), ResultCode.CONVERGED, ResultCode.DIVERGED).astype(np.int64)
    alone = len(means) == 1
    kept = np.concatenate([*end.inputs, *(part[0] for part in end.cells)], axis=1) if alone else None
    return Equilibrium(
        states, tuple(currents[:, a:b] for a, b in pairwise(ends)), np.ones(len(states), dtype=bool), residual,
        np.full(rows, how.steps, dtype=np.int64), code, None, kept,
    )  # fmt: skip


def count(found: IntArray, steps: int, rows: int, ledger: Ledger, phase: Phase) -> None:
    """Enter what a phase's kernels counted."""
    ledger.add(phase, Event.SAMPLE, 0, rows)
    ledger.add(phase, Event.BARRIER, 0, rows * steps)
    for row, event in ((SPIKE, Event.SPIKE), (SYNOP, Event.SYNOP), (ACTIVE, Event.ACTIVE), (IDLE, Event.IDLE)):
        for k, times in enumerate(found[row]):
            ledger.add(phase, event, k, int(times))
