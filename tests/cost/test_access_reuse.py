"""Trackers against the published figures, a float-by-float second implementation, and invariances."""

from __future__ import annotations

import math
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.cost.reuse import Access, ClockTracker, granular_dmd, lru_reuse
from neuroep.cost.traces import Recorder, backprop_step, published_ep
from neuroep.errors import BadInput

# sparse-parity benchmark: reads, writes, floats, weighted ARD, clock DMC
PUBLISHED_CLOCK = [
    (published_ep(3, 100), 401, 134, 44_345, 18_121.37, 4_432_085.41),
    (published_ep(20, 1000), 401, 134, 1_512_399, 711_002.75, 1_104_329_163.45),
    (backprop_step((3, 100, 1)), 24, 18, 3_422, 1_071.20, 56_144.03),
    (backprop_step((20, 200, 1)), 24, 18, 20_473, 7_210.37, 850_131.31),
    (backprop_step((20, 500, 1)), 24, 18, 51_073, 17_976.40, 3_348_253.10),
    (backprop_step((20, 1000, 1)), 24, 18, 102_073, 35_919.80, 9_458_892.41),
]
# the same: granular DMD when reads stay where they are, and when they move
PUBLISHED_DMD = [
    (published_ep(3, 100), 651_996, 829_085),
    (published_ep(20, 1000), 145_879_954, 163_088_579),
    (backprop_step((3, 100, 1)), 35_160, 37_793),
    (backprop_step((20, 1000, 1)), 5_624_559, 5_857_222),
]


@st.composite
def traces(draw: st.DrawFn, whole: bool = False) -> list[Access]:
    """Draw traces that read what was written; with `whole`, buffers of one size accessed as a whole."""
    sizes: dict[str, int] = {}
    trace = []
    for _ in range(draw(st.integers(1, 30))):
        buffer = draw(st.sampled_from("abcde"))
        if buffer in sizes and draw(st.booleans()):
            trace.append(Access("read", buffer, sizes[buffer] if whole else draw(st.integers(1, sizes[buffer]))))
        else:
            size = sizes[buffer] if whole and buffer in sizes else draw(st.integers(1, 6))
            sizes[buffer] = max(size, sizes.get(buffer, 0))
            trace.append(Access("write", buffer, size))
    return trace


def float_stack(trace: list[Access], reads_move: bool) -> float:
    """Return the granular DMD from a stack of single floats, top first, pushed one by one."""
    stack: list[tuple[str, int]] = []
    total = 0.0
    for kind, buffer, size in trace:
        block = [(buffer, i) for i in range(size)]
        if kind == "read":
            total += sum(math.sqrt(stack.index(place) + 1) for place in block)
        for place in block if kind == "write" or reads_move else ():
            if place in stack:
                stack.remove(place)
            stack.insert(0, place)
    return total


def clock_of_floats(trace: list[Access]) -> tuple[float, float]:
    """Return weighted ARD and DMC from a clock that ticks once a float, each read float with its buffer's distance."""
    clock, begun = 0, dict[str, int]()
    distances: list[int] = []
    for kind, buffer, size in trace:
        if kind == "write":
            begun[buffer] = clock
        distance = clock - begun[buffer]
        for _ in range(size):
            distances += [distance] if kind == "read" else []
            clock += 1
    return sum(distances) / max(1, len(distances)), math.fsum(map(math.sqrt, distances))


def mattson(trace: list[Access]) -> list[int]:
    """Return the stack distance of each float read, touched one by one in order (Mattson et al. 1970)."""
    stack: list[tuple[str, int]] = []
    distances = []
    for kind, buffer, size in trace:
        for place in ((buffer, i) for i in range(size)):
            if kind == "read":
                distances.append(stack.index(place) + 1)
            if place in stack:
                stack.remove(place)
            stack.insert(0, place)
    return distances


@pytest.mark.parametrize(("trace", "reads", "writes", "floats", "ard", "dmc"), PUBLISHED_CLOCK)
def test_clock_figures_are_the_published_ones(
    trace: list[Access], reads: int, writes: int, floats: int, ard: float, dmc: float
) -> None:
    tracker = ClockTracker().follow(trace)
    assert (tracker.reads, tracker.writes, tracker.floats) == (reads, writes, floats)
    assert round(tracker.weighted_ard, 2) == ard
    assert round(tracker.dmc, 2) == dmc


def harness_sgd(n: int, h: int) -> list[Access]:
    """Return the accesses of the benchmark harness's own SGD step: parameters are loaded when due, never written back.

    After r buffers are read, after w written.
    """
    steps = """w x W1 b1 r x W1 b1 w a r a w s w W2 b2 r s W2 b2 w out
        r out w dout r dout W2 s w dW2 db2 r dout W2 w ds r ds a w da r da x w dW1 db1
        r W1 dW1 W2 dW2 b1 db1 b2 db2"""
    sizes = dict.fromkeys(("x",), n) | dict.fromkeys(("W1", "dW1"), n * h)
    sizes |= dict.fromkeys(("b1", "db1", "a", "s", "da", "ds", "W2", "dW2"), h)
    sizes |= dict.fromkeys(("b2", "db2", "out", "dout"), 1)
    recorder = Recorder()
    act = recorder.write
    for word in steps.split():
        if word in ("r", "w"):
            act = recorder.read if word == "r" else recorder.write
        else:
            act(word, sizes[word])
    return recorder.trace


