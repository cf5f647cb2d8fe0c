"""Weights: what goes in comes out, views reach the buffers, and shapes that don't chain are refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.errors import BadInput
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights, coupling_offsets, coupling_start, unit_offsets, unit_start

SIZES = st.lists(st.integers(1, 7), min_size=2, max_size=6)


@given(sizes=SIZES, dtype=st.sampled_from([np.float32, np.float64]))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_arrays_come_back_as_they_went_in(sizes: list[int], dtype: type) -> None:
    rng = stream(1, "weights")
    couplings: list[FloatArray] = [rng.normal(size=(a, b)).astype(dtype) for a, b in pairwise(sizes)]
    biases: list[FloatArray] = [rng.normal(size=b).astype(dtype) for b in sizes[1:]]
    weights = Weights.from_arrays(couplings, biases)
    assert weights.sizes == tuple(sizes)
    assert weights.depth == len(couplings)
    assert weights.couplings.dtype == weights.biases.dtype == dtype
    for k in range(1, weights.depth + 1):
        np.testing.assert_array_equal(weights.coupling(k), couplings[k - 1])
        np.testing.assert_array_equal(weights.bias(k), biases[k - 1])


@given(sizes=SIZES)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_offsets_are_running_sums(sizes: list[int]) -> None:
    products = [a * b for a, b in pairwise(sizes)]
    assert coupling_offsets(sizes).tolist() == [0, *np.cumsum(products).tolist()]
    assert unit_offsets(sizes).tolist() == [0, *np.cumsum(sizes[1:]).tolist()]
    assert coupling_start(sizes, len(sizes)) == sum(products)
    assert unit_start(sizes, len(sizes)) == sum(sizes[1:])


def test_layout_by_hand() -> None:
    """Coupling after coupling, each row by row of the lower layer."""
    weights = Weights((2, 3, 1), np.arange(9.0), np.arange(4.0))
    assert weights.coupling(1).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert weights.coupling(2).tolist() == [[6.0], [7.0], [8.0]]
    assert weights.bias(2).tolist() == [3.0]


def test_views_write_through_and_copies_dont() -> None:
    weights = Weights.zeros((2, 3, 1), np.float64)
    copy, cast = weights.copy(), weights.astype(np.float32)
    weights.coupling(2)[...] = 5.0
    weights.bias(1)[0] = 6.0
    assert weights.couplings.tolist() == [0.0] * 6 + [5.0] * 3
    assert weights.biases.tolist() == [6.0, 0.0, 0.0, 0.0]
    assert not copy.couplings.any()
    assert not cast.couplings.any()
    assert cast.couplings.dtype == cast.biases.dtype == np.float32


def test_from_arrays_copies() -> None:
    coupling, bias = np.ones((2, 2)), np.ones(2)
    weights = Weights.from_arrays([coupling], [bias])
    weights.couplings[:] = 0.0
    weights.biases[:] = 0.0
    assert coupling.all()
    assert bias.all()


@pytest.mark.parametrize(
    ("couplings", "biases", "named"),
    [
        ([(2, 3), (4, 1)], [3, 1], "W2"),
        ([(2, 3), (3, 1)], [3, 2], "b2"),
        ([(2, 3)], [2], "b1"),
    ],
)
def test_shapes_that_dont_chain_are_refused(couplings: list[tuple[int, int]], biases: list[int], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        Weights.from_arrays([np.zeros(shape) for shape in couplings], [np.zeros(n) for n in biases])
