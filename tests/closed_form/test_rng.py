"""Random numbers against their published generator, their distribution, and the rule that only names matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats  # type: ignore[import-untyped]

from neuroep.rng import combine, counter_normal, noise_key, normal_of, stream

#: First outputs of splitmix64 from seed 1234567, as published with the reference implementation (Vigna).
SPLITMIX = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


def test_child_keys_are_the_outputs_of_splitmix64() -> None:
    keys = combine(np.full(5, 1234567, dtype=np.uint64), np.arange(5))
    assert keys.tolist() == SPLITMIX


def test_streams_depend_on_seed_and_names_alone() -> None:
    first = stream(1, "order", 2).random(4)
    np.testing.assert_array_equal(first, stream(1, "order", 2).random(4))
    for other in (stream(2, "order", 2), stream(1, "order", 3), stream(1, "signs", 2), stream(1, "order")):
        assert not np.isin(first, other.random(4)).any()


def test_noise_keys_fit_a_signed_integer_and_differ() -> None:
    keys = [noise_key(seed, "free", step) for seed in range(20) for step in range(20)]
    assert len(set(keys)) == 400
    assert min(keys) >= 0
    assert max(keys) < 2**63


def test_noise_doesnt_depend_on_how_a_batch_is_split_or_ordered() -> None:
    rows = np.arange(50)
    whole = counter_normal(11, rows, 4, 9)
    np.testing.assert_array_equal(
        np.concatenate([counter_normal(11, rows[:17], 4, 9), counter_normal(11, rows[17:], 4, 9)]), whole
    )
    shuffled = stream(0, "rows").permutation(50)
    np.testing.assert_array_equal(counter_normal(11, shuffled, 4, 9), whole[shuffled])
    np.testing.assert_array_equal(counter_normal(11, rows, 4, 5), whole[:, :5])


@pytest.mark.parametrize("key", [0, 5, noise_key(3, "free")])
def test_noise_is_standard_normal(key: int) -> None:
    """Kolmogorov–Smirnov, and mean and variance within five standard errors."""
    noise = counter_normal(key, np.arange(500), 1, 200).ravel()
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.var() - 1.0) < 5 * np.sqrt(2 / noise.size)


def test_rows_units_reads_and_keys_are_uncorrelated() -> None:
    """Correlations of 100,000 pairs within five standard errors."""
    rows = np.arange(500)
    noise = counter_normal(7, rows, 1, 200)
    others = [counter_normal(7, rows, 2, 200), counter_normal(8, rows, 1, 200), counter_normal(7, rows, 1, 200, 1)]
    pairs = [(noise, other) for other in others] + [(noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1])]
    for a, b in pairs:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


def test_quantile_is_scipys() -> None:
    """To a few units in the last place, as single-precision steps leave of polynomials made for that precision.

    Both signs, and tail masses from 2⁻³² (the farthest) to ½.
    """
    bits = np.unique(
        np.concatenate([np.arange(64, dtype=np.uint64), np.geomspace(64, 2**32 - 1, 10**6).astype(np.uint64)])
    )
    found = normal_of(bits.astype(np.uint32)).astype(np.float64)
    mass = ((bits >> np.uint64(1)).astype(np.float64) + 0.5) * 2.0**-32  # half of t: one tail alone
    expected = np.where(bits & np.uint64(1), -special.ndtri(mass), special.ndtri(mass))
    # t has a spacing of 2⁻²⁴ below 1, times the slope √(π/2) of the quantile there
    published = mass >= 2.0**-25  # the polynomials are made for single-precision x, 1 − |x| >= 2⁻²⁴: 5.4 deviations
    close = {"rtol": 8e-7, "atol": 2.0**-24 * np.sqrt(np.pi / 2)}
    np.testing.assert_allclose(found[published], expected[published], **close)
    np.testing.assert_allclose(found[~published], expected[~published], rtol=1e-3)  # one number in 17 million
    assert np.abs(found).max() == pytest.approx(-special.ndtri(2.0**-33), rel=1e-3)


@pytest.mark.parametrize("key", [0, noise_key(4, "drive")])
def test_a_million_numbers_are_normal_out_to_the_tails(key: int) -> None:
    """Kolmogorov–Smirnov, binomial counts of both tails, and moments to five standard errors."""
    noise = counter_normal(key, np.arange(1000), 5, 1000).astype(np.float64).ravel()
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((noise**power).mean() - moment) < 5 * np.sqrt(variance / noise.size)
    for sigmas in (3.0, 4.0, 4.5):
        for side in (noise, -noise):
            low, high = stats.binom.interval(1 - 1e-6, noise.size, stats.norm.sf(sigmas))
            assert low <= (side > sigmas).sum() <= high


def test_short_rows_and_far_units_are_as_random() -> None:
    """Ten units of many rows, and neighbours two and sixteen apart: a hash of counters must not show its counter."""
    short = counter_normal(2, np.arange(100_000), 1, 10)
    for unit in range(10):
        assert stats.kstest(short[:, unit], "norm").pvalue > 1e-3 / 10
    correlation = np.corrcoef(short.T) - np.eye(10)
    assert np.abs(correlation).max() < 5.5 / np.sqrt(len(short))
    squares = np.corrcoef(short.T.astype(np.float64) ** 2) - np.eye(10)
    assert np.abs(squares).max() < 5.5 / np.sqrt(len(short))
    wide = counter_normal(2, np.arange(1000), 2, 1000)
    for apart in (1, 2, 16, 256):
        a, b = wide[:, apart:].ravel(), wide[:, :-apart].ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(a.size)
        assert abs(np.corrcoef(a**2, b**2)[0, 1]) < 5 / np.sqrt(a.size)
