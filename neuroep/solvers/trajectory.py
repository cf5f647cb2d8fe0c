"""What a settling looked like on its way: states, energy and residual at the times asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.physics import hopfield
from neuroep.solvers.problems import Flow
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


def trajectory(flow: Flow, times: NDArray[np.float64], variables: FloatArray) -> Trajectory:
    """Return states and residuals of recorded variables."""
    rows = np.arange(variables.shape[1])
    per_time = [flow.outputs(y) for y in variables]
    residual = np.array([np.sqrt((flow.velocity(y, rows) ** 2).sum(axis=1)) for y in variables])
    states = tuple(np.stack(layer) for layer in zip(*per_time, strict=True))
    return Trajectory(times, variables, states, residual)


def energies(circuit: Circuit, x: FloatArray, course: Trajectory, targets: FloatArray, beta: FloatArray) -> FloatArray:
    """Return F = E + β γ^{D−1} C at each time of a trajectory, shape (T, batch)."""
    return np.array(
        [
            hopfield.nudged_energy(circuit, x, [layer[i] for layer in course.states], targets, beta)
            for i in range(len(course.times))
        ]
    )
