"""Digits, XOR and sparse parity against their definitions, published secrets, and scikit-learn."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

import neuroep.data
from neuroep.data import load_data, parity
from neuroep.errors import BadInput, UnknownName

# Published with the generator for n = 20, k = 3.
SECRETS = {42: (0, 15, 17), 43: (6, 9, 19), 44: (9, 14, 15)}


def test_digits_have_their_published_size_and_split() -> None:
    data = load_data("digits")
    assert (data.x_train.shape, data.x_test.shape, data.classes) == ((1437, 64), (360, 64), 10)
    assert data.x_train.dtype == np.float32
    assert data.x_train.flags.c_contiguous
    assert (float(data.x_train.min()), float(data.x_train.max())) == (0.0, 1.0)
    both = np.bincount(np.concatenate([data.y_train, data.y_test]))
    # Class sizes of the test part, as optdigits.names of the UCI repository lists them.
    np.testing.assert_array_equal(both, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])


def test_digits_hash_is_of_the_shipped_file() -> None:
    file = Path(neuroep.data.__file__).parent / "digits.npz"
    assert load_data("digits").sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "CC BY 4.0" in (file.parent / "digits.md").read_text(encoding="utf-8")


def test_digits_equal_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    selection = pytest.importorskip("sklearn.model_selection")
    x, y = datasets.load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = selection.train_test_split(x, y, test_size=0.2, random_state=0)
    data = load_data("digits")
    np.testing.assert_array_equal(data.x_train * 16, x_train)
    np.testing.assert_array_equal(data.x_test * 16, x_test)
    np.testing.assert_array_equal(data.y_train, y_train)
    np.testing.assert_array_equal(data.y_test, y_test)


def test_xor_is_xor_and_says_that_it_tests_on_its_training_set() -> None:
    data = load_data("xor")
    np.testing.assert_array_equal(data.y_train, np.logical_xor(data.x_train[:, 0], data.x_train[:, 1]))
    assert len({tuple(x) for x in data.x_train.tolist()}) == 4
    np.testing.assert_array_equal(data.x_test, data.x_train)
    np.testing.assert_array_equal(data.y_test, data.y_train)
    assert "test set = training set" in data.source


@pytest.mark.parametrize("seed", SECRETS)
def test_parity_has_the_published_secret_and_no_other(seed: int) -> None:
    data = load_data("parity", seed=seed)
    assert (data.x_train.shape, data.x_test.shape, data.classes) == ((500, 20), (200, 20), 2)
    fits = [
        subset
        for subset in itertools.combinations(range(20), 3)
        if np.array_equal(data.x_train[:, subset].prod(axis=1), 2 * data.y_train - 1)
    ]
    assert fits == [SECRETS[seed]]
    np.testing.assert_array_equal(data.x_test[:, SECRETS[seed]].prod(axis=1), 2 * data.y_test - 1)


def test_parity_draws_as_the_benchmark_defines() -> None:
    state = np.random.RandomState(7)
    state.choice(9, 4, replace=False)
    data = parity(9, 4, 30, 12, seed=7)
    np.testing.assert_array_equal(data.x_train, state.choice([-1.0, 1.0], size=(30, 9)))
    state = np.random.RandomState(1007)
    state.choice(9, 4, replace=False)
    np.testing.assert_array_equal(data.x_test, state.choice([-1.0, 1.0], size=(12, 9)))


@pytest.mark.parametrize("wrong", [{"bits": 2}, {"degree": 0}, {"train": 0}, {"test": 0}, {"seed": -1}])
def test_parity_refuses(wrong: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="parity"):
        parity(**wrong)


def test_hash_tells_seeds_apart_and_repeats() -> None:
    assert load_data("parity", seed=1).sha256 == load_data("parity", seed=1).sha256
    assert load_data("parity", seed=1).sha256 != load_data("parity", seed=2).sha256


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'digits'"):
        load_data("digit")
