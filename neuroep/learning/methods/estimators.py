"""How the gradient is read off the equilibria: which nudges, and with which coefficients.

With F = E + βγ^{D−1}C, dC/dθ = d/dβ ∂E/∂θ(s^β) / γ^{D−1} at β = 0 (Scellier & Bengio 2017). An estimator is a
finite difference in β: rows of nudged (and free) states, each with its coefficient.

============= ======================================== ==========
one-sided     [∂E(s^β) − ∂E(s⁰)] / β                    bias O(β)
random-sign   the same with β's sign drawn per sample   bias O(β²) in the mean
centered      [∂E(s^β) − ∂E(s^{−β})] / 2β               bias O(β²)
============= ======================================== ==========
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from neuroep import checks
from neuroep.recipe import Estimator
from neuroep.weights import FloatArray


class Scheme(NamedTuple):
    """Nudges of a minibatch, and the coefficients of the finite difference.

    Attributes
    ----------
    beta : ndarray, shape (copies · batch,)
        Nudging of each row of the nudged copies.
    coefficients : ndarray
        Coefficient of each row of ∂E/∂θ; the free rows come first where `with_free`.
    with_free : bool
        Whether the free equilibrium takes part in the difference.
    """

    beta: FloatArray
    coefficients: FloatArray
    with_free: bool


def one_sided(beta: float, batch: int, dtype: DTypeLike, rng: np.random.Generator | None) -> Scheme:
    """Return β for every sample, beside the free states."""
    return _with_free(np.ones(batch, dtype=dtype), beta)


def random_sign(beta: float, batch: int, dtype: DTypeLike, rng: np.random.Generator | None) -> Scheme:
    """Return ±β, drawn for every sample, beside the free states."""
    if rng is None:
        raise ValueError("the random-sign estimator draws its signs: pass rng")
    return _with_free(rng.choice(np.array([-1.0, 1.0], dtype=dtype), size=batch), beta)


def centered(beta: float, batch: int, dtype: DTypeLike, rng: np.random.Generator | None) -> Scheme:
    """Return β, then −β, for every sample."""
    ones = np.ones(batch, dtype=dtype)
    signs = np.concatenate([ones, -ones])
    return Scheme(beta * signs, signs / (2.0 * beta * batch), False)


def _with_free(signs: FloatArray, beta: float) -> Scheme:
    slopes = signs / (beta * len(signs))
    return Scheme(beta * signs, np.concatenate([-slopes, slopes]), True)


#: Nudges of the estimators that are finite differences; of continual ones, those of the difference they tend to as
#: learning rates vanish.
SCHEMES: dict[str, Callable[[float, int, DTypeLike, np.random.Generator | None], Scheme]] = {
    Estimator.ONE_SIDED: one_sided,
    Estimator.RANDOM_SIGN: random_sign,
    Estimator.CENTERED: centered,
    Estimator.CONTINUAL: one_sided,
    Estimator.CONTINUAL_SYMMETRIC: centered,
}


def scheme(
    estimator: Estimator, beta: float, batch: int, rng: np.random.Generator | None = None, dtype: DTypeLike = np.float32
) -> Scheme:
    """Return the nudges and coefficients of a finite difference; `rng` is needed for random signs alone."""
    estimator = checks.choice(estimator, Estimator, "estimator")
    if estimator not in SCHEMES:
        raise ValueError(f"the {estimator.value} estimator is no difference of real equilibria")
    return SCHEMES[estimator](beta, batch, dtype, rng)
