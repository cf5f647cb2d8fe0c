"""What may keep a network from learning by EP, each with the setting to change.

============= =========================================================================================
loop gain     largest eigenvalue of a sweep linearised where feedback begins, at the forward pass: from 1 on states hold
              themselves up, whatever the input is (at an equilibrium that is stable it's always under 1)
minima        share of the samples that settle elsewhere from other states
unsettled     share of the samples that as many sweeps as the recipe has leave a tenth of their states from rest
flat          share of the hidden units whose slope is below 1/100 for every sample: dead or saturated
nonlinear     1 − cosine of the gradients at β and at β/2, of the worst coupling
============= =========================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias
from neuroep.physics.activations import RANGES, Activation, activate, slope
from neuroep.physics.hopfield import HOPFIELD
from neuroep.weights import FloatArray, Weights

#: Sweeps in which states settle here, the change under which they have, and rounds of the power iteration.
SWEEPS, SETTLED, ROUNDS = 200, 1e-8, 60
#: Random starts, and how far apart two ends of a sample are two equilibria.
STARTS, APART = 4, 1e-3
#: A unit's slope under which it is flat, and the share of the states by which a phase may miss its equilibrium.
FLAT, FAR = 0.01, 0.1

#: Shares and the last figure: what the shipped models, which train, stay under.
LIMITS = {"loop gain": 1.0, "minima": 0.0, "unsettled": 0.0, "flat": 0.25, "nonlinear": 0.15}
ADVICE = {
    "loop gain": "a smaller feedback gain (--feedback), and a learning rate of the read-out divided by its inputs",
    "minima": "a smaller feedback gain (--feedback) or smaller weights (layers.gain, training.weight_decay)",
    "unsettled": "more phases.free_sweeps, or a smaller feedback gain (--feedback)",
    "flat": "a smaller layers.gain, data of a smaller scale, or a bias in the middle of the units' range",
    "nonlinear": "a smaller nudge (--beta), or the centered estimator",
}
"""By name: the most that is sound, and what to change beyond it."""


class Finding(NamedTuple):
    """One figure, the most that is sound, and what to change if it is beyond that."""

    name: str
    value: float
    limit: float
    advice: str | None


def diagnosed(circuit: Circuit) -> bool:
    """Whether a circuit's sweeps are those written here: Hopfield's, without skips."""
    return circuit.physics == HOPFIELD.code and not len(circuit.skips.sources)


def diagnose(
    circuit: Circuit, x: FloatArray, sweeps: int, gradients: tuple[Weights, Weights], rng: np.random.Generator
) -> list[Finding]:
    """Return every figure of a mounted network.

    Parameters
    ----------
    circuit : Circuit
        Of which :func:`diagnosed` holds; its noise is left out.
    x : ndarray, shape (N, n_0)
        Inputs.
    sweeps : int
        Free sweeps of the recipe.
    gradients : tuple of Weights
        EP's at β and at β/2.
    rng : numpy.random.Generator
        Draws starts and directions.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        states = settled(circuit, x, zeros(circuit, len(x)))
        slopes = _slopes(circuit, x, states)
        found = {
            "loop gain": float(loop_gains(circuit, _forward_slopes(circuit, x), rng).max()),
            "minima": _elsewhere(circuit, x, states, rng),
            "unsettled": _unsettled(circuit, x, states, sweeps),
            "flat": float(np.mean(np.concatenate([s.max(axis=0) for s in slopes[:-1]] or [np.ones(1)]) < FLAT)),
            "nonlinear": _nonlinear(*gradients),
        }
    return [_finding(name, value) for name, value in found.items()]


def _finding(name: str, value: float) -> Finding:
    sound = value < LIMITS[name] or value == LIMITS[name] == 0.0
    return Finding(name, value, LIMITS[name], None if sound else ADVICE[name])


def zeros(circuit: Circuit, samples: int) -> list[FloatArray]:
    """Return states of layers 1..D at rest."""
    return [np.zeros((samples, int(n))) for n in circuit.sizes[1 : circuit.last + 1]]


