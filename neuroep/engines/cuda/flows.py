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
from neuroep.engines.cuda import rows as cuda_rows
from neuroep.engines.cuda.arrays import OnDevice, flat, give, host, layers, on_device
from neuroep.engines.cuda.launches import Laid, Launches, elementwise
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
    assert isinstance(plan.controller, FixedStep)
    laid, rows, kind = launches.laid(circuit), len(beta), np.dtype(circuit.up.dtype)
    block, size, solver = launches.block(laid.sizes, rows, kind), rows * laid.units, plan.solver
    way = course(plan.controller.seconds, plan.steps, plan.end_seconds)
    rates = _rates(circuit, solver, np.array([plan.controller.seconds, way.last_seconds]), kind)
    # a last stage that weighs nothing is the next step's first, which is evaluated as such
    stages = solver.stages - int(solver.first_same_as_last)
    u, up = _begun(circuit, laid, begin, rows)
    velocities = cuda.device_array(size * stages, kind)
    at_stage, down, states = (cuda.device_array(size, kind) for _ in range(3))
    residual = cuda.device_array(rows, kind)
    steps, codes = cuda.device_array(rows, np.int64), cuda.device_array(rows, np.int64)
    cuda_ode.integrate(kind, block.tile, block.resident)[block.launch](
        *laid.arrays, stages, on_device(solver.a[:stages, :stages].astype(kind).reshape(-1)),
        on_device(solver.b[:stages].astype(kind)), on_device(rates), way.limit, way.ending, float(plan.rest),
        int(circuit.cost), float(circuit.feedback), int(beta.any()), on_device(circuit.up), on_device(circuit.down),
        on_device(circuit.biases), flat(nudge.targets), flat(nudge.beta), block.room, u, velocities, at_stage, up, down,
        states, residual, steps, codes, rows,
    )  # fmt: skip
    variables = cuda.device_array(rows * int(circuit.units[circuit.last]), kind)
    _rearranged(circuit, laid, rows, rows, variables, u, True)
    given, currents = (layers(give(each, there), rows, laid.sizes) for each in (states, up))
    quality = (give(each, there) for each in (residual, steps, codes))
    found = Equilibrium(given, currents, np.ones(len(given), dtype=np.bool_), *quality)
    return OnDevice(found._replace(variables=give(variables, there).reshape(rows, -1)), states, up, variables)


def _begun(circuit: Circuit, laid: Laid, begin: Begin, rows: int) -> tuple[Any, Any]:
    """Potentials, and sums from below with the drive of layer 1, layer after layer, for all copies of the rows."""
    u, up = (cuda.device_array(rows * laid.units, circuit.up.dtype) for _ in range(2))
    _rearranged(circuit, laid, rows, begin.rows, begin.variables, u, False)
    driven = begin.rows * laid.sizes[1]
    for at in range(0, rows * laid.sizes[1], driven):
        up[at : at + driven].copy_to_device(begin.drive[:driven])
    return u, up


def _rearranged(circuit: Circuit, laid: Laid, rows: int, repeat: int, side: Any, after: Any, back: bool) -> None:
    """Bring potentials that lie side by side into layers one after the other, or `back`."""
    kernel = cuda_rows.rearrange(np.dtype(circuit.up.dtype))
    kernel[elementwise(rows * int(circuit.units[circuit.last]))](
        laid.arrays[2], circuit.last, rows, repeat, side, after, int(back)
    )


def _rates(circuit: Circuit, solver: Solver, seconds: NDArray[np.float64], kind: np.dtype[Any]) -> Any:
    """h/τ of each layer, or what stands for it, for steps of several lengths, flat."""
    moves = np.outer(seconds, 1.0 / circuit.tau_seconds)
    return (-np.expm1(-moves) if solver.exponential else moves).astype(kind).reshape(-1)
