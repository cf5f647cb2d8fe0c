"""Loaders of torch's: the same data set as its arrays, or refused in a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
)

import neuroep
from neuroep.data.loaders import collected, without_loaders
from neuroep.errors import BadInput
from neuroep.network import Activation, chain
from neuroep.recipe import Recipe, Training

X = torch.rand(50, 2, 3, generator=torch.Generator().manual_seed(0))
Y = torch.arange(50) % 3
PAIRS = TensorDataset(X, Y)


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(PAIRS),
        DataLoader(PAIRS, batch_size=7, shuffle=True, drop_last=True),
        DataLoader(PAIRS, batch_size=None),
        DataLoader([(x.numpy(), int(y)) for x, y in PAIRS]),
    ],
)
def test_each_sample_comes_once_in_the_data_sets_order(loader: DataLoader[Any]) -> None:
    x, y = collected(loader, "data")
    np.testing.assert_array_equal(x, X.numpy())
    np.testing.assert_array_equal(y, Y.numpy())


def test_a_subset_is_a_data_set() -> None:
    x, y = collected(DataLoader(Subset(PAIRS, [4, 2])), "data")
    np.testing.assert_array_equal(x, X[[4, 2]].numpy())
    assert y.tolist() == [1, 2]


def outcome(data: Any) -> Any:
    recipe = Recipe(training=Training(epochs=1, batch_size=8))
    return neuroep.train(network=chain((6, 4, 3), Activation.TANH), recipe=recipe, data=data)


def test_training_on_loaders_is_training_on_their_arrays() -> None:
    one = outcome(DataLoader(PAIRS, shuffle=True)).weights.couplings
    np.testing.assert_array_equal(one, outcome((X.numpy(), Y.numpy())).weights.couplings)
    train, test = Subset(PAIRS, range(40)), Subset(PAIRS, range(40, 50))
    two = outcome((DataLoader(train), DataLoader(test))).weights.couplings
    arrays = X[:40].numpy(), Y[:40].numpy(), X[40:].numpy(), Y[40:].numpy()
    np.testing.assert_array_equal(two, outcome(arrays).weights.couplings)


def test_what_is_no_loader_stays_as_it_is() -> None:
    for other in ("digits", (X, Y), [X, Y], None):
        assert without_loaders(other) is other


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from PAIRS


class Augmented(Dataset[Any]):
    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: int) -> Any:
        return X[index] + torch.rand(1), Y[index]


class Endless(Dataset[Any]):
    def __getitem__(self, index: int) -> Any:
        return PAIRS[index % 50]


def ragged() -> DataLoader[Any]:
    return DataLoader([(torch.zeros(n + 1), 0) for n in range(5)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataLoader(Stream()), "a stream of samples"),
        (DataLoader(Augmented()), "drawn anew each time"),
        (DataLoader(Endless(), sampler=SequentialSampler(PAIRS)), "can't be read out"),
        (DataLoader(PAIRS, sampler=SubsetRandomSampler([1, 2])), "a SubsetRandomSampler; allowed: a loader of all"),
        (DataLoader(PAIRS, sampler=RandomSampler(PAIRS, replacement=True)), "a RandomSampler"),
        (DataLoader(PAIRS, sampler=RandomSampler(PAIRS, num_samples=3)), "a RandomSampler"),
        (DataLoader(PAIRS, collate_fn=lambda items: items), "a collate_fn of its own"),
        (DataLoader(TensorDataset(X)), "items that aren't pairs"),
        (DataLoader([{"x": 1}]), "items that aren't pairs"),
        (ragged(), "no arrays of one shape"),
        (PAIRS, "data: a TensorDataset; allowed: a DataLoader of it"),
        ((Subset(PAIRS, [0, 1]), PAIRS), "data: a Subset; allowed: a DataLoader of it"),
        ((DataLoader(PAIRS), X), "loaders beside other things"),
        ((DataLoader(PAIRS),) * 3, "loaders beside other things"),
    ],
)
def test_what_cannot_be_read_out_is_refused(data: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        outcome(data)


def test_batches_of_ones_own_are_refused() -> None:
    class Halves(BatchSampler):
        pass

    loader = DataLoader(PAIRS, batch_sampler=Halves(SequentialSampler(PAIRS), 5, False))
    with pytest.raises(BadInput, match="a Halves"):
        outcome(loader)
