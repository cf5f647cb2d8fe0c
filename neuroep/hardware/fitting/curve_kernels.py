"""Mean pulses one after the other, compiled: what a fit asks for some hundred times.

A trace's states lie one after the other in flat arrays, its first at `offsets[t]`; `directions` of a state is that of
the pulse which led to it. The equations are those of `steps`, in double precision, without noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.law import LawCode
from neuroep.kernel_cache import njit

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
HEAD = 6
"""Numbers of a model before its shape: s₊, s₋, w_min, w_max, positions of the bounds."""
_LINEAR, _EXPONENTIAL, _POWER = int(LawCode.LINEAR), int(LawCode.EXPONENTIAL), int(LawCode.POWER)


@njit()
def _relative(code: int, w: float, up: bool, low: float, high: float, shape: Floats) -> float:
    """y₊ or y₋ at w."""
    omega = max((high - w if up else w - low) / (high - low), 0.0)
    if code == _LINEAR:
        found = 1.0 - (shape[0] if up else shape[1]) * w
    elif code == _EXPONENTIAL:
        z = 2.0 * shape[4] / (high - low) * w + shape[5]
        found = max(1.0 - (shape[0] * np.exp(shape[2] * z) if up else shape[1] * np.exp(-shape[3] * z)), 0.0)
    elif code == _POWER:
        found = omega ** (shape[0] if up else shape[1])
    else:
        half = len(shape) // 2
        place = min(max((w - low) / (high - low), 0.0), 1.0) * (half - 1)
        left = min(int(place), half - 2)
        start = left if up else half + left
        found = shape[start] + (place - left) * (shape[start + 1] - shape[start])
    return float(found)


@njit(cache=True, nogil=True)
def follow(
    code: int,
    numbers: Floats,
    starts: Floats,
    directions: Whole,
    offsets: Whole,
    keep: Whole,
    active: NDArray[np.bool_],
    out: Floats,
) -> None:
    """out[keep] ← positions of all states with keep >= 0.

    Parameters
    ----------
    code : int
        Of `LawCode`.
    numbers : ndarray, shape (B, T, HEAD + shape)
        B models of each trace.
    starts : ndarray, shape (B, T)
        Positions.
    directions, keep : ndarray, shape (S,)
    offsets : ndarray, shape (T + 1,)
    active : ndarray of bool, shape (T,)
        Of the other traces nothing is written.
    out : ndarray, shape (largest keep + 1, B)
    """
    for t in range(len(offsets) - 1):
        if not active[t]:
            continue
        for b in range(len(numbers)):
            own = numbers[b, t]
            up, down, low, high, shape = own[0], own[1], own[2], own[3], own[HEAD:]
            scale = (own[5] - own[4]) / (high - low)
            w = low + (starts[b, t] - own[4]) / scale
            resting = 0  # the direction in which pulses no longer move it, which saves most of a long train
            for k in range(offsets[t], offsets[t + 1]):
                direction = directions[k]
                if direction != resting:
                    before = w
                    if direction > 0:
                        w += up * _relative(code, w, True, low, high, shape)
                    else:
                        w -= down * _relative(code, w, False, low, high, shape)
                    w = min(max(w, low), high)
                    resting = direction if w == before else 0
                if keep[k] >= 0:
                    out[keep[k], b] = own[4] + (w - low) * scale


@njit(cache=True, nogil=True)
def without_starts(
    slopes: Floats, own: Floats, residual: Floats, first: Whole, active: NDArray[np.bool_],
    size: Floats, along: Floats, coupling: Floats,
) -> None:  # fmt: skip
    """Take from the columns `slopes` and from `residual` their part along each trace's own start, in place.

    What is left is the least-squares problem of the other parameters with each start at its best. The parts stay in
    size (T,), along (T,) and coupling (T, P), from which the starts follow.
    """
    for t in range(len(first) - 1):
        if not active[t]:
            continue
        size[t], along[t], coupling[t] = 0.0, 0.0, 0.0
        for n in range(first[t], first[t + 1]):
            size[t] += own[n] * own[n]
            along[t] += own[n] * residual[n]
            for p in range(slopes.shape[1]):
                coupling[t, p] += own[n] * slopes[n, p]
        if size[t] == 0.0:
            continue
        for n in range(first[t], first[t + 1]):
            residual[n] -= own[n] * along[t] / size[t]
            for p in range(slopes.shape[1]):
                slopes[n, p] -= own[n] * coupling[t, p] / size[t]


@njit(cache=True, nogil=True)
def normal_equations(
    slopes: Floats,
    residual: Floats,
    first: Whole,
    owner: Whole,
    active: NDArray[np.bool_],
    normal: Floats,
    right: Floats,
) -> None:
    """normal[d] ← JᵀJ (P, P) and right[d] ← Jᵀr of each problem with an active trace."""
    size = slopes.shape[1]
    for t in range(len(owner)):
        if active[t]:
            normal[owner[t]], right[owner[t]] = 0.0, 0.0
    for t in range(len(owner)):
        if not active[t]:
            continue
        d = owner[t]
        for n in range(first[t], first[t + 1]):
            for p in range(size):
                right[d, p] += slopes[n, p] * residual[n]
                for q in range(size):
                    normal[d, p, q] += slopes[n, p] * slopes[n, q]


@njit(cache=True, nogil=True)
def carried_noise(
    slopes: Floats, keep: Whole, offsets: Whole, owner: Whole, decay: Floats, sizes: Floats, read_variance: Floats,
    inner: Floats,
) -> None:  # fmt: skip
    """inner[d] += Jᵀ Σ J, shape (P, P), of each problem, for the covariance Σ of reads that carry pulses' noise on.

    Parameters
    ----------
    slopes : ndarray, shape (N, P)
        Of the reads.
    keep, decay, sizes : ndarray, shape (S,)
        Of each state: its read, or −1; ∂w/∂w of the pulse that led to it; the noise of that pulse.
    offsets : ndarray, shape (T + 1,)
    owner : ndarray, shape (T,)
    read_variance : ndarray, shape (N,)
    inner : ndarray, shape (D, P, P)
    """
    count = slopes.shape[1]
    for t in range(len(owner)):
        d, later = owner[t], np.zeros(count)
        for k in range(offsets[t + 1] - 1, offsets[t] - 1, -1):
            n = keep[k]
            if n >= 0:
                for p in range(count):
                    later[p] += slopes[n, p]
                    for q in range(count):
                        inner[d, p, q] += read_variance[n] * slopes[n, p] * slopes[n, q]
            for p in range(count):
                for q in range(count):
                    inner[d, p, q] += sizes[k] * sizes[k] * later[p] * later[q]
            for p in range(count):
                later[p] *= decay[k]
