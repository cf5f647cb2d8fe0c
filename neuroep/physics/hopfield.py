"""Continuous Hopfield network with feedback gain γ.

    E(s) = Σ_k γ^{k−1} Σ_samples [ Σ G(s_k) − s_{k−1}ᵀ W_k s_k − b_kᵀ s_k ],   s_0 = x clamped
    F    = E + β γ^{D−1} C

over the dynamical layers k = 1..D, G' = ρ⁻¹ (Hopfield 1984; γ after Xie & Seung, Neural Computation 15,
2003). At the minimum s_k = ρ(W_kᵀ s_{k−1} + γ W_{k+1} s_{k+1} + b_k). The weight γ^{k−1} keeps E a true
energy although upward and downward couplings differ by γ. Under a cross-entropy read-out D = L − 1 and
layer D feels β W_L (y − ŷ) in place of γ W_L s_L (Laborieux et al. 2021). All quantities are dimensionless.

An identity skip from layer i to layer j adds −γ^{j−1} α s_i·s_j: layer j receives α s_i, layer i α γ^{j−i} s_j.

Nothing here depends on the size of a batch: energies and contrasts are per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias, skipping
from neuroep.errors import BadInput
from neuroep.physics import costs
from neuroep.physics.activations import RANGES, Activation, activate, inverse, potential
from neuroep.physics.base import Products
from neuroep.physics.costs import Cost
from neuroep.weights import FloatArray, Weights

#: Output activations whose nudged update is exact, where they are others than linear.
OUTPUTS = {Cost.MSE: (Activation.LINEAR, Activation.HARD_SIGMOID, Activation.RELU6, Activation.RELU)}


@dataclass(frozen=True, slots=True)
class Hopfield:
    """The energy above, as engines ask for it."""

    name: str = "hopfield"
    code: int = 0
    takes_skips: bool = True
    least_weight: float = -np.inf
    rails: int = 1
    feedforward: bool = True
    default_activations: tuple[Activation, Activation] = (Activation.HARD_SIGMOID, Activation.HARD_SIGMOID)

    def check(self, sizes: Sequence[int], activations: Sequence[Activation], cost: Cost, feedback: float) -> None:
        """See Physics."""
        for k, activation in enumerate(activations[1:], start=1):
            if activation not in RANGES:
                problem = f"activation {activation.label!r} of {self.name} units"
                raise BadInput(problem, f"layers[{k}].activation", ", ".join(known.label for known in RANGES))
        if cost is Cost.CROSS_ENTROPY and len(sizes) < 3:
            raise BadInput("a cross-entropy read-out with no layer under it", "layers", "at least one hidden layer")
        allowed = OUTPUTS.get(cost, (Activation.LINEAR,))
        if activations[-1] not in allowed:
            raise BadInput(
                f"output activation {activations[-1].label!r} with cost {cost.label!r}",
                "layers",
                ", ".join(a.label for a in allowed) + " (their nudged update is exact)",
            )

    def clamped(self, x: FloatArray, gain: float) -> FloatArray:
        """See Physics: x itself; it has no gain."""
        return x

    def feedback_source(
        self, circuit: Circuit, k: int, states: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> tuple[FloatArray, float]:
        """See Physics: (s_k, γ), or (β(y − ŷ), 1) for a read-out."""
        if k > circuit.last:
            return beta[:, None] * (targets - states), 1.0
        return states, circuit.feedback

    def block_update(
        self, circuit: Circuit, k: int, inputs: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> FloatArray:
        """See Physics."""
        if k < len(circuit.sizes) - 1:
            return activate(int(circuit.activations[k]), inputs)
        return costs.nudged_output(circuit.cost, int(circuit.activations[k]), inputs, targets, beta)

    def products(
        self, circuit: Circuit, k: int, below: FloatArray, above: FloatArray, coefficients: FloatArray
    ) -> Products:
        """See Physics: −s_{k−1} s_kᵀ / γ^{D−k}; copies of a clamped input are summed before their product."""
        weighted = coefficients[:, None] * above
        if len(below) < len(above):
            weighted = weighted.reshape(-1, len(below), weighted.shape[1]).sum(axis=0)
        return Products(below, weighted, np.full(len(below), -1.0 / circuit.reach[k], dtype=above.dtype))


#: The one energy of which everything in this package is worked out.
HOPFIELD = Hopfield()


def inputs(
    circuit: Circuit, k: int, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return the input of layer k, W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1} and what skips bring, shape (batch, n_k)."""
    below = x if k == 1 else states[k - 2]
    total = below @ coupling_up(circuit, k) + layer_bias(circuit, k)
    if k < len(circuit.sizes) - 1:
        source, gain = HOPFIELD.feedback_source(circuit, k + 1, states[k], targets, beta)
        total = total + gain * (source @ coupling_down(circuit, k + 1).T)
    return total + sum(gain * states[j - 1] for j, gain in skipping(circuit, k))


