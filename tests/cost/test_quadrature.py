"""Integrals over steps: against antiderivatives, smooth, kinked and with a jump, a row each."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.cost.quadrature import integral


def test_polynomials_of_degree_seven_are_exact_at_once() -> None:
    calls = []

    def powers(which: np.ndarray, theta: np.ndarray) -> np.ndarray:
        calls.append(len(which))
        return np.stack([(n + 1.0) * theta**n for n in range(8)], axis=1)

    assert integral(powers, 3) == pytest.approx(np.ones((3, 8)), rel=1e-14)
    assert calls == [12, 12, 12]  # the whole and both halves of each of three rows


@pytest.mark.parametrize("kink", [0.25, 1 / 3, 0.7123, 1.0])
def test_kinks_are_closed_in_on(kink: float) -> None:
    """∫ max(θ − a, 0) = (1 − a)²/2, beside a smooth row that isn't cut further."""

    def clipped(which: np.ndarray, theta: np.ndarray) -> np.ndarray:
        return np.where(which == 0, np.maximum(theta - kink, 0.0), np.exp(theta))[:, None]

    got = integral(clipped, 2)[:, 0]
    assert got == pytest.approx([0.5 * (1.0 - kink) ** 2, np.e - 1.0], rel=1e-8, abs=1e-12)


def test_a_jump_is_met_to_the_last_halving() -> None:
    got = integral(lambda which, theta: (theta > 0.3).astype(float)[:, None], 1)
    assert got[0, 0] == pytest.approx(0.7, abs=2.0**-24)


def test_what_is_not_finite_ends() -> None:
    assert np.isnan(integral(lambda which, theta: np.full((len(which), 1), np.nan), 1)).all()


def test_noise_is_let_by_where_the_rest_cancels() -> None:
    """1 + θ − 1 in numbers of 1e-16: without a floor every half would be halved again."""
    rng, asked = np.random.default_rng(0), []

    def rounded(which: np.ndarray, theta: np.ndarray) -> np.ndarray:
        asked.append(len(theta))
        return (1e-14 * theta + 1e-16 * rng.normal(size=theta.shape))[:, None]

    assert integral(rounded, 1, noise=np.array([1e-12]))[0, 0] == pytest.approx(5e-15, rel=0.1)
    assert sum(asked) == 12
