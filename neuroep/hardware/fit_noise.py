"""How noisy measured pulses are, and how far that noise moves fitted parameters.

Two kinds of noise reach a curve. What the pulses add stays in the device: all later reads carry it on, and the
residuals of a curve wander. What a read adds is gone at the next one. Single steps tell them apart: read noise ρ
makes neighbouring steps err in opposite ways, with covariance −ρ², pulse noise leaves them uncorrelated.

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


def estimate(model: StepModel, weights: Floats, directions: Signs) -> Noise:
    """Return the noise of measured weights about the model's mean pulses.

    Parameters
    ----------
    model : StepModel
    weights : ndarray, shape (1 + K, T)
        One column a trace; NaN where there was no read.
    directions : ndarray of int, shape (K, T)
        0 where a trace has ended.
    """
    before, after = weights[:-1], weights[1:]
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
    options = [_moments(residual, np.abs(size)) for size in (change, scales)]
    additive = options[1][0] < options[0][0]
    _, cycle, read, cycle_error, read_error = options[additive]
    return Noise(cycle, additive, read, count, cycle_error, read_error)


def _moments(residual: Floats, sizes: Floats) -> tuple[float, float, float, float, float]:
    """Return −2 ln likelihood (but for a constant), σ, ρ and their errors, from moments of steps' residuals.

    With η the residuals, the moments are, in the mean,

        η_k² = σ² sizes_k² + 2ρ²,    η_k η_{k+1} = −ρ²,

    and σ², ρ² their least squares, weighted with the deviations that moments of Gaussian residuals have. A noise
    within two standard errors of 0 is taken for 0. A hundredth of the mean variance is added to each: where steps
    vanish, errors of the fitted bound would pass for noise.
    """
    used = np.isfinite(residual)
    square, size = residual[used] ** 2, sizes[used] ** 2
    both = used[:-1] & used[1:]
    product = (residual[:-1] * residual[1:])[both]
    floor = 0.01 * float(square.mean())
    rows = np.concatenate([np.stack([size, np.full_like(size, 2.0)], 1), np.outer(np.ones_like(product), [0.0, -1.0])])
    moments = np.concatenate([square, product])
    cycle, read = float(square.sum() / size.sum()), 0.0
    for _ in range(20):
        variance = np.where(used, cycle * sizes**2 + 2.0 * read + floor, np.nan)
        pair = np.sqrt(variance[:-1] * variance[1:])[both]
        weight = 1.0 / np.concatenate([np.sqrt(2.0) * variance[used], pair])
        found = np.linalg.lstsq(rows * weight[:, None], moments * weight, rcond=None)[0]
        normal = (rows * weight[:, None]).T @ (rows * weight[:, None])
        errors = np.sqrt(np.diag(np.linalg.pinv(normal)))
        sure = found > 2.0 * errors
        read = float(found[1]) if sure[1] else 0.0
        cycle = (float(found[0]) if sure[0] else 0.0) if read else float(square.sum() / size.sum())
    variance = cycle * size + 2.0 * read + floor
    deviance = float(np.sum(np.log(variance) + square / variance))
    sigma, rho = np.sqrt(cycle), np.sqrt(read)
    # of a root, half the relative error; without read noise all steps tell of σ alone
    alone = sigma / np.sqrt(2.0 * len(square))
    sigma_error = errors[0] / (2.0 * sigma) if read and cycle else alone
    return deviance, float(sigma), float(rho), float(sigma_error), float(errors[1] / (2.0 * rho)) if read else 0.0


def covariance(jacobian: Floats, model: StepModel, weights: Floats, directions: Signs, noise: Noise) -> Floats:
    """Return the covariance of all fitted parameters.

    Parameters
    ----------
    jacobian : ndarray, shape (1 + K, T, P)
        Of the predicted weights; 0 where there was no read.
    model : StepModel
    weights : ndarray, shape (1 + K, T)
        Predicted weights.
    directions : ndarray of int, shape (K, T)
    noise : Noise

    Returns
    -------
    ndarray, shape (P, P)
    """
    up, down = model.scales
    sizes = np.where(directions > 0, up, down) * (directions != 0) if noise.additive else None
    change = np.abs(model.step(weights[:-1], directions)) if sizes is None else sizes
    h = 1e-6 * float(np.max(model.w_max) - np.min(model.w_min))
    slope = (model.pulse(weights[:-1] + h, directions) - model.pulse(weights[:-1] - h, directions)) / (2.0 * h)
    flat = jacobian.reshape(-1, jacobian.shape[-1])
    normal = flat.T @ flat
    inner = noise.read**2 * normal
    later = jacobian[-1].copy()
    for k in range(len(directions) - 1, -1, -1):
        weighted = (noise.cycle * change[k])[:, None] * later
        inner += weighted.T @ weighted
        later = jacobian[k] + slope[k][:, None] * later
    inverse = np.linalg.pinv(normal, hermitian=True)
    found: Floats = inverse @ inner @ inverse
    return found
