"""A chain of Hopfield layers swept in plain numpy, and the gain of its loops: what a diagnosis looks at.

The layers k = 1..D are updated in turn, without converters or noise. Linearised, a sweep is

    δ_k ← ρ′_k (W_kᵀ δ_{k−1} + γ W_{k+1} δ_{k+1})

and the loop gain its largest eigenvalue. Where it is 1 or more, states hold themselves up, whatever the input is. At
the states that the input alone gives it is in proportion to γ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias
from neuroep.physics.activations import activate, slope
from neuroep.physics.hopfield import HOPFIELD
from neuroep.weights import FloatArray

#: Sweeps in which states settle here, the change under which they have, and rounds of the power iteration.
SWEEPS, SETTLED, ROUNDS = 200, 1e-8, 60


def covered(circuit: Circuit) -> bool:
    """Whether a circuit's sweeps are those written here: Hopfield's, without skips."""
    return circuit.physics == HOPFIELD.code and not len(circuit.skips.sources)


def zeros(circuit: Circuit, samples: int) -> list[FloatArray]:
    """Return states of layers 1..D at rest."""
    return [np.zeros((samples, int(n)), circuit.up.dtype) for n in circuit.sizes[1 : circuit.last + 1]]


def layer_input(circuit: Circuit, k: int, x: FloatArray, states: Sequence[FloatArray]) -> FloatArray:
    """Return the input of layer k, 1..D, from its neighbours' states, free of any nudge."""
    below = x if k == 1 else states[k - 2]
    total: FloatArray = below @ coupling_up(circuit, k) + layer_bias(circuit, k)
    return total + circuit.feedback * (states[k] @ coupling_down(circuit, k + 1).T) if k < circuit.last else total


def sweep(circuit: Circuit, x: FloatArray, states: list[FloatArray]) -> float:
    """Update layers 1..D in turn, in place; return the largest change."""
    most = 0.0
    for k in range(1, circuit.last + 1):
        new = activate(int(circuit.activations[k]), layer_input(circuit, k, x, states))
        most = max(most, float(np.abs(new - states[k - 1]).max()))
        states[k - 1] = new
    return most


def settled(circuit: Circuit, x: FloatArray, states: list[FloatArray]) -> list[FloatArray]:
    """Return the states in which sweeps from `states` end, or are after `SWEEPS` of them."""
    for _ in range(SWEEPS):
        if not sweep(circuit, x, states) > SETTLED:
            break
    return states


def slopes(circuit: Circuit, x: FloatArray, states: Sequence[FloatArray]) -> list[FloatArray]:
    """Return ρ′ of layers 1..D at some states."""
    codes = [int(code) for code in circuit.activations]
    return [slope(codes[k], layer_input(circuit, k, x, states)) for k in range(1, circuit.last + 1)]


def forward_slopes(circuit: Circuit, x: FloatArray) -> list[FloatArray]:
    """Return ρ′ of layers 1..D at the states that the input alone gives, without feedback."""
    alone, states = circuit._replace(feedback=0.0), zeros(circuit, len(x))
    sweep(alone, x, states)
    return slopes(alone, x, states)


def loop_gains(
    circuit: Circuit, slopes: Sequence[FloatArray], rng: np.random.Generator, rounds: int = ROUNDS
) -> FloatArray:
    """Return each sample's largest eigenvalue of a linearised sweep, by power iteration.

    Parameters
    ----------
    circuit : Circuit
        Of which :func:`covered` holds.
    slopes : sequence of ndarray
        ρ′ of layers 1..D, each (N, n_k).
    rng : numpy.random.Generator
        Draws where the iteration starts.
    rounds : int
        Of the iteration; a few tell whether the gain is about 1.

    Returns
    -------
    ndarray, shape (N,)
        Of n-h-1 γ ρ′_o Σ_j W_j² ρ′_j.
    """
    change: list[FloatArray] = [rng.standard_normal(each.shape).astype(circuit.up.dtype) for each in slopes]
    gains: FloatArray = np.zeros(len(slopes[0]))
    for _ in range(rounds):
        size = norms(change)
        change = [each / np.where(size > 0.0, size, 1.0)[:, None] for each in change]
        for k in range(1, circuit.last + 1):
            total = change[k - 2] @ coupling_up(circuit, k) if k > 1 else 0.0 * change[0]
            if k < circuit.last:
                total += circuit.feedback * (change[k] @ coupling_down(circuit, k + 1).T)
            change[k - 1] = slopes[k - 1] * total
        gains = norms(change)
    return gains


def most_gain(circuit: Circuit) -> float:
    """Return what no loop gain of a circuit passes, from its weights alone.

    Both reads alike, a sweep's largest eigenvalue is the square of that of the symmetric matrix of blocks
    √(γ ρ′_{k−1}) W_k √ρ′_k, which is at most the largest √γ (‖W_k‖ + ‖W_{k+1}‖), as every slope is at most 1.
    """
    norm = np.zeros(circuit.last + 2)
    for k in range(2, circuit.last + 1):
        norm[k] = max(np.linalg.norm(coupling_up(circuit, k)), np.linalg.norm(coupling_down(circuit, k)))
    return float(circuit.feedback * (norm[1:-1] + norm[2:]).max() ** 2)


def norms(layers: Sequence[FloatArray]) -> FloatArray:
    """Return the norm of each sample's states or changes, over all layers."""
    size: FloatArray = np.sqrt(sum(np.einsum("nk,nk->n", each, each) for each in layers))
    return size
