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
    """

    cycle: float
    additive: bool
    read: float
    steps: int


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
    read = _read_variance(residual)
    up, down = model.scales
    scales = np.where(directions > 0, up, down) * np.ones_like(change)
    options = [_deviance(eta, np.abs(size[used]), read) for size in (change, scales)]
    additive = options[1][0] < options[0][0]
    return Noise(options[additive][1], additive, float(np.sqrt(read)), count)


def _read_variance(residual: Floats) -> float:
    """Minus the covariance of neighbouring residuals, or 0 where chance alone could give it (two deviations)."""
    products = residual[:-1] * residual[1:]
    products = products[np.isfinite(products)]
    if products.size < 3:
        return 0.0
    found = -float(products.mean())
    return found if found > 2.0 * float(products.std()) / np.sqrt(products.size) else 0.0


def _deviance(eta: Floats, sizes: Floats, read: float) -> tuple[float, float]:
    """Return −2 ln likelihood (but for a constant) and σ, for variances 2ρ² + σ² sizes².

    σ is the ratio of sums, to which large steps contribute most: where steps vanish, errors of the fitted bound
    would pass for noise. For the same reason a hundredth of the mean variance is added to each in the likelihood.
    """
    excess = max(float(np.sum(eta**2 - 2.0 * read)), 0.0)
    sigma = float(np.sqrt(excess / np.sum(sizes**2)))
    variance = 2.0 * read + (sigma * sizes) ** 2 + 0.01 * float(np.mean(eta**2))
    return float(np.sum(np.log(variance) + eta**2 / variance)), sigma


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
