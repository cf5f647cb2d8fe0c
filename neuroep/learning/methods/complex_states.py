"""Complex equilibria of a Hopfield network under complex nudges.

Complex states are settled by the same block sweeps: s_k = ρ(W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1}) with ρ linear,
tanh or sigmoid; an output under the squared error s_L = (u + βy)/(1 + β); under a softmax read-out feedback β(y − ŷ),
ŷ the complex softmax. Clipping isn't holomorphic, nor is a hinge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias, read_size, reads_exactly, skipping
from neuroep.engines import Plan
from neuroep.errors import BadInput
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.physics.known import refuse_other
from neuroep.solvers.stopping import result_codes
from neuroep.weights import FloatArray

ComplexArray = NDArray[np.complexfloating]
HOLOMORPHIC = (Activation.LINEAR, Activation.TANH, Activation.SIGMOID)
SMOOTH_COSTS = (Cost.MSE, Cost.CROSS_ENTROPY)


class ComplexEquilibrium(NamedTuple):
    """Complex states of nudged copies of a minibatch; otherwise as :class:`neuroep.equilibrium.Equilibrium`."""

    states: tuple[ComplexArray, ...]
    residual: FloatArray
    steps: NDArray[np.int64]
    code: NDArray[np.int64]


def check_holomorphic(circuit: Circuit) -> None:
    """Raise BadInput, naming the layer, unless every dynamical layer, the cost and the reads are holomorphic."""
    refuse_other(circuit, "the holomorphic estimator")
    names = ", ".join(a.label for a in HOLOMORPHIC)
    for k in range(1, circuit.last + 1):
        activation = Activation(int(circuit.activations[k]))
        if activation not in HOLOMORPHIC:
            raise BadInput(f"layer {k} is {activation.label}, which isn't holomorphic", f"layers[{k}]", names)
    if circuit.cost not in SMOOTH_COSTS:
        label = Cost(circuit.cost).label
        raise BadInput(f"cost {label!r} isn't holomorphic", "cost", ", ".join(c.label for c in SMOOTH_COSTS))
    if not reads_exactly(circuit):
        raise BadInput(
            "the holomorphic estimator with converters, read noise or adjoint reads",
            "estimator",
            "devices with exact reads",
        )
    if circuit.trace_bits:
        raise BadInput(
            "the holomorphic estimator on a device that learns from traces", "estimator", "devices with trace_bits = 0"
        )


def _activated(circuit: Circuit, k: int, inputs: ComplexArray, targets: FloatArray, beta: ComplexArray) -> ComplexArray:
    """Return the state of layer k at which ∂F/∂s_k = 0."""
    if k == len(circuit.sizes) - 1:
        if circuit.cost == Cost.CROSS_ENTROPY:
            powers: ComplexArray = np.exp(inputs - inputs.real.max(axis=1, keepdims=True))
            powers /= powers.sum(axis=1, keepdims=True)
            return powers
        nudged: ComplexArray = (inputs + beta[:, None] * targets) / (1.0 + beta[:, None])
        return nudged
    if circuit.activations[k] == Activation.SIGMOID:
        logistic: ComplexArray = 0.5 + 0.5 * np.tanh(0.5 * inputs)
        return logistic
    return np.tanh(inputs) if circuit.activations[k] == Activation.TANH else inputs


def _product(states: ComplexArray, weights: FloatArray) -> ComplexArray:
    """Return states · weights by two real products: half the work of a complex one."""
    out = np.empty((len(states), weights.shape[1]), dtype=states.dtype)
    out.real, out.imag = states.real @ weights, states.imag @ weights
    return out


def settle_complex(
    circuit: Circuit,
    drive: FloatArray,
    free: Sequence[FloatArray],
    targets: FloatArray,
    beta: ComplexArray,
    plan: Plan,
    ledger: Ledger,
) -> ComplexEquilibrium:
    """Settle copies of a minibatch under complex nudges, from its free equilibrium.

    Parameters
    ----------
    circuit : Circuit
        See :func:`check_holomorphic`.
    drive : ndarray, shape (batch, n_1)
        W_1ᵀ x.
    free : sequence of ndarray
        s_1..s_L at the free equilibrium.
    targets : ndarray, shape (batch, n_L)
        y.
    beta : ndarray of complex, shape (copies,)
        Nudging of each copy.
    plan : Plan
        Order of the layers, most sweeps, tolerance.
    ledger : Ledger
        Takes the events as nudged phase; a complex read is two reads.

    Returns
    -------
    ComplexEquilibrium
        complex64 for a circuit in float32, else complex128.
    """
    copies, kind = len(beta), np.result_type(circuit.up.dtype, np.complex64)
    rows = np.arange(copies * len(drive))
    states = tuple(np.tile(s, (copies, 1)).astype(kind) for s in free)
    nudge = np.repeat(beta, len(drive)).astype(kind)
    currents, wanted = np.tile(drive, (copies, 1)), np.tile(targets, (copies, 1))
    residual, steps = np.full(len(rows), np.inf, dtype=drive.dtype), np.zeros(len(rows), dtype=np.int64)
    ledger.add(Phase.NUDGED, Event.SAMPLE, 0, len(rows))
    for sweep in range(1, plan.sweeps + 1):
        squares = np.zeros(len(rows), dtype=residual.dtype)
        for k in (int(k) for k in plan.order):
            inputs = _inputs(circuit, k, currents, states, wanted, nudge, rows, ledger)
            new = _activated(circuit, k, inputs, wanted[rows], nudge[rows])
            squares += (np.abs(new - states[k - 1][rows]) ** 2).sum(axis=1)
            states[k - 1][rows] = new
            ledger.add(Phase.NUDGED, Event.NEURON, k, len(rows))
        residual[rows], steps[rows] = np.sqrt(squares), sweep
        ledger.add(Phase.NUDGED, Event.SWEEP, 0, len(rows))
        rows = rows[residual[rows] > plan.tolerance]
        if not len(rows):
            break
    return ComplexEquilibrium(states, residual, steps, result_codes(residual, plan.tolerance))


def _inputs(
    circuit: Circuit,
    k: int,
    currents: FloatArray,
    states: Sequence[ComplexArray],
    targets: FloatArray,
    beta: ComplexArray,
    rows: NDArray[np.intp],
    ledger: Ledger,
) -> ComplexArray:
    """Return W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1} of some rows."""
    total: ComplexArray = currents[rows].astype(states[0].dtype)
    if k > 1:
        total = _product(states[k - 2][rows], coupling_up(circuit, k))
        ledger.add_read(Phase.NUDGED, True, k, 2 * len(rows), *read_size(circuit, k, True))
    total += layer_bias(circuit, k)
    brought = skipping(circuit, k)
    for layer, weight in brought:
        total += weight * states[layer - 1][rows]
    ledger.add(Phase.NUDGED, Event.SKIP, k, 2 * len(rows) * len(brought))
    if k == len(circuit.sizes) - 1:
        return total
    source, gain = states[k][rows], circuit.feedback
    if k == circuit.last:
        source, gain = beta[rows, None] * (targets[rows] - source), 1.0
    total += gain * _product(source, coupling_down(circuit, k + 1).T)
    ledger.add_read(Phase.NUDGED, False, k + 1, 2 * len(rows), *read_size(circuit, k + 1, False))
    return total
