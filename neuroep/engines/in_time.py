"""Phases in continuous time, as engines share them: who integrates is theirs, what it costs is alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, read_size, skipping
from neuroep.engines.base import Nudge
from neuroep.equilibrium import Equilibrium
from neuroep.ledger import Event, Ledger, Phase
from neuroep.rng import noise_key as named_key
from neuroep.solvers.plan import ContinuousPlan, Settled
from neuroep.solvers.problems import Flow
from neuroep.weights import FloatArray

Integrate = Callable[[Flow, ContinuousPlan, FloatArray], Settled]
THERMAL = "thermal"
"""Name of the child of a phase's key that thermal noise is drawn by; reads are by the key itself."""


def settle_free(
    integrate: Integrate, circuit: Circuit, drive: FloatArray, plan: ContinuousPlan, noise_key: int, ledger: Ledger,
    phase: Phase,
) -> Equilibrium:  # fmt: skip
    """Settle without nudging, from zeros."""
    batch, dtype = len(drive), drive.dtype
    nothing = Nudge(np.zeros((batch, int(circuit.sizes[-1])), dtype), np.zeros(batch, dtype))
    units = int(circuit.units[circuit.last])
    return _settle(integrate, circuit, drive, nothing, plan, np.zeros((batch, units), dtype), noise_key, ledger, phase)


def settle_nudged(
    integrate: Integrate, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: ContinuousPlan, noise_key: int,
    ledger: Ledger,
) -> Equilibrium:  # fmt: skip
    """Settle nudged copies of a minibatch, each from where the free phase left its variables."""
    assert free.variables is not None
    copies = (len(nudge.beta) // len(free.residual), 1)
    drive, begin = np.tile(free.currents[0], copies), np.tile(free.variables, copies)
    return _settle(integrate, circuit, drive, nudge, plan, begin, noise_key, ledger, Phase.NUDGED)


def _settle(
    integrate: Integrate, circuit: Circuit, drive: FloatArray, nudge: Nudge, plan: ContinuousPlan, begin: FloatArray,
    noise_key: int, ledger: Ledger, phase: Phase,
) -> Equilibrium:  # fmt: skip
    if plan.thermal is not None:
        plan = replace(plan, thermal=replace(plan.thermal, key=named_key(noise_key, THERMAL)))
    flow = Flow(circuit, plan.form, drive, nudge.targets, nudge.beta, noise_key)
    settled = integrate(flow, plan, begin)
    tried, nudged = settled.equilibrium.steps, bool(nudge.beta.any())
    count(circuit, plan, tried, settled.refused, nudged, ledger, phase)
    return settled.equilibrium._replace(variables=settled.variables)


def count(
    circuit: Circuit, plan: ContinuousPlan, tried: NDArray[np.int64], refused: NDArray[np.int64], nudged: bool,
    ledger: Ledger, phase: Phase,
) -> None:  # fmt: skip
    """Count every evaluation of the velocity as what it reads, and the outputs' currents, read anew at the end."""
    solver = plan.solver
    anew = 0 if solver.first_same_as_last else int((tried - refused).sum())
    rows, batch = len(tried) + int(tried.sum()) * (solver.stages - 1) + anew, len(tried)
    last, depth = circuit.last, len(circuit.sizes) - 1
    ledger.add(phase, Event.SAMPLE, 0, batch)
    ledger.add(phase, Event.SWEEP, 0, rows)
    for k in range(1, depth + 1):
        ups = (rows if k <= last or nudged else 0) + batch
        if k > 1:
            ledger.add_read(phase, True, k, ups, *read_size(circuit, k, True))
            if k <= last or nudged:
                ledger.add_read(phase, False, k, rows, *read_size(circuit, k, False))
        if k <= last:
            ledger.add(phase, Event.NEURON, k, rows)
            ledger.add(phase, Event.SKIP, k, rows * len(skipping(circuit, k)))
