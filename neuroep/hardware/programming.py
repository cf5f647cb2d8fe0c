"""How a requested change becomes what a device can do: checks, and rounding at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep import checks
from neuroep.errors import BadInput, Diverged
from neuroep.weights import FloatArray, Weights


class Chance(NamedTuple):
    """What is random in an update: how requests are rounded to pulses, and what pulses do to devices."""

    rounding: np.random.Generator
    devices: np.random.Generator


def check_range(value: float, low: float, high: float, where: str) -> None:
    """Raise BadInput unless low <= value <= high (NaN never is)."""
    checks.number(value, where, low, high, infinite=True)


def check_whole(value: int, low: int, high: int, where: str) -> None:
    """Raise BadInput unless `value` is an integer from low to high."""
    checks.whole(value, where, low, high)


def check_finite(direction: Weights) -> None:
    """Raise Diverged if an update's direction isn't finite: NaN and infinity have no integer and no pulse count."""
    with np.errstate(invalid="ignore"):
        totals = direction.couplings.sum(), direction.biases.sum()
    if not np.isfinite(totals).all():
        raise Diverged("the weight update is not finite: lower the learning rates")


def full_scales(weights: Weights, headroom: float) -> NDArray[np.float64]:
    """Return the largest |W_k| that hardware is scaled to hold, one per coupling, shape (L,).

    Parameters
    ----------
    weights : Weights
        The weights to be programmed.
    headroom : float
        Factor above max |W_k| that is left for weights to grow. A coupling of zeros counts as if its largest weight
        were 1.

    Raises
    ------
    BadInput
        If a weight isn't finite.
    """
    if not np.isfinite(weights.couplings).all():
        raise BadInput("a weight is not finite", "weights", "finite numbers")
    largest = [float(np.max(np.abs(weights.coupling(k)))) for k in range(1, weights.depth + 1)]
    return np.asarray([headroom * (w if w > 0.0 else 1.0) for w in largest], dtype=np.float64)


def saved(
    state: Mapping[str, NDArray[np.generic]], key: str, shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[np.generic]:
    """Return a copy of one array of a saved hardware state.

    Raises
    ------
    BadInput
        If it is missing, or of another shape.
    """
    if key not in state:
        raise BadInput(
            f"no array {key!r}", "saved hardware state", ", ".join(sorted(state)) or "a state of this device"
        )
    if state[key].shape != shape:
        raise BadInput(f"{key!r} has shape {state[key].shape}", "saved hardware state", str(shape))
    return state[key].astype(dtype)


def stochastic_round(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Round each entry up or down at random so that the mean is the entry itself.

    Parameters
    ----------
    x : ndarray
        Finite numbers.
    rng : numpy.random.Generator
        Draws one uniform number an entry, in the type of `x`.

    Returns
    -------
    ndarray
        Whole numbers in the type of `x`: ⌊x⌋ + 1 with probability x − ⌊x⌋, else ⌊x⌋. Whole numbers stay.
    """
    low: FloatArray = np.floor(x)
    low += rng.random(x.shape, dtype=x.dtype) < x - low
    return low
