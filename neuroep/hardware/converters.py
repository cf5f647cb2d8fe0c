"""What a converter does to a number: the nearest of evenly spaced levels, clipped at the bound.

The levels are the multiples of r = 2·bound/(2^bits − 2) from −bound to bound, 2^bits − 1 of them, zero included (the
rule of aihwkit, Rasch et al. 2021). The nearest is found by multiplying with 1/r in the type of x.
Ties go to the even multiple, so quantizing is odd: −x gives the opposite of x.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.weights import FloatArray


def converter_step(bits: int, bound: float) -> float:
    """Return the distance r of two levels, or 0 for `bits` = 0 (no converter).

    Raises
    ------
    BadInput
        If `bits` is neither 0 nor at least 2, or the bound isn't positive.
    """
    if checks.whole(bits, "bits", 0) == 0:
        return 0.0
    if bits < 2:
        raise BadInput(f"a converter of {bits} bit(s)", "bits", "0 for none, or at least 2")
    if not checks.number(bound, "bound") > 0.0:
        raise BadInput(f"a converter with bound {bound!r}", "bound", "more than 0")
    return 2.0 * float(bound) / (2.0**bits - 2.0)


def quantize(x: FloatArray, bits: int, bound: float) -> FloatArray:
    """Return what a converter makes of x, in the type of x.

    Parameters
    ----------
    x : ndarray
        What is converted; NaN stays NaN.
    bits : int
        Resolution; 0 returns x itself, neither rounded nor clipped.
    bound : float
        Largest magnitude, in the units of x.
    """
    x, step = checks.reals(x, "x"), converter_step(bits, bound)
    if step == 0.0:
        return x
    level: FloatArray = np.clip(np.rint(x * (1.0 / step)) * step, -float(bound), float(bound))
    return level


@njit(inline="always")
def quantize_scalar(x: float, step: float, inverse: float, bound: float) -> float:
    """Return what :func:`quantize` makes of one number, in a kernel; all in the type of x.

    `step` from :func:`converter_step`, `inverse` is 1/step. Loops over it vectorise: it has no branch and no division.
    """
    level: float = np.rint(x * inverse) * step  # numba has no int rounding that keeps NaN
    level = bound if level > bound else level
    return -bound if level < -bound else level
