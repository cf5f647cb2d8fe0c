"""How EP's cost grows: settling rate beside BLAS's own, threads, width, depth, batch, sweeps, memory."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from neuroep.engines import Engine, Keys, Nudge, Plan, Plans, create
from neuroep.hardware.device import Ideal, Mounted
from neuroep.layout import Layout
from neuroep.learning.methods.estimators import scheme
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Network, chain, initial_weights
from neuroep.recipe import Estimator, Order
from neuroep.rng import stream
from neuroep.solvers.sweeps import layer_order
from neuroep.weights import FloatArray

#: Calls of which the median is taken, after as many left out to warm up.
REPEATS = 15

WIDTHS = (64, 128, 256, 512, 1024)
DEPTHS = (1, 2, 4, 8, 16, 32)
BATCHES = (16, 32, 64, 128, 256, 512)
SWEEPS = (2, 4, 8, 16, 32)


class Figure(NamedTuple):
    """One measured figure: what was varied, where it stood, and what came out, in the unit named."""

    name: str
    network: str
    varied: str
    at: float
    value: float
    unit: str


def _median_seconds(call: Callable[[], object]) -> float:
    taken = []
    for i in range(2 * REPEATS):
        began = time.perf_counter()
        call()
        if i >= REPEATS:
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


class _Bench(NamedTuple):
    """A mounted network with a batch, ready to settle."""

    engine: Engine
    network: Network
    mounted: Mounted
    x: FloatArray
    nudge: Nudge
    ledger: Ledger

    def phases(self, sweeps: int) -> None:
        plan = Plan(layer_order(Order.FORWARD, self.network.depth), sweeps, 0.0)
        back = Plan(layer_order(Order.BACKWARD, self.network.depth), max(1, sweeps // 2), 0.0)
        self.engine.phases(self.mounted.circuit, self.x, Plans(plan, back), self.nudge, Keys(0, 0, 0), self.ledger)


def _prepare(sizes: tuple[int, ...], batch: int, threads: int) -> _Bench:
    # tanh-free and weakly coupled: what is timed is arithmetic, and no state is ever exactly at rest
    network = chain(sizes, Activation.HARD_SIGMOID, feedback=0.5, bias=0.5)
    mounted = Ideal().mount(network, initial_weights(network, stream(0, "weights")), stream(0, "mount"))
    x = stream(0, "x").uniform(size=(batch, sizes[0])).astype(np.float32)
    nudges = scheme(Estimator.CENTERED, 0.3, batch)
    targets = stream(0, "y").uniform(size=(2 * batch, sizes[-1])).astype(np.float32)
    return _Bench(create("cpu", threads), network, mounted, x, Nudge(targets, nudges.beta), Ledger.empty(sizes))


def _name(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))


def settling_rate(sizes: tuple[int, ...] = (784, 1024, 1024, 10), batch: int = 256) -> Iterator[Figure]:
    """Time free settling, and the products in it alone; GFLOP/s of both, and their ratio.

    The products are counted by the ledger, so that a sum that isn't read again isn't credited.
    """
    bench = _prepare(sizes, batch, 1)
    plan = Plan(layer_order(Order.FORWARD, bench.network.depth), 8, 0.0)
    circuit, engine = bench.mounted.circuit, bench.engine
    with engine.session():
        drive = engine.drive(circuit, bench.x, 0, bench.ledger, Phase.FREE)
        counted = Ledger.empty(sizes)
        engine.settle_free(circuit, drive, plan, 0, counted, Phase.FREE)
        work = 2.0 * counted.events(Phase.FREE)["synop"]
        seconds = _median_seconds(lambda: engine.settle_free(circuit, drive, plan, 0, bench.ledger, Phase.FREE))
        rate = _product_rate(sizes[1], sizes[2], batch)
    yield Figure("settling rate", _name(sizes), "batch", batch, work / seconds / 1e9, "GFLOP/s")
    yield Figure("sgemm rate", _name(sizes), "batch", batch, rate / 1e9, "GFLOP/s")
    yield Figure("settling ÷ sgemm", _name(sizes), "batch", batch, work / seconds / rate, "1")


def _product_rate(below: int, size: int, rows: int) -> float:
    """Flops a second of the products that settling makes between two hidden layers, up and down in turn."""
    from neuroep.engines.cpu.blas import find_blas
    from neuroep.engines.cpu.contrast_kernels import both_products

    rng, gemm = stream(0, "products"), find_blas().gemm(np.float32)
    states, weights = (rng.random(n, dtype=np.float32) for n in (rows * below, below * size))
    above, back = np.empty(rows * size, dtype=np.float32), np.empty(rows * below, dtype=np.float32)
    seconds = _median_seconds(lambda: both_products(gemm, rows, below, size, states, weights, above, back))
    return 4.0 * rows * below * size / seconds


def threads(sizes: tuple[int, ...] = (784, 512, 256, 10), batch: int = 256) -> Iterator[Figure]:
    """Time all phases on one thread and on two; the speed-up."""
    taken = []
    for count in (1, 2):
        bench = _prepare(sizes, batch, count)
        with bench.engine.session():
            taken.append(_median_seconds(partial(bench.phases, 4)))
        yield Figure("phases", _name(sizes), "threads", count, 1e3 * taken[-1], "ms")
    yield Figure("speed-up on two threads", _name(sizes), "batch", batch, taken[0] / taken[1], "1")


def growth() -> Iterator[Figure]:
    """Time all phases against width, depth, batch and sweeps, one at a time.

    With each, the slope of time against the multiplications that the ledger counted, in log–log: 1 is linear.
    """
    cases: dict[str, list[tuple[float, tuple[int, ...], int, int]]] = {
        "width": [(n, (784, n, n, 10), 64, 4) for n in WIDTHS],
        "depth": [(n, (128, *(128,) * n, 10), 64, 4) for n in DEPTHS],
        "batch": [(n, (784, 256, 10), n, 4) for n in BATCHES],
        "sweeps": [(n, (784, 512, 256, 10), 64, n) for n in SWEEPS],
    }
    for varied, settings in cases.items():
        points, work = [], []
        for at, sizes, batch, sweeps in settings:
            bench = _prepare(sizes, batch, 1)
            with bench.engine.session():
                bench.phases(sweeps)
                work.append(float(sum(bench.ledger.events(phase)["synop"] for phase in Phase)))
                points.append(_median_seconds(partial(bench.phases, sweeps)))
            yield Figure("phases", _name(sizes), varied, at, 1e3 * points[-1], "ms")
        slope = float(np.polyfit(np.log(work), np.log(points), 1)[0])
        yield Figure("slope in multiplications", "", varied, 0.0, slope, "1")


def memory(sizes: tuple[int, ...] = (784, 512, 256, 10), batch: int = 64) -> Iterator[Figure]:
    """Trace the peak of memory that all phases allocate, against the number of sweeps; and what two equilibria take."""
    with (first := _prepare(sizes, batch, 1)).engine.session():
        first.phases(1)  # compiles, or loads what was compiled
    for sweeps in SWEEPS:
        bench = _prepare(sizes, batch, 1)
        tracemalloc.start()
        with bench.engine.session():
            bench.phases(sweeps)
            bench.phases(sweeps)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        yield Figure("peak memory", _name(sizes), "sweeps", sweeps, peak / 1e6, "MB")
    states = 3 * batch * int(Layout.of(sizes).units[-1]) * np.dtype(np.float32).itemsize
    yield Figure("three equilibria", _name(sizes), "batch", batch, states / 1e6, "MB")
