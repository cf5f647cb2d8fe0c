"""What moves in continuous time: the differential equation that belongs to each energy.

A motion gives the integrator all it asks for; which one a circuit has follows from the energy that its states minimise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.errors import BadInput
from neuroep.physics import hopfield, resistive
from neuroep.physics.hopfield import HOPFIELD
from neuroep.physics.known import PHYSICS, physics_of
from neuroep.physics.resistive import RESISTIVE
from neuroep.recipe import Form
from neuroep.solvers import nodes, problems
from neuroep.weights import FloatArray


class Motion(Protocol):
    """One differential equation for every row of a batch, as the integrator sees it.

    Variables y are (rows, units), layers 1..D side by side.
    """

    @property
    def circuit(self) -> Circuit:
        """The network."""
        ...

    @property
    def form(self) -> Form:
        """What y is: potentials, or the states themselves."""
        ...

    @property
    def drive(self) -> FloatArray:
        """W_1ᵀ x, (batch, n_1)."""
        ...

    @property
    def beta(self) -> FloatArray:
        """Nudging of each row, (batch,)."""
        ...

    @property
    def first_row(self) -> int:
        """Row of the whole batch at which this one starts."""
        ...

    @property
    def starts(self) -> list[int]:
        """Where each dynamical layer starts among the units of y; the last entry is their number."""
        ...

    def per_unit(self, layers: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a value for each unit from one for each layer 0..L."""
        ...

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest value of each unit of y."""
        ...

    def outputs(self, y: FloatArray) -> list[FloatArray]:
        """Return s_1..s_L, in arrays of their own."""
        ...

    def begin(self, states: list[FloatArray] | None) -> FloatArray:
        """Return y where s_1..s_D are these; at rest without input if None."""
        ...

    def velocity(self, y: FloatArray, rows: NDArray[np.intp], evaluation: int = 0) -> FloatArray:
        """Return τ dy/dt of some rows."""
        ...


class Moving(NamedTuple):
    """How the states of an energy move.

    Attributes
    ----------
    check : callable
        (circuit, β, noisy): refuses circuits that have no motion.
    make : callable
        (circuit, form, x, targets, β, noise key, first row): the motion.
    energy : callable
        (circuit, x, states, targets, β): F of each sample.
    form : Form or None
        The only one there is; None where either can be asked for.
    """

    check: Callable[[Circuit, FloatArray, bool], None]
    make: Callable[[Circuit, Form, FloatArray, FloatArray, FloatArray, int, int], Motion]
    energy: Callable[[Circuit, FloatArray, Sequence[FloatArray], FloatArray, FloatArray], FloatArray]
    form: Form | None = None


MOVING: dict[int, Moving] = {
    HOPFIELD.code: Moving(problems.check, problems.make_flow, hopfield.nudged_energy),
    RESISTIVE.code: Moving(nodes.check, nodes.make_flow, resistive.nudged_energy, Form.GRADIENT),
}
"""By the energy's code."""


def moving(circuit: Circuit) -> Moving:
    """Return how a circuit's states move.

    Raises
    ------
    BadInput
        If its energy has no differential equation here.
    """
    if circuit.physics not in MOVING:
        named = ", ".join(repr(physics.name) for physics in PHYSICS.values() if physics.code in MOVING)
        raise BadInput(f"continuous time in a {physics_of(circuit).name} network", "physics", named)
    return MOVING[circuit.physics]
