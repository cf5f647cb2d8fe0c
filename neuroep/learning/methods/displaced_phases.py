"""EP on scaled displacements: compiled settling, contrast and gradient.

The contrast of two displaced states d⁺ and d⁻ follows from Δ = d⁺ − d⁻ (near d⁺ = −d⁻ no cancellation) and the
middle state m = s⁰ + σ(d⁺ + d⁻)/2, exactly, since ab − cd = (a + c)/2·(b − d) + (a − c)·(b + d)/2:

    [s_{k−1}⁺ s_k⁺ᵀ − s_{k−1}⁻ s_k⁻ᵀ] / σ_k = m_{k−1} Δ_kᵀ + γ Δ_{k−1} m_kᵀ,   Δ_0 = 0.

Nothing here subtracts one settled state from another, so float32 serves at any depth.
"""

from __future__ import annotations

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, Nudge, Plan, Plans
from neuroep.engines.base import refuse_off_host
from neuroep.equilibrium import Equilibrium
from neuroep.learning.methods.base import SettledPhases
from neuroep.learning.methods.difference import Difference
from neuroep.learning.methods.displacement import Displacements, free_inputs, refuse_hardware, settle_displacements
from neuroep.learning.methods.estimators import Scheme
from neuroep.learning.methods.phases import QUIET, sweep_plans
from neuroep.learning.methods.samplewise import Draw, Slopes, difference_slopes, drawn_nudge, halves
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Phases
from neuroep.weights import FloatArray

#: Rows of one compiled block.
BLOCK = 128


def compiled_displacements(
    circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: Plan, ledger: Ledger
) -> Displacements:
    """Settle as :func:`settle_displacements` does, by numba and BLAS, in blocks that stay in cache."""
    from neuroep.engines.cpu.blas import find_blas
    from neuroep.learning.methods.displacement_kernels import settle_rows

    refuse_hardware(circuit, "scaled displacements")
    rows, last = len(nudge.beta), circuit.last
    states = np.concatenate([s.ravel() for s in free.states[:last]])
    inputs = np.concatenate([a.ravel() for a in free_inputs(circuit, free)])
    sizes = circuit.sizes[1 : last + 1]
    d = np.zeros(rows * int(sizes.sum()), dtype=states.dtype)
    scratch = np.empty(3 * min(rows, BLOCK) * int(circuit.sizes[1:].max()), dtype=states.dtype)
    residual = np.empty(rows, dtype=states.dtype)
    steps, codes = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.int64)
    gemm = find_blas().gemm(states.dtype)
    for lo in range(0, rows, BLOCK):
        settle_rows(
            circuit, plan.order, plan.sweeps, plan.tolerance, nudge.targets, nudge.beta, states, inputs, d, scratch,
            residual, steps, codes, ledger.counts[Phase.NUDGED], len(free.residual), rows, gemm, lo,
            min(lo + BLOCK, rows),
        )  # fmt: skip
    parts = np.split(d, np.cumsum(rows * sizes)[:-1])
    return Displacements(tuple(part.reshape(rows, -1) for part in parts), residual, steps, codes)


def accumulate_displacements(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    free: Equilibrium,
    nudged: Displacements,
    nudges: Scheme,
    into: Accumulation,
    ledger: Ledger,
) -> None:
    """Add the estimate of dC/dθ, mean over the minibatch, to where it goes; as `accumulate_gradient`."""
    batch = len(x)
    coefficients = nudges.coefficients[-batch:] if nudges.with_free else nudges.coefficients[:batch]
    below, change_below = x, None
    for k, d in enumerate(nudged.layers, start=1):
        half = 0.5 * float(circuit.reach[k])
        plus, minus = (d, 0.0) if nudges.with_free else (d[:batch], d[batch:])
        change, middle = coefficients[:, None] * (plus - minus), free.states[k - 1] + half * (plus + minus)
        rate, out, bias = -into.rates[k - 1], into.out.coupling(k), into.out.bias(k)
        _add_outer(engine, below, change, rate, into.keep, out)
        if change_below is not None:
            _add_outer(engine, change_below, middle, rate * circuit.feedback, 1.0, out)
        bias *= into.keep
        bias += rate * change.sum(axis=0)
        ledger.add_products(k, batch if k == 1 else 2 * batch, 2 * batch)
        below, change_below = middle, change
    engine.readout_gradient(circuit, free, targets, into, ledger)


def _add_outer(engine: Engine, a: FloatArray, b: FloatArray, scale: float, keep: float, out: FloatArray) -> None:
    """out ← keep · out + scale · aᵀ b."""
    if engine.name == "reference":
        out *= keep
        out += scale * (a.T @ b)
        return
    from neuroep.engines.cpu.blas import find_blas
    from neuroep.learning.methods.displacement_kernels import add_outer

    gemm = find_blas().gemm(out.dtype)
    add_outer(len(a), a.shape[1], b.shape[1], a.reshape(-1), b.reshape(-1), scale, keep, out.reshape(-1), gemm)


def settle_displaced_phases(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    plan: Plans,
    nudges: Scheme,
    ledger: Ledger,
) -> tuple[Equilibrium, Displacements]:
    """Return the free equilibrium of a minibatch and its nudged copies' displacements; as `settle_phases`."""
    return _settle(engine, circuit, x, lambda _: targets, plan, nudges, ledger)[:2]


def _settle(
    engine: Engine, circuit: Circuit, x: FloatArray, draw: Draw, plan: Plans, nudges: Scheme, ledger: Ledger
) -> tuple[Equilibrium, Displacements, FloatArray]:
    """The same with targets that the free outputs may decide, which are returned, too."""
    drive = engine.drive(circuit, x, QUIET.drive, ledger, Phase.FREE)
    free = engine.settle_free(circuit, drive, plan.free, QUIET.free, ledger, Phase.FREE)
    targets = draw(free.output)
    settled = settle_displacements if engine.name == "reference" else compiled_displacements
    return free, settled(circuit, free, drawn_nudge(targets, nudges), plan.nudged, ledger), targets


class Displaced(Difference):
    """The same estimators on scaled displacements, which float32 resolves at any depth."""

    def __init__(self, engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> None:
        refuse_off_host(engine, "scaled displacements")
        refuse_hardware(circuit, "scaled displacements")
        super().__init__(engine, circuit, phases, seed)
        self.sweeps = sweep_plans(phases, len(circuit.sizes) - 1)

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int | str, ...], ledger: Ledger) -> SettledPhases:
        """See Reading."""
        nudges = self.nudges(len(x), place)
        return SettledPhases(
            *settle_displaced_phases(self.engine, self.circuit, x, targets, self.sweeps, nudges, ledger), nudges
        )

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Reading."""
        accumulate_displacements(self.engine, self.circuit, x, targets, *settled[:3], into, ledger)

    def slopes(self, x: FloatArray, draw: Draw, place: tuple[int | str, ...], ledger: Ledger) -> list[Slopes]:
        """See Samplewise."""
        nudges, pairs = self.nudges(len(x), place), []
        free, nudged, targets = _settle(self.engine, self.circuit, x, draw, self.sweeps, nudges, ledger)
        for k, d in enumerate(nudged.layers, start=1):
            s, half = free.states[k - 1], 0.5 * float(self.circuit.reach[k])
            first, second, slope = halves(d, np.zeros_like(s), nudges)
            pairs.append((s + half * (first + second), slope * (first - second)))
        return difference_slopes(self.circuit, x, pairs, free, targets)
