"""Deep resistive network: conductances between layers of nodes, diodes to ground, inputs held by voltage sources.

    E(v) = ½ Σ_k Σ_ij g_k,ij (v_{k−1,i} − v_k,j)² − Σ_k i_kᵀ v_k
    F    = E + βC,   C = ½ ‖v_L − y‖²

over the layers k = 1..L of a chain, v_0 clamped (Kendall et al. 2020, arXiv 2006.01981; Scellier 2024, arXiv
2402.11674). E is the co-content, in watts; v is in volts, g >= 0 in siemens, the current sources i (the biases) in
amperes. Ideal diodes hold the first half of a hidden layer's nodes at 0 V or above and the second half at 0 V or below.
Where nothing holds a node its net current, −∂E/∂v, is 0. Conductances have no sign, so a column of data x is clamped
twice, as +A x and −A x, with the input gain A in volts.

Nothing here depends on the size of a batch: energies and contrasts are per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias
from neuroep.errors import BadInput
from neuroep.physics import costs
from neuroep.physics.activations import Activation, activate
from neuroep.physics.base import Products
from neuroep.physics.costs import Cost
from neuroep.weights import FloatArray

HIDDEN = (Activation.DIODES, Activation.LINEAR)


@dataclass(frozen=True, slots=True)
class Resistive:
    """The energy above, as engines ask for it."""

    name: str = "resistive"
    code: int = 1
    least_weight: float = 0.0
    rails: int = 2
    takes_skips: bool = False
    feedforward: bool = False
    default_activations: tuple[Activation, Activation] = (Activation.DIODES, Activation.LINEAR)

    def check(self, sizes: Sequence[int], activations: Sequence[Activation], cost: Cost, feedback: float) -> None:
        """See Physics."""
        if sizes[0] % self.rails:
            raise BadInput(f"{sizes[0]} input nodes", "layers[0].size", "an even number: each input x is clamped as ±x")
        if feedback != 1.0:
            raise BadInput(f"feedback gain {feedback} between resistors", "feedback", "1, or left out")
        if cost is not Cost.MSE:
            raise BadInput(f"cost {cost.label!r} in a resistive network", "cost", Cost.MSE.label)
        if activations[-1] is not Activation.LINEAR:
            raise BadInput(f"output activation {activations[-1].label!r}", "layers", Activation.LINEAR.label)
        for k, activation in enumerate(activations[1:-1], start=1):
            if activation not in HIDDEN:
                allowed = " or ".join(a.label for a in HIDDEN)
                raise BadInput(f"activation {activation.label!r} of resistors", f"layers[{k}].activation", allowed)

    def clamped(self, x: FloatArray, gain: float) -> FloatArray:
        """See Physics: (A x, −A x)."""
        volts = x * x.dtype.type(gain)
        return np.concatenate([volts, -volts], axis=1)

    def feedback_source(
        self, circuit: Circuit, k: int, states: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> tuple[FloatArray, float]:
        """See Physics: (v_k, 1)."""
        return states, 1.0

    def block_update(
        self, circuit: Circuit, k: int, inputs: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> FloatArray:
        """See Physics: what flows in over what is joined to a node, then the diodes; of outputs with the nudge."""
        load = loads(circuit, k)
        if k == len(circuit.sizes) - 1:
            return _over(inputs + beta[:, None] * targets, load + beta[:, None])
        return activate(int(circuit.activations[k]), _over(inputs, load))

    def products(
        self, circuit: Circuit, k: int, below: FloatArray, above: FloatArray, coefficients: FloatArray
    ) -> Products:
        """See Physics: ½(v_i − v_j)² as −v_i v_j + ½ v_i² · 1 + ½ 1 · v_j², squares summed before they are sent."""
        weighted, once = coefficients[:, None] * above, coefficients
        if len(below) < len(above):  # a clamped input, alike in all copies: where they add to 0 its square cancels
            weighted = weighted.reshape(-1, len(below), weighted.shape[1]).sum(axis=0)
            once = once.reshape(-1, len(below)).sum(axis=0)
        sources, ends = 0.5 * (once @ below**2), 0.5 * (coefficients @ above**2)
        return Products(
            np.concatenate([below, sources[None], np.ones_like(sources)[None]]),
            np.concatenate([weighted, np.ones_like(ends)[None], ends[None]]),
            np.concatenate([np.full(len(below), -1.0), np.ones(2)]).astype(above.dtype),
        )


RESISTIVE = Resistive()


def loads(circuit: Circuit, k: int) -> FloatArray:
    """Return the conductance that is joined to each node of layer k, in siemens, shape (n_k,)."""
    load: FloatArray = coupling_up(circuit, k).sum(axis=0)
    return load if k == len(circuit.sizes) - 1 else load + coupling_down(circuit, k + 1).sum(axis=1)


def _over(currents: FloatArray, load: FloatArray) -> FloatArray:
    """Return currents / load: 0 V where nothing is joined to a node, NaN where a load below 0 leaves no minimum."""
    load = np.broadcast_to(np.where(load < 0.0, np.nan, load), currents.shape)
    volts: FloatArray = np.divide(currents, load, out=np.zeros_like(currents), where=load != 0.0)
    return volts


def net_currents(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> list[FloatArray]:
    """Return −∂E/∂v_k of every layer: the current into each node in amperes, diodes aside.

    Parameters
    ----------
    circuit : Circuit
        The network, exactly read.
    x : ndarray, shape (batch, n_0)
        Clamped voltages.
    states : sequence of ndarray
        v_1..v_L, each (batch, n_k), in volts.
    """
    found: list[FloatArray] = []
    for k, v in enumerate(states, start=1):
        below = x if k == 1 else states[k - 2]
        current = below @ coupling_up(circuit, k) + layer_bias(circuit, k) - loads(circuit, k) * v
        if k < len(states):
            current = current + states[k] @ coupling_down(circuit, k + 1).T
        found.append(current)
    return found


def energy(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> FloatArray:
    """Return the co-content E of each sample in watts, shape (batch,)."""
    total, below = np.zeros(len(x), dtype=x.dtype), x
    for k, v in enumerate(states, start=1):
        across = below[:, :, None] - v[:, None, :]
        total = total + 0.5 * (coupling_up(circuit, k) * across**2).sum(axis=(1, 2)) - v @ layer_bias(circuit, k)
        below = v
    return total


def nudged_energy(
    circuit: Circuit, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return F = E + βC of each sample, shape (batch,)."""
    return energy(circuit, x, states) + beta * costs.cost(circuit.cost, states[-1], targets)
