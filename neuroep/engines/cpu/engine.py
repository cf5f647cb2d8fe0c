"""The cpu engine: compiled settling of blocks of samples that stay in cache through all sweeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from neuroep.circuit import Circuit, keeps_registers, read_size
from neuroep.engines import in_time
from neuroep.engines.base import (
    Accumulation,
    Courses,
    How,
    Keys,
    Nudge,
    Plan,
    Settlings,
    by_sweeps,
    no_spikes,
    phases_in_turn,
    refuse_unknown,
    unknown,
)
from neuroep.engines.cpu import contrast_kernels, kernels, ode
from neuroep.engines.cpu.blas import find_blas
from neuroep.engines.cpu.read_kernels import SCRATCH, IntArray
from neuroep.engines.cpu.workers import Workers, blas_libraries, one_blas_thread
from neuroep.equilibrium import Equilibrium, Registers
from neuroep.errors import BadInput
from neuroep.ledger import Ledger, Phase
from neuroep.solvers.plan import ContinuousPlan, Settled
from neuroep.solvers.problems import Flow
from neuroep.weights import FloatArray

#: Samples of one block: states and hidden weights of the usual networks then fit in a core's L2 cache.
BLOCK = 128
#: Fewest multiplications for which handing blocks to other threads pays: waking one takes a tenth of a millisecond.
PARALLEL_WORK = 40_000_000
#: Blocks come in multiples of this where that pays, however many threads there are: BLAS adds up in another order when
#: a block has another size, and results are to be the same to the bit on any number of threads.
SHARES = 4
Layers = tuple[FloatArray, ...]
#: Most threads an engine takes.
MOST_THREADS = 256


class _Workspace(NamedTuple):
    """Buffers of one phase, kept from step to step, and their views (batch, n_k) layer by layer.

    `held` views what registers keep: sums from above and lines; nothing where states are driven.
    """

    buffers: kernels.Buffers
    states: tuple[FloatArray, ...]
    up: tuple[FloatArray, ...]
    held: tuple[Layers, Layers, Layers] | None
    nothing: Nudge
    scratch: FloatArray
    lines: FloatArray
    blocks: tuple[tuple[int, int], ...]
    counts: IntArray

    def equilibrium(self, fresh: kernels.BoolArray, down_fresh: kernels.BoolArray) -> Equilibrium:
        """Return what has settled here; states and sums belong to the engine, the rest is the caller's."""
        found = self.buffers
        quality = found.residual.copy(), found.steps.copy(), found.codes.copy()
        registers = None if self.held is None else Registers(*self.held, down_fresh)
        return Equilibrium(self.states, self.up, fresh, *quality, registers)