def velocity(
    circuit: Circuit, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> list[FloatArray]:
    """Return ρ(input_k) − s_k of every layer, nudged at the output: zero exactly at equilibrium.

    Parameters
    ----------
    circuit : Circuit
        The network, without converters or noise (they are the engine's business).
    x : ndarray, shape (batch, n_0)
        Clamped input.
    states : sequence of ndarray
        s_1..s_L, each (batch, n_k).
    targets : ndarray, shape (batch, n_L)
        y.
    beta : ndarray, shape (batch,)
        Nudging of each sample.
    """
    return [
        HOPFIELD.block_update(circuit, k, inputs(circuit, k, x, states, targets, beta), targets, beta) - states[k - 1]
        for k in range(1, len(circuit.sizes))
    ]


def force(
    circuit: Circuit, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> list[FloatArray]:
    """Return −∂F/∂s_k of the dynamical layers k = 1..D, for states inside the range of ρ."""
    last = circuit.last
    forces: list[FloatArray] = []
    for k in range(1, last + 1):
        pull = inputs(circuit, k, x, states, targets, beta)
        pull = pull - inverse(int(circuit.activations[k]), states[k - 1])
        if k == len(circuit.sizes) - 1:
            pull = pull - beta[:, None] * costs.cost_slope(circuit.cost, states[k - 1], targets)
        forces.append(circuit.feedback ** (k - 1) * pull)
    return forces


def energy(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> FloatArray:
    """Return E of each sample, shape (batch,)."""
    total = np.zeros(len(x), dtype=x.dtype)
    below = x
    for k in range(1, circuit.last + 1):
        s = states[k - 1]
        current = below @ coupling_up(circuit, k) + layer_bias(circuit, k)
        current = current + sum(gain * states[j - 1] for j, gain in skipping(circuit, k) if j < k)
        local = potential(int(circuit.activations[k]), s) - current * s
        total = total + circuit.feedback ** (k - 1) * local.sum(axis=1)
        below = s
    return total


def nudged_energy(
    circuit: Circuit, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return F = E + β γ^{D−1} C of each sample, shape (batch,)."""
    last = circuit.last
    output = states[-1]
    if circuit.cost == Cost.CROSS_ENTROPY:
        logits = states[last - 1] @ coupling_up(circuit, last + 1) + layer_bias(circuit, last + 1)
        output = costs.softmax(logits)
    weight = circuit.feedback ** (last - 1)
    return energy(circuit, x, states) + beta * weight * costs.cost(circuit.cost, output, targets)


def safe_feedback(circuit: Circuit) -> float:
    """Return a feedback gain under which E has a minimum, whatever the input; infinite where any will do.

    Layers without an upper bound that drive each other can raise each other without end. In the states s_k γ^{(k−1)/2}
    E is ½s² less √γ W_k between neighbours, so it has a minimum where √γ (‖W_k‖ + ‖W_{k+1}‖) < 1 for every layer k (a
    row sum of norms is at least the largest eigenvalue), over the couplings whose ends are both unbounded.

    Parameters
    ----------
    circuit : Circuit
        With finite weights. Of skips nothing is said: NaN.
    """
    if len(circuit.skips.sources):
        return np.nan
    free = [np.inf in RANGES[Activation(int(code))] for code in circuit.activations]
    norms = np.zeros(circuit.last + 2)
    for k in range(2, circuit.last + 1):
        if free[k - 1] and free[k]:
            norms[k] = np.linalg.norm(coupling_up(circuit, k), 2)
    most = float((norms[1:-1] + norms[2:]).max())
    return 1.0 / most**2 if most > 0.0 else np.inf


def energy_slope(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> Weights:
    """Return ∂E/∂θ, mean over the samples: −γ^{k−1} s_{k−1}ᵀ s_k and −γ^{k−1} s_k; 0 for a read-out."""
    sizes = tuple(circuit.sizes.tolist())
    slopes = Weights.zeros(sizes, dtype=x.dtype)
    below = x
    for k in range(1, circuit.last + 1):
        s, scale = states[k - 1], -(circuit.feedback ** (k - 1)) / len(x)
        slopes.coupling(k)[...] = scale * (below.T @ s)
        slopes.bias(k)[...] = scale * s.sum(axis=0)
        below = s
    return slopes
