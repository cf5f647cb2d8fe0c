"""Nudged phases solved for scaled displacements, which no depth and no small γ can drown in rounding.

The nudge of a network with feedback gain γ reaches layer k of D dynamical layers weakened to γ^{D−k}: in float32
the difference s_k^β − s_k⁰ of two settled states is soon mere rounding. So the displacement itself is settled,

    d_k = (s_k^β − s_k⁰) / σ_k,   σ_k = γ^{D−k}.

With a_k = W_kᵀ s_{k−1}⁰ + b_k + γ W_{k+1} s_{k+1}⁰ and s_k⁰ = ρ(a_k), the input of layer k rises under the nudge by
W_kᵀ σ_{k−1} d_{k−1} + γ W_{k+1} σ_{k+1} d_{k+1} = σ_k z_k, since σ_{k−1} = γ σ_k and γ σ_{k+1} = σ_k, and so

    z_k = γ W_kᵀ d_{k−1} + W_{k+1} d_{k+1},   d_0 = 0,   and α γ^{k−i} d_i, α d_j of skips from i and to j,
    d_k = [ρ(a_k + σ_k z_k) − ρ(a_k)] / σ_k                                        k < D,

exact at any nudge, and evaluated without a difference of nearly equal numbers:

* linear: d = z;
* tanh, s = tanh a, h = σz: tanh(a + h) − s = (1 − s²) tanh h / (1 + s tanh h), and so
  d = z · (tanh h)/h · (1 − s)(1 + s) / (1 + s tanh h), whose limit at σ = 0 is z ρ'(a);
  the sigmoid is ½(1 + tanh a/2), and so likewise d = z · (tanh h)/h · s(1 − s) / (1 + (2s − 1) tanh h) with h = σz/2;
* clipped to [l, u], c = clip(a), overshoot e = a − c: d = clip(z + e/σ, (l − c)/σ, (u − c)/σ).

The output feels the nudge itself and isn't scaled, σ_D = 1. With e = γ W_Dᵀ d_{D−1} the squared error gives
h = [e + β(y − a)] / (1 + β) and d_D = ρ(a + h) − ρ(a), the hinges alike, each on its own side of the kink; under a
softmax read-out z_D = γ W_Dᵀ d_{D−1} + β W_L (y − softmax(W_Lᵀ(s_D⁰ + d_D) + b_L)).

A backward sweep from d = 0 passes the nudge through all layers at once; each further one corrects by O(γ). At
γ → 0 the first is backprop. All this is a way to compute, not something hardware does: converters and noise are
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias, read_size, reads_exactly, skipping
from neuroep.engines import Nudge, Plan
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.physics.activations import RANGES
from neuroep.physics.costs import softmax
from neuroep.physics.known import refuse_other
from neuroep.solvers.stopping import result_codes
from neuroep.weights import FloatArray


class Displacements(NamedTuple):
    """Scaled displacements of nudged copies of a minibatch, with the quality of each row.

    Attributes
    ----------
    layers : tuple of ndarray
        d_1..d_D, each (rows, n_k), in units of the state over γ^{D−k}.
    residual : ndarray, shape (rows,)
        Euclidean norm of the change of all d_k in the row's last sweep.
    steps : ndarray of int64, shape (rows,)
        Sweeps taken.
    code : ndarray of int64, shape (rows,)
        ResultCode of each row.
    """

    layers: tuple[FloatArray, ...]
    residual: FloatArray
    steps: NDArray[np.int64]
    code: NDArray[np.int64]


def displaced(code: int, free: FloatArray, inputs: FloatArray, z: FloatArray, sigma: float) -> FloatArray:
    """Return [ρ(a + σz) − ρ(a)]/σ without cancellation, elementwise.

    Parameters
    ----------
    code : int
        Of the activation.
    free, inputs : ndarray, shape (rows, n_k)
        s⁰ = ρ(a), and a.
    z : ndarray, shape (rows, n_k)
        Scaled rise of the input.
    sigma : float
        Scale σ in [0, 1]; one too small for the float type counts as the limit.
    """
    if code == Activation.LINEAR:
        return z
    small = max(sigma, float(np.finfo(z.dtype).tiny))
    if code == Activation.TANH:
        h = z.dtype.type(small) * z
        curve = np.tanh(h)
        share = np.divide(curve, h, out=np.ones_like(h), where=h != 0)
        bent: FloatArray = z * share * ((1 - free) * (1 + free)) / (1 + free * curve)
        return bent
    if code == Activation.SIGMOID:
        h = z.dtype.type(0.5 * small) * z
        curve = np.tanh(h)
        share = np.divide(curve, h, out=np.ones_like(h), where=h != 0)
        logistic: FloatArray = z * share * (free * (1 - free)) / (1 + (free - (1 - free)) * curve)
        return logistic
    low, high = RANGES[Activation(code)]
    inside = np.clip(inputs, low, high)
    with np.errstate(over="ignore"):  # a unit far beyond its bound, seen through a tiny σ
        clipped: FloatArray = np.clip(z + (inputs - inside) / small, (low - inside) / small, (high - inside) / small)
    return clipped


def output_displaced(
    cost: int, code: int, free: FloatArray, inputs: FloatArray, rise: FloatArray, targets: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return argmin(G(s) − (a + rise)s + βC(s)) − ρ(a) of a dynamical output layer, elementwise."""
    b, margin = beta[:, None], targets * (inputs + rise)
    halved = (rise + b * (targets - inputs)) / (1 + b)
    if cost == Cost.MSE:
        return displaced(code, free, inputs, halved, 1.0)
    if cost == Cost.SQUARED_HINGE:
        return np.where(margin >= 1.0, rise, halved)
    pulled = rise + b * targets
    at_kink = np.where(margin < 1.0 - b, pulled, np.where(margin >= 1.0, rise, targets - inputs))
    return np.where(b >= 0.0, at_kink, np.where(margin < 1.0 - 0.5 * b, pulled, rise))


