"""States as a learning engine remembers them: traces of a few bits, rounded at random without bias.

A trace of b bits counts 0 to 2^b − 1; full scale is a state of 1, of 6 for relu6. Signed states take a second trace for
the negative side. States of linear and relu layers have no bound and saturate at ±1, as the converters of a crossbar
do. Each sample and each phase is rounded on its own, so the contrast keeps its mean and gains noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroep.circuit import Circuit
from neuroep.equilibrium import Equilibrium
from neuroep.hardware.programming import stochastic_round
from neuroep.network import Activation
from neuroep.weights import FloatArray


def traced(circuit: Circuit, layer: int, states: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the states of a layer as traces hold them; the states themselves without traces.

    Parameters
    ----------
    circuit : Circuit
        Says how many bits, and what the layer's full scale is.
    layer : int
        0..L.
    states : ndarray, shape (rows, n)
        Not changed.
    rng : numpy.random.Generator
        Draws one number an entry.
    """
    if not circuit.trace_bits:
        return states
    top = float((1 << circuit.trace_bits) - 1)
    full = 6.0 if layer and int(circuit.activations[layer]) == Activation.RELU6 else 1.0
    counts = stochastic_round(np.clip(states * (top / full), -top, top), rng)
    counts *= full / top
    return counts


def traced_layers(circuit: Circuit, states: Sequence[FloatArray], rng: np.random.Generator) -> tuple[FloatArray, ...]:
    """Return the states of layers 1..L as traces hold them; a read-out's output isn't one."""
    last = circuit.last
    return tuple(traced(circuit, k, s, rng) if k <= last else s for k, s in enumerate(states, start=1))


def traced_equilibrium(circuit: Circuit, found: Equilibrium, rng: np.random.Generator) -> Equilibrium:
    """Return an equilibrium whose states are :func:`traced_layers`."""
    return found._replace(states=traced_layers(circuit, found.states, rng)) if circuit.trace_bits else found
