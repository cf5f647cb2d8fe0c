"""Targets and index batches against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroep.data import order, targets
from neuroep.errors import BadInput
from neuroep.network import Cost
from neuroep.rng import stream

LABELS = np.array([2, 0, 1, 2])


@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
def test_one_hot(cost: Cost) -> None:
    wanted = targets(LABELS, 3, cost)
    np.testing.assert_array_equal(wanted, [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert wanted.dtype == np.float32
    assert wanted.flags.c_contiguous


@pytest.mark.parametrize("cost", [Cost.HINGE, Cost.SQUARED_HINGE])
def test_plus_and_minus_one(cost: Cost) -> None:
    np.testing.assert_array_equal(targets(LABELS, 3, cost)[:2], [[-1, -1, 1], [1, -1, -1]])


def test_two_classes_on_one_output() -> None:
    labels = np.array([0, 1, 1])
    np.testing.assert_array_equal(targets(labels, 2, Cost.HINGE, outputs=1), [[-1], [1], [1]])
    np.testing.assert_array_equal(targets(labels, 2, Cost.MSE, outputs=1), [[0], [1], [1]])


@pytest.mark.parametrize(
    ("classes", "outputs", "cost"),
    [(3, 1, Cost.HINGE), (3, 4, Cost.MSE), (2, 1, Cost.CROSS_ENTROPY), (10**6, 10, Cost.MSE)],
)
def test_outputs_that_do_not_fit(classes: int, outputs: int, cost: Cost) -> None:
    with pytest.raises(BadInput, match=f"{outputs} outputs for {classes} classes"):
        targets(np.array([0, 1]), classes, cost, outputs)


@pytest.mark.parametrize(("label", "allowed"), [(-1, "integers from 0"), (3, "0 to 2")])
def test_labels_outside_the_classes(label: int, allowed: str) -> None:
    with pytest.raises(BadInput, match=allowed):
        targets(np.array([0, label]), 3, Cost.MSE)


@given(st.integers(1, 200), st.integers(1, 70), st.integers(0, 5))
def test_order_takes_every_sample_once(samples: int, size: int, seed: int) -> None:
    batches = order(samples, size, stream(seed, "order", 0))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(samples))
    assert [len(batch) for batch in batches[:-1]] == [size] * (samples // size + bool(samples % size) - 1)
    assert len(batches[-1]) == (samples % size or size)


def test_order_depends_on_the_stream_alone() -> None:
    first, again, other = (np.concatenate(order(50, 8, stream(3, "order", epoch))) for epoch in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.arange(50))


@pytest.mark.parametrize(("samples", "size"), [(0, 4), (4, 0)])
def test_order_refuses_nothing(samples: int, size: int) -> None:
    with pytest.raises(BadInput, match="0 is out of range; allowed: whole numbers: 1 or more"):
        order(samples, size, stream(0))
