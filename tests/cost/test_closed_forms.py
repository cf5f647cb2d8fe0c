"""Closed forms of a step's traffic against its trace, access by access, and against numbers worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.cost.clock_forms import ClockReads, backprop_reads, clock_dmc, ep_reads, weighted_ard
from neuroep.cost.closed_forms import Traffic, backprop_traffic, ep_traffic, working_set
from neuroep.cost.reuse import Access, ClockTracker, LruReuse, lru_reuse
from neuroep.cost.traces import backprop_step
from neuroep.errors import BadInput
from neuroep.learning.access import ep_step_trace
from neuroep.network import Cost, chain
from neuroep.recipe import Estimator, Order, Phases
from neuroep.specs.catalogue import load_model

DIFFERENCES = [e for e in Estimator if e.is_difference]
LAYERS = st.lists(st.integers(1, 9), min_size=2, max_size=7)


def counted(trace: list[Access]) -> Traffic:
    reads, writes = ([size for kind, _, size in trace if kind == wanted] for wanted in ("read", "write"))
    return Traffic(len(reads), len(writes), sum(reads), sum(writes))


def swept(estimator: Estimator = Estimator.CENTERED, free: int = 3, nudged: int = 2) -> Phases:
    return Phases(estimator, 0.1, free, nudged, Order.FORWARD, Order.BACKWARD)


@given(LAYERS, st.none() | st.integers(1, 8), st.integers(1, 5), st.booleans())
def test_backprop_is_its_trace(sizes: list[int], segment: int | None, batch: int, direct: bool) -> None:
    trace = backprop_step(sizes, segment=segment, batch=batch, direct=direct)
    assert backprop_traffic(sizes, segment, batch, direct) == counted(trace)


@given(LAYERS, st.sampled_from(DIFFERENCES), st.sampled_from([Cost.MSE, Cost.CROSS_ENTROPY]), st.data())
@settings(max_examples=40, deadline=None)
def test_ep_is_its_trace(sizes: list[int], estimator: Estimator, cost: Cost, data: st.DataObject) -> None:
    sizes = [*sizes, 3] if cost is Cost.CROSS_ENTROPY else sizes
    phases = swept(estimator, data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6)))
    network, batch, direct = chain(tuple(sizes), cost=cost), data.draw(st.integers(1, 5)), data.draw(st.booleans())
    trace = ep_step_trace(network, phases, batch=batch, direct=direct)
    assert ep_traffic(network, phases, batch, direct) == counted(trace)


def test_a_minibatch_reads_weights_once() -> None:
    """Of 20-200-1, states and sums grow with the samples, weights and biases don't; the accesses are the same ones."""
    network, phases = chain((20, 200, 1)), swept()
    one, many = (ep_step_trace(network, phases, batch=batch) for batch in (1, 16))
    assert [access[:2] for access in one] == [access[:2] for access in many]
    fixed = {"W1", "W2", "b1", "b2", "dW1", "dW2", "db1", "db2"}
    assert all(b.size == a.size * (1 if a.buffer in fixed else 16) for a, b in zip(one, many, strict=True))


@pytest.mark.parametrize("model", ["parity", "digits-mlp", "digits-drn"])
def test_shipped_models_move_what_the_forms_say(model: str) -> None:
    """Hopfield networks and a resistive one, whose inputs are clamped twice, by the recipes that train them."""
    spec = load_model(model)
    network, phases = spec.network(), spec.recipe().phases
    assert ep_traffic(network, phases) == counted(ep_step_trace(network, phases))


def test_published_backprop_by_hand() -> None:
    """20-1000-1: 24 reads and 18 writes of 102,073 floats (sparse-parity benchmark)."""
    found = backprop_traffic((20, 1000, 1))
    assert (found.reads, found.writes, found.read_floats + found.written_floats) == (24, 18, 102_073)


@pytest.mark.parametrize("depth", [1, 2, 5, 40])
def test_accesses_of_backprop_grow_by_a_layer(depth: int) -> None:
    found = backprop_traffic((7,) * (depth + 1))
    assert (found.reads, found.writes) == (14 * depth - 4, 10 * depth - 2)


@pytest.mark.parametrize(
    ("depth", "segment", "layers", "inner"), [(9, 4, 8, 6), (9, 2, 8, 4), (9, 1, 8, 0), (4, 4, 0, 0)]
)
def test_what_recomputation_adds(depth: int, segment: int, layers: int, inner: int) -> None:
    """Of all n units: a layer's pre-activations read n + n² + n and write n; those inside a segment add 2 n for h."""
    n = 6
    kept, anew = backprop_traffic((n,) * (depth + 1)), backprop_traffic((n,) * (depth + 1), segment)
    assert anew.reads - kept.reads == 3 * layers + inner
    assert anew.read_floats - kept.read_floats == layers * (n * n + 2 * n) + inner * n
    assert anew.written_floats - kept.written_floats == (layers + inner) * n


def test_recomputation_by_hand() -> None:
    """Four layers in segments of two: layers 1 and 2 once more, from the kept h0, before layer 2's gradient is due."""
    trace = backprop_step((2, 3, 4, 5, 1), segment=2)
    plain = backprop_step((2, 3, 4, 5, 1))
    start = next(i for i, pair in enumerate(zip(trace, plain, strict=False)) if pair[0] != pair[1])
    again = [
        *(Access("read", name, size) for name, size in (("h0", 2), ("W1", 6), ("b1", 3))),
        Access("write", "a1", 3),
        Access("read", "a1", 3),
        Access("write", "h1", 3),
        *(Access("read", name, size) for name, size in (("h1", 3), ("W2", 12), ("b2", 4))),
        Access("write", "a2", 4),
    ]
    assert trace[start : start + len(again)] == again
    assert trace[start + len(again) :] == plain[start:]
    assert trace[start + len(again)] == Access("read", "da3", 5)


