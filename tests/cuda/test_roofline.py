"""The predicted time of a step: its operations counted by hand, and limits no prediction may beat."""

from __future__ import annotations

import numpy as np
import pytest
from problems import plan, problem, settle, settle_nudged

from neuroep.engines import Plan, create
from neuroep.engines.cuda.roofline import H100, predict_step, reads
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Cost
from neuroep.recipe import Order
from neuroep.solvers.sweeps import layer_order


def plans(depth: int, free: int, nudged: int) -> tuple[Plan, Plan]:
    return Plan(layer_order(Order.FORWARD, depth), free, 0.0), Plan(layer_order(Order.BACKWARD, depth), nudged, 0.0)


@pytest.mark.parametrize("cost", [Cost.MSE, Cost.CROSS_ENTROPY])
@pytest.mark.parametrize("order", list(Order))
def test_reads_are_those_that_an_engine_counts(cost: Cost, order: Order) -> None:
    p = problem((7, 6, 5, 3), Activation.TANH, cost=cost, feedback=0.9, batch=1)
    book, last = Ledger.empty(p.sizes), p.network.dynamical
    free = settle(create("reference"), p.circuit, p.x, plan(3, 5, 0.0, order), book)
    settle_nudged(create("reference"), p.circuit, free, p.targets, np.full(1, 0.3), plan(3, 4, 0.0, order), book)
    layers = layer_order(order, 3)
    for phase, sweeps in ((Phase.FREE, 5), (Phase.NUDGED, 4)):
        found = list(reads(Plan(layers, sweeps, 0.0), p.sizes, last, layers if phase is Phase.NUDGED else None))
        for event, pairs in (
            (Event.READ_UP, [(p.sizes[k - 1], p.sizes[k]) for k in (2, 3)]),
            (Event.READ_DOWN, [(p.sizes[k], p.sizes[k - 1]) for k in (2, 3)]),
        ):
            counted = book.counts[phase, event, 2:].tolist()
            assert [found.count(pair) for pair in pairs] == counted


@pytest.mark.parametrize("order", list(Order))
def test_reads_of_a_deep_network(order: Order) -> None:
    """Layers of sizes of their own, so that every read has a name; counted one by one by the reference engine."""
    sizes, layers = tuple(range(1, 132)), layer_order(order, 130)
    p, book = problem(sizes, Activation.TANH, gain=0.1, batch=1), Ledger.empty(sizes)
    free = settle(create("reference"), p.circuit, p.x, plan(130, 3, 0.0, order), book)
    settle_nudged(create("reference"), p.circuit, free, p.targets, np.full(1, 0.3), plan(130, 2, 0.0, order), book)
    for phase, sweeps in ((Phase.FREE, 3), (Phase.NUDGED, 2)):
        found = list(reads(Plan(layers, sweeps, 0.0), sizes, 130, layers if phase is Phase.NUDGED else None))
        for event, pairs in (
            (Event.READ_UP, [(k, k + 1) for k in range(2, 131)]),
            (Event.READ_DOWN, [(k + 1, k) for k in range(2, 131)]),
        ):
            assert [found.count(pair) for pair in pairs] == book.counts[phase, event, 2:].tolist()


def test_operations_of_a_step_by_hand() -> None:
    """784-256-10, batch 64, 4 free sweeps and 2 nudged ones of two copies, one hidden layer: 3 + 4 products free."""
    found = predict_step((784, 256, 10), 64, *plans(2, 4, 2))
    work = {kernel.name: kernel.flops for kernel in found.kernels}
    assert work["drive"] == work["contrast 1"] == 2 * 64 * 784 * 256
    assert work["contrast 2"] == 2 * 128 * 256 * 10
    assert work["free"] == 2 * 64 * 256 * 10 * (4 + 3)
    assert found.flops == sum(work.values())


@pytest.mark.parametrize("batch", [1, 64, 512, 16384])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_kernel_beats_the_machine(batch: int, dtype: str) -> None:
    found = predict_step((784, 512, 256, 10), batch, *plans(3, 2, 1), dtype=dtype)
    peak = 2 * H100.processors * H100.fma_per_clock[dtype] * H100.hertz
    for kernel in found.kernels:
        assert kernel.seconds >= kernel.flops / peak
        assert kernel.seconds >= kernel.bytes / H100.memory_bytes_per_second
        assert 0.0 < kernel.occupancy <= 1.0
    assert found.seconds > sum(kernel.seconds for kernel in found.kernels)


def test_the_peak_is_the_data_sheets() -> None:
    """66.9 TFLOP/s in float32 (NVIDIA H100 SXM5 data sheet)."""
    assert 2 * H100.processors * H100.fma_per_clock["float32"] * H100.hertz == pytest.approx(66.9e12, rel=0.001)
