"""Time of an EP step on a GPU, on paper: flops, bytes, occupancy, and what bounds each kernel.

A block's time is the sum over the tiles of weights that pass through it: the latency of two barriers and one read of
the L2 cache, and then the longest of the tile's copy, its multiply-adds and its reads of shared memory. Blocks run
side by side, as many as registers and shared memory admit; a kernel is no faster than memory and arithmetic allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.engines.base import Plan
from neuroep.engines.cuda.freshness import DOWN, UP, turns
from neuroep.engines.cuda.tiles import PRODUCTS, Tile, choose, state_bytes, static_bytes


class Gpu(NamedTuple):
    """What a GPU can do. Clocks are those of a multiprocessor."""

    name: str
    processors: int
    hertz: float
    fma_per_clock: dict[str, int]
    memory_bytes_per_second: float
    l2_bytes_per_clock: int
    shared_bytes_per_clock: int
    l2_latency_clocks: int
    barrier_clocks: int
    launch_seconds: float
    registers: int = 65536
    shared_bytes: int = 228 * 1024
    block_reserve_bytes: int = 1024
    most_threads: int = 2048


#: NVIDIA H100 SXM5 80 GB: 132 multiprocessors, 66.9 TFLOP/s float32 at 1.98 GHz and half that in float64, 3.35 TB/s
#: (data sheet); 64 bytes a clock from L2 and 128 from shared memory per multiprocessor (design). The latencies and the
#: time of a launch are assumptions, to be replaced by what is measured.
H100 = Gpu("H100 SXM", 132, 1.98e9, {"float32": 128, "float64": 64}, 3.35e12, 64, 128, 270, 30, 4e-6)
#: Registers of a thread, settling and in products, as ptxas counts them for sm_90, rounded up to multiples of 8.
REGISTERS = {"settle": {"float32": 152, "float64": 176}, "product": {"float32": 104, "float64": 128}}


class KernelTime(NamedTuple):
    """One kernel of a step.

    Attributes
    ----------
    name : str
        What it does.
    flops : int
        Operations that the answer needs, a multiply-add being two.
    bytes : int
        Numbers that must come from or go to memory once.
    l2_bytes : int
        Weights that blocks stream from L2.
    blocks : int
        Blocks in all.
    occupancy : float
        Threads that a multiprocessor can hold with this kernel, as a share of the most it can.
    seconds : float
        Predicted, without the launch.
    bound : str
        What takes the time.
    """

    name: str
    flops: int
    bytes: int
    l2_bytes: int
    blocks: int
    occupancy: float
    seconds: float
    bound: str


class StepPrediction(NamedTuple):
    """Kernels of an EP step, and its time with a launch for each."""

    kernels: tuple[KernelTime, ...]
    seconds: float

    @property
    def flops(self) -> int:
        """Operations of the step."""
        return sum(kernel.flops for kernel in self.kernels)


def predict_step(
    sizes: Sequence[int], batch: int, free: Plan, nudged: Plan, copies: int = 2, readout: bool = False,
    dtype: str = "float32", gpu: Gpu = H100,
) -> StepPrediction:  # fmt: skip
    """Predict an EP step: drive, free phase, nudged phases in one launch, and a contrast for each coupling.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer.
    batch : int
        Samples of a minibatch.
    free, nudged : Plan
        Order and sweeps of the two phases; every sweep is taken.
    copies : int
        Nudged copies of the minibatch (2 for a centered estimator).
    readout : bool
        Whether the last layer is a softmax read-out.
    dtype : str
        float32 or float64.
    gpu : Gpu
        Where it runs.
    """
    depth = len(sizes) - 1
    last = depth - 1 if readout else depth
    kernels = [_product("drive", batch, sizes[1], sizes[0], dtype, gpu)]
    for name, plan, rows, is_nudged in (("free", free, batch, False), ("nudged", nudged, copies * batch, True)):
        products = list(reads(plan, sizes, last, free.order if is_nudged else None))
        kernels.append(_settling(name, products, rows, sizes, dtype, gpu))
    kernels += [_product(f"contrast {k}", sizes[k - 1], sizes[k], batch * (1 if k == 1 else copies), dtype, gpu)
                for k in range(1, depth + 1)]  # fmt: skip
    return StepPrediction(tuple(kernels), sum(kernel.seconds + gpu.launch_seconds for kernel in kernels))


def reads(plan: Plan, sizes: Sequence[int], last: int, before: NDArray[np.int64] | None) -> Iterator[tuple[int, int]]:
    """Yield (terms, sums) of every product of a phase, which reads what has changed since it was last read.

    `before` is the order of the free phase that a nudged phase comes after; None for a free phase.
    """
    fresh = np.ones(len(sizes) - 1, dtype=np.bool_)
    if before is not None:
        fresh = turns(before, last, False, fresh).fresh
    first, later = turns(plan.order, last, before is not None, fresh).updates.tolist()
    for sweep in range(plan.sweeps):
        for update in later if sweep else first:
            k = update >> 2
            if update & UP:
                yield sizes[k - 1], sizes[k]
            if update & DOWN:
                yield sizes[k + 1], sizes[k]


def _settling(
    name: str, products: Sequence[tuple[int, int]], rows: int, sizes: Sequence[int], dtype: str, gpu: Gpu
) -> KernelTime:
    tile, resident = choose(sizes, rows, dtype, gpu.processors)
    item, blocks = np.dtype(dtype).itemsize, -(-rows // tile.rows)
    shared = static_bytes(tile, dtype) + (state_bytes(tile, sizes, dtype) if resident else 0)
    tiles = sum(-(-terms // tile.depth) * -(-n // tile.columns) for terms, n in products)
    flops = sum(2 * rows * terms * n for terms, n in products)
    streamed = blocks * item * sum(terms * n for terms, n in products)
    moved = item * (3 * rows * sum(sizes[1:]) + sum(a * b for a, b in pairwise(sizes[1:])))
    return _timed(name, tile, tiles, blocks, shared, "settle", flops, moved, streamed, 1, dtype, gpu)


def _product(name: str, m: int, n: int, terms: int, dtype: str, gpu: Gpu) -> KernelTime:
    tile, item = PRODUCTS, np.dtype(dtype).itemsize
    blocks = -(-m // tile.rows) * -(-n // tile.columns)
    tiles, flops = -(-terms // tile.depth), 2 * m * n * terms
    moved = item * (m * terms + terms * n + m * n)
    shared = item * tile.depth * (tile.rows + tile.columns + 1)
    streamed = item * blocks * terms * (tile.rows + tile.columns)
    return _timed(name, tile, tiles, blocks, shared, "product", flops, moved, streamed, 2, dtype, gpu)


def _timed(
    name: str, tile: Tile, tiles: int, blocks: int, shared: int, kind: str, flops: int, moved: int, streamed: int,
    operands: int, dtype: str, gpu: Gpu,
) -> KernelTime:  # fmt: skip
    fitting = min(
        gpu.registers // (REGISTERS[kind][dtype] * tile.threads),
        gpu.shared_bytes // (shared + gpu.block_reserve_bytes), gpu.most_threads // tile.threads,
    )  # fmt: skip
    together = max(1, min(fitting, -(-blocks // gpu.processors)))
    clocks = _tile_clocks(tile, operands, dtype, gpu, together)
    waves = -(-blocks // (gpu.processors * together))
    limits = {what: waves * tiles * value / gpu.hertz for what, value in clocks.items()}
    waiting = limits.pop("latency")
    busiest = max(limits, key=lambda what: limits[what])
    limits_of_all = {
        "memory": moved / gpu.memory_bytes_per_second,
        "arithmetic": flops / (2 * gpu.fma_per_clock[dtype] * gpu.processors * gpu.hertz),
    }
    bound = "latency" if waiting > limits[busiest] else busiest
    seconds = waiting + limits[busiest]
    for what, least in limits_of_all.items():
        if least > seconds:
            seconds, bound = least, what
    occupancy = fitting * tile.threads / gpu.most_threads
    return KernelTime(name, flops, moved, streamed, blocks, occupancy, seconds, bound)


def _tile_clocks(tile: Tile, operands: int, dtype: str, gpu: Gpu, together: int) -> dict[str, float]:
    """Clocks that one multiprocessor spends on one tile of each of `together` blocks, by what is busy."""
    item, warps = np.dtype(dtype).itemsize, tile.threads / 32
    multiplies = tile.threads * tile.depth * tile.rows_each * tile.columns_each
    loads = warps * tile.depth * (tile.rows_each + tile.columns_each) * 32 * item
    copied = item * tile.depth * (tile.columns + (tile.rows if operands == 2 else 0))
    return {
        "latency": gpu.l2_latency_clocks + 2 * gpu.barrier_clocks,
        "L2": together * copied / gpu.l2_bytes_per_clock,
        "arithmetic": together * multiplies / gpu.fma_per_clock[dtype],
        "shared memory": together * loads / gpu.shared_bytes_per_clock,
    }