def test_the_harness_has_a_step_of_its_own() -> None:
    tracker = ClockTracker().follow(harness_sgd(20, 200))
    assert (tracker.reads, tracker.writes, tracker.floats) == (25, 15, 24_470)
    assert (round(tracker.weighted_ard, 2), round(tracker.dmc, 2)) == (8_503.67, 1_278_460.30)


@pytest.mark.parametrize(("trace", "staying", "moving"), PUBLISHED_DMD)
def test_granular_dmd_is_the_published_one(trace: list[Access], staying: int, moving: int) -> None:
    assert round(granular_dmd(trace)) == staying
    assert round(granular_dmd(trace, reads_move=True)) == moving


def test_the_largest_published_trace_is_quick() -> None:
    began = time.perf_counter()
    trace = published_ep(20, 1000)
    ClockTracker().follow(trace)
    granular_dmd(trace, reads_move=True)
    lru_reuse(trace)
    assert time.perf_counter() - began < 1.0


def test_clock_by_hand() -> None:
    # clock 0 write a, 2 write b, 5 read a (5 back), 7 read b (5 back), 10 write a, 12 read a (2 back)
    recorder = Recorder()
    recorder.write("a", 2)
    recorder.write("b", 3)
    recorder.read("a", 2)
    recorder.read("b", 3)
    recorder.write("a", 2)
    recorder.read("a", 2)
    tracker = ClockTracker().follow(recorder.trace)
    assert (tracker.reads, tracker.writes, tracker.floats) == (3, 3, 14)
    assert tracker.weighted_ard == pytest.approx((2 * 5 + 3 * 5 + 2 * 2) / 7)
    assert tracker.dmc == pytest.approx(5 * math.sqrt(5) + 2 * math.sqrt(2))


def test_dmd_by_hand() -> None:
    # stack from the top: b1 b0 a0; reading a costs √3; if it moves, reading b then costs √2 + √3
    trace = [Access("write", "a", 1), Access("write", "b", 2), Access("read", "a", 1), Access("read", "b", 2)]
    assert granular_dmd(trace) == pytest.approx(math.sqrt(3) + 1 + math.sqrt(2))
    assert granular_dmd(trace, reads_move=True) == pytest.approx(2 * math.sqrt(3) + math.sqrt(2))


def test_dmd_of_a_part_by_hand() -> None:
    """Floats are written one by one, so the first of three lies deepest; moved, it leaves the others as they were."""
    write, first, two = Access("write", "a", 3), Access("read", "a", 1), Access("read", "a", 2)
    assert granular_dmd([write, first]) == pytest.approx(math.sqrt(3))
    assert granular_dmd([write, two]) == pytest.approx(math.sqrt(2) + math.sqrt(3))
    # a0 on top of a2 a1: the two then lie at 1 and 3
    assert granular_dmd([write, first, two], True) == pytest.approx(math.sqrt(3) + 1 + math.sqrt(3))
    # written again in part: from the top a1 a0 a2
    again = [write, Access("write", "a", 2), Access("read", "a", 3)]
    assert granular_dmd(again) == pytest.approx(1 + math.sqrt(2) + math.sqrt(3))
    assert granular_dmd([*again[:2], first]) == pytest.approx(math.sqrt(2))


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000))
@settings(max_examples=30)
def test_dmd_of_a_part_is_the_plain_sum(rest: int, part: int, above: int) -> None:
    """The first floats of a buffer lie under its rest, which lies under what was written since.

    The sum is a difference of two, each right to 1e-11 of itself.
    """
    trace = [Access("write", "a", part + rest), Access("write", "b", above), Access("read", "a", part)]
    plain = math.fsum(math.sqrt(depth) for depth in range(above + rest + 1, above + rest + part + 1))
    whole = (above + rest + part) ** 1.5
    assert granular_dmd(trace) == pytest.approx(plain, rel=0.0, abs=2e-11 * whole)


@given(st.integers(1, 3000), st.integers(1, 3000))
@settings(max_examples=30)
def test_dmd_of_large_buffers_is_the_plain_sum(below: int, above: int) -> None:
    trace = [Access("write", "a", below), Access("write", "b", above), Access("read", "a", below)]
    plain = math.fsum(math.sqrt(depth) for depth in range(above + 1, above + below + 1))
    assert granular_dmd(trace) == pytest.approx(plain, rel=1e-12)


@given(traces(), st.booleans())
def test_dmd_is_that_of_single_floats(trace: list[Access], reads_move: bool) -> None:
    assert granular_dmd(trace, reads_move) == pytest.approx(float_stack(trace, reads_move), rel=1e-12)


@given(traces())
def test_clock_figures_are_those_of_single_floats(trace: list[Access]) -> None:
    ard, dmc = clock_of_floats(trace)
    tracker = ClockTracker().follow(trace)
    assert tracker.weighted_ard == pytest.approx(ard, rel=1e-12)
    assert tracker.dmc == pytest.approx(dmc, rel=1e-12)


