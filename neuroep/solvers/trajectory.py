"""What a settling looked like on its way: states, energy and residual at the times asked for."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.solvers.motions import Motion, moving
from neuroep.weights import FloatArray


class Trajectory(NamedTuple):
    """States of a batch at given times.

    After a sample has settled its states stay as they are; after it diverged, or beyond the last step it was
    allowed, they are NaN.

    Attributes
    ----------
    times : ndarray, shape (T,)
        Seconds, rising.
    variables : ndarray, shape (T, batch, units)
        The variable of the differential equation, u or s, layers 1..D side by side.
    states : tuple of ndarray
        s_1..s_L, each (T, batch, n_k).
    residual : ndarray, shape (T, batch)
        Norm of the velocity.
    """

    times: NDArray[np.float64]
    variables: FloatArray
    states: tuple[FloatArray, ...]
    residual: FloatArray


def hermite(theta: FloatArray, y0: FloatArray, y1: FloatArray, d0: FloatArray, d1: FloatArray) -> FloatArray:
    """Return the cubic through y0 and y1 with slopes d0 and d1 (in units of the step) at θ in [0, 1].

    Its error is of order h⁴, whatever the solver.
    """
    gap = y1 - y0
    bend: FloatArray = (1.0 - 2.0 * theta) * gap + (theta - 1.0) * d0 + theta * d1
    return (1.0 - theta) * y0 + theta * y1 + theta * (theta - 1.0) * bend


class Course(Enum):
    """What is known of a path between the ends of a step."""

    CUBIC = "cubic"  # both ends and both slopes
    RELAXING = "relaxing"  # of exponential steps: towards a rest that stays where it is
    ROUGH = "rough"  # of noise: the ends alone


class Path(NamedTuple):
    """Accepted steps of some rows, and what lies between their ends.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Of the batch.
    seconds : ndarray, shape (n,)
        How long each step is.
    begin, end : ndarray, shape (n, units)
        The variable at its ends.
    slope, last_slope : ndarray, shape (n, units)
        Velocities there, τ dy/dt.
    moves : ndarray, shape (n, units)
        Length of the step in time constants of each unit.
    bounds : tuple of ndarray
        Lowest and highest value of each unit.
    course : Course
        How the ends are joined.
    """

    rows: NDArray[np.intp]
    seconds: NDArray[np.float64]
    begin: FloatArray
    end: FloatArray
    slope: FloatArray
    last_slope: FloatArray
    moves: NDArray[np.float64]
    bounds: tuple[FloatArray, FloatArray]
    course: Course

    def at(self, which: NDArray[np.intp], theta: NDArray[np.float64]) -> FloatArray:
        """Return the variable of some of the steps, by place, at shares θ of their lengths: (len(which), units)."""
        share = theta[:, None].astype(self.end.dtype)
        begin, end, moves = self.begin[which], self.end[which], self.moves[which]
        if self.course is Course.RELAXING:
            within: FloatArray = begin - np.expm1(-share * moves) * self.slope[which]
        elif self.course is Course.ROUGH:
            within = (1.0 - share) * begin + share * end
        else:
            within = hermite(share, begin, end, moves * self.slope[which], moves * self.last_slope[which])
        return np.clip(within, *self.bounds)


def trajectory(flow: Motion, times: NDArray[np.float64], variables: FloatArray) -> Trajectory:
    """Return states and residuals of recorded variables."""
    rows = np.arange(variables.shape[1])
    per_time = [flow.outputs(y) for y in variables]
    residual = np.array([np.sqrt((flow.velocity(y, rows) ** 2).sum(axis=1)) for y in variables])
    states = tuple(np.stack(layer) for layer in zip(*per_time, strict=True))
    return Trajectory(times, variables, states, residual)


def energies(circuit: Circuit, x: FloatArray, course: Trajectory, targets: FloatArray, beta: FloatArray) -> FloatArray:
    """Return F = E + β γ^{D−1} C at each time of a trajectory, shape (T, batch)."""
    nudged_energy = moving(circuit).energy
    return np.array(
        [
            nudged_energy(circuit, x, [layer[i] for layer in course.states], targets, beta)
            for i in range(len(course.times))
        ]
    )
