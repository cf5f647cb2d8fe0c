"""Settling in continuous time: the reference. Plain numpy over the rows that still move; it defines the result.

Every sample has its own time, step and result code. Before each step the velocity is looked at: a sample whose
velocity has died out is done and costs nothing any more; one whose numbers left the finite range, or whose
steps shrink to nothing, has diverged; one at the end of its time or steps has met its limit. Then all
others take one step together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.circuit import Circuit, coupling_up
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.errors import BadInput
from neuroep.solvers.controllers import FIRST, VANISHING, Controller, FixedStep, scaled_error, step_factor
from neuroep.solvers.motions import Motion, moving
from neuroep.solvers.plan import ContinuousPlan, Settled
from neuroep.solvers.stochastic import increments
from neuroep.solvers.trajectory import Course, Path, trajectory
from neuroep.weights import FloatArray

#: A step that would leave less than this share of itself to the end goes all the way.
SLIVER = 1e-9
Watch = Callable[[Path], None]
"""Is told of the steps that rows have just taken."""


@dataclass
class _Course:
    """Where every sample stands; `rows` are those still moving."""

    y: FloatArray
    v: FloatArray
    step: NDArray[np.float64]
    times: NDArray[np.float64]
    points: FloatArray
    watch: Watch | None
    rows: NDArray[np.intp] = field(init=False)
    seconds: NDArray[np.float64] = field(init=False)
    previous: NDArray[np.float64] = field(init=False)
    residual: FloatArray = field(init=False)
    tried: NDArray[np.int64] = field(init=False)
    refused: NDArray[np.int64] = field(init=False)
    code: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        batch = len(self.y)
        self.rows, self.seconds, self.previous = np.arange(batch), np.zeros(batch), np.ones(batch)
        self.residual = np.full(batch, np.inf, dtype=self.y.dtype)
        self.tried, self.refused, self.code = (np.zeros(batch, dtype=np.int64) for _ in range(3))


class _Rates(NamedTuple):
    """What doesn't change from step to step: 1/τ, σ and the bounds of each unit, and the shortest τ."""

    inverse_tau: NDArray[np.float64]
    sigma: NDArray[np.float64]
    low: FloatArray
    high: FloatArray
    shortest: float


def settle_continuous(
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    beta: FloatArray,
    plan: ContinuousPlan,
    *,
    start: Sequence[FloatArray] | None = None,
    times: Sequence[float] | FloatArray | None = None,
    noise_key: int = 0,
    first_row: int = 0,
    watch: Watch | None = None,
) -> Settled:
    """Integrate the network's differential equation until each sample has settled.

    Parameters
    ----------
    circuit : Circuit
        The network, without converters.
    x : ndarray, shape (batch, n_0)
        Clamped input.
    targets : ndarray, shape (batch, n_L)
        y; without effect where β = 0.
    beta : ndarray, shape (batch,)
        Nudging of each sample; 0 is the free phase.
    plan : ContinuousPlan
        Solver, controller, tolerance and limits.
    start : sequence of ndarray, optional
        s_1..s_L to start from, as in ``Equilibrium.states``; zero states without it.
    times : sequence of float, optional
        Seconds, rising, at which to record the trajectory.
    noise_key : int
        Of the read noise (:func:`neuroep.rng.noise_key`).
    first_row : int
        Row of the whole batch at which this one starts, for the noise.
    watch : callable, optional
        Is told of every accepted step, as a :class:`~neuroep.solvers.trajectory.Path`.

    Returns
    -------
    Settled

    Raises
    ------
    BadInput
        If the circuit has no flow in continuous time, or shapes or times don't fit.
    """
    checks.instance(plan, ContinuousPlan, "plan")
    moves = moving(circuit)
    flow = moves.make(circuit, plan.form, x, targets, beta, noise_key, first_row)
    moves.check(circuit, flow.beta, plan.solver.stochastic)
    wanted = _check_times(times)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        begin = flow.begin(None if start is None else list(start))
    return integrate(flow, plan, begin, None if times is None else wanted, watch)


