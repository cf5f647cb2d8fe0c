"""How sure fitted parameters are, of many measurements side by side: the sandwich of `noise`.

Each trace's start is taken out of the Jacobian first, as in the search: what is left is exactly the part of the
sandwich that belongs to the other parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.fitting.curve_kernels import carried_noise, normal_equations, without_starts
from neuroep.hardware.fitting.curves import (
    WIDTH,
    Curves,
    Solution,
    Whole,
    around,
    first_reads,
    jacobian,
    joined,
    weights_of,
)
from neuroep.hardware.fitting.noise import FittedNoise, estimate
from neuroep.hardware.fitting.step_families import Family, Floats

ALIKE = 1e-9
"""Eigenvalue of JᵀJ, columns scaled to 1, below which parameters can be exchanged without a trace."""
TAKES_PART = 1e-3


def noise_of(curves: Curves, solution: Solution) -> FittedNoise:
    """Return the noise of the reads about a model's mean pulses, in its weights."""
    model, ends = solution.model, solution.ends
    unit = float(model.w_max - model.w_min) / (ends[1] - ends[0])
    repeats = (curves.repeats[0] * unit**2, curves.repeats[1])
    curve = weights_of(solution.positions, model, ends)
    return estimate(model, curves.weights(solution), curve, curves.directions, curves.counts, repeats)


def standard_errors(
    many: Sequence[Curves], solutions: Sequence[Solution], noises: Sequence[FittedNoise]
) -> list[dict[str, float]]:
    """Return standard errors by name, infinite where reads don't tell; a range from the data has that of a read.

    Parameters
    ----------
    many : sequence of Curves
    solutions : sequence of Solution
        One of each, all of one model.
    noises : sequence of FittedNoise
    """
    found = []
    for one, solution, noise in zip(many, solutions, noises, strict=True):
        read = noise.read * _per_weight(solution) * (one.high - one.low) / 2.0
        found.append(dict.fromkeys(("g_min_siemens", "g_max_siemens"), read))
    family = solutions[0].family
    if family is None:
        return found
    sure = _fitted(family, many, solutions, noises)
    for one, values, own in zip(many, sure.tolist(), found, strict=True):
        unit = (one.high - one.low) / 2.0
        named = dict(zip(names_of(family), values, strict=True))
        own |= {key: value * unit if "siemens" in key else value for key, value in named.items()}
    return found


def _per_weight(solution: Solution) -> float:
    return (solution.ends[1] - solution.ends[0]) / float(solution.model.w_max - solution.model.w_min)


def _fitted(
    family: Family, many: Sequence[Curves], solutions: Sequence[Solution], noises: Sequence[FittedNoise]
) -> Floats:
    """Standard errors of a family's numbers, shape (D, numbers)."""
    heads, frame = np.stack([each.head for each in solutions]), solutions[0].frame
    curves, owner = joined(many)
    slopes, normal = _projected(family, many, solutions, curves, owner)
    states = np.repeat(owner, np.diff(curves.offsets))
    model = family.build(heads[states], frame)
    ends = family.ends(heads[states])
    weights = weights_of(np.concatenate([each.positions for each in solutions]), model, ends)
    change, decay = _pulses(model, np.append(0.0, weights[:-1]), curves.directions)
    up, down = model.scales
    scales = np.where(curves.directions > 0, up, down) * np.abs(curves.directions)
    cycle, read, additive = (np.asarray([each[k] for each in noises]) for k in (0, 2, 1))
    sizes = cycle[states] * np.abs(np.where(additive[states].astype(bool), scales, change))
    variance = (read[states] ** 2)[curves.read] / curves.counts[curves.read]
    inner = np.zeros_like(normal)
    carried_noise(slopes, curves.keep, curves.offsets, owner, decay, sizes, variance, inner)
    spread, lost = _sandwich(normal, inner)
    rows = numbers_of(family, around(heads), frame)
    gradient = (rows[::2] - rows[1::2]) / (2.0 * WIDTH)
    sure = np.sqrt(np.maximum(np.einsum("pdn,dpq,qdn->dn", gradient, spread, gradient), 0.0))
    unknown = np.einsum("pdn,dp->dn", np.abs(gradient), lost) > 0.0
    return np.where(unknown, np.inf, sure)


def _projected(
    family: Family, many: Sequence[Curves], solutions: Sequence[Solution], curves: Curves, owner: Whole
) -> tuple[Floats, Floats]:
    """Return the Jacobian in weights without the starts, (N, P), and each problem's JᵀJ, (D, P, P)."""
    heads, starts = np.stack([each.head for each in solutions]), np.concatenate([each.starts for each in solutions])
    boxes = [family.limits(one.zero) for one in many]
    limits = np.stack([box[0] for box in boxes]), np.stack([box[1] for box in boxes])
    slopes, own = jacobian(family, heads, starts, curves, owner, solutions[0].frame, limits)
    first, every, size = first_reads(curves), np.ones(len(owner), dtype=np.bool_), heads.shape[1]
    slopes /= np.asarray([_per_weight(each) for each in solutions])[np.repeat(owner, np.diff(first)), None]
    residual, room = np.zeros(len(own)), (np.zeros(len(owner)), np.zeros(len(owner)), np.zeros((len(owner), size)))
    without_starts(slopes, own, residual, first, every, *room)
    normal, right = np.zeros((len(heads), size, size)), np.zeros((len(heads), size))
    normal_equations(slopes, residual, first, owner, every, normal, right)
    return slopes, normal


def _pulses(model: Any, before: Floats, directions: Whole) -> tuple[Floats, Floats]:
    """Return change and ∂w'/∂w of the mean pulse that led to each state."""
    h = 1e-6 * float(np.max(model.w_max) - np.min(model.w_min))
    decay = (model.pulse(before + h, directions) - model.pulse(before - h, directions)) / (2.0 * h)
    return model.step(before, directions).astype(np.float64), decay.astype(np.float64)


def _sandwich(normal: Floats, inner: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return N⁺ M N⁺, and which parameters take part in directions without curvature; columns are scaled to 1."""
    scale = np.sqrt(np.einsum("dpp->dp", normal))
    scale = np.where(scale > 0.0, scale, 1.0)
    scales = scale[:, :, None] * scale[:, None, :]
    values, vectors = np.linalg.eigh(normal / scales)
    flat = values < ALIKE
    lost = (np.abs(vectors) * flat[:, None, :]).max(axis=2) > TAKES_PART
    inverse = (vectors * np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, values))[:, None, :]) @ np.swapaxes(
        vectors, 1, 2
    )
    return inverse @ (inner / scales) @ inverse / scales, lost


def names_of(family: Family) -> tuple[str, ...]:
    """Return the names of a family's numbers: the model's, and the range's where it is fitted."""
    ends = ("g_min_siemens", "g_max_siemens") if family.bounds else ()
    return ("dw_min", "up_down", *family.shape, *ends)


def numbers_of(family: Family, heads: Floats, frame: tuple[float, float]) -> Floats:
    """Return those numbers as a function of θ, both along the last axis; bounds in positions."""
    heads = np.clip(heads, *family.limits())
    model = family.build(heads, frame)
    found = [getattr(model, name) for name in ("dw_min", "up_down", *family.shape)]
    return np.stack([*found, *((heads[..., -2], heads[..., -1]) if family.bounds else ())], axis=-1)
