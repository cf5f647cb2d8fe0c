"""The gradient of each sample, as the few products of its states that it is the sum of.

With two phases of a sample, s⁺ and s⁻, m = ½(s⁺ + s⁻), e_k = −c (s_k⁺ − s_k⁻)/γ^{D−k} and c the difference's factor,

    dC/dW_k = m_{k−1} e_kᵀ + γ e_{k−1} m_kᵀ,   dC/db_k = e_k,   e_0 = 0,

which is the contrast without the difference of two nearly equal products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines import Nudge
from neuroep.equilibrium import Equilibrium
from neuroep.learning.methods.estimators import Scheme
from neuroep.ledger import Ledger
from neuroep.physics.known import refuse_other
from neuroep.weights import FloatArray

Draw = Callable[[FloatArray], FloatArray]
"""From a minibatch's free outputs to the targets that it is to be nudged to."""


class Slopes(NamedTuple):
    """The gradient of each sample in one coupling: Σ_terms below aboveᵀ, and `bias` in the biases of its target.

    Attributes
    ----------
    terms : tuple of (ndarray, ndarray)
        Shapes (batch, n_{k−1}) and (batch, n_k).
    bias : ndarray, shape (batch, n_k)
    """

    terms: tuple[tuple[FloatArray, FloatArray], ...]
    bias: FloatArray


@runtime_checkable
class Samplewise(Protocol):
    """A reading that can tell the gradient of each sample from that of the others."""

    def slopes(self, x: FloatArray, draw: Draw, place: tuple[int | str, ...], ledger: Ledger) -> list[Slopes]:
        """Settle a minibatch, nudged to the targets drawn from its free outputs; return the slopes of each coupling."""
        ...


def difference_slopes(
    circuit: Circuit,
    x: FloatArray,
    pairs: Sequence[tuple[FloatArray, FloatArray]],
    free: Equilibrium,
    targets: FloatArray,
) -> list[Slopes]:
    """Return the slopes of two phases.

    Parameters
    ----------
    circuit : Circuit
        Gives γ, and whether there is a read-out, whose exact gradient is of one product.
    x : ndarray, shape (batch, n_0)
        Clamped input.
    pairs : sequence of (ndarray, ndarray)
        m_k and e_k of the dynamical layers k = 1..D, each (batch, n_k).
    free, targets
        Free equilibrium, and y.
    """
    refuse_other(circuit, "the gradient of each sample")
    found, below, change_below = [], x, None
    for middle, change in pairs:
        terms = [(below, change)]
        if change_below is not None:
            terms.append((circuit.feedback * change_below, middle))
        found.append(Slopes(tuple(terms), change))
        below, change_below = middle, change
    if circuit.last < len(free.states):
        error = free.output - targets
        found.append(Slopes(((free.states[-2], error),), error))
    return found


def drawn_nudge(targets: FloatArray, nudges: Scheme) -> Nudge:
    """Return the nudged copies of a minibatch, given the targets of one."""
    return Nudge(np.concatenate([targets] * (len(nudges.beta) // len(targets))), nudges.beta)


def halves(nudged: FloatArray, free: FloatArray, nudges: Scheme) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the two phases of a layer's states and −c of each sample, (batch, 1)."""
    batch = len(free)
    slope = -batch * nudges.coefficients[:, None]
    if nudges.with_free:
        return nudged, free, slope[batch:]
    return nudged[:batch], nudged[batch:], slope[:batch]
