"""The memory accesses of one EP training step, taken down from the reference engine while it works."""

from __future__ import annotations

import numpy as np

from neuroep import checks
from neuroep.cost.reuse import Access
from neuroep.cost.traces import Recorder
from neuroep.engines import Plans
from neuroep.engines.reference import ReferenceEngine
from neuroep.errors import BadInput
from neuroep.hardware.device import lower
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.methods.phases import QUIET, settle_phases, sweep_plans
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Phases
from neuroep.rng import stream
from neuroep.weights import Weights

NEVER = -1.0
"""A tolerance that no residual is under: every sweep is taken."""


def ep_step_trace(
    network: Network, phases: Phases, seed: int = 0, batch: int = 1, direct: bool = False
) -> list[Access]:
    """Return every buffer access of one EP step on one sample or a minibatch, all sweeps taken.

    Weights, input and target are written first. The input is read through W_1 once for all phases, and a
    weighted sum is read again only when its source has changed: what the engines really do, unlike an EP
    that multiplies x·W_1 anew in every sweep. States start from zero, and what is zero is neither written nor read;
    nudged copies have buffers of their own from their first change on, and share the free phase's until then. The
    contrast, formed from the highest coupling down, reads theirs, and those of the free phase where the estimator takes
    them in. What a stopping rule reads to compare states with what they were isn't noted, nor are temporaries and rows
    that are repeated for whoever looks at the nudged phase. Scaled displacements, a way to compute what hardware does
    with states, have the trace of those states.

    Parameters
    ----------
    network : Network
        Its sizes and cost; neither weights nor feedback gain change what is read and written.
    phases : Phases
        Estimator and sweeps; its tolerance isn't used.
    seed : int
        Of the nudge's sign where that is random, on which no access depends.
    batch : int
        Samples that settle together: states and sums hold all of them, and weights are read once for all.
    direct : bool
        Whether contrasts go straight into the weights, without a gradient's buffer, as those of a plain rule
        (`Training.is_plain`) do on exact weights.

    Returns
    -------
    list of Access
        For the trackers of :mod:`neuroep.cost.reuse`; sizes in floats.

    Raises
    ------
    BadInput
        For an estimator that isn't a difference of real equilibria at fixed weights, or no samples.
    """
    refuse_untraced(phases)
    recorder, sizes, batch = Recorder(), network.sizes, checks.whole(batch, "batch", 1)
    for name, size in (*parameters(network), ("x", batch * sizes[0]), ("y", batch * sizes[-1])):
        recorder.write(name, size)
    copies, with_free = _settle(ReferenceEngine(recorder), network, phases, seed, batch)
    _contrast(recorder, network, copies, with_free, batch, direct)
    note_update(recorder, network, direct)
    return recorder.trace


def refuse_untraced(phases: Phases) -> None:
    """Refuse estimators that aren't differences of real equilibria at fixed weights.

    Raises
    ------
    BadInput
        Naming those that are.
    """
    if not phases.estimator.is_difference:
        allowed = "one-sided, random-sign or centered"
        raise BadInput(f"a trace of the {phases.estimator.value} estimator", "phases.estimator", allowed)


def parameters(network: Network) -> list[tuple[str, int]]:
    """Return the buffers W_1, b_1, .., W_L, b_L with their sizes."""
    sizes = network.sizes
    found = [((f"W{k}", sizes[k - 1] * sizes[k]), (f"b{k}", sizes[k])) for k in range(1, network.depth + 1)]
    return [one for pair in found for one in pair]


def note_update(recorder: Recorder, network: Network, direct: bool) -> None:
    """Note what is left to do after the contrast: gradients' buffers are added, resistors held above zero."""
    buffers = parameters(network)
    for name, size in () if direct else buffers:
        recorder.read(f"d{name}", size)
        recorder.read(name, size)
        recorder.write(name, size)
    if PHYSICS[network.physics].least_weight > -np.inf:
        for name, size in buffers[::2]:
            recorder.read(name, size)
            recorder.write(name, size)


def _settle(engine: ReferenceEngine, network: Network, phases: Phases, seed: int, batch: int) -> tuple[int, bool]:
    """Settle a network of zeros, which takes every sweep; return the nudged copies and whether free states count."""
    zeros = Weights.zeros(network.sizes)
    circuit = lower(network, zeros.couplings, zeros.couplings, zeros.biases)
    x, y = (np.zeros((batch, n), dtype=np.float32) for n in (network.sizes[0], network.sizes[-1]))
    nudges = scheme(phases.estimator, phases.beta, batch, stream(seed, "signs"))
    plan = Plans(*(one._replace(tolerance=NEVER) for one in sweep_plans(phases, network.depth)))
    away = nudges._replace(beta=np.abs(nudges.beta))  # zeros nudged the other way may have no minimum
    settle_phases(engine, circuit, x, y, plan, away, QUIET, Ledger.empty(network.sizes))
    return len(nudges.beta) // batch, nudges.with_free


def _contrast(recorder: Recorder, network: Network, copies: int, with_free: bool, batch: int, direct: bool) -> None:
    """Note the contrast of each coupling, all rows summed before anything is written; then a read-out's gradient."""
    sizes, last, units = network.sizes, network.dynamical, [batch * size for size in network.sizes]
    for k in range(last, 0, -1):
        if k == 1:
            recorder.read("x", units[0])
        for layer in (k - 1, k) if k > 1 else (k,):
            if with_free:
                recorder.read(f"s{layer}", units[layer])
            recorder.read(f"s{layer}′", copies * units[layer])
        _add(recorder, sizes, k, direct)
    if last < network.depth:
        for name, size in ((f"s{last}", units[last]), (f"s{last + 1}", units[-1]), ("y", units[-1])):
            recorder.read(name, size)
        _add(recorder, sizes, network.depth, direct)


def _add(recorder: Recorder, sizes: tuple[int, ...], k: int, direct: bool) -> None:
    """Note what a coupling's contrast is written to: its gradient's buffer, or the weights that it changes."""
    for name, size in ((f"W{k}", sizes[k - 1] * sizes[k]), (f"b{k}", sizes[k])):
        if direct:
            recorder.read(name, size)
        recorder.write(name if direct else f"d{name}", size)
