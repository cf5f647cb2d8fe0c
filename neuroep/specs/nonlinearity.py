"""Pulse nonlinearity labels (NeuroSim's "NL") turned into the slopes of the linear-step model.

A device that takes one pulse after the other moves along the normalised curve (Chen & Yu, IEEE D&T 2018)

    f(x) = (1 − e^(−ux)) / (1 − e^(−u)),   x = pulses / pulses for the full range,   u = 1/A,

and the label NL is ten times the largest distance of f from the line y = x.

Differentiating, f'(x) = u (c − f) with c = 1/(1 − e^(−u)): a step is *linear in the position* of the device.
With p = 2f − 1 in [−1, 1] for the position, this is

    f' = u (c − ½) (1 − slope · p),   slope = 1/(2c − 1) = tanh(u/2) = tanh(1/(2A)),

so slope 0 is a constant step and slope 1 (A → 0) soft bounds. At mid-range the step is u(c − ½) = (u/2)/tanh(u/2)
times the mean step: the full range takes tanh(u/2)/(u/2) times as many pulses at the mid-range step.
"""

from __future__ import annotations

import math

from neuroep.errors import BadInput

LARGEST_LABEL = 9.0
SMALLEST_LABEL = -8.5
"""Steps that grow more than this begin with less than double precision resolves at the bound: nothing would move."""


def label_of(scale: float) -> float:
    """Return the label NL of the curve with scale A (normalised to the pulses for the full range).

    The distance f(x) − x is largest where f' = 1.

    Raises
    ------
    BadInput
        If A isn't a positive, finite number.
    """
    if not (math.isfinite(scale) and scale > 0.0):
        raise BadInput(f"scale A = {scale}", "scale", "a finite number above 0")
    return _label(1.0 / scale)


def _label(u: float) -> float:
    reach = -math.expm1(-u)
    at = math.log(u / reach) / u
    return 10.0 * (-math.expm1(-u * at) / reach - at)


def scale_of(label: float) -> float:
    """Return the scale A of a label: A = 1.23 for NL 1, A = 126 for NL 0.01.

    Parameters
    ----------
    label : float
        0 < NL <= 9.

    Raises
    ------
    BadInput
        If the label is out of range.
    """
    if not 0.0 < label <= LARGEST_LABEL:
        raise BadInput(f"nonlinearity label {label}", "label", f"0 < NL <= {LARGEST_LABEL:g}")
    low, high = 1e-6, 1e3
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _label(middle) < label else (low, middle)
    return 1.0 / high


def slope_of(label: float) -> float:
    """Return the linear-step slope tanh(1/(2A)) of a label.

    Parameters
    ----------
    label : float
        −8.5 <= NL <= 9. Positive: steps shrink towards the bound that the pulses approach. Negative: they grow.
        NeuroSim gives depression labels the other sign.

    Raises
    ------
    BadInput
        If the label is out of range.
    """
    return math.tanh(0.5 * exponent_of(label))


def exponent_of(label: float) -> float:
    """Return u = 1/A of a label with its sign, which a slope next to 1 no longer tells; label and errors as there."""
    if not SMALLEST_LABEL <= label <= LARGEST_LABEL:
        raise BadInput(f"nonlinearity label {label}", "label", f"{SMALLEST_LABEL:g} <= NL <= {LARGEST_LABEL:g}")
    return math.copysign(1.0 / scale_of(abs(label)), label) if label else 0.0