def integrate(
    flow: Motion, plan: ContinuousPlan, begin: FloatArray, times: NDArray[np.float64] | None = None,
    watch: Watch | None = None,
) -> Settled:  # fmt: skip
    """Integrate a flow from the variables `begin`, (batch, units), which it takes over, recording at times."""
    wanted = np.empty(0) if times is None else times
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # divergence shows in the result codes
        course = _run(flow, plan, begin, wanted, watch)
        equilibrium = package(flow, course.y, course.residual, course.tried, course.code)
        recorded = None if times is None else trajectory(flow, wanted, course.points)
    return Settled(equilibrium, recorded, course.y, course.seconds, course.refused)


def package(
    flow: Motion, y: FloatArray, residual: FloatArray, tried: NDArray[np.int64], code: NDArray[np.int64]
) -> Equilibrium:
    """Return the equilibrium that belongs to variables y, its upward currents read anew."""
    states = flow.outputs(y)
    above = range(2, len(states) + 1)
    currents = (flow.drive, *(states[k - 2] @ coupling_up(flow.circuit, k) for k in above))
    return Equilibrium(tuple(states), currents, np.ones(len(states), dtype=bool), residual, tried, code)


def first_step(controller: Controller, shortest: float) -> float:
    """Return the first step in seconds."""
    if isinstance(controller, FixedStep):
        return controller.seconds
    return min(FIRST * shortest, controller.longest_seconds)


def _check_times(times: Sequence[float] | FloatArray | None) -> NDArray[np.float64]:
    if times is None or not np.size(times):
        return np.empty(0)
    wanted = checks.array(times, "times", ("times",), np.float64)
    if (np.diff(wanted) < 0.0).any() or wanted[0] < 0.0:
        raise BadInput("times that don't rise from 0 or more", "times", "a rising sequence of seconds")
    return wanted


def _rates(flow: Motion, plan: ContinuousPlan) -> _Rates:
    inverse_tau = 1.0 / flow.per_unit(flow.circuit.tau_seconds)
    sigma = np.zeros_like(inverse_tau) if plan.thermal is None else plan.thermal.per_unit(flow.starts)
    low, high = flow.bounds()
    return _Rates(inverse_tau, sigma, low, high, float(1.0 / inverse_tau.max()))


def _run(flow: Motion, plan: ContinuousPlan, y: FloatArray, times: NDArray[np.float64], watch: Watch | None) -> _Course:
    rates, everyone = _rates(flow, plan), np.arange(len(y))
    points = np.full((len(times), *y.shape), np.nan, dtype=y.dtype)
    points[times == 0.0] = y
    step = np.full(len(y), first_step(plan.controller, rates.shortest))
    course = _Course(y, flow.velocity(y, everyone, 0), step, times, points, watch)
    while True:
        _stop(course, plan, rates)
        if not len(course.rows):
            return course
        _advance(flow, plan, rates, course)


def _stop(course: _Course, plan: ContinuousPlan, rates: _Rates) -> None:
    """Give a code to every sample that is done, and go on with the others."""
    rows = course.rows
    squares = (course.v[rows] ** 2).sum(axis=1)
    course.residual[rows] = np.sqrt(squares)
    lost = ~np.isfinite(course.residual[rows])
    lost |= course.step[rows] < VANISHING * np.maximum(course.seconds[rows], rates.shortest)
    settled = course.residual[rows] <= plan.rest
    spent = (course.tried[rows] >= plan.steps) | (course.seconds[rows] >= plan.end_seconds)
    reasons = (ResultCode.CONVERGED, ResultCode.DIVERGED, ResultCode.STEP_LIMIT)
    course.code[rows] = np.select([settled, lost, spent], [int(code) for code in reasons], -1)
    for row in rows[settled]:
        course.points[course.times > course.seconds[row], row] = course.y[row]
    course.rows = rows[~(settled | lost | spent)]


