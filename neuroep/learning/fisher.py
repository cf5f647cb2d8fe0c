"""How much each weight matters to what a network says: the diagonal of its Fisher information, read off equilibria.

    F_i = E_x E_{y ~ p(y|x)} [(∂ log p(y|x)/∂θ_i)²]

with y drawn from the network itself (the true Fisher, not the empirical one, whose y is the label). Where the cost is
−log p and a constant, its gradient is the log-likelihood's: ``cross-entropy``, with p the softmax, and ``mse``, with p
a Gaussian of variance 1 around the outputs, y = s + N(0, 1). The hinges are no likelihoods.

The gradient of one sample is a sum of products a bᵀ of its states (:mod:`neuroep.learning.methods.samplewise`), so that
its squares, summed over the samples, are products of matrices once more:

    Σ_samples (Σ_r a_r b_rᵀ)² = Σ_{r,s} (a_r a_s)ᵀ (b_r b_s).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuroep.errors import BadInput, Diverged
from neuroep.learning.methods.base import Reading
from neuroep.learning.methods.samplewise import Samplewise, Slopes
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Cost
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

#: Samples settled at once.
BATCH = 256


def draw_targets(cost: int, outputs: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return y drawn from p(y|x), (batch, n_L), given the free outputs.

    Raises
    ------
    BadInput
        If the cost is no likelihood.
    """
    if cost == Cost.MSE:
        return outputs + rng.standard_normal(outputs.shape, dtype=outputs.dtype)
    refuse_no_likelihood(cost)
    ends = np.cumsum(outputs, axis=1)
    place = rng.random((len(outputs), 1), dtype=outputs.dtype) * ends[:, -1:]
    chosen = np.minimum((ends <= place).sum(axis=1), outputs.shape[1] - 1)
    drawn: FloatArray = np.eye(outputs.shape[1], dtype=outputs.dtype)[chosen]
    return drawn


def refuse_no_likelihood(cost: int) -> None:
    """Refuse a cost that is no −log p.

    Raises
    ------
    BadInput
        Naming those that are.
    """
    if cost not in (Cost.MSE, Cost.CROSS_ENTROPY):
        raise BadInput(f"no likelihood in the cost {Cost(cost).label!r}", "cost", "mse or cross-entropy")


def summed_squares(terms: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return Σ_samples (Σ_r a_r b_rᵀ)², shape (n_{k−1}, n_k), without the gradient of any one sample."""
    total = np.zeros((terms[0][0].shape[1], terms[0][1].shape[1]), dtype=terms[0][0].dtype)
    for r, (a, b) in enumerate(terms):
        total += (a * a).T @ (b * b)
        for other_a, other_b in terms[:r]:
            total += 2.0 * ((a * other_a).T @ (b * other_b))
    return np.maximum(total, 0.0, out=total)  # where products cancel, rounding may fall below


def add_squares(slopes: Sequence[Slopes], into: Weights, ledger: Ledger) -> None:
    """Add the squared gradients of a minibatch's samples to where they go; each product is counted."""
    for k, slope in enumerate(slopes, start=1):
        into.coupling(k)[...] += summed_squares(slope.terms)
        into.bias(k)[...] += (slope.bias * slope.bias).sum(axis=0)
        products = len(slope.terms) * (len(slope.terms) + 1) // 2
        ledger.add(Phase.UPDATE, Event.CONTRAST, k, products * len(slope.bias))


def require_samplewise(reading: Reading) -> Samplewise:
    """Return a reading that gives each sample's gradient.

    Raises
    ------
    BadInput
        If it can't.
    """
    if not isinstance(reading, Samplewise):
        raise BadInput("no gradient of a single sample", "phases.estimator", "one-sided, random-sign or centered")
    return reading


def fisher(
    reading: Reading, cost: int, x: FloatArray, sizes: tuple[int, ...], seed: int, place: str | int, ledger: Ledger
) -> Weights:
    """Return the diagonal of the Fisher information, mean over the samples.

    Parameters
    ----------
    reading : Reading
        What settles and reads gradients: EP's on any device, or backprop's.
    cost : int
        Code of the cost.
    x : ndarray, shape (samples, n_0)
        Clamped inputs.
    sizes : tuple of int
        Of the layers.
    seed, place : int, str or int
        Of what is drawn.
    ledger : Ledger
        Takes settling, and as CONTRAST the products.

    Raises
    ------
    BadInput
        If the reading can't tell samples apart, or the cost is no likelihood.
    Diverged
        If it leaves the finite range.
    """
    read, total = require_samplewise(reading), Weights.zeros(sizes, x.dtype)
    rng = stream(seed, "fisher", place)
    for start in range(0, len(x), BATCH):
        rows = x[start : start + BATCH]
        slopes = read.slopes(rows, lambda outputs: draw_targets(cost, outputs, rng), ("fisher", place, start), ledger)
        add_squares(slopes, total, ledger)
    for part in total[1:]:
        part /= len(x)
    if not (np.isfinite(total.couplings.sum()) and np.isfinite(total.biases.sum())):
        raise Diverged("the Fisher information left the finite range: lower the learning rates or the feedback gain")
    return total
