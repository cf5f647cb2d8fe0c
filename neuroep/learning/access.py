"""The memory accesses of one EP training step, taken down from the reference engine while it works."""

from __future__ import annotations

import numpy as np

from neuroep.circuit import Circuit
from neuroep.cost.reuse import Access
from neuroep.cost.traces import Recorder
from neuroep.engines import Accumulation
from neuroep.engines.reference import ReferenceEngine
from neuroep.hardware.device import lower
from neuroep.learning.estimators import scheme
from neuroep.learning.phases import QUIET, accumulate_gradient, plans, settle_phases
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.recipe import Phases
from neuroep.rng import stream
from neuroep.weights import Weights


def ep_step_trace(network: Network, phases: Phases, seed: int = 0) -> list[Access]:
    """Return every buffer access of one EP step on one sample, all sweeps taken.

    Weights, input and target are written first. The input is read through W_1 once for all phases, and a
    weighted sum is read again only when its source has changed: what the engines really do, unlike an EP
    that multiplies x·W_1 anew in every sweep.

    Parameters
    ----------
    network : Network
        Its sizes and cost.
    phases : Phases
        Estimator and sweeps.

    Returns
    -------
    list of Access
        For the trackers of :mod:`neuroep.cost.reuse`; sizes in floats.
    """
    recorder, sizes = Recorder(), network.sizes
    rng = stream(seed, "trace")
    draw = Weights.zeros(sizes)
    draw.couplings[...] = rng.normal(scale=0.1, size=draw.couplings.size)
    circuit = lower(network, draw.couplings, draw.couplings, draw.biases)
    for k in range(1, network.depth + 1):
        recorder.write(f"W{k}", draw.coupling(k).size)
        recorder.write(f"b{k}", sizes[k])
    recorder.write("x", sizes[0])
    recorder.write("y", sizes[-1])
    _step(ReferenceEngine(recorder), circuit, network, phases, rng)
    for k in range(1, network.depth + 1):
        for kept, gradient, size in ((f"W{k}", f"g{k}", draw.coupling(k).size), (f"b{k}", f"h{k}", sizes[k])):
            recorder.read(gradient, size)
            recorder.read(kept, size)
            recorder.write(kept, size)
    return recorder.trace


def _step(
    engine: ReferenceEngine, circuit: Circuit, network: Network, phases: Phases, rng: np.random.Generator
) -> None:
    x = rng.uniform(size=(1, network.sizes[0])).astype(np.float32)
    targets = rng.uniform(size=(1, network.sizes[-1])).astype(np.float32)
    nudges, out = scheme(phases.estimator, phases.beta, 1, rng), Weights.zeros(network.sizes)
    ledger, plan = Ledger.empty(network.sizes), plans(phases, network.depth)
    free, nudged = settle_phases(engine, circuit, x, targets, plan, nudges, QUIET, ledger)
    into = Accumulation(out, (1.0,) * network.depth, 0.0)
    accumulate_gradient(engine, circuit, x, targets, free, nudged, nudges, into, ledger)
