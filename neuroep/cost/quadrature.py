"""Integrals over the steps of a solver, to a tolerance of their own.

The four-point Gauss rule is exact for polynomials of degree 7. It is taken over an interval and over its two halves;
where they differ by more than the tolerance the halves are intervals of their own, which closes in on kinks: a clipped
unit meets its bound somewhere within a step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neuroep.weights import FloatArray

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(4)
#: Halvings of a step, after which a jump is a share of 2⁻²⁴ of it.
HALVINGS = 24
Integrand = Callable[[NDArray[np.intp], NDArray[np.float64]], FloatArray]


def integral(of: Integrand, rows: int, tolerance: float = 1e-9, noise: FloatArray | float = 0.0) -> NDArray[np.float64]:
    """Return ∫₀¹ f dθ of each row.

    Parameters
    ----------
    of : callable
        (which, θ) ↦ f, shapes (m,), (m,) and (m, parts): rows by number, each at its own θ.
    rows : int
        Number of rows.
    tolerance : float
        Largest error that is let by of an interval, as a share of its row's first estimate of ∫ Σ|f|.
    noise : float or ndarray, shape (rows,)
        Error that is let by in any case: of f's own rounding, which halving never ends.

    Returns
    -------
    ndarray, shape (rows, parts)
    """
    which = np.arange(rows)
    low, width = np.zeros(rows), np.ones(rows)
    whole = _gauss(of, which, low, width)
    total, room = np.zeros_like(whole), np.maximum(tolerance * np.abs(whole).sum(axis=1), noise)
    for _ in range(HALVINGS):
        width = 0.5 * width
        halves = _gauss(of, which, low, width), _gauss(of, which, low + width, width)
        # a comparison with NaN is false: rows that aren't finite end here
        rough = np.abs(halves[0] + halves[1] - whole).sum(axis=1) > room[which]
        np.add.at(total, which[~rough], (halves[0] + halves[1])[~rough])
        which, low, width = (
            np.concatenate(both)
            for both in (
                (which[rough], which[rough]),
                (low[rough], (low + width)[rough]),
                (width[rough], width[rough]),
            )
        )
        whole = np.concatenate([half[rough] for half in halves])
        if not len(which):
            return total
    np.add.at(total, which, whole)
    return total


def _gauss(
    of: Integrand, which: NDArray[np.intp], low: NDArray[np.float64], width: NDArray[np.float64]
) -> NDArray[np.float64]:
    theta = low[:, None] + width[:, None] * (0.5 + 0.5 * POINTS)
    values = of(np.repeat(which, len(POINTS)), theta.ravel()).reshape(len(which), len(POINTS), -1)
    weighted: NDArray[np.float64] = 0.5 * width[:, None] * np.einsum("p,npk->nk", WEIGHTS, values.astype(np.float64))
    return weighted
