"""The contrast as products of states, to be sent to the weights without ever being added up.

With two phases of a sample, s⁺ and s⁻ (or nudged and free), and their coefficients c and −c, coupling k gets

    opposite    c s⁺_{k−1} s⁺_kᵀ,  then  −c s⁻_{k−1} s⁻_kᵀ
    net         c m_{k−1} d_kᵀ  +  c d_{k−1} m_kᵀ,      m = ½(s⁺ + s⁻),  d = s⁺ − s⁻

which are the same matrix. The clamped input is alike in both phases, d_0 = 0, so that `net` needs one product there.
`opposite` wants no memory of states: each phase is sent while it lasts, on a scale that both share and with the same
random numbers, so that what the phases have in common goes up and down again in the same slots. `net` wants the states
of both phases at once, so a sample-and-hold on every unit, and circuits for sum and difference. The exact gradient of a
softmax read-out is one product a sample, in either way. A chip's learning engine (`rule`) takes both phases as they
are, as `opposite` does.
"""

from __future__ import annotations

import numpy as np

from neuroep.circuit import Circuit
from neuroep.equilibrium import Equilibrium
from neuroep.hardware.device import StateUpdate
from neuroep.learning.methods.estimators import Scheme
from neuroep.physics.base import Products
from neuroep.recipe import Method
from neuroep.weights import FloatArray


def state_update(
    circuit: Circuit, x: FloatArray, targets: FloatArray, free: Equilibrium, nudged: Equilibrium, nudges: Scheme,
    method: Method, rates: tuple[float, ...],
) -> StateUpdate:  # fmt: skip
    """Return a minibatch's update as products of states, sample after sample.

    Parameters
    ----------
    circuit : Circuit
        Gives the feedback gain, and which layers are dynamical.
    x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
        Inputs and y.
    free, nudged, nudges
        What settling gave: see :class:`~neuroep.learning.methods.base.SettledPhases`.
    method : Method
        Net, or those that are sent a phase at a time.
    rates : tuple of float
        Factor per coupling: the negative learning rates.

    Returns
    -------
    StateUpdate
        Whose products add up to the estimate of dC/dθ, mean over the minibatch.
    """
    last, first = circuit.last, free.states if nudges.with_free else None
    x = x if nudged.inputs is None else nudged.inputs
    pairs = [(x, x)] + [_two(s, None if first is None else first[k]) for k, s in enumerate(nudged.states[:last])]
    coefficients = nudges.coefficients[: len(x)]
    form = _net if method is Method.NET else _opposite
    products, biases = [], []
    for k in range(1, last + 1):
        c = -coefficients / float(circuit.reach[k])
        products.append(form(pairs[k - 1], pairs[k], c.astype(x.dtype)))
        biases.append(c @ (pairs[k][0] - pairs[k][1]))
    if last < len(free.states):
        error = free.output - targets
        mean = np.full(len(x), 1.0 / len(x), dtype=x.dtype)
        products.append(Products(free.states[-2].copy(), error, mean))
        biases.append(mean @ error)
    return StateUpdate(tuple(products), np.concatenate(biases).astype(x.dtype), rates)


def _two(nudged: FloatArray, free: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """The two phases of the difference, in the order of its coefficients."""
    if free is not None:
        return free, nudged
    half = len(nudged) // 2
    return nudged[:half], nudged[half:]


def _opposite(below: tuple[FloatArray, ...], above: tuple[FloatArray, ...], c: FloatArray) -> Products:
    return Products(_interleaved(*below), _interleaved(*above), _interleaved(c, -c), 2, True)


def _net(below: tuple[FloatArray, ...], above: tuple[FloatArray, ...], c: FloatArray) -> Products:
    mean, difference = 0.5 * (above[0] + above[1]), above[0] - above[1]
    if below[0] is below[1]:
        return Products(below[0], difference, c)
    mean_below, difference_below = 0.5 * (below[0] + below[1]), below[0] - below[1]
    return Products(_interleaved(mean_below, difference_below), _interleaved(difference, mean), _interleaved(c, c), 2)


def _interleaved(first: FloatArray, second: FloatArray) -> FloatArray:
    """The rows of both in turns."""
    turns: FloatArray = np.stack([first, second], axis=1).reshape(-1, *first.shape[1:])
    return turns