@given(traces())
def test_lru_distances_are_those_of_single_floats(trace: list[Access]) -> None:
    reuse = lru_reuse(trace)
    pieces = zip(reuse.distances, reuse.sizes, strict=True)
    assert sorted(d for distance, size in pieces for d in [distance] * size) == sorted(mattson(trace))


@given(traces(), st.integers(1, 20))
def test_miss_ratio_is_that_of_an_lru_memory(trace: list[Access], capacity: int) -> None:
    depths = mattson(trace)
    misses = sum(depth > capacity for depth in depths)
    assert lru_reuse(trace).miss_ratio(capacity) == pytest.approx(misses / max(len(depths), 1))


@given(traces(), st.integers(2, 9))
def test_ard_scales_with_the_sizes(trace: list[Access], factor: int) -> None:
    small = ClockTracker().follow(trace)
    large = ClockTracker().follow([access._replace(size=factor * access.size) for access in trace])
    assert large.weighted_ard == pytest.approx(factor * small.weighted_ard)
    assert large.dmc == pytest.approx(factor**1.5 * small.dmc)
    assert (large.reads, large.writes, large.floats) == (small.reads, small.writes, factor * small.floats)


@given(traces(), st.permutations("abcde"))
def test_names_do_not_matter(trace: list[Access], names: list[str]) -> None:
    other = dict(zip("abcde", names, strict=True))
    renamed = [access._replace(buffer=other[access.buffer]) for access in trace]
    assert ClockTracker().follow(renamed).weighted_ard == ClockTracker().follow(trace).weighted_ard
    assert granular_dmd(renamed, True) == granular_dmd(trace, True)


@given(traces(), traces())
def test_what_came_before_does_not_matter(before: list[Access], trace: list[Access]) -> None:
    earlier = [access._replace(buffer=f"earlier {access.buffer}") for access in before]
    first, second = ClockTracker().follow(earlier), ClockTracker().follow(trace)
    both = ClockTracker().follow(earlier + trace)
    assert both.dmc == pytest.approx(first.dmc + second.dmc)
    assert list(lru_reuse(earlier + trace).distances) == [
        *lru_reuse(earlier).distances,
        *lru_reuse(trace).distances,
    ]


@given(traces(whole=True))
def test_lru_never_exceeds_the_clock(trace: list[Access]) -> None:
    assert lru_reuse(trace).weighted_ard <= ClockTracker().follow(trace).weighted_ard + 1e-9


@given(traces(), st.integers(0, 30))
def test_a_tracker_follows_in_parts(trace: list[Access], cut: int) -> None:
    parts = ClockTracker().follow(trace[:cut]).follow(trace[cut:])
    whole = ClockTracker().follow(trace)
    assert (parts.weighted_ard, parts.dmc, parts.floats) == (whole.weighted_ard, whole.dmc, whole.floats)


def test_a_trace_without_reads_has_no_distance() -> None:
    trace = [Access("write", "a", 4)]
    assert ClockTracker().follow(trace).weighted_ard == 0.0
    assert lru_reuse(trace).weighted_ard == 0.0
    assert lru_reuse(trace).miss_ratio(1) == 0.0
    assert granular_dmd(trace) == 0.0


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ([Access("read", "a", 1)], "'a' is read before it is written"),
        ([Access("write", "a", 2), Access("read", "a", 3)], "read of 3 floats of 'a'; allowed: the 2 written"),
        ([Access("write", "a", 0)], "write of 0 floats"),
    ],
)
def test_impossible_traces_are_refused(trace: list[Access], message: str) -> None:
    for tracker in (ClockTracker().follow, granular_dmd, lru_reuse):
        with pytest.raises(BadInput, match=message):
            tracker(trace)


def test_a_skip_is_read_once_on_the_way_up_and_once_on_the_way_down() -> None:
    """Of 7 units each: the source is read where the target sums up, the target's gradient where its source's is."""
    plain, skipped = backprop_step((3, 7, 5, 7, 2)), backprop_step((3, 7, 5, 7, 2), [(1, 3)])
    assert Counter(skipped) - Counter(plain) == {Access("read", "h1", 7): 1, Access("read", "da3", 7): 1}
    assert not Counter(plain) - Counter(skipped)


def test_backprop_counts_grow_by_a_layer() -> None:
    # a hidden layer more: 4 reads and 2 writes forward, 10 and 6 backward with its update
    def counts(sizes: tuple[int, ...]) -> tuple[int, int]:
        tracker = ClockTracker().follow(backprop_step(sizes))
        return tracker.reads, tracker.writes

    assert [counts((5,) * layers) for layers in (2, 3, 4)] == [(10, 8), (24, 18), (38, 28)]


@pytest.mark.parametrize("sizes", [(3,), (3, 0, 1)])
def test_a_step_needs_layers(sizes: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="layer sizes"):
        backprop_step(sizes)
    with pytest.raises(BadInput, match="layer sizes"):
        published_ep(3, 0)