def refuse_hardware(circuit: Circuit, what: str) -> None:
    """Raise BadInput if a circuit has converters, read noise, adjoint reads, traces or another energy."""
    refuse_other(circuit, what)
    if not reads_exactly(circuit):
        raise BadInput(
            f"{what} on a device with converters, read noise or adjoint reads", "estimator", "devices with exact reads"
        )
    if circuit.trace_bits:
        raise BadInput(f"{what} on a device that learns from traces", "estimator", "devices with trace_bits = 0")


def free_inputs(circuit: Circuit, free: Equilibrium) -> list[FloatArray]:
    """Return a_1..a_D, the inputs of the dynamical layers at the free equilibrium."""
    last = circuit.last
    found: list[FloatArray] = []
    for k in range(1, last + 1):
        current = free.currents[k - 1]
        if not free.fresh[k - 1]:
            current = free.states[k - 2] @ coupling_up(circuit, k)
        total = current + layer_bias(circuit, k)
        if k < last:
            total = total + circuit.feedback * (free.states[k] @ coupling_down(circuit, k + 1).T)
        found.append(total + sum(gain * free.states[j - 1] for j, gain in skipping(circuit, k)))
    return found


class _Displacements(NamedTuple):
    """What the sweeps read: the free equilibrium of the rows still at work, their targets and nudges."""

    states: list[FloatArray]
    inputs: list[FloatArray]
    targets: FloatArray
    beta: FloatArray
    moved: set[int]

    def rows(self, kept: NDArray[np.intp]) -> _Displacements:
        return _Displacements([s[kept] for s in self.states], [a[kept] for a in self.inputs], self.targets[kept],
                        self.beta[kept], self.moved)  # fmt: skip


