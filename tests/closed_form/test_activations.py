"""Activations, their slopes and their potentials against formulas written out and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

from neuroep.network import Activation
from neuroep.physics.activations import RANGES, activate, inverse, potential, slope, stuck_units
from neuroep.weights import FloatArray

KINKS = {
    Activation.LINEAR: (),
    Activation.HARD_SIGMOID: (0.0, 1.0),
    Activation.TANH: (),
    Activation.RELU6: (0.0, 6.0),
    Activation.RELU: (0.0,),
    Activation.SIGMOID: (),
}
SMOOTH = np.array([-7.5, -2.0, -0.6, 0.3, 0.8, 1.4, 4.0, 5.9, 8.0])
BOUNDS = {Activation.LINEAR: (-9.0, 9.0), Activation.RELU: (0.0, 9.0), Activation.TANH: (-1 + 1e-13, 1 - 1e-13),
          Activation.SIGMOID: (1e-13, 1 - 1e-13)}  # fmt: skip

# those that are the same for every unit; diodes have halves: see test_resistive
every_activation = pytest.mark.parametrize("code", list(RANGES), ids=lambda code: code.label)


def by_hand(code: Activation, u: float) -> float:
    """The definition, one number at a time."""
    if code is Activation.TANH:
        return (math.exp(u) - math.exp(-u)) / (math.exp(u) + math.exp(-u))
    if code is Activation.SIGMOID:
        return 1.0 / (1.0 + math.exp(-u))
    if code is Activation.LINEAR:
        return u
    highest = {Activation.HARD_SIGMOID: 1.0, Activation.RELU6: 6.0, Activation.RELU: math.inf}
    return min(max(u, 0.0), highest[code])


@every_activation
def test_values(code: Activation) -> None:
    grid = np.linspace(-8.0, 8.0, 161)
    expected = np.array([by_hand(code, u) for u in grid])
    np.testing.assert_allclose(activate(code, grid), expected, rtol=1e-14, atol=1e-15)


@every_activation
def test_slope_is_the_derivative(code: Activation) -> None:
    h = 1e-6
    expected = (activate(code, SMOOTH + h) - activate(code, SMOOTH - h)) / (2 * h)
    np.testing.assert_allclose(slope(code, SMOOTH), expected, atol=1e-9)


@every_activation
def test_slope_is_zero_at_the_kinks(code: Activation) -> None:
    kinks = np.array(KINKS[code])
    assert not slope(code, kinks).any()


@every_activation
def test_inverse_undoes_the_activation(code: Activation) -> None:
    low, high = (-3.0, 3.0) if code in BOUNDS else RANGES[code]
    low, high = max(low, RANGES[code][0]), min(high, RANGES[code][1])
    inside = np.linspace(low, high, 41)[1:-1]
    np.testing.assert_allclose(inverse(code, activate(code, inside)), inside, rtol=1e-12, atol=1e-13)


@every_activation
def test_potential_has_the_inverse_as_slope(code: Activation) -> None:
    low, high = RANGES[code] if code not in BOUNDS else (-0.95, 0.95)
    low = max(low, RANGES[code][0])
    states, h = np.linspace(low, high, 21)[1:-1], 1e-6
    expected = (potential(code, states + h) - potential(code, states - h)) / (2 * h)
    np.testing.assert_allclose(inverse(code, states), expected, rtol=1e-8, atol=1e-9)


def test_potential_of_tanh_at_the_ends_is_ln_two() -> None:
    """In either type: units do saturate, in float32 from an input of about 9."""
    for dtype in (np.float32, np.float64):
        ends = potential(Activation.TANH, np.array([-1.0, 1.0], dtype=dtype))
        np.testing.assert_allclose(ends, math.log(2.0), rtol=1e-6 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_potential_of_tanh_near_the_ends_is_exact(gap: float) -> None:
    """The same function as ½[(1 + s) ln(1 + s) + (1 − s) ln(1 − s)], in which nothing cancels."""
    s = np.array([1.0 - gap])
    expected = 0.5 * ((1.0 + s) * np.log1p(s) + (1.0 - s) * np.log(1.0 - s))
    np.testing.assert_allclose(potential(Activation.TANH, s), expected, rtol=1e-13)
    np.testing.assert_allclose(potential(Activation.TANH, -s), expected, rtol=1e-13)


@every_activation
@pytest.mark.parametrize("u", [-3.0, -0.4, 0.0, 0.35, 1.0, 2.5, 6.5])
def test_the_activation_minimises_potential_minus_input_times_state(code: Activation, u: float) -> None:
    bounds = BOUNDS.get(code, RANGES[code])
    found = minimize_scalar(
        lambda s: float(potential(code, np.array(s))) - u * s, bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    assert float(activate(code, np.array(u))) == pytest.approx(found.x, abs=1e-6)


@every_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(code: Activation, dtype: type) -> None:
    u: FloatArray = np.array([-0.5, 0.5], dtype=dtype)
    assert activate(code, u).dtype == slope(code, u).dtype == potential(code, u).dtype == dtype


def test_units_stuck_at_a_bound() -> None:
    """Unit 0 moves, 1 is at the top throughout, 2 at the bottom, 3 too but no sample is of its class."""
    states = np.array([[0.0, 1.0, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0]])
    assert stuck_units(Activation.HARD_SIGMOID, states, np.array([0, 2])) == (1, 2)
    assert stuck_units(Activation.TANH, states, np.array([0, 2])) == ()
    assert stuck_units(Activation.HARD_SIGMOID, states[:, 2:3], np.array([0, 0])) == (0,)