def cut(rows: int, work: int) -> tuple[tuple[int, int], ...]:
    """Return the ends of the blocks of some rows that take `work` multiplications each."""
    parts = -(-rows // BLOCK)
    if work * rows >= PARALLEL_WORK:
        parts = -(-parts // SHARES) * SHARES
    parts = max(1, min(parts, rows))
    return tuple(pairwise(rows * i // parts for i in range(parts + 1)))


def _hidden_work(sizes: Sequence[int]) -> int:
    return sum(a * b for a, b in pairwise(sizes[1:]))


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
    on_host = True

    def __init__(self, threads: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.threads = cores if threads is None else threads
        if not 1 <= self.threads <= MOST_THREADS:
            raise BadInput(f"{threads} threads", "threads", f"1 to {MOST_THREADS}")
        self._workers = Workers(max(1, self.threads - 1), self._hold)
        self._cuts: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._workspaces: dict[tuple[object, ...], _Workspace] = {}
        self._blas = find_blas()
        self._others = blas_libraries()  # which numpy code between kernels uses

    def _hold(self) -> None:
        """Hold a thread of the pool to one BLAS thread, for good."""
        if self._blas.set_threads is not None:
            self._blas.set_threads(1)

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """See Engine."""
        return no_spikes(how, self.name) or unknown(circuit, self.name)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold BLAS to one thread while a block of work lasts, and other users of this engine off its buffers."""
        with self._workers.turn(), one_blas_thread(self._others), self._blas.one_thread():
            yield

    def _blocks(self, rows: int, work: int) -> tuple[tuple[int, int], ...]:
        """Return the ends of the blocks of some rows, the same for any number of threads."""
        key = (rows, work)
        if key not in self._cuts:
            self._cuts[key] = cut(rows, work)
        return self._cuts[key]

    def _share(
        self, call: Callable[..., None], blocks: Sequence[tuple[int, int]], arguments: Callable[[int], tuple[Any, ...]]
    ) -> None:
        """Call once a block, with the block's arguments and ends: the first here, others on the pool."""
        if self.threads == 1 or len(blocks) == 1:
            for i, ends in enumerate(blocks):
                call(*arguments(i), *ends)
            return
        others = [self._workers.submit(call, *arguments(i), *blocks[i]) for i in range(1, len(blocks))]
        call(*arguments(0), *blocks[0])
        for other in others:
            other.result()

    def _scratch(self, blocks: Sequence[tuple[int, int]], sizes: Sequence[int], dtype: DTypeLike) -> FloatArray:
        """Return each block's room for lines and reads; zeros of which no page is there until it is touched."""
        return np.zeros((len(blocks), SCRATCH, max(hi - lo for lo, hi in blocks) * max(sizes[1:])), dtype=dtype)

    def _workspace(self, circuit: Circuit, batch: int, slot: str, ledger: Ledger, work: int) -> _Workspace:
        """Return the buffers of a phase; `work` is the multiplications of a row."""
        registers = keeps_registers(circuit)
        codes = circuit.activations.tobytes(), circuit.cost, circuit.physics
        key = (slot, batch, ledger.sizes, circuit.up.dtype, registers, codes)
        if key not in self._workspaces:
            refuse_unknown(circuit, self.name)
            sizes, dtype = ledger.sizes, circuit.up.dtype
            units = batch * sum(sizes[1:])
            flat = [np.zeros(n, dtype=dtype) for n in (units, units, units, *([units if registers else 0] * 2))]
            rows = [np.zeros(batch, dtype=kind) for kind in (dtype, np.int64, np.int64)]
            buffers = kernels.Buffers(flat[0], flat[1], flat[2], rows[0], rows[1], rows[2], flat[3], flat[4])
            blocks = self._blocks(batch, work)
            scratch, lines = self._scratch(blocks, sizes, dtype), np.zeros(batch * sizes[0], dtype=dtype)
            counts = np.zeros((len(blocks), 2, *ledger.counts.shape[1:]), dtype=np.int64)
            nothing = Nudge(np.zeros((batch, sizes[-1]), dtype=dtype), np.zeros(batch, dtype=dtype))
            states, up = _layers(flat[0], batch, sizes), _layers(flat[1], batch, sizes)
            down, driven_up, driven_down = (_layers(part, batch, sizes) for part in flat[2:])
            held = (down, driven_up, driven_down) if registers else None
            self._workspaces[key] = _Workspace(buffers, states, up, held, nothing, scratch, lines, blocks, counts)
        return self._workspaces[key]

    def drive(self, circuit: Circuit, x: FloatArray, noise_key: int, ledger: Ledger, phase: Phase) -> FloatArray:
        """See Engine."""
        n0, n1 = int(circuit.sizes[0]), int(circuit.sizes[1])
        blocks = self._blocks(len(x), n0 * n1)
        out = np.empty(len(x) * n1, dtype=circuit.up.dtype)
        lines, scratch = np.zeros(x.size, dtype=out.dtype), self._scratch(blocks, (n0, n1), out.dtype)
        flat, key, gemm = x.reshape(-1), np.uint64(noise_key), self._blas.gemm(out.dtype)
        lit = np.zeros(len(blocks), dtype=np.int64)
        self._share(kernels.drive_block, blocks, lambda i: (circuit, flat, lines, scratch[i], out, lit[i:], key, gemm))
        ledger.add_read(phase, True, 1, len(x), *read_size(circuit, 1, True), int(lit.sum()))
        return out.reshape(len(x), n1)

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine."""
        if isinstance(plan, ContinuousPlan):
            return in_time.settle_free(self._integrate, circuit, drive, plan, noise_key, ledger, phase)
        swept, batch, depth = by_sweeps(plan, self.name), len(drive), len(circuit.sizes) - 1
        work = self._workspace(circuit, batch, "free", ledger, _hidden_work(ledger.sizes))
        kernels.clear_rows(circuit, work.buffers, batch, 0, batch)
        work.buffers.up[: drive.size] = drive.reshape(-1)
        fresh = np.ones(depth, dtype=np.bool_)
        return self._settle(circuit, work, fresh, fresh, work.nothing, swept, noise_key, ledger, phase)

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine."""
        if isinstance(plan, ContinuousPlan):
            return in_time.settle_nudged(self._integrate, circuit, free, nudge, plan, noise_key, ledger)
        swept = by_sweeps(plan, self.name)
        work = self._workspace(circuit, len(nudge.beta), "nudged", ledger, _hidden_work(ledger.sizes))
        rows = len(free.residual)
        for k, (state, current) in enumerate(zip(free.states, free.currents, strict=True)):
            n = state.shape[1]
            work.states[k].reshape(-1, rows, n)[...] = state
            work.up[k].reshape(-1, rows, n)[...] = current
        down_fresh = np.zeros(len(free.states), dtype=np.bool_)
        if free.registers is not None and work.held is not None:
            for here, there in zip(work.held, free.registers[:3], strict=True):
                for target, source in zip(here, there, strict=True):
                    target.reshape(-1, *source.shape)[...] = source
            down_fresh = free.registers.fresh
        return self._settle(circuit, work, free.fresh, down_fresh, nudge, swept, noise_key, ledger, Phase.NUDGED)

    def _settle(
        self, circuit: Circuit, work: _Workspace, up_fresh: kernels.BoolArray, down_fresh: kernels.BoolArray,
        nudge: Nudge, plan: Plan, noise_key: int, ledger: Ledger, phase: Phase,
    ) -> Equilibrium:  # fmt: skip
        blocks = len(work.blocks)
        up_flags, down_flags = np.tile(up_fresh, (blocks, 1)), np.tile(down_fresh, (blocks, 1))
        work.counts[...] = 0
        key, nudged, gemm = np.uint64(noise_key), phase is Phase.NUDGED, self._blas.gemm(circuit.up.dtype)

        def arguments(i: int) -> tuple[Any, ...]:
            return (
                circuit, plan, nudge, work.buffers, work.scratch[i], up_flags[i], down_flags[i], work.counts[i, 0],
                key, nudged, gemm,
            )  # fmt: skip

        self._share(kernels.settle_block, work.blocks, arguments)
        ledger.counts[phase] += work.counts[:, 0].sum(axis=0)
        return work.equilibrium(up_flags[0], down_flags[0])

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """See Engine; sweeps in one call a block of samples."""
        if isinstance(plans, Courses):
            return phases_in_turn(self, circuit, x, plans, nudge, keys, ledger)
        sizes, batch = ledger.sizes, len(x)
        work = sizes[0] * sizes[1] + _hidden_work(sizes)
        free = self._workspace(circuit, batch, "free phase", ledger, work)
        nudged = self._workspace(circuit, len(nudge.beta), "nudged phases", ledger, work)
        flags = np.empty((len(free.blocks), 4, len(sizes) - 1), dtype=np.bool_)
        flat, numbers, gemm = x.reshape(-1), np.array(keys, dtype=np.uint64), self._blas.gemm(x.dtype)
        free.counts[...] = 0

        def arguments(i: int) -> tuple[Any, ...]:
            return (
                circuit, flat, free.lines, plans.free, plans.nudged, free.nothing, nudge, free.buffers, nudged.buffers,
                free.scratch[i], flags[i], free.counts[i], numbers, gemm,
            )  # fmt: skip

        self._share(kernels.phases_block, free.blocks, arguments)
        ledger.counts[Phase.FREE : Phase.NUDGED + 1] += free.counts.sum(axis=0)
        return free.equilibrium(*flags[0, :2]), nudged.equilibrium(*flags[0, 2:])

    def _integrate(self, flow: Flow, plan: ContinuousPlan, begin: FloatArray) -> Settled:
        return ode.integrate(flow, plan, begin, lambda block, ends: self._share(block, ends, lambda _: ()))

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
        last = circuit.last
        rows, sizes = len(coefficients), into.out.sizes
        work = rows * max(a * b for a, b in pairwise(sizes))
        parts = SHARES if work >= PARALLEL_WORK else 1
        flat, scratch = self._flat(states), np.empty((parts, rows * max(sizes[1:])), dtype=x.dtype)
        inputs, rates, gemm = x.reshape(-1), np.array(into.rates, dtype=x.dtype), self._blas.gemm(x.dtype)

        def arguments(part: int) -> tuple[Any, ...]:
            return (
                circuit, last, inputs, flat, coefficients, rates, into.keep, into.out.couplings, into.out.biases,
                scratch[part], len(x), gemm,
            )  # fmt: skip

        self._share(contrast_kernels.contrast_part, [(part, parts) for part in range(parts)], arguments)
        for k in range(1, last + 1):
            ledger.add_products(k, len(x) if k == 1 else rows, rows)

    def _flat(self, states: Sequence[FloatArray]) -> FloatArray:
        """Return states layer after layer; this engine's own are already laid out so."""
        for work in self._workspaces.values():
            if states is work.states:
                return work.buffers.states
        return np.concatenate([s.reshape(-1) for s in states])

    def readout_gradient(
        self,
        circuit: Circuit,
        free: Equilibrium,
        targets: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine."""
        if circuit.last == len(circuit.sizes) - 1:
            return
        depth = len(free.states)
        error = ((free.output - targets) / len(targets)).reshape(-1)
        rate, gemm, below = into.rates[depth - 1], self._blas.gemm(error.dtype), free.states[-2]
        coupling, bias = into.out.coupling(depth).reshape(-1), into.out.bias(depth)
        contrast_kernels.outer(
            len(below), below.shape[1], free.output.shape[1], below.reshape(-1), error, rate, into.keep, coupling, bias,
            gemm,
        )  # fmt: skip
        ledger.add_products(depth, len(targets), len(targets))