def _inputs(circuit: Circuit, k: int, x: FloatArray, states: list[FloatArray]) -> FloatArray:
    """Input of layer k, 1..D, from its neighbours' states."""
    below = x if k == 1 else states[k - 2]
    total: FloatArray = below @ coupling_up(circuit, k) + layer_bias(circuit, k)
    return total + circuit.feedback * (states[k] @ coupling_down(circuit, k + 1).T) if k < circuit.last else total


def sweep(circuit: Circuit, x: FloatArray, states: list[FloatArray]) -> float:
    """Update layers 1..D in turn, in place; return the largest change."""
    most = 0.0
    for k in range(1, circuit.last + 1):
        new = activate(int(circuit.activations[k]), _inputs(circuit, k, x, states))
        most = max(most, float(np.abs(new - states[k - 1]).max()))
        states[k - 1] = new
    return most


def settled(circuit: Circuit, x: FloatArray, states: list[FloatArray]) -> list[FloatArray]:
    """Return the states in which sweeps from `states` end, or are after `SWEEPS` of them."""
    for _ in range(SWEEPS):
        if not sweep(circuit, x, states) > SETTLED:
            break
    return states


def _slopes(circuit: Circuit, x: FloatArray, states: list[FloatArray]) -> list[FloatArray]:
    codes = [int(code) for code in circuit.activations]
    return [slope(codes[k], _inputs(circuit, k, x, states)) for k in range(1, circuit.last + 1)]


def _forward_slopes(circuit: Circuit, x: FloatArray) -> list[FloatArray]:
    alone, states = circuit._replace(feedback=0.0), zeros(circuit, len(x))
    sweep(alone, x, states)
    return _slopes(alone, x, states)


def loop_gains(circuit: Circuit, slopes: list[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return each sample's largest eigenvalue of δ_k ← ρ′_k (W_kᵀ δ_{k−1} + γ W_{k+1} δ_{k+1}), k = 1..D in turn.

    By power iteration; of n-h-1 it is γ ρ′_o Σ_j W_j² ρ′_j.
    """
    change = [rng.standard_normal(each.shape) for each in slopes]
    gains: FloatArray = np.zeros(len(slopes[0]))
    for _ in range(ROUNDS):
        size = _size(change)
        change = [each / np.where(size > 0.0, size, 1.0)[:, None] for each in change]
        for k in range(1, circuit.last + 1):
            total = change[k - 2] @ coupling_up(circuit, k) if k > 1 else np.zeros_like(change[0])
            if k < circuit.last:
                total = total + circuit.feedback * (change[k] @ coupling_down(circuit, k + 1).T)
            change[k - 1] = slopes[k - 1] * total
        gains = _size(change)
    return gains


def _elsewhere(circuit: Circuit, x: FloatArray, states: list[FloatArray], rng: np.random.Generator) -> float:
    other = np.zeros(len(x), dtype=np.bool_)
    ranges = [RANGES[Activation(int(code))] for code in circuit.activations[1 : circuit.last + 1]]
    for _ in range(STARTS):
        start: list[FloatArray] = []
        for (low, high), known in zip(ranges, states, strict=True):
            start.append(rng.uniform(max(-1.0, low), min(1.0, high), known.shape))
        for end, known in zip(settled(circuit, x, start), states, strict=True):
            other |= ~(np.abs(end - known).max(axis=1) < APART)
    return float(other.mean())


def _unsettled(circuit: Circuit, x: FloatArray, states: list[FloatArray], sweeps: int) -> float:
    reached = zeros(circuit, len(x))
    for _ in range(sweeps):
        sweep(circuit, x, reached)
    off = _size([a - b for a, b in zip(reached, states, strict=True)])
    return float(np.mean(~(off <= FAR * _size(states))))


def _size(layers: Sequence[FloatArray]) -> FloatArray:
    """Norm of each sample's states or changes, over all layers."""
    size: FloatArray = np.sqrt(np.sum([(each**2).sum(axis=1) for each in layers], axis=0))
    return size


def _nonlinear(whole: Weights, half: Weights) -> float:
    worst = 0.0
    for k in range(1, whole.depth + 1):
        a, b = whole.coupling(k).ravel(), half.coupling(k).ravel()
        norms = float(np.linalg.norm(a) * np.linalg.norm(b))
        worst = max(worst, 1.0 - float(a @ b) / norms if norms else 0.0)
    return worst