def settle_displacements(
    circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: Plan, ledger: Ledger
) -> Displacements:
    """Settle the scaled displacements of nudged copies of a minibatch, from zero: the definition, in numpy.

    Parameters
    ----------
    circuit : Circuit
        Without converters or noise.
    free : Equilibrium
        Of the minibatch, settled; its residual is what limits the displacements' accuracy.
    nudge : Nudge
        Targets and β of each row.
    plan : Plan
        Backward sweeps are best; the tolerance is on the scaled displacements, which are of the order of β.
    ledger : Ledger
        Takes the reads and updates as nudged phase.

    Returns
    -------
    Displacements
        d_1..d_D of each row.

    Raises
    ------
    BadInput
        For a circuit with converters or read noise.
    """
    refuse_hardware(circuit, "scaled displacements")
    copies, rows = len(nudge.beta) // len(free.residual), np.arange(len(nudge.beta))
    known = _Displacements(
        [np.tile(s, (copies, 1)) for s in free.states],
        [np.tile(a, (copies, 1)) for a in free_inputs(circuit, free)], nudge.targets, nudge.beta, set(),
    )  # fmt: skip
    last = circuit.last
    layers = tuple(np.zeros_like(a) for a in known.inputs)
    residual, steps = np.full(len(rows), np.inf, dtype=nudge.beta.dtype), np.zeros(len(rows), dtype=np.int64)
    ledger.add(Phase.NUDGED, Event.SAMPLE, 0, len(rows))
    for sweep in range(1, plan.sweeps + 1):
        active, squares = [d[rows] for d in layers], np.zeros(len(rows), dtype=residual.dtype)
        for k in (int(k) for k in plan.order if k <= last):
            new = _update(circuit, k, known, active, ledger)
            squares += ((new - active[k - 1]) ** 2).sum(axis=1)
            active[k - 1] = new
            layers[k - 1][rows] = new
        residual[rows], steps[rows] = np.sqrt(squares), sweep
        ledger.add(Phase.NUDGED, Event.SWEEP, 0, len(rows))
        going = np.flatnonzero(residual[rows] > plan.tolerance)
        rows, known = rows[going], known.rows(going)
        if not len(rows):
            break
    return Displacements(layers, residual, steps, result_codes(residual, plan.tolerance))


def _update(circuit: Circuit, k: int, known: _Displacements, d: Sequence[FloatArray], ledger: Ledger) -> FloatArray:
    """Return d_k given its neighbours."""
    last, depth, rows = circuit.last, len(circuit.sizes) - 1, len(known.beta)
    a, s, code = known.inputs[k - 1], known.states[k - 1], int(circuit.activations[k])
    z = np.zeros_like(a)
    if k - 1 in known.moved:  # before, it is at zero
        z = circuit.feedback * (d[k - 2] @ coupling_up(circuit, k))
        ledger.add_read(Phase.NUDGED, True, k, rows, *read_size(circuit, k, True))
    brought = skipping(circuit, k, displaced=True)
    for j, gain in brought:
        z = z + gain * d[j - 1]
    ledger.add(Phase.NUDGED, Event.SKIP, k, rows * len(brought))
    ledger.add(Phase.NUDGED, Event.NEURON, k, rows)
    known.moved.add(k)
    if k == depth:
        return output_displaced(circuit.cost, code, s, a, z, known.targets, known.beta)
    if k == last or k + 1 in known.moved:
        source = d[k] if k < last else _readout_error(circuit, known, s + d[k - 1], ledger)
        z = z + source @ coupling_down(circuit, k + 1).T
        ledger.add_read(Phase.NUDGED, False, k + 1, rows, *read_size(circuit, k + 1, False))
    return displaced(code, s, a, z, float(circuit.reach[k]))


def _readout_error(circuit: Circuit, known: _Displacements, states: FloatArray, ledger: Ledger) -> FloatArray:
    """Return β(y − ŷ), what a softmax read-out sends down."""
    depth = len(circuit.sizes) - 1
    logits = states @ coupling_up(circuit, depth) + layer_bias(circuit, depth)
    ledger.add_read(Phase.NUDGED, True, depth, len(states), *read_size(circuit, depth, True))
    ledger.add(Phase.NUDGED, Event.NEURON, depth, len(states))
    return known.beta[:, None] * (known.targets - softmax(logits))
