"""Random numbers against their published generator, their distribution, and the rule that only names matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from neuroep.rng import combine, counter_normal, noise_key, stream

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
    others = [counter_normal(7, rows, 2, 200), counter_normal(8, rows, 1, 200)]
    pairs = [(noise, other) for other in others] + [(noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1])]
    for a, b in pairs:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)
