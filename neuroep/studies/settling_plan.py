"""How a model is asked to settle in continuous time, and what the answer rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, Mounted
from neuroep.network import Network, initial_weights
from neuroep.rng import noise_key, stream
from neuroep.solvers.controllers import Controller, FixedStep, PIController
from neuroep.solvers.motions import moving
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.problems import Form
from neuroep.solvers.stochastic import Thermal
from neuroep.solvers.tableaux import named
from neuroep.studies.settling_defaults import ATOL, RTOL, SHARE, STEPS, TOLERANCE


class Asked(NamedTuple):
    """What may be said of settling in continuous time; None is left to the house.

    Attributes
    ----------
    solver : str
        Its name.
    form : Form, optional
        Of the equation.
    step : float, optional
        Seconds of a fixed step.
    rtol, atol : float, optional
        Of adaptive solvers.
    tolerance : float, optional
        On the velocity.
    steps : int, optional
        At most.
    seconds : float, optional
        When to stop.
    noise : float, optional
        Thermal, per √second.
    seed : int
        Of that noise.
    """

    solver: str
    form: Form | None = None
    step: float | None = None
    rtol: float | None = None
    atol: float | None = None
    tolerance: float | None = None
    steps: int | None = None
    seconds: float | None = None
    noise: float | None = None
    seed: int = 0


def plan_of(circuit: Circuit, asked: Asked, option: str = "", others: Iterable[str] = ()) -> ContinuousPlan:
    """Return the plan that was asked for.

    Parameters
    ----------
    circuit : Circuit
        What settles: its time constants, and whether it has a form of its own.
    asked : Asked
        Numbers are taken as they are.
    option : str
        What stands before a setting's name where it is said, as ``"--"``.
    others : iterable of str
        Names that a solver's could be mistaken for.

    Raises
    ------
    BadInput
        If there is no such solver, or a setting has no effect or is missing.
    """
    solver, own = named(asked.solver, f"{option}solver", others), moving(circuit).form
    controller = _controller(circuit, asked, solver.name, solver.adaptive, option)
    if solver.stochastic and asked.seconds is None:
        raise BadInput("noise never comes to rest", f"{option}seconds", "the time at which to stop")
    if solver.stochastic and asked.tolerance is not None:
        what = f"a tolerance with {solver.name!r}: noise never comes to rest"
        raise BadInput(what, f"{option}tolerance", f"{option}seconds alone")
    if own is not None and asked.form is not None:
        raise BadInput("without effect in this network", f"{option}form", "left out")
    tolerance = TOLERANCE if asked.tolerance is None else asked.tolerance
    return ContinuousPlan(
        solver,
        controller,
        0.0 if solver.stochastic else tolerance,
        STEPS if asked.steps is None else asked.steps,
        own or asked.form or Form.MEMBRANE,
        np.inf if asked.seconds is None else asked.seconds,
        None if asked.noise is None else Thermal((asked.noise,), noise_key(asked.seed, "thermal")),
    )


def _controller(circuit: Circuit, asked: Asked, name: str, adaptive: bool, option: str) -> Controller:
    controlled = asked.rtol is not None or asked.atol is not None
    if controlled and (asked.step is not None or not adaptive):
        reason = f"together with {option}step" if asked.step is not None else f"with {name!r}, which has no estimate"
        raise BadInput(f"tolerances {reason}", f"{option}rtol, {option}atol", "either tolerances or a step")
    if adaptive and asked.step is None:
        return PIController(RTOL if asked.rtol is None else asked.rtol, ATOL if asked.atol is None else asked.atol)
    return FixedStep(SHARE * float(circuit.tau_seconds[1:].min()) if asked.step is None else asked.step)


def first_mounted(network: Network, hardware: Device, seed: int) -> Mounted:
    """Return a network with its first weights, in double precision, on a device."""
    weights = initial_weights(network, stream(seed, "weights"), np.float64)
    return hardware.mount(network, weights, stream(seed, "mount", hardware.name))
