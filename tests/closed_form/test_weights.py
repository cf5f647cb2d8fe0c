"""Weights: what goes in comes out, views reach the buffers, and shapes that don't chain are refused."""

from __future__ import annotations

import copy
import pickle
import timeit
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.errors import BadInput
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

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
    layout = Layout(sizes)
    assert layout == tuple(sizes)
    assert layout.starts.tolist() == [0, *np.cumsum(products).tolist()]
    assert layout.units.tolist() == [0, *np.cumsum(sizes[1:]).tolist()]
    assert [(b.source, b.target) for b in layout.blocks] == list(pairwise(range(len(sizes))))
    assert [(b.rows, b.columns, b.start) for b in layout.blocks] == [
        (a, c, sum(products[:k])) for k, (a, c) in enumerate(pairwise(sizes))
    ]


def test_a_layout_is_made_once_and_survives_copies_and_pickles() -> None:
    layout = Layout.of((3, 4, 2))
    assert Layout.of([3, 4, 2]) is layout
    assert Layout.of(layout) is layout
    for other in (copy.deepcopy(layout), pickle.loads(pickle.dumps(layout))):
        assert (other, other.blocks) == (layout, layout.blocks)
        np.testing.assert_array_equal(other.starts, layout.starts)
    with pytest.raises(ValueError, match="read-only"):
        layout.starts[0] = 1


def test_a_look_at_one_of_many_couplings_takes_no_longer_than_at_one_of_few() -> None:
    """A hundred times as many: it took a hundred times as long when starts were added up anew each time."""
    few, many = (Weights.zeros((2,) * (layers + 1)) for layers in (40, 4000))
    times = [min(timeit.repeat(lambda: w.coupling(w.depth // 2), number=200, repeat=5)) for w in (few, many)]  # noqa: B023
    assert times[1] < 5.0 * times[0]


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


def test_weights_and_ledgers_are_one_line() -> None:
    weights, ledger = Weights.zeros((300, 200, 10)), Ledger.empty((300, 200, 10))
    ledger.add(Phase.FREE, Event.WRITE, 1, 1234)
    assert (repr(weights), repr(ledger)) == ("<Weights: 300-200-10, float32>", "<Ledger: 300-200-10, 1,234 events>")
