"""Energies by name and by code."""

from __future__ import annotations

from neuroep.circuit import Circuit
from neuroep.errors import BadInput
from neuroep.physics.base import Physics
from neuroep.physics.hopfield import HOPFIELD

PHYSICS: dict[str, Physics] = {physics.name: physics for physics in (HOPFIELD,)}


def physics_of(circuit: Circuit) -> Physics:
    """Return the energy that a circuit's states minimise."""
    return next(physics for physics in PHYSICS.values() if physics.code == circuit.physics)


def refuse_other(circuit: Circuit, what: str) -> None:
    """Refuse what is worked out for the Hopfield energy alone.

    Raises
    ------
    BadInput
        Naming the circuit's own.
    """
    if circuit.physics != HOPFIELD.code:
        raise BadInput(f"{what} in a {physics_of(circuit).name} network", "physics", repr(HOPFIELD.name))
