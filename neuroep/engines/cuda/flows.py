"""Phases in continuous time on the GPU: fixed steps of the membrane form, from wherever a phase begins."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.engines.base import Nudge
from neuroep.engines.cuda import ode as cuda_ode
from neuroep.engines.cuda.arrays import OnDevice, flat, give, host, layers, on_device
from neuroep.engines.cuda.launches import Launches
from neuroep.equilibrium import Equilibrium
from neuroep.recipe import Form
from neuroep.solvers.controllers import FixedStep
from neuroep.solvers.integrate import SLIVER
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import check
from neuroep.solvers.tableaux import Solver


class Begin(NamedTuple):
    """Where a phase begins, on the GPU: row r of a batch where row r mod `rows` is.

    Attributes
    ----------
    variables : device array
        Potentials of all dynamical layers side by side, row after row, flat.
    drive : device array
        W_1ᵀ x, row after row, flat.
    rows : int
        How many rows there are.
    """

    variables: Any
    drive: Any
    rows: int


class Course(NamedTuple):
    """Most steps, the number of the one that ends at the end of the time (−1: none does), and its length."""

    limit: int
    ending: int
    last_seconds: float


def lacking(plan: ContinuousPlan) -> str | None:
    """Return what of a plan the kernel can't do, with the remedy."""
    if plan.solver.stochastic:
        return f"the cuda engine has no noise for solver {plan.solver.name!r}: use --engine cpu"
    if plan.form is Form.GRADIENT:
        return 'the cuda engine integrates membrane potentials alone: use form = "membrane", or --engine cpu'
    if not isinstance(plan.controller, FixedStep):
        return "the cuda engine takes steps of one length alone: use step_seconds, or --engine cpu"
    return None


@lru_cache
def course(step: float, limit: int, end: float) -> Course:
    """Return how fixed steps go on to the end of the time: all samples alike, as the reference adds up seconds."""
    seconds = 0.0
    for number in range(limit if np.isfinite(end) else 0):
        if step * (1.0 + SLIVER) >= end - seconds:
            return Course(number + 1, number, end - seconds)
        seconds += step
    return Course(limit, -1, step)


def integrate(
    launches: Launches, circuit: Circuit, begin: Begin, nudge: Nudge, plan: ContinuousPlan, there: bool
) -> OnDevice:
    """Integrate a batch until each sample's ‖τ du/dt‖ is at the tolerance; `there`: results stay on the GPU."""
    beta = host(nudge.beta)
    check(circuit, beta, plan.solver.stochastic)
    laid, rows, kind = launches.laid(circuit), len(beta), np.dtype(circuit.up.dtype)
    block, size, solver = launches.block(laid.sizes, rows, kind), rows * laid.units, plan.solver
    assert isinstance(plan.controller, FixedStep)
    way = course(plan.controller.seconds, plan.steps, plan.end_seconds)
    seconds = np.array([plan.controller.seconds, way.last_seconds])
    # a last stage that weighs nothing is the next step's first, which is evaluated as such
    stages = solver.stages - int(solver.first_same_as_last)
    potentials = rows * int(circuit.units[circuit.last])
    u, at_stage, up, down, states = (cuda.device_array(size, kind) for _ in range(5))
    velocities, variables = cuda.device_array(size * stages, kind), cuda.device_array(potentials, kind)
    residual = cuda.device_array(rows, kind)
    steps, codes = cuda.device_array(rows, np.int64), cuda.device_array(rows, np.int64)
    cuda_ode.integrate(kind, block.tile, block.resident)[block.launch](
        *laid.arrays, stages, on_device(solver.a[:stages, :stages].astype(kind).reshape(-1)),
        on_device(solver.b[:stages].astype(kind)), on_device(_rates(circuit, solver, seconds, kind)), way.limit,
        way.ending, float(plan.rest), int(circuit.cost), float(circuit.feedback), int(beta.any()),
        on_device(circuit.up), on_device(circuit.down), on_device(circuit.biases), *begin, flat(nudge.targets),
        flat(nudge.beta), block.room, u, velocities, at_stage, up, down, states, variables, residual, steps, codes,
        rows,
    )  # fmt: skip
    given, currents = (layers(give(each, there), rows, laid.sizes) for each in (states, up))
    quality = (give(each, there) for each in (residual, steps, codes))
    found = Equilibrium(given, currents, np.ones(len(given), dtype=np.bool_), *quality)
    found = found._replace(variables=give(variables, there).reshape(rows, -1))
    return OnDevice(found, states, up, variables)


def _rates(circuit: Circuit, solver: Solver, seconds: NDArray[np.float64], kind: np.dtype[Any]) -> Any:
    """h/τ of each layer, or what stands for it, for steps of several lengths, flat."""
    moves = np.outer(seconds, 1.0 / circuit.tau_seconds)
    return (-np.expm1(-moves) if solver.exponential else moves).astype(kind).reshape(-1)
