"""What settling in continuous time takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.checks import LARGEST
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.solvers.controllers import Controller, PIController
from neuroep.solvers.problems import Form
from neuroep.solvers.stochastic import Thermal
from neuroep.solvers.tableaux import Solver
from neuroep.solvers.trajectory import Trajectory
from neuroep.weights import FloatArray


@dataclass(frozen=True, slots=True)
class ContinuousPlan:
    """How one phase settles in continuous time. Nothing that limits accuracy has a default.

    Attributes
    ----------
    solver : Solver
        From :mod:`neuroep.solvers.tableaux`.
    controller : FixedStep or PIController
        Who chooses the steps.
    tolerance : float
        A sample is settled when the norm of its velocity falls to this. 0 stops at an exact fixed point only,
        and with a stochastic solver never, since noise moves a sample on from there.
    steps : int
        Most steps tried by a sample, refused ones included.
    form : Form
        Membrane or gradient.
    end_seconds : float
        Time at which to stop whether settled or not.
    thermal : Thermal, optional
        Noise, for the stochastic solvers.
    """

    solver: Solver
    controller: Controller
    tolerance: float
    steps: int
    form: Form = Form.MEMBRANE
    end_seconds: float = np.inf
    thermal: Thermal | None = None

    def __post_init__(self) -> None:
        if isinstance(self.tolerance, float) and np.isnan(self.tolerance):
            raise BadInput(f"tolerance {self.tolerance}", "tolerance", "0 or more")
        settle(self, "plan.", LARGEST)
        if isinstance(self.controller, PIController) and not self.solver.adaptive:
            raise BadInput(f"no error estimate in {self.solver.name!r}", "controller", "a fixed step")
        if not 0.0 <= self.tolerance < np.inf:
            raise BadInput(f"tolerance {self.tolerance}", "tolerance", "0 or more")
        if self.steps < 1 or not self.end_seconds > 0.0:
            raise BadInput("no steps or no time", "plan", "steps of at least 1 and end_seconds > 0")
        if self.thermal is not None and not self.solver.stochastic:
            raise BadInput(f"thermal noise with {self.solver.name!r}", "solver", "euler-maruyama, stochastic-heun")

    @property
    def rest(self) -> float:
        """The norm of the velocity at which a sample stops; below 0 where none does."""
        return -1.0 if self.solver.stochastic and self.tolerance == 0.0 else self.tolerance


class Settled(NamedTuple):
    """What settling in continuous time returns.

    Attributes
    ----------
    equilibrium : Equilibrium
        `residual` is the norm of the velocity at these states, `steps` counts the steps tried.
    trajectory : Trajectory or None
        At the times asked for.
    variables : ndarray, shape (batch, units)
        The variable of the differential equation at the end, u or s, layers 1..D side by side.
    seconds : ndarray, shape (batch,)
        Time reached by each sample.
    refused : ndarray of int64, shape (batch,)
        Steps tried and refused by the controller.
    """

    equilibrium: Equilibrium
    trajectory: Trajectory | None
    variables: FloatArray
    seconds: NDArray[np.float64]
    refused: NDArray[np.int64]
