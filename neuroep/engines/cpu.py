"""The cpu engine: compiled settling of blocks of samples that stay in cache through all sweeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from neuroep.circuit import Circuit
from neuroep.engines import contrast_kernels, kernels
from neuroep.engines.base import Accumulation, Nudge, Plan
from neuroep.engines.blas import find_blas
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Cost
from neuroep.weights import FloatArray

#: Samples of one block: states and hidden weights of the usual networks then fit in a core's L2 cache.
BLOCK = 128
#: Fewest multiplications of a product for which starting a second thread pays.
PARALLEL_WORK = 4_000_000
#: Most threads an engine takes.
MOST_THREADS = 256


class _Workspace(NamedTuple):
    """Buffers of one phase, kept from step to step, and their views (batch, n_k) layer by layer."""

    states: FloatArray
    up: FloatArray
    down: FloatArray
    state_layers: tuple[FloatArray, ...]
    up_layers: tuple[FloatArray, ...]
    scratch: FloatArray
    blocks: tuple[tuple[int, int], ...]
    counts: kernels.IntArray


def _layers(buffer: FloatArray, batch: int, sizes: Sequence[int]) -> tuple[FloatArray, ...]:
    ends = np.cumsum([batch * n for n in sizes[1:]])
    return tuple(part.reshape(batch, -1) for part in np.split(buffer, ends[:-1]))


class CpuEngine:
    """Numba settling on `threads` threads; BLAS itself is held to one, since threads take blocks.

    Parameters
    ----------
    threads : int, optional
        Defaults to the cores this process may use.
    """

    name = "cpu"

    def __init__(self, threads: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.threads = cores if threads is None else threads
        if not 1 <= self.threads <= MOST_THREADS:
            raise BadInput(f"{threads} threads", "threads", f"1 to {MOST_THREADS}")
        self._pool = ThreadPoolExecutor(max(1, self.threads - 1), initializer=self._hold)
        self._cuts: dict[tuple[int, int, int], tuple[tuple[int, int], ...]] = {}
        self._workspaces: dict[tuple[object, ...], _Workspace] = {}
        self._blas = find_blas()

    def _hold(self) -> None:
        """Hold a thread of the pool to one BLAS thread, for good."""
        if self._blas.set_threads is not None:
            self._blas.set_threads(1)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold BLAS to one thread while a block of work lasts: the threads are the engine's own."""
        if self._blas.set_threads is None:
            with threadpool_limits(1, user_api="blas"):
                yield
            return
        before = self._blas.set_threads(1)
        try:
            yield
        finally:
            self._blas.set_threads(before)

    def _blocks(self, rows: int, work: int, most: int = BLOCK) -> tuple[tuple[int, int], ...]:
        """Return the ends of the blocks of some rows; one a thread at least, when the work of a row is worth it."""
        key = (rows, work, most)
        if key not in self._cuts:
            parts = -(-rows // most)
            if self.threads > 1 and work * rows >= PARALLEL_WORK:
                parts = -(-max(parts, self.threads) // self.threads) * self.threads
            parts = max(1, min(parts, rows))
            ends = [rows * i // parts for i in range(parts + 1)]
            self._cuts[key] = tuple(pairwise(ends))
        return self._cuts[key]

    def _share(
        self, call: Callable[..., None], blocks: Sequence[tuple[int, int]], arguments: Callable[[int], tuple[Any, ...]]
    ) -> None:
        """Call once a block, with the block's arguments and ends: the first here, others on the pool."""
        if self.threads == 1 or len(blocks) == 1:
            for i, ends in enumerate(blocks):
                call(*arguments(i), *ends)
            return
        others = [self._pool.submit(call, *arguments(i), *blocks[i]) for i in range(1, len(blocks))]
        call(*arguments(0), *blocks[0])
        for other in others:
            other.result()

    def _workspace(self, circuit: Circuit, batch: int, slot: str, ledger: Ledger) -> _Workspace:
        key = (slot, batch, ledger.sizes, circuit.up.dtype)
        if key not in self._workspaces:
            sizes, dtype = ledger.sizes, circuit.up.dtype
            flat, current, down = (np.zeros(batch * sum(sizes[1:]), dtype=dtype) for _ in range(3))
            hidden = sum(a * b for a, b in pairwise(sizes[1:]))
            blocks = self._blocks(batch, hidden)
            widest = max(hi - lo for lo, hi in blocks) * max(sizes[1:])
            scratch = np.zeros((len(blocks), 2 * widest), dtype=dtype)
            counts = np.zeros((len(blocks), *ledger.counts.shape[1:]), dtype=np.int64)
            states, up = _layers(flat, batch, sizes), _layers(current, batch, sizes)
            self._workspaces[key] = _Workspace(flat, current, down, states, up, scratch, blocks, counts)
        return self._workspaces[key]

    def drive(self, circuit: Circuit, x: FloatArray, noise_key: int, ledger: Ledger, phase: Phase) -> FloatArray:
        """See Engine."""
        n0, n1 = int(circuit.sizes[0]), int(circuit.sizes[1])
        blocks = self._blocks(len(x), n0 * n1)
        out = np.empty(len(x) * n1, dtype=circuit.up.dtype)
        lines = np.empty(x.size if circuit.dac_bits else 0, dtype=circuit.up.dtype)
        flat, key, gemm = x.reshape(-1), np.uint64(noise_key), self._blas.gemm(out.dtype)
        self._share(kernels.drive_block, blocks, lambda _: (circuit, flat, lines, out, key, gemm))
        ledger.add(phase, Event.READ_UP, 1, len(x))
        return out.reshape(len(x), n1)

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: Plan, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine."""
        batch, depth = len(drive), len(circuit.sizes) - 1
        work = self._workspace(circuit, batch, "free", ledger)
        work.states[:] = 0.0
        work.down[:] = 0.0
        work.up[: drive.size] = drive.reshape(-1)
        work.up[drive.size :] = 0.0
        dtype = circuit.up.dtype
        nothing = Nudge(np.zeros((batch, int(circuit.sizes[-1])), dtype=dtype), np.zeros(batch, dtype=dtype))
        fresh = np.ones(depth, dtype=np.bool_)
        return self._settle(circuit, work, fresh, fresh, nothing, plan, noise_key, ledger, phase)

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: Plan, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine."""
        batch = len(nudge.beta)
        work = self._workspace(circuit, batch, "nudged", ledger)
        rows = len(free.residual)
        for k, (state, current) in enumerate(zip(free.states, free.currents, strict=True)):
            n = state.shape[1]
            work.state_layers[k].reshape(-1, rows, n)[...] = state
            work.up_layers[k].reshape(-1, rows, n)[...] = current
        stale = np.zeros(len(free.states), dtype=np.bool_)
        return self._settle(circuit, work, free.fresh, stale, nudge, plan, noise_key, ledger, Phase.NUDGED)

    def _settle(
        self, circuit: Circuit, work: _Workspace, up_fresh: kernels.BoolArray, down_fresh: kernels.BoolArray,
        nudge: Nudge, plan: Plan, noise_key: int, ledger: Ledger, phase: Phase,
    ) -> Equilibrium:  # fmt: skip
        blocks, batch = len(work.blocks), len(nudge.beta)
        up_flags, down_flags = np.tile(up_fresh, (blocks, 1)), np.tile(down_fresh, (blocks, 1))
        residual = np.empty(batch, dtype=work.states.dtype)
        steps, codes = np.empty(batch, dtype=np.int64), np.empty(batch, dtype=np.int64)
        work.counts[...] = 0
        key, nudged, gemm = np.uint64(noise_key), phase is Phase.NUDGED, self._blas.gemm(residual.dtype)

        def arguments(i: int) -> tuple[Any, ...]:
            return (
                circuit, plan.order, plan.sweeps, plan.tolerance, key, nudged, nudge.targets, nudge.beta, work.states,
                work.up, work.down, work.scratch[i], up_flags[i], down_flags[i], residual, steps, codes,
                work.counts[i], batch, gemm,
            )  # fmt: skip

        self._share(kernels.settle_block, work.blocks, arguments)
        ledger.counts[phase] += work.counts.sum(axis=0)
        return Equilibrium(work.state_layers, work.up_layers, up_flags[0], residual, steps, codes)

    def contrast(
        self,
        circuit: Circuit,
        x: FloatArray,
        states: Sequence[FloatArray],
        coefficients: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine."""
        last = len(states) if circuit.cost != Cost.CROSS_ENTROPY else len(states) - 1
        below: FloatArray = x
        for k in range(1, last + 1):
            rows = len(below)  # the clamped input is alike in every copy, so the copies are summed first
            weighted = np.empty(rows * states[k - 1].shape[1], dtype=x.dtype)
            copies = len(coefficients) // rows
            contrast_kernels.weigh_rows(
                rows, states[k - 1].shape[1], copies, states[k - 1].reshape(-1), coefficients, weighted
            )
            self._outer(k, below, weighted, -1.0 / circuit.feedback ** (last - k), into)
            ledger.add(Phase.UPDATE, Event.CONTRAST, k, rows)
            below = states[k - 1]

    def readout_gradient(
        self,
        circuit: Circuit,
        free: Equilibrium,
        targets: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine."""
        if circuit.cost != Cost.CROSS_ENTROPY:
            return
        depth = len(free.states)
        error = ((free.output - targets) / len(targets)).reshape(-1)
        self._outer(depth, free.states[-2], error, 1.0, into)
        ledger.add(Phase.UPDATE, Event.CONTRAST, depth, len(targets))

    def _outer(self, k: int, below: FloatArray, weighted: FloatArray, sign: float, into: Accumulation) -> None:
        rows, n_below = below.shape
        out, size, scale = into.out.coupling(k), into.out.sizes[k], sign * into.rates[k - 1]
        blocks = self._blocks(n_below, rows * size, n_below)
        flat_below, flat_out, gemm = below.reshape(-1), out.reshape(-1), self._blas.gemm(out.dtype)
        self._share(
            contrast_kernels.outer_rows, blocks,
            lambda _: (rows, n_below, size, flat_below, weighted, scale, into.keep, flat_out, gemm),
        )  # fmt: skip
        contrast_kernels.accumulate_sums(rows, size, weighted, scale, into.keep, into.out.bias(k))
