"""How a model settles by spikes: who fires when, rates beside continuous states, what local plasticity would write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines import Nudge
from neuroep.engines.base import refuse_unsupported
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Phases
from neuroep.rng import noise_key
from neuroep.solvers.spikes import Spikes, spiking
from neuroep.studies.settling import by_sweeps
from neuroep.weights import FloatArray

#: Time constants of the traces that plasticity reads, in steps (EqSpike: 5 and 20 ms).
FAST, SLOW = 5.0, 20.0


class SpikingPhase(NamedTuple):
    """One phase of a batch.

    Attributes
    ----------
    beta : float
        Nudging.
    begin : int
        Steps before it.
    raster : ndarray of int8, shape (batch, steps, n_0 + units)
        Spikes, 1 or −1.
    states : ndarray, shape (batch, units)
        Mean states of the last steps of the window.
    wanted : ndarray, shape (batch, units)
        The continuous network's equilibrium.
    residual : ndarray, shape (batch,)
        Norm of the membranes' mean velocity over the window.
    """

    beta: float
    begin: int
    raster: NDArray[np.int8]
    states: FloatArray
    wanted: FloatArray
    residual: FloatArray

    @property
    def error(self) -> float:
        """Root of the mean squared difference of mean states from the continuous equilibrium."""
        return float(np.sqrt(((self.states - self.wanted) ** 2).mean()))

    def rates(self, peak: float) -> FloatArray:
        """Return spikes over steps and `peak` since the phase began, (batch, steps, units)."""
        spikes = self.raster[:, :, -self.states.shape[1] :].cumsum(axis=1, dtype=np.int64)
        found: FloatArray = spikes / (peak * np.arange(1, self.raster.shape[1] + 1)[:, None])
        return found

    def course(self, peak: float) -> FloatArray:
        """Return the error of those rates at each step, root of the mean square over samples and units."""
        found: FloatArray = np.sqrt(((self.rates(peak) - self.wanted[:, None]) ** 2).mean(axis=(0, 2)))
        return found


def settle_by_spikes(
    circuit: Circuit, x: FloatArray, targets: FloatArray, phases: Phases, beta: float, seed: int
) -> list[SpikingPhase]:
    """Settle a batch freely and, where β isn't 0, nudged from there.

    Parameters
    ----------
    circuit : Circuit
        The network.
    x, targets : ndarray
        One batch.
    phases : Phases
        Whose solver is an encoder.
    beta : float
        Nudging of every sample.
    seed : int
        Of where accumulators start, and of chance.

    Raises
    ------
    BadInput
        If spikes can't carry the circuit or the inputs.
    """
    plans, rasters = spiking(phases), list[NDArray[np.int8]]()
    longest = max(plans.free.steps, plans.nudged.steps)
    checks.room(len(x) * longest * int(circuit.sizes.sum()), "steps")
    engine, aside = SpikingEngine(1, rasters), Ledger.empty(tuple(int(n) for n in circuit.sizes))
    refuse_unsupported(engine, circuit, plans.free)
    wanted = [np.concatenate(one.states, axis=1) for one in by_sweeps(circuit, x, targets, beta)]
    key = noise_key(seed, "spikes")
    free = engine.settle_free(circuit, x, plans.free, key, aside, Phase.FREE)
    found = [free]
    if beta:
        nudge = Nudge(targets, np.full(len(x), beta, dtype=x.dtype))
        found.append(engine.settle_nudged(circuit, free, nudge, plans.nudged, key + 1, aside))
    begins, betas = (0, plans.free.steps), (0.0, beta)
    return [
        SpikingPhase(betas[n], begins[n], rasters[n][0], np.concatenate(one.states, axis=1), wanted[n], one.residual)
        for n, one in enumerate(found)
    ]


def last_coupling(sizes: Sequence[int]) -> tuple[slice, slice]:
    """Return the columns of rasters in which the last coupling's two ends fire."""
    starts = np.cumsum([0, *sizes])
    below, above = (slice(int(starts[k]), int(starts[k + 1])) for k in (len(sizes) - 2, len(sizes) - 1))
    return below, above


def moved_most(phases: list[SpikingPhase]) -> int:
    """Return the sample that the nudge moves most in the continuous network: the one to look at."""
    return int(((phases[-1].wanted - phases[0].wanted) ** 2).sum(axis=1).argmax())


def written(phases: list[SpikingPhase], how: Spikes, below: slice, above: slice, sample: int = 0) -> FloatArray:
    """Return Δ(r_pre r_post) as local plasticity adds it up, step by step of the nudged phase, (steps, pre, post).

    Spikes of either end multiply the slope of the other's rate, which a fast and a slow trace of its spikes give
    (EqSpike, Martin et al., iScience 24, 2021). Traces run through the free phase, too; learning doesn't.

    Parameters
    ----------
    phases : list of SpikingPhase
        The free one and the nudged one.
    how : Spikes
        For the peak rate.
    below, above : slice
        Columns of the rasters: who is before and behind the synapses.
    sample : int
        Of the batch.
    """
    trains = np.concatenate([one.raster[sample] for one in phases]).astype(np.float64)
    first, total = (
        len(trains) - phases[-1].raster.shape[1],
        np.zeros((below.stop - below.start, above.stop - above.start)),
    )
    fast, slow, course = np.zeros(trains.shape[1]), np.zeros(trains.shape[1]), []
    for step, spikes in enumerate(trains):
        slopes = (fast - slow) / (SLOW - FAST)
        if step >= first:
            before, behind = spikes[below] / how.peak, spikes[above] / how.peak
            total = total + np.outer(before, slopes[above]) + np.outer(slopes[below], behind)
            course.append(total)
        fast = (1.0 - 1.0 / FAST) * fast + spikes / (how.peak * FAST)
        slow = (1.0 - 1.0 / SLOW) * slow + spikes / (how.peak * SLOW)
    return np.stack(course)
