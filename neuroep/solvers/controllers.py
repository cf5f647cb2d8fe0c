"""Step sizes: one for all, or each sample its own by a PI controller (Gustafsson, ACM TOMS 17, 1991).

Accuracy asks that the error of a step be at most atol + rtol·|y| in the root mean square over the units. Near
a steady state that is not enough: the error of an explicit solver is then held at the tolerance by its
stability limit, and the velocity never dies out. So a step's error must also stay a small share of the
step's own movement, which keeps the step inside the region of stability whatever the tolerances are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.weights import FloatArray

#: A step shorter than this share of the time reached (or of the shortest time constant) can't go on.
VANISHING = 1e-14
#: First step of an adaptive solver as a share of the shortest time constant.
FIRST = 0.01


@dataclass(frozen=True, slots=True)
class FixedStep:
    """The same step for every sample.

    Attributes
    ----------
    seconds : float
        h > 0.
    """

    seconds: float

    def __post_init__(self) -> None:
        settle(self, "step.")
        if not 0.0 < self.seconds < np.inf:
            raise BadInput(f"a step of {self.seconds} s", "step", "a positive number of seconds")


@dataclass(frozen=True, slots=True)
class PIController:
    """Proportional–integral control of each sample's step.

    h ← h · clip(safety · e^(−integral/q) · e_before^(proportional/q), shrink, grow), q = embedded order + 1,
    where e is the scaled error; a step with e > 1 is refused and tried again, without the second factor.

    Attributes
    ----------
    rtol, atol : float
        Relative and absolute tolerance of one step. There are no defaults: they are what the answer is worth.
    settling : float
        Largest error of a step as a share of how far it moves, both in the Euclidean norm.
    longest_seconds : float
        Longest step.
    safety, shrink, grow, integral, proportional : float
        As above; the usual values.
    """

    rtol: float
    atol: float
    settling: float = 0.1
    longest_seconds: float = np.inf
    safety: float = 0.9
    shrink: float = 0.2
    grow: float = 5.0
    integral: float = 0.7
    proportional: float = 0.4

    def __post_init__(self) -> None:
        settle(self, "controller.")
        if not (0.0 <= self.rtol < 1.0 and 0.0 <= self.atol < np.inf and self.rtol + self.atol > 0.0):
            raise BadInput(
                f"rtol {self.rtol} and atol {self.atol}", "controller", "0 <= rtol < 1, atol >= 0, not both 0"
            )
        if not (self.settling > 0.0 and self.longest_seconds > 0.0):
            raise BadInput("a share or a longest step of 0", "controller", "settling > 0 and longest_seconds > 0")
        if not (0.0 < self.shrink < 1.0 < self.grow and 0.0 < self.safety < 1.0):
            raise BadInput("shrink, safety or grow out of range", "controller", "0 < shrink, safety < 1 < grow")


Controller = FixedStep | PIController


def scaled_error(
    controller: PIController, error: FloatArray, before: FloatArray, after: FloatArray, moved: FloatArray
) -> NDArray[np.float64]:
    """Return the error of each sample's step, 1 being the largest that is accepted.

    Parameters
    ----------
    controller : PIController
        Tolerances.
    error, before, after, moved : ndarray, shape (rows, units)
        Error estimate, state before and after, and step times first velocity.

    Returns
    -------
    ndarray, shape (rows,)
        The larger of the two demands; infinite where it isn't a number.
    """
    scale = controller.atol + controller.rtol * np.maximum(np.abs(before), np.abs(after))
    rounding = 10.0 * float(np.finfo(error.dtype).eps)  # below it an error is noise, and no smaller step helps
    accuracy = np.sqrt(np.mean((error / scale).astype(np.float64) ** 2, axis=1))
    room = controller.settling * _norm(moved) + rounding * _norm(after)
    share = _norm(error) / np.maximum(room, np.finfo(np.float64).tiny)
    worst = np.maximum(accuracy, share)
    return np.where(np.isfinite(worst), worst, np.inf)


def step_factor(
    controller: PIController, error: NDArray[np.float64], previous: NDArray[np.float64], error_order: int
) -> NDArray[np.float64]:
    """Return by what each sample's step is multiplied.

    Parameters
    ----------
    controller : PIController
        Exponents and bounds.
    error, previous : ndarray, shape (rows,)
        Scaled error of this step and of the last accepted one.
    error_order : int
        Order of the embedded solution.
    """
    q = error_order + 1
    bounded = np.clip(error, 1e-10, 1e10)
    accepted = bounded ** (-controller.integral / q) * previous ** (controller.proportional / q)
    factor = controller.safety * np.where(error <= 1.0, accepted, bounded ** (-1.0 / q))
    return np.clip(factor, controller.shrink, np.where(error <= 1.0, controller.grow, 1.0))


def _norm(rows: FloatArray) -> NDArray[np.float64]:
    norms: NDArray[np.float64] = np.sqrt(np.sum(rows.astype(np.float64) ** 2, axis=1))
    return norms
