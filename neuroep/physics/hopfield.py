"""Continuous Hopfield network with feedback gain γ.

    E(s) = Σ_k γ^{k−1} Σ_samples [ Σ G(s_k) − s_{k−1}ᵀ W_k s_k − b_kᵀ s_k ],   s_0 = x clamped
    F    = E + β γ^{D−1} C

over the dynamical layers k = 1..D, G' = ρ⁻¹ (Hopfield 1984; γ after Xie & Seung, Neural Computation 15,
2003). At the minimum s_k = ρ(W_kᵀ s_{k−1} + γ W_{k+1} s_{k+1} + b_k). The weight γ^{k−1} keeps E a true
energy although upward and downward couplings differ by γ. Under a cross-entropy read-out D = L − 1 and
layer D feels β W_L (y − ŷ) in place of γ W_L s_L (Laborieux et al. 2021). All quantities are dimensionless.

Nothing here depends on the size of a batch: energies and contrasts are per sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroep.circuit import Circuit
from neuroep.network import Cost
from neuroep.physics import activations, costs
from neuroep.weights import FloatArray, Weights


def coupling_up(circuit: Circuit, k: int) -> FloatArray:
    """Return W_k as read from below, a view (n_{k−1}, n_k)."""
    return _block(circuit, circuit.up, k)


def coupling_down(circuit: Circuit, k: int) -> FloatArray:
    """Return W_k as read from above, a view (n_{k−1}, n_k)."""
    return _block(circuit, circuit.down, k)


def bias(circuit: Circuit, k: int) -> FloatArray:
    """Return b_k, a view (n_k,)."""
    return circuit.biases[circuit.units[k - 1] : circuit.units[k]]


def _block(circuit: Circuit, buffer: FloatArray, k: int) -> FloatArray:
    part = buffer[circuit.starts[k - 1] : circuit.starts[k]]
    return part.reshape(circuit.sizes[k - 1], circuit.sizes[k])


def dynamical(circuit: Circuit) -> int:
    """Return D, the index of the last dynamical layer."""
    depth = len(circuit.sizes) - 1
    return depth - 1 if circuit.cost == Cost.CROSS_ENTROPY else depth


def feedback_source(
    circuit: Circuit, k: int, states: FloatArray, targets: FloatArray, beta: FloatArray
) -> tuple[FloatArray, float]:
    """Return what layer k sends down and the gain on it: (s_k, γ), or (β(y − ŷ), 1) for a read-out."""
    if k > dynamical(circuit):
        return beta[:, None] * (targets - states), 1.0
    return states, circuit.feedback


def block_update(circuit: Circuit, k: int, inputs: FloatArray, targets: FloatArray, beta: FloatArray) -> FloatArray:
    """Return the exact minimiser of F in layer k, given the input of its units, shape (batch, n_k)."""
    if k < len(circuit.sizes) - 1:
        return activations.activate(int(circuit.activations[k]), inputs)
    return costs.nudged_output(circuit.cost, int(circuit.activations[k]), inputs, targets, beta)


def inputs(
    circuit: Circuit, k: int, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return the input of layer k, W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1}, shape (batch, n_k)."""
    below = x if k == 1 else states[k - 2]
    total = below @ coupling_up(circuit, k) + bias(circuit, k)
    if k < len(circuit.sizes) - 1:
        source, gain = feedback_source(circuit, k + 1, states[k], targets, beta)
        total = total + gain * (source @ coupling_down(circuit, k + 1).T)
    return total


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
        block_update(circuit, k, inputs(circuit, k, x, states, targets, beta), targets, beta) - states[k - 1]
        for k in range(1, len(circuit.sizes))
    ]


def force(
    circuit: Circuit, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> list[FloatArray]:
    """Return −∂F/∂s_k of the dynamical layers k = 1..D, for states inside the range of ρ."""
    last = dynamical(circuit)
    forces: list[FloatArray] = []
    for k in range(1, last + 1):
        pull = inputs(circuit, k, x, states, targets, beta)
        pull = pull - activations.inverse(int(circuit.activations[k]), states[k - 1])
        if k == len(circuit.sizes) - 1:
            pull = pull - beta[:, None] * costs.cost_slope(circuit.cost, states[k - 1], targets)
        forces.append(circuit.feedback ** (k - 1) * pull)
    return forces


def energy(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> FloatArray:
    """Return E of each sample, shape (batch,)."""
    total = np.zeros(len(x), dtype=x.dtype)
    below = x
    for k in range(1, dynamical(circuit) + 1):
        s = states[k - 1]
        current = below @ coupling_up(circuit, k) + bias(circuit, k)
        local = activations.potential(int(circuit.activations[k]), s) - current * s
        total = total + circuit.feedback ** (k - 1) * local.sum(axis=1)
        below = s
    return total


def nudged_energy(
    circuit: Circuit, x: FloatArray, states: Sequence[FloatArray], targets: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return F = E + β γ^{D−1} C of each sample, shape (batch,)."""
    last = dynamical(circuit)
    output = states[-1]
    if circuit.cost == Cost.CROSS_ENTROPY:
        logits = states[last - 1] @ coupling_up(circuit, last + 1) + bias(circuit, last + 1)
        output = costs.softmax(logits)
    weight = circuit.feedback ** (last - 1)
    return energy(circuit, x, states) + beta * weight * costs.cost(circuit.cost, output, targets)


def energy_slope(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> Weights:
    """Return ∂E/∂θ, mean over the samples: −γ^{k−1} s_{k−1}ᵀ s_k and −γ^{k−1} s_k; 0 for a read-out."""
    sizes = tuple(circuit.sizes.tolist())
    slopes = Weights.zeros(sizes, dtype=x.dtype)
    below = x
    for k in range(1, dynamical(circuit) + 1):
        s, scale = states[k - 1], -(circuit.feedback ** (k - 1)) / len(x)
        slopes.coupling(k)[...] = scale * (below.T @ s)
        slopes.bias(k)[...] = scale * s.sum(axis=0)
        below = s
    return slopes
