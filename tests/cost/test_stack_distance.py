"""Stack distances of single elements against a stack that is searched, and the miss ratios of memories of them."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.cost.misses import miss_ratios
from neuroep.cost.reuse import Access, lru_reuse
from neuroep.cost.stack_distance import single_floats, stack_distances
from neuroep.cost.traces import backprop_step
from neuroep.errors import BadInput


def searched(elements: list[int]) -> list[int]:
    """Return the distances by a list of all elements, the last one accessed in front."""
    stack: list[int] = []
    found = []
    for element in elements:
        found.append(stack.index(element) + 1 if element in stack else 0)
        if element in stack:
            stack.remove(element)
        stack.insert(0, element)
    return found


def misses(elements: list[int], capacity: int) -> int:
    """Return how many accesses miss in a memory that throws out what was used longest ago."""
    held: OrderedDict[int, None] = OrderedDict()
    missed = 0
    for element in elements:
        missed += element not in held
        held[element] = None
        held.move_to_end(element)
        if len(held) > capacity:
            held.popitem(last=False)
    return missed


@given(st.lists(st.integers(0, 40), max_size=400))
@settings(deadline=None)
def test_distances_are_those_of_a_searched_stack(elements: list[int]) -> None:
    assert stack_distances(elements).tolist() == searched(elements)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_and_so_they_are_when_places_run_out_again_and_again(count: int, seed: int) -> None:
    """Two thousand accesses of at most 300 elements use up their places several times."""
    elements = np.random.default_rng(seed).integers(0, count, 2000)
    assert stack_distances(elements).tolist() == searched(elements.tolist())


@pytest.mark.parametrize("count", [1, 63, 64, 65, 5000])
def test_round_and_round(count: int) -> None:
    """One after another, each was last accessed when all others were accessed since."""
    found = stack_distances(np.tile(np.arange(count), 4))
    assert (found[:count] == 0).all()
    assert (found[count:] == count).all()


@pytest.mark.parametrize("count", [2, 64, 1000])
def test_to_and_fro(count: int) -> None:
    """On the way back an element is as deep as it is far from the turn."""
    found = stack_distances(np.concatenate([np.arange(count), np.arange(count)[::-1]]))
    assert found[count:].tolist() == list(range(1, count + 1))


def test_nothing_has_no_distance() -> None:
    assert stack_distances([]).size == 0


@pytest.mark.parametrize("elements", [[-1], [[0, 1]], [0.5], [2**40]])
def test_what_numbers_no_element(elements: list[int]) -> None:
    with pytest.raises(BadInput, match="elements"):
        stack_distances(elements)


def test_buffers_float_by_float() -> None:
    trace = [Access("write", "a", 2), Access("write", "b", 3), Access("read", "a", 1), Access("write", "a", 4)]
    found = single_floats(trace)
    # a is at 0 to 3, the most of it that is ever accessed
    assert found.elements.tolist() == [0, 1, 4, 5, 6, 0, 0, 1, 2, 3]
    assert found.is_read.tolist() == [False] * 5 + [True] + [False] * 4
    assert single_floats([]).elements.size == 0


def test_a_step_float_by_float_is_that_of_its_buffers() -> None:
    """Two ways to the same distances: places of single floats, and running sums of whole buffers."""
    trace = backprop_step((5, 30, 3))
    touches = single_floats(trace)
    single = stack_distances(touches.elements)[touches.is_read]
    whole = lru_reuse(trace)
    assert np.sort(single).tolist() == np.sort(np.repeat(whole.distances, whole.sizes)).tolist()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=200), st.integers(0, 15))
@settings(deadline=None)
def test_a_memory_misses_what_lies_deeper(elements: list[int], capacity: int) -> None:
    found = miss_ratios(stack_distances(elements)).at(capacity)
    assert found == pytest.approx(misses(elements, capacity) / len(elements))


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=30), st.integers(0, 25))
@settings(deadline=None)
def test_sizes_are_so_many_accesses(pieces: list[tuple[int, int]], capacity: int) -> None:
    distances, sizes = zip(*pieces, strict=True)
    assert miss_ratios(distances, sizes).at(capacity) == pytest.approx(
        miss_ratios(np.repeat(distances, sizes)).at(capacity)
    )


def test_the_curve_has_a_step_for_each_distance() -> None:
    curve = miss_ratios([0, 2, 2, 5])
    assert curve.capacities.tolist() == [0, 2, 5]
    assert curve.ratios.tolist() == pytest.approx([1.0, 0.5, 0.25])
    assert curve.at([1, 2, 4.5, 1e12]).tolist() == pytest.approx([1.0, 0.5, 0.5, 0.25])
    assert miss_ratios([]).at(3) == 0.0


@pytest.mark.parametrize("capacity", [-1, float("nan")])
def test_no_memory_is_smaller_than_nothing(capacity: float) -> None:
    with pytest.raises(BadInput, match="capacities"):
        miss_ratios([1]).at(capacity)
