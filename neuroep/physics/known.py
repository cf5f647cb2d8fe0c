"""Energies by name and by code."""

from __future__ import annotations

from neuroep.circuit import Circuit
from neuroep.errors import BadInput
from neuroep.physics.base import Physics
from neuroep.physics.hopfield import HOPFIELD
from neuroep.physics.resistive import RESISTIVE

PHYSICS: dict[str, Physics] = {physics.name: physics for physics in (HOPFIELD, RESISTIVE)}


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


def refuse_without_limit(name: str, what: str) -> None:
    """Refuse what takes a network's limit of weak feedback, where that is no feedforward network.

    Raises
    ------
    BadInput
        Naming the energies that have one.
    """
    if not PHYSICS[name].feedforward:
        allowed = " or ".join(repr(physics.name) for physics in PHYSICS.values() if physics.feedforward)
        raise BadInput(f"{what} of a {name} network, whose limit is no feedforward net", "physics", allowed)