def missed(reuse: LruReuse, capacity: int) -> int:
    return int(reuse.sizes[reuse.distances > capacity].sum())


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_memory_of_the_working_set_serves_every_further_sweep(
    estimator: Estimator, cost: Cost, phase: int, batch: int
) -> None:
    """A sweep more costs no miss in a memory of that size, and some in one that is a float smaller."""
    network = chain((9, 6, 4, 3), cost=cost)
    phases = swept(estimator), (swept(estimator, free=4), swept(estimator, nudged=3))[phase]
    fewer, more = (lru_reuse(ep_step_trace(network, each, batch=batch)) for each in phases)
    size = working_set(network, swept(estimator), batch)[phase]
    assert missed(more, size) == missed(fewer, size)
    assert missed(more, size - 1) > missed(fewer, size - 1)


def test_working_sets_by_hand() -> None:
    """20-200-1 on two nudged copies: 200 synapses, 3·201 + 200, and 7·201 but for the input's sum, which they share."""
    assert working_set(chain((20, 200, 1)), swept()) == (200 + 603 + 200, 200 + 1407 - 200)


UNITS = st.integers(1, 30)


def one_by_one(reads: list[ClockReads]) -> list[tuple[int, int]]:
    return sorted((m, first + i * growth) for m, first, growth, times in reads for i in range(times))


def by_the_clock(trace: list[Access]) -> list[tuple[int, int]]:
    """Size and clock distance of each read: floats moved since the buffer's last write began."""
    clock, begun, found = 0, dict[str, int](), []
    for kind, buffer, size in trace:
        if kind == "write":
            begun[buffer] = clock
        else:
            found.append((size, clock - begun[buffer]))
        clock += size
    return sorted(found)


@given(UNITS, UNITS, UNITS, st.booleans(), st.booleans())
def test_backprops_distances_are_its_traces(n: int, h: int, m: int, recompute: bool, direct: bool) -> None:
    trace = backprop_step((n, h, m), segment=1 if recompute else None, direct=direct)
    assert one_by_one(backprop_reads(n, h, m, recompute, direct)) == by_the_clock(trace)


@given(UNITS, UNITS, UNITS, st.integers(1, 5), st.integers(1, 5), st.sampled_from(DIFFERENCES), st.booleans())
@settings(max_examples=80, deadline=None)
def test_eps_distances_are_its_traces(
    n: int, h: int, m: int, free: int, nudged: int, estimator: Estimator, direct: bool
) -> None:
    trace = ep_step_trace(chain((n, h, m)), swept(estimator, free, nudged), direct=direct)
    copies = 2 if estimator is Estimator.CENTERED else 1
    reads = ep_reads(n, h, m, free, nudged, copies, direct)
    assert one_by_one(reads) == by_the_clock(trace)
    tracker = ClockTracker().follow(trace)
    assert weighted_ard(reads) == pytest.approx(tracker.weighted_ard, rel=1e-12)
    assert clock_dmc(reads) == pytest.approx(tracker.dmc, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "h", "ard", "dmc"),
    [
        (3, 100, 1_071.20, 56_144.03),
        (20, 200, 7_210.37, 850_131.31),
        (20, 500, 17_976.40, 3_348_253.10),
        (20, 1000, 35_919.80, 9_458_892.41),
    ],
)
def test_published_backprop_from_formulas_alone(n: int, h: int, ard: float, dmc: float) -> None:
    reads = backprop_reads(n, h, 1)
    assert (round(weighted_ard(reads), 2), round(clock_dmc(reads), 2)) == (ard, dmc)


def test_impossible_steps_have_no_distances() -> None:
    for call, said in (
        (lambda: backprop_reads(0, 1, 1), "n"),
        (lambda: ep_reads(1, 1, 1, 0, 1), "free"),
        (lambda: ep_reads(1, 1, 1, 1, 0), "nudged"),
        (lambda: ep_reads(1, 1, 1, 1, 1, 3), "copies"),
    ):
        with pytest.raises(BadInput, match=said):
            call()


@pytest.mark.parametrize("segment", [0, -1, 1.5])
def test_segments_have_layers(segment: int) -> None:
    for count in (backprop_traffic, lambda sizes, segment: backprop_step(sizes, segment=segment)):
        with pytest.raises(BadInput, match="segment"):
            count((3, 4, 1), segment)


def test_what_has_no_closed_form() -> None:
    with pytest.raises(BadInput, match="segments of a network with skips"):
        backprop_step((3, 4, 4, 4, 1), [(1, 3)], 2)
    with pytest.raises(BadInput, match="layer sizes"):
        backprop_traffic((3,))
    for empty in (
        lambda: backprop_step((3, 1), batch=0),
        lambda: backprop_traffic((3, 1), batch=0),
        lambda: ep_traffic(chain((3, 1)), swept(), 0),
        lambda: ep_step_trace(chain((3, 1)), swept(), batch=0),
    ):
        with pytest.raises(BadInput, match="batch"):
            empty()
    network = chain((3, 4, 4, 4, 1))
    for wrong, said in (
        (Phases(Estimator.HOLOMORPHIC), "holomorphic"),
        (Phases(free_order=Order.EVEN_ODD), "sweeps even-odd"),
    ):
        for count in (ep_traffic, working_set):
            with pytest.raises(BadInput, match=said):
                count(network, wrong)
    with pytest.raises(BadInput, match="skips"):
        ep_traffic(chain((3, 4, 4, 4, 1), skips=((1, 3),)), swept())
