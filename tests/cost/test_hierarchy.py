"""Reads priced level by level: which memory serves them, by hand and against simulated memories of each size."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.cost.hierarchy import Hierarchy, Level
from neuroep.cost.reuse import LruReuse, lru_reuse
from neuroep.cost.stack_distance import single_floats
from neuroep.cost.traces import backprop_step, published_ep
from neuroep.errors import BadInput
from neuroep.quantities import Band
from neuroep.studies.estimate import memory_of

NEAR, FAR = Band(1.0, 0.5, 2.0), Band(100.0, 90.0, 300.0)
TWO = Hierarchy((Level("near", 40, NEAR), Level("far", math.inf, FAR)))


def test_reads_by_hand() -> None:
    """40 bytes hold the ten floats used last: distance 10 still hits, 11 doesn't."""
    reuse = LruReuse(np.array([1, 10, 11, 5000]), np.array([2, 3, 4, 1]))
    near, far = TWO.serve(reuse)
    assert (near.level, near.floats, near.share) == ("near", 5, 0.5)
    assert (far.level, far.floats, far.share) == ("far", 5, 0.5)
    assert near.joules == Band(20.0, 10.0, 40.0)
    assert far.joules == Band(2000.0, 1800.0, 6000.0)


def test_narrower_floats_come_from_nearer() -> None:
    reuse = LruReuse(np.array([20]), np.array([20]))
    assert [level.floats for level in TWO.serve(reuse)] == [0, 20]
    assert [level.floats for level in TWO.serve(reuse, float_bytes=2)] == [20, 0]


def test_a_trace_without_reads_costs_nothing() -> None:
    empty = LruReuse(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert [(level.floats, level.share, level.joules) for level in TWO.serve(empty)] == [(0, 0.0, Band(0, 0, 0))] * 2


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True))
@settings(max_examples=20, deadline=None)
def test_each_level_serves_what_it_holds_and_no_nearer_one_does(floats: list[int]) -> None:
    """Caches of so many floats, run side by side on every float of a backprop step."""
    trace, sizes = backprop_step((3, 5, 2)), sorted(floats)
    held = [OrderedDict[int, None]() for _ in sizes]
    served = [0] * (len(sizes) + 1)
    for element, is_read in zip(*(part.tolist() for part in single_floats(trace)), strict=True):
        served[next((i for i, cache in enumerate(held) if element in cache), len(sizes))] += is_read
        for cache, size in zip(held, sizes, strict=True):
            cache[element] = None
            cache.move_to_end(element)
            if len(cache) > size:
                cache.popitem(last=False)
    levels = [Level(f"{size} floats", 4 * size, NEAR) for size in sizes]
    found = Hierarchy((*levels, Level("rest", math.inf, FAR))).serve(lru_reuse(trace))
    assert [level.floats for level in found] == served


def test_levels_and_misses_tell_the_same() -> None:
    memory = memory_of(published_ep(3, 20), TWO)
    assert memory.levels[1].share == pytest.approx(float(memory.misses.at(10)))
    assert memory_of(published_ep(3, 20)).levels == ()


def test_traffic_of_a_step_is_the_published_one() -> None:
    memory = memory_of(backprop_step((20, 1000, 1)))
    assert (memory.reads, memory.writes, memory.floats) == (24, 18, 102_073)
    assert (round(memory.weighted_ard, 2), round(memory.dmc, 2)) == (35_919.80, 9_458_892.41)
    assert round(memory.dmd) == 5_857_222


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([], "ends at 0 bytes"),
        ([Level("near", 40, NEAR)], "ends at 40 bytes"),
        ([Level("near", 40, NEAR), Level("far", 40, FAR)], "far holds 40 bytes"),
        ([Level("near", 0, NEAR), Level("far", math.inf, FAR)], "near holds 0 bytes"),
        ([Level("near", math.inf, NEAR), Level("far", math.inf, FAR)], "far holds inf bytes"),
    ],
)
def test_impossible_hierarchies(levels: list[Level], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Hierarchy(tuple(levels))
