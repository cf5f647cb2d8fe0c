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

from neuroep.hardware.steps import StepModel

Floats = NDArray[np.float64]
Signs = NDArray[np.int64]
NOTHING = 1e-9
"""Residuals of steps below this share of the range are rounding."""


class Noise(NamedTuple):
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
    model: StepModel, weights: Floats, directions: Signs, counts: Signs, repeats: tuple[float, int] = (0.0, 0)
) -> Noise:
    """Return the noise of measured weights about the model's mean pulses.

    Parameters
    ----------
    model : StepModel
    weights : ndarray, shape (S,)
        Of the states of all traces; NaN where there was no read.
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
    eta, count = residual[used], int(used.sum())
    spread = float(np.ptp(weights[np.isfinite(weights)]))
    if count < 3 or float(np.std(eta)) < NOTHING * spread:
        return Noise(0.0, False, 0.0, count)
    up, down = model.scales
    scales = np.where(directions > 0, up, down) * np.ones_like(change)
    once = 1.0 / np.maximum(counts, 1)
    options = [_moments(residual, np.abs(size), once, repeats) for size in (change, scales)]
    additive = options[1][0] < options[0][0]
    _, cycle, read, cycle_error, read_error = options[additive]
    return Noise(cycle, additive, read, count, cycle_error, read_error)


def _moments(
    residual: Floats, sizes: Floats, once: Floats, repeats: tuple[float, int]
) -> tuple[float, float, float, float, float]:
    """Return −2 ln likelihood (but for a constant), σ, ρ and their errors, from moments of steps' residuals.

    With η the residuals and m the reads of a state, the moments are, in the mean,

        η_k² = σ² sizes_k² + ρ² (1/m_{k-1} + 1/m_k),    η_k η_{k+1} = −ρ²/m_k,    variance of repeated reads = ρ²,

    and σ², ρ² their least squares, weighted with the deviations that moments of Gaussian residuals have. A noise
    within two standard errors of 0 is taken for 0. A hundredth of the mean variance is added to each: where steps
    vanish, errors of the fitted bound would pass for noise.
    """
    used = np.isfinite(residual)
    square, size, shares = residual[used] ** 2, sizes[used] ** 2, (once[:-1] + once[1:])[used]
    if not size.any():
        return np.inf, 0.0, 0.0, 0.0, 0.0
    both = used[:-1] & used[1:]
    product = (residual[:-1] * residual[1:])[both]
    floor = 0.01 * float(square.mean())
    pulses = np.concatenate([size, np.zeros(len(product) + 1)])
    reads = np.concatenate([shares, -once[1:-1][both], [1.0]])
    moments = np.concatenate([square, product, [repeats[0]]])
    cycle, read = float(square.sum() / size.sum()), 0.0
    variance = np.full_like(residual, np.nan)
    for _ in range(20):
        variance[used] = cycle * size + read * shares + floor
        pair = np.sqrt(variance[:-1] * variance[1:])[both]
        again = (read + floor / 2.0) * np.sqrt(2.0)
        weight = 1.0 / np.concatenate([np.sqrt(2.0) * variance[used], pair, [again]]) ** 2
        weight[-1] *= repeats[1]
        found, errors = _two(pulses, reads, moments, weight)
        sure = found > 2.0 * errors
        last = cycle, read
        read = float(found[1]) if sure[1] else 0.0
        cycle = (float(found[0]) if sure[0] else 0.0) if read else float(square.sum() / size.sum())
        if np.allclose((cycle, read), last, rtol=1e-9, atol=0.0):
            break
    total = cycle * size + read * shares + floor
    deviance = float(np.sum(np.log(total) + square / total))
    sigma, rho = np.sqrt(cycle), np.sqrt(read)
    # of a root, half the relative error; without read noise all steps tell of σ alone
    alone = sigma / np.sqrt(2.0 * len(square))
    sigma_error = errors[0] / (2.0 * sigma) if read and cycle else alone
    return deviance, float(sigma), float(rho), float(sigma_error), float(errors[1] / (2.0 * rho)) if read else 0.0


def _two(first: Floats, second: Floats, moments: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return the weighted least squares of two unknowns, with their standard errors."""
    columns = np.stack([first, second])
    normal = (columns * weight) @ columns.T
    scale = np.sqrt(np.where(np.diag(normal) > 0.0, np.diag(normal), 1.0))
    scales = np.outer(scale, scale)
    inverse = np.linalg.pinv(normal / scales, hermitian=True) / scales
    return inverse @ (columns @ (weight * moments)), np.sqrt(np.diag(inverse))