def _advance(flow: Motion, plan: ContinuousPlan, rates: _Rates, course: _Course) -> None:
    """Take one step with every moving sample; refused ones stay where they are with a shorter step."""
    rows, solver = course.rows, plan.solver
    left = plan.end_seconds - course.seconds[rows]
    last = course.step[rows] * (1.0 + SLIVER) >= left
    h = np.where(last, left, course.step[rows])
    y0, v0, number = course.y[rows], course.v[rows], int(course.tried[rows[0]])
    moves = h[:, None] * rates.inverse_tau
    z = (-np.expm1(-moves) if solver.exponential else moves).astype(y0.dtype)
    kicks = _kicks(flow, plan, rates, rows, number, h, y0)
    velocities = [v0]
    for i in range(1, solver.stages):
        reached = y0 + z * _combine(solver.a[i], velocities) + solver.c[i] * kicks
        held = np.clip(reached, rates.low, rates.high)
        velocities.append(flow.velocity(held, rows, number * solver.stages + i))
    free = y0 + z * _combine(solver.b, velocities) + kicks
    y1 = np.clip(free, rates.low, rates.high)
    accepted = _judge(plan, rates, course, y0, y1, free, z, h, velocities)
    went = rows[accepted]
    if solver.first_same_as_last:
        v1 = velocities[-1][accepted]
    else:
        v1 = flow.velocity(y1[accepted], went, (number + 1) * solver.stages)
    _follow(plan, rates, course, went, h[accepted], y1[accepted], v1)
    course.y[went], course.v[went] = y1[accepted], v1
    course.seconds[went] = np.where(last[accepted], plan.end_seconds, course.seconds[went] + h[accepted])
    course.tried[rows] += 1
    course.refused[rows] += ~accepted


def _combine(weights: NDArray[np.float64], velocities: list[FloatArray]) -> FloatArray:
    """Σ_j weights_j v_j over the stages there are."""
    total = velocities[0].dtype.type(weights[0]) * velocities[0]
    for weight, velocity in zip(weights[1:], velocities[1:], strict=False):
        total = total + velocity.dtype.type(weight) * velocity
    return total


def _kicks(
    flow: Motion,
    plan: ContinuousPlan,
    rates: _Rates,
    rows: NDArray[np.intp],
    number: int,
    h: NDArray[np.float64],
    y: FloatArray,
) -> FloatArray:
    """The thermal noise of one step."""
    if plan.thermal is None:
        return np.zeros((1, 1), dtype=y.dtype)
    return increments(plan.thermal.key, rates.sigma, rows + flow.first_row, number, h, y.dtype)


def _judge(
    plan: ContinuousPlan, rates: _Rates, course: _Course, y0: FloatArray, y1: FloatArray, free: FloatArray,
    z: FloatArray, h: NDArray[np.float64], velocities: list[FloatArray],
) -> NDArray[np.bool_]:  # fmt: skip
    """Return which steps are accepted, and set the next step of each sample."""
    controller, rows = plan.controller, course.rows
    if isinstance(controller, FixedStep):
        return np.ones(len(rows), dtype=bool)
    error = z * _combine(plan.solver.error, velocities)
    # where a bound is met, what counts is how far the two solutions are apart within the range
    other = np.clip(free - error, rates.low, rates.high)
    inside = (y1 == free) & (other == free - error)
    error = np.where(inside, error, y1 - other)
    size = scaled_error(controller, error, y0, y1, z * velocities[0])
    factor = step_factor(controller, size, course.previous[rows], plan.solver.error_order)
    accepted = size <= 1.0
    course.step[rows] = np.minimum(h * factor, controller.longest_seconds)
    course.previous[rows] = np.where(accepted, np.maximum(size, 1e-4), course.previous[rows])
    return accepted


def _follow(
    plan: ContinuousPlan, rates: _Rates, course: _Course, went: NDArray[np.intp], h: NDArray[np.float64],
    y1: FloatArray, v1: FloatArray,
) -> None:  # fmt: skip
    """Tell who watches of the steps just taken, and fill in the times that lie within them."""
    if course.watch is None and not len(course.times):
        return
    shape = Course.CUBIC if plan.thermal is None else Course.ROUGH
    path = Path(
        went, h, course.y[went], y1, course.v[went], v1, h[:, None] * rates.inverse_tau, (rates.low, rates.high),
        Course.RELAXING if plan.solver.exponential else shape,
    )  # fmt: skip
    if course.watch is not None and len(went):
        course.watch(path)
    for i, row in enumerate(went if len(course.times) else went[:0]):
        begin = course.seconds[row]
        inside = np.flatnonzero((course.times > begin) & (course.times <= begin + h[i] * (1.0 + SLIVER)))
        theta = np.minimum((course.times[inside] - begin) / h[i], 1.0)
        course.points[inside, row] = path.at(np.full(len(inside), i), theta)
