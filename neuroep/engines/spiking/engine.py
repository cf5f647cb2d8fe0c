"""The spiking engine: units send spikes, and rates are read off after so many steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np

from neuroep.circuit import Circuit, coupling_down
from neuroep.engines.base import How, Nudge
from neuroep.engines.cpu.workers import Workers, blas_libraries, one_blas_thread
from neuroep.engines.spiking import kernels, loihi, loihi_kernels
from neuroep.engines.spiking.carried import Carried, count, equilibrium, fresh, repeated
from neuroep.engines.spiking.shared import BySpikes, is_signed, refuse_large, spikes_of, why_not
from neuroep.equilibrium import Equilibrium
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray

#: Samples handed to a thread at once.
SHARE = 16
Work = Callable[[int, int, kernels.IntArray, kernels.Raster], None]
"""What settles samples first..last − 1, adds to counts and notes spikes."""
_CODES = {Encoder.INTEGRATE_AND_FIRE: kernels.IF, Encoder.SIGMA_DELTA: kernels.SIGMA_DELTA,
          Encoder.POISSON: kernels.POISSON, Encoder.GRADED: kernels.GRADED}  # fmt: skip


class SpikingEngine(BySpikes):
    """Numba settling by spikes; what is summed of the states is numpy's affair.

    Parameters
    ----------
    threads : int, optional
        Defaults to the cores this process may use. Results don't depend on it.
    rasters : list, optional
        To which the spikes of every phase are appended, (copies, samples, steps, n_0 + units) of 1, 0 and −1.
    """

    name = "spiking"
    on_host = True

    def __init__(self, threads: int | None = None, rasters: list[kernels.Raster] | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.threads = cores if threads is None else threads
        super().__init__()
        self._workers = Workers(max(1, self.threads - 1), lambda: None)
        self._blas, self._rasters = blas_libraries(), rasters

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """See Engine."""
        return why_not(circuit, how, self.name)

    @contextmanager
    def session(self) -> Iterator[None]:
        """See Engine."""
        with self._workers.turn(), one_blas_thread(self._blas):
            yield

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine; from membranes at rest."""
        how = spikes_of(plan)
        nothing = Nudge(np.zeros((len(drive), int(circuit.sizes[-1])), drive.dtype), np.zeros(len(drive), drive.dtype))
        if how.encoder is Encoder.LOIHI:
            scale = loihi.scaling(circuit, how)
            begun = loihi.fresh(circuit, drive, noise_key, how, scale)
            return self._run_integers(circuit, begun, nothing, how, scale, ledger, phase)
        refuse_large(drive, how)
        begin = fresh(circuit, drive, noise_key)
        return self._settle(circuit, begin, nothing, how, noise_key, ledger, phase)

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine; from where the free phase left membranes, currents and accumulators."""
        how, copies = spikes_of(plan), len(nudge.beta) // len(free.residual)
        if how.encoder is Encoder.LOIHI:
            begun = loihi.repeated(circuit, free, copies)
            return self._run_integers(circuit, begun, nudge, how, loihi.scaling(circuit, how), ledger, Phase.NUDGED)
        return self._settle(circuit, repeated(circuit, free, copies), nudge, how, noise_key, ledger, Phase.NUDGED)

    def _settle(
        self, circuit: Circuit, begin: Carried, nudge: Nudge, how: Spikes, key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        wiring, constants = wiring_of(circuit), constants_of(how)
        copies, rows = begin.cells.membrane.shape[:2]
        means = np.empty_like(begin.cells.membrane)
        velocity = np.empty((copies, rows), dtype=means.dtype)
        targets, beta = nudge.targets.reshape(copies, rows, -1), nudge.beta.reshape(copies, rows)

        def work(first: int, last: int, counts: kernels.IntArray, raster: kernels.Raster) -> None:
            kernels.settle(wiring, constants, begin.inputs, begin.cells, targets, beta, np.uint64(key), first, last,
                           means, velocity, counts, raster)  # fmt: skip

        self._share_out(work, circuit, (copies, rows), how, ledger, phase)
        return equilibrium(circuit, begin, means, velocity, how)

    def _run_integers(
        self, circuit: Circuit, begun: tuple[loihi_kernels.Senders, loihi_kernels.Cells], nudge: Nudge, how: Spikes,
        scale: loihi.Scaling, ledger: Ledger, phase: Phase,
    ) -> Equilibrium:  # fmt: skip
        senders, cells = begun
        copies, rows = cells.current.shape[:2]
        net, clock, pushed = loihi.net(circuit, scale), loihi.clockwork(how, scale), loihi.nudging(nudge, copies, scale)
        sent = np.zeros(senders.drive.shape, np.int64)
        found, late = (np.zeros(cells.current.shape, np.int64) for _ in range(2))

        def work(first: int, last: int, counts: kernels.IntArray, raster: kernels.Raster) -> None:
            loihi_kernels.settle(net, clock, senders, cells, pushed, first, last, sent, found, late, counts, raster)

        self._share_out(work, circuit, (copies, rows), how, ledger, phase)
        return loihi.equilibrium(circuit, senders, cells, sent, found, late, how, nudge.beta.dtype)

    def _share_out(
        self, work: Work, circuit: Circuit, cells: tuple[int, int], how: Spikes, ledger: Ledger, phase: Phase
    ) -> None:
        """Have each thread take every `threads`-th share of the samples, which don't see each other; count, note."""
        copies, rows = cells
        shares = [(n, min(n + SHARE, rows)) for n in range(0, rows, SHARE)]
        counts = np.zeros((len(shares), 4, len(circuit.sizes)), np.int64)
        noted = (copies, rows, how.steps, int(circuit.sizes.sum())) if self._rasters is not None else (0, 0, 0, 0)
        raster = np.zeros(noted, dtype=np.int8)

        def some(start: int) -> None:
            for number in range(start, len(shares), self.threads):
                work(*shares[number], counts[number], raster)

        others: list[Future[None]] = [self._workers.submit(some, n) for n in range(1, min(self.threads, len(shares)))]
        some(0)
        for other in others:
            other.result()
        if self._rasters is not None:
            self._rasters.append(raster)
        count(counts.sum(axis=0), how.steps, copies * rows, ledger, phase)


def constants_of(how: Spikes) -> kernels.Constants:
    """Return a phase's numbers as kernels take them."""
    scale = 1.0 if how.encoder is Encoder.GRADED else how.leak / how.peak
    limits = how.relaxation, how.leak, how.peak, how.grain
    return kernels.Constants(_CODES[how.encoder], how.steps, how.window, *limits, scale)


def wiring_of(circuit: Circuit) -> kernels.Wiring:
    """Return a circuit as kernels take it, with γ in the downward weights."""
    real, gain = circuit.up.dtype.type, circuit.feedback
    down = np.zeros_like(circuit.up)
    for k in range(2, len(circuit.sizes)):
        down[circuit.starts[k - 1] : circuit.starts[k]] = (real(gain) * coupling_down(circuit, k).T).ravel()
    signed = np.array([is_signed(int(code)) for code in circuit.activations])
    return kernels.Wiring(circuit.sizes, circuit.units, circuit.starts, circuit.activations, signed, circuit.up, down,
                          circuit.biases, circuit.skips, float(gain))  # fmt: skip
