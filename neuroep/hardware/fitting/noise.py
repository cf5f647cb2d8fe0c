"""How noisy measured pulses are, and how far that noise moves fitted parameters.

Two kinds of noise reach a curve. What the pulses add stays in the device: all later reads carry it on, and the
residuals of a curve wander. What a read adds is gone at the next one. Single steps tell them apart: read noise ρ
makes neighbouring steps err in opposite ways, with covariance −ρ², pulse noise leaves them uncorrelated. A state that
was read m times tells of ρ by itself, and its mean has the variance ρ²/m.

A parameter's standard error follows from both (the sandwich of least squares): with J the Jacobian of the curve,

    cov = (JᵀJ)⁻¹ (ρ² JᵀJ + Σ_k σ_k² g_k g_kᵀ) (JᵀJ)⁻¹,    g_k = J_k + φ_{k+1} g_{k+1},

where g_k is what noise added by pulse k does to all reads after it, and φ = ∂w'/∂w of one mean pulse. The usual
σ² (JᵀJ)⁻¹ would take the wandering for independent errors, and come out several times too small.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.steps import StepModel
from neuroep.kernel_cache import njit

Floats = NDArray[np.float64]
Signs = NDArray[np.int64]
NOTHING = 1e-9
"""Residuals of steps below this share of the range are rounding."""


class FittedNoise(NamedTuple):
    """Noise of pulses and reads.

    Attributes
    ----------
    cycle : float
        σ of a step, relative to the step, or to s₊ and s₋ if `additive`.
    additive : bool
        Which of the two explains the residuals better (greater likelihood).
    read : float
        Standard deviation of a read, in units of the weight.
    steps : int
        Number of single steps that it was estimated from.
    cycle_error, read_error : float
        Standard errors of `cycle` and `read`.
    """

    cycle: float
    additive: bool
    read: float
    steps: int
    cycle_error: float = 0.0
    read_error: float = 0.0


def estimate(
    model: StepModel,
    weights: Floats,
    curve: Floats,
    directions: Signs,
    counts: Signs,
    repeats: tuple[float, int] = (0.0, 0),
) -> FittedNoise:
    """Return the noise of measured weights about the model's mean pulses.

    Parameters
    ----------
    model : StepModel
    weights : ndarray, shape (S,)
        Of the states of all traces; NaN where there was no read.
    curve : ndarray, shape (S,)
        The model's own weights, whose steps tell how noisy pulses are: those of the reads are noisy themselves.
    directions : ndarray of int, shape (S,)
        Of the pulse that led to a state; 0 where a trace starts.
    counts : ndarray of int, shape (S,)
        How often a state was read.
    repeats : (float, int)
        Variance of repeated reads of one state, in weights², and its degrees of freedom.
    """
    before, after, directions = weights[:-1], weights[1:], directions[1:]
    change = model.step(np.nan_to_num(before), directions).astype(np.float64)
    low, high = model.bounds
    slack = 1e-9 * (np.max(high) - np.min(low))
    free = (after > np.max(low) + slack) & (after < np.min(high) - slack) & (directions != 0)
    residual = np.where(free & np.isfinite(before), after - before - change, np.nan)
    used = np.isfinite(residual)
    count, read = int(used.sum()), weights[np.isfinite(weights)]
    spread = float(read.max() - read.min())
    if count < 3 or (float(np.std(residual[used])) < NOTHING * spread and repeats[0] < (NOTHING * spread) ** 2):
        return FittedNoise(0.0, False, 0.0, count)
    up, down = model.scales
    scales = np.where(directions > 0, up, down) * np.ones_like(change)
    means = np.abs(model.step(curve[:-1], directions)).astype(np.float64)
    once = 1.0 / np.maximum(counts, 1)
    options = [_moments(residual, size, once, *map(float, repeats)) for size in (means, scales)]
    additive = options[1][0] < options[0][0]
    _, cycle, rho, cycle_error, rho_error = options[additive]
    return FittedNoise(cycle, additive, rho, count, cycle_error, rho_error)


@njit(cache=True, nogil=True)
def _moments(
    residual: Floats, sizes: Floats, once: Floats, repeated: float, freedom: float
) -> tuple[float, float, float, float, float]:
    """Return −2 ln likelihood (but for a constant), σ, ρ and their errors, from moments of steps' residuals.

    With η the residuals and m the reads of a state, the moments are, in the mean,

        η_k² = σ² sizes_k² + ρ² (1/m_{k-1} + 1/m_k),    η_k η_{k+1} = −ρ²/m_k,    variance of repeated reads = ρ²,

    and σ², ρ² their least squares, weighted with the deviations that moments of Gaussian residuals have. A noise
    within two standard errors of 0 is taken for 0. A hundredth of the mean variance is added to each: where steps
    vanish, errors of the fitted bound would pass for noise.
    """
    used = np.isfinite(residual)
    square, size = np.where(used, residual**2, 0.0), np.where(used, sizes**2, 0.0)
    shares, variance = once[:-1] + once[1:], np.zeros(len(residual))
    if size.sum() == 0.0:
        return np.inf, 0.0, 0.0, 0.0, 0.0
    floor = 0.01 * square.sum() / used.sum()
    alone = square.sum() / size.sum()
    cycle, read, cycle_error, read_error = alone, 0.0, 0.0, 0.0
    for _ in range(20):
        a, b, c, right_cycle, right_read = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(len(residual)):
            variance[k] = cycle * size[k] + read * shares[k] + floor
            if not used[k]:
                continue
            weight = 0.5 / variance[k] ** 2
            a += weight * size[k] ** 2
            b += weight * size[k] * shares[k]
            c += weight * shares[k] ** 2
            right_cycle += weight * size[k] * square[k]
            right_read += weight * shares[k] * square[k]
            if k > 0 and used[k - 1]:
                weight = 1.0 / (variance[k - 1] * variance[k])
                c += weight * once[k] ** 2
                right_read -= weight * once[k] * residual[k - 1] * residual[k]
        weight = 0.5 * freedom / (read + floor / 2.0) ** 2
        c += weight
        right_read += weight * repeated
        found, other, cycle_error, read_error = _two(a, b, c, right_cycle, right_read)
        last_cycle, last_read = cycle, read
        read = other if other > 2.0 * read_error else 0.0
        cycle = (found if found > 2.0 * cycle_error else 0.0) if read > 0.0 else alone
        if abs(cycle - last_cycle) <= 1e-9 * last_cycle and abs(read - last_read) <= 1e-9 * last_read:
            break
    deviance = 0.0
    for k in range(len(residual)):
        if used[k]:
            total = cycle * size[k] + read * shares[k] + floor
            deviance += np.log(total) + square[k] / total
    sigma, rho = np.sqrt(cycle), np.sqrt(read)
    # of a root, half the relative error; without read noise all steps tell of σ alone
    sigma_error = cycle_error / (2.0 * sigma) if read > 0.0 and cycle > 0.0 else sigma / np.sqrt(2.0 * used.sum())
    return deviance, sigma, rho, sigma_error, read_error / (2.0 * rho) if read > 0.0 else 0.0


@njit()
def _two(a: float, b: float, c: float, first: float, second: float) -> tuple[float, float, float, float]:
    """Solve [[a, b], [b, c]] x = right, by the pseudo-inverse if need be; return x and the roots of its diagonal."""
    p, q = np.sqrt(a), np.sqrt(c)
    r, first, second = b / (p * q), first / p, second / q
    if 1.0 - abs(r) < 1e-12:
        sign = 1.0 if r > 0.0 else -1.0
        both = (first + sign * second) / 4.0
        return both / p, sign * both / q, 0.5 / p, 0.5 / q
    det = 1.0 - r * r
    return (
        (first - r * second) / det / p,
        (second - r * first) / det / q,
        1.0 / np.sqrt(det) / p,
        1.0 / np.sqrt(det) / q,
    )
