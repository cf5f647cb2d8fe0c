"""How a model settles in continuous time: the free phase, the nudged one, and their course in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroep import checks
from neuroep.circuit import Circuit, has_noise
from neuroep.engines import Nudge, Plan, create
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Order
from neuroep.solvers.course import PhaseSettled
from neuroep.solvers.integrate import settle_continuous
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.sweeps import layer_order
from neuroep.solvers.trajectory import energies
from neuroep.weights import FloatArray

#: Times at which the course is recorded, from the start to the last sample's end.
TIMES = 121
#: Most block sweeps of the comparison, and the residual asked of them.
SWEEPS, SWEEP_TOLERANCE = 5000, 1e-12


def settle_phases(
    circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float, plan: ContinuousPlan, noise_key: int = 0
) -> list[PhaseSettled]:
    """Settle freely from zero states and, where β isn't 0, nudged from there.

    Parameters
    ----------
    circuit : Circuit
        The network.
    x, targets : ndarray
        One batch.
    beta : float
        Nudging of every sample in the second phase.
    plan : ContinuousPlan
        Of both phases.
    noise_key : int
        Of the read noise.

    Returns
    -------
    list of PhaseSettled
        One, or two.

    Raises
    ------
    BadInput
        If inputs or targets don't fit the circuit.
    """
    inputs, outputs, dtype = int(circuit.sizes[0]), int(circuit.sizes[-1]), circuit.up.dtype
    x, beta = checks.array(x, "x", ("batch", inputs), dtype), checks.number(beta, "beta")
    targets = checks.array(targets, "targets", (len(x), outputs), dtype)
    free = _phase(circuit, x, targets, 0.0, plan, None, 0.0, noise_key)
    if not beta:
        return [free]
    start, begin = free.settled.equilibrium.states, float(free.settled.seconds.max())
    second = plan if plan.thermal is None else replace(plan, thermal=replace(plan.thermal, key=plan.thermal.key + 1))
    return [free, _phase(circuit, x, targets, beta, second, start, begin, noise_key + 1)]


def _phase(
    circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float, plan: ContinuousPlan,
    start: Sequence[FloatArray] | None, begin: float, noise_key: int,
) -> PhaseSettled:  # fmt: skip
    betas = np.full(len(x), beta, dtype=x.dtype)
    # the first pass tells how long it takes, the second records that stretch
    end = settle_continuous(circuit, x, targets, betas, plan, start=start, noise_key=noise_key).seconds.max()
    times = np.linspace(0.0, max(float(end), 1e-12), TIMES)
    settled = settle_continuous(circuit, x, targets, betas, plan, start=start, times=times, noise_key=noise_key)
    assert settled.trajectory is not None
    course = settled.trajectory
    squares = sum(
        ((layer - last) ** 2).sum(axis=2) for layer, last in zip(course.states, settled.equilibrium.states, strict=True)
    )
    with np.errstate(invalid="ignore", over="ignore"):
        energy = energies(circuit, x, course, targets, betas)
    apart = _from_sweeps(circuit, x, targets, beta, settled.equilibrium)
    return PhaseSettled("nudged" if beta else "free", beta, begin, settled, energy, np.sqrt(squares), apart)


def _from_sweeps(circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float, found: Equilibrium) -> float:
    if has_noise(circuit) or (found.code != ResultCode.CONVERGED).any():
        return float("nan")
    swept = by_sweeps(circuit, x, targets, beta)[-1]
    if (swept.residual > 1e3 * SWEEP_TOLERANCE).any():
        return float("nan")
    return max(float(np.abs(a - b).max()) for a, b in zip(found.states, swept.states, strict=True))


def by_sweeps(circuit: Circuit, x: FloatArray, targets: FloatArray, beta: float) -> list[Equilibrium]:
    """Return the equilibrium that block sweeps find from zeros, and where β isn't 0 the nudged one from there."""
    engine, ledger = create("reference"), Ledger.empty(tuple(int(n) for n in circuit.sizes))
    plan = Plan(layer_order(Order.FORWARD, len(circuit.sizes) - 1), SWEEPS, SWEEP_TOLERANCE)
    drive = engine.drive(circuit, x, 0, ledger, Phase.FREE)
    found = [engine.settle_free(circuit, drive, plan, 0, ledger, Phase.FREE)]
    if beta:
        nudge = Nudge(targets, np.full(len(x), beta, dtype=x.dtype))
        found.append(engine.settle_nudged(circuit, found[0], nudge, plan, 0, ledger))
    return found


def row(one: PhaseSettled) -> dict[str, Any]:
    """Return how one phase ended, as plain data; what isn't finite or wasn't found is None."""
    found = one.settled
    return {
        "phase": one.phase,
        "beta": one.beta,
        "samples": len(found.seconds),
        "converged": one.count(ResultCode.CONVERGED),
        "step_limit": one.count(ResultCode.STEP_LIMIT),
        "diverged": one.count(ResultCode.DIVERGED),
        "seconds_median": float(np.median(found.seconds)),
        "seconds_max": float(found.seconds.max()),
        "steps_median": float(np.median(found.equilibrium.steps)),
        "steps_max": int(found.equilibrium.steps.max()),
        "refused_max": int(found.refused.max()),
        "residual_max": finite_or_none(float(found.equilibrium.residual.max())),
        "from_sweeps": finite_or_none(one.from_sweeps),
    }


def finite_or_none(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return value if np.isfinite(value) else None
