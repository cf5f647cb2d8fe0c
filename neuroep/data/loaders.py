"""Data loaders of torch's, read out as arrays."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from neuroep.errors import BadInput

PAIRS = "a data set of pairs (x, y) with a length"


def is_loader(value: object) -> bool:
    """Whether something is a ``torch.utils.data.DataLoader``; torch isn't imported for it."""
    torch = sys.modules.get("torch.utils.data")
    return torch is not None and isinstance(value, torch.DataLoader)


def without_loaders(data: object) -> Any:
    """Return ``(x, y)`` of a loader, ``(x_train, y_train, x_test, y_test)`` of two, and anything else as it is.

    Raises
    ------
    BadInput
        If a loader can't be read out, or stands beside an array; of a torch data set without its loader.
    """
    if is_loader(data):
        return collected(data, "data")
    torch = sys.modules.get("torch.utils.data")
    for part in data if isinstance(data, tuple | list) else (data,):
        if torch is not None and isinstance(part, torch.Dataset):
            raise BadInput(f"a {type(part).__name__}", "data", "a DataLoader of it, or (train, test) loaders")
    if not isinstance(data, tuple | list) or not any(map(is_loader, data)):
        return data
    if len(data) != 2 or not all(map(is_loader, data)):
        raise BadInput("loaders beside other things", "data", "a loader, or (train, test) loaders")
    return (*collected(data[0], "data: train"), *collected(data[1], "data: test"))


def collected(loader: Any, where: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return inputs and labels of a loader's data set, each sample once, in the data set's order.

    Batches and their order are the recipe's: the loader's own batch size, shuffling and workers don't count.

    Parameters
    ----------
    loader : torch.utils.data.DataLoader
        Of a data set that has a length, whose items are pairs (x, y) that stay as they are.
    where : str
        The argument's name.

    Returns
    -------
    x, y : ndarray, shapes (N, ...) and (N,)

    Raises
    ------
    BadInput
        For a stream without a length, a sampler or a collation that makes other samples of the data set, items that
        aren't pairs or differ in shape, and items that are drawn anew each time (augmentation).
    """
    _refuse_selection(loader, where)
    dataset = loader.dataset
    try:
        items = [dataset[i] for i in range(len(dataset))]
        again: Any = dataset[0] if items else ()
    except (TypeError, IndexError, KeyError, NotImplementedError) as error:
        raise BadInput(f"a data set that can't be read out ({error})", where, PAIRS) from error
    if not items or not all(isinstance(item, tuple | list) and len(item) == 2 for item in items):
        raise BadInput("items that aren't pairs" if items else "a data set without items", where, PAIRS)
    x, y = (_stacked([item[part] for item in items], where) for part in (0, 1))
    if not np.array_equal(np.asarray(again[0]), x[0], equal_nan=x.dtype.kind == "f"):
        raise BadInput("inputs that are drawn anew each time", where, "a data set without random transforms")
    return x, y


def _refuse_selection(loader: Any, where: str) -> None:
    """Refuse a loader that doesn't give each item of its data set once an epoch, as it is."""
    from torch.utils.data import BatchSampler, IterableDataset, RandomSampler, SequentialSampler, default_collate
    from torch.utils.data._utils.collate import default_convert

    if isinstance(loader.dataset, IterableDataset):
        raise BadInput("a stream of samples", where, PAIRS)
    sampler, batches = loader.sampler, loader.batch_sampler
    plain = type(sampler) is SequentialSampler or (
        type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == len(loader.dataset)
    )
    if not plain or not (batches is None or type(batches) is BatchSampler):
        chosen = sampler if not plain else batches
        raise BadInput(f"a {type(chosen).__name__}", where, "a loader of all samples: Subset(dataset, …) for some")
    if loader.collate_fn not in (default_collate, default_convert):
        raise BadInput("a collate_fn of its own", where, "torch's own")


def _stacked(values: Sequence[Any], where: str) -> np.ndarray[Any, Any]:
    try:
        return np.stack([np.asarray(value) for value in values])
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"no arrays of one shape ({error})", where, "numbers, each sample of the same shape") from error
