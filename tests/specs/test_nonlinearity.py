"""Nonlinearity labels against NeuroSim's published pairs and against the pulse curve itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.specs.nonlinearity import label_of, scale_of, slope_of


@pytest.mark.parametrize(("label", "scale"), [(1.0, 1.23), (0.01, 126.27), (0.5, 2.52)])
def test_published_pairs(label: float, scale: float) -> None:
    # The table gives labels in steps of 0.01 with rounded scales: 1.5 % covers that.
    assert scale_of(label) == pytest.approx(scale, rel=0.015)
    assert label_of(scale) == pytest.approx(label, rel=0.015)


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.23, 10.0, 126.27])
def test_label_is_ten_times_the_largest_distance_from_the_line(scale: float) -> None:
    x = np.linspace(0.0, 1.0, 200_001)
    curve = (1.0 - np.exp(-x / scale)) / (1.0 - np.exp(-1.0 / scale))
    assert label_of(scale) == pytest.approx(10.0 * np.max(np.abs(curve - x)), rel=1e-6)


@pytest.mark.parametrize("label", [1e-3, 0.04, 0.63, 1.94, 4.88, 9.0])
def test_scale_and_label_are_inverse(label: float) -> None:
    assert label_of(scale_of(label)) == pytest.approx(label, rel=1e-6)


@pytest.mark.parametrize("label", [0.04, 0.63, 2.4, 4.88])
def test_linear_steps_retrace_the_pulse_curve(label: float) -> None:
    """Integrate dx/dP of the linear-step model with the slope and compare it with the exponential curve."""
    slope, u = slope_of(label), 1.0 / scale_of(label)
    pulses = 20_000
    step = 2.0 * (u / 2.0) / math.tanh(u / 2.0) / pulses  # mid-range step, in positions from -1 to 1
    position, worst = -1.0, 0.0
    for pulse in range(1, pulses + 1):
        position += step * (1.0 - slope * position)
        curve = -math.expm1(-u * pulse / pulses) / -math.expm1(-u)
        worst = max(worst, abs((position + 1.0) / 2.0 - curve))
    assert worst < 20.0 * u / pulses


def test_slopes_have_the_sign_of_the_label_and_zero_is_linear() -> None:
    assert slope_of(0.0) == 0.0
    assert slope_of(-0.63) == -slope_of(0.63)
    assert 0.0 < slope_of(0.04) < slope_of(0.63) < slope_of(9.0) <= 1.0


@pytest.mark.parametrize("label", [9.1, -9.1, math.nan, math.inf])
def test_labels_out_of_range(label: float) -> None:
    with pytest.raises(BadInput):
        slope_of(label)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_scales_out_of_range(scale: float) -> None:
    with pytest.raises(BadInput):
        label_of(scale)


@pytest.mark.parametrize("label", [0.0, -1.0, 9.5])
def test_scales_exist_for_positive_labels_only(label: float) -> None:
    with pytest.raises(BadInput):
        scale_of(label)
