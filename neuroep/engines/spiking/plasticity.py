"""Plasticity from spikes and traces, on during the nudged phase (after EqSpike, Martin et al., iScience 24, 2021).

Every unit keeps a fast and a slow trace of its spikes q, and from both a slope of its rate:

    r_f ← (1 − 1/τ_f) r_f + q/(p τ_f),    r_s likewise,    ṙ = (r_f − r_s)/(τ_s − τ_f)

A synapse changes when a spike passes: Δw = η q_pre ṙ_post/p on one from below, Δw = η q_post ṙ_pre/p on one from above;
a bias at each step by η ṙ. Over a phase that sums up to η Δ(r_pre r_post), EP's contrast, with nothing stored of the
free phase but the traces: they start from the free states, so that slopes are 0 there. η is a row's own, and holds the
sign of its β. Times are in steps, p is in spikes a step; synapses read slopes before this step's spikes enter them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines.base import Nudge
from neuroep.engines.spiking import plasticity_kernels as kernels
from neuroep.engines.spiking.carried import count, equilibrium, repeated
from neuroep.engines.spiking.engine import constants_of, wiring_of
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray, Weights


class Traces(NamedTuple):
    """Time constants, in steps, of the fast and the slow trace of a unit's spikes."""

    fast: float
    slow: float


class Learned(NamedTuple):
    """What a plastic phase gave.

    Attributes
    ----------
    equilibrium : Equilibrium
        Of the nudged rows.
    changes : Weights
        Σ over rows of η Δ(r_pre r_post) and η Δr, divided by the reach of a nudge, γ^{D−k}.
    """

    equilibrium: Equilibrium
    changes: Weights


def check(how: Spikes, traces: Traces) -> None:
    """Refuse traces that tell no slope, and codes whose accumulators aren't filled by rates.

    Raises
    ------
    BadInput
        With what is allowed.
    """
    if how.encoder is not Encoder.INTEGRATE_AND_FIRE:
        raise BadInput(f"plasticity with {how.encoder.value}", "encoder", Encoder.INTEGRATE_AND_FIRE.value)
    fast, slow = checks.number(traces.fast, "traces.fast"), checks.number(traces.slow, "traces.slow")
    if not 1.0 < fast < slow < np.inf:
        raise BadInput(f"time constants of {fast:g} and {slow:g} steps", "traces", "1 < fast < slow")


def learn(
    circuit: Circuit, free: Equilibrium, nudge: Nudge, how: Spikes, traces: Traces, rates: FloatArray, ledger: Ledger
) -> Learned:
    """Settle nudged copies, each from the free equilibrium, while their synapses learn.

    Weights stay as they are during the phase; `changes` is what they would take up.

    Parameters
    ----------
    circuit : Circuit
        The network.
    free : Equilibrium
        Of the spiking engine.
    nudge : Nudge
        Targets and β of each row.
    how : Spikes
        The phase, integrate-and-fire.
    traces : Traces
        Time constants.
    rates : ndarray, shape (rows,)
        η of each row: 1/(rows β) gives the mean of (Δ r rᵀ)/β.
    ledger : Ledger
        Counts spikes and synapse updates.
    """
    check(how, traces)
    begin = repeated(circuit, free, len(nudge.beta) // len(free.residual))
    shape, dtype = nudge.beta.reshape(-1, len(free.residual)).shape, circuit.up.dtype
    states = np.repeat(np.concatenate(free.states, axis=1)[None], shape[0], axis=0)
    marks = kernels.Marks(begin.inputs.x.copy(), begin.inputs.x.copy(), states, states.copy())
    means, velocity = np.empty_like(states), np.empty(shape, dtype=dtype)
    found = Weights.zeros(Layout.of(circuit.sizes.tolist()), dtype=dtype)
    counts = np.zeros((5, len(circuit.sizes)), dtype=np.int64)
    kernels.learn(
        wiring_of(circuit), constants_of(how), traces, begin.inputs, begin.cells, marks,
        nudge.targets.reshape(*shape, -1), nudge.beta.reshape(shape), rates.astype(dtype).reshape(shape), means,
        velocity, found.couplings, found.biases, counts,
    )  # fmt: skip
    count(counts, how.steps, len(nudge.beta), ledger, Phase.NUDGED)
    for k, times in enumerate(counts[kernels.LEARN]):
        ledger.add(Phase.UPDATE, Event.LEARN, k, int(times))
    return Learned(equilibrium(circuit, begin, means, velocity, how), reached(circuit, found))


def reached(circuit: Circuit, changes: Weights) -> Weights:
    """Divide each layer's changes by the share of a nudge that reaches it, in place."""
    for k in range(1, len(circuit.sizes)):
        changes.coupling(k)[...] /= circuit.reach[k]
        changes.bias(k)[...] /= circuit.reach[k]
    return changes
