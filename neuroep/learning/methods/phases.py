"""How a recipe's free and nudged phases settle, and settling one minibatch."""

from __future__ import annotations

import math

import numpy as np

from neuroep.circuit import Circuit, has_noise
from neuroep.engines import Courses, Engine, How, Keys, Nudge, Plan, Plans, Settlings
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.learning.methods.estimators import Scheme
from neuroep.ledger import Ledger
from neuroep.recipe import SWEEPS, Encoder, Phases
from neuroep.rng import noise_key
from neuroep.solvers.controllers import Controller, FixedStep, PIController
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.spikes import Spikes, spiking
from neuroep.solvers.stochastic import Thermal
from neuroep.solvers.sweeps import layer_order
from neuroep.solvers.tableaux import named
from neuroep.weights import FloatArray

QUIET = Keys(0, 0, 0)


def plans(phases: Phases, depth: int) -> Settlings:
    """Return how a network of `depth` couplings settles under a recipe's phases.

    Raises
    ------
    BadInput
        If there is no such solver, or its settings don't go together.
    """
    if phases.spiking:
        return spiking(phases)
    return courses(phases) if phases.in_time else sweep_plans(phases, depth)


def courses(phases: Phases) -> Courses:
    """Return how phases settle in continuous time."""
    solver = named(phases.solver, "phases.solver", (SWEEPS, *Encoder))
    limits = (phases.free_sweeps, phases.free_seconds), (phases.nudged_sweeps, phases.nudged_seconds)
    if solver.stochastic and (None in limits[0] + limits[1] or phases.tolerance):
        raise BadInput("noise never comes to rest", "phases", "free_seconds and nudged_seconds, and tolerance = 0")
    chosen = [key for key in ("rtol", "atol") if getattr(phases, key) != Phases.__dataclass_fields__[key].default]
    control: Controller
    if phases.step_seconds is not None:
        control = FixedStep(phases.step_seconds)
    elif solver.adaptive:
        control = PIController(phases.rtol, phases.atol)
    else:
        raise BadInput(f"no error estimate in {solver.name!r}, and no step", "phases.step_seconds", "a fixed step")
    if chosen and isinstance(control, FixedStep):
        raise BadInput("without effect with a fixed step", f"phases.{chosen[0]}", "left out, or no step_seconds")
    thermal = Thermal((phases.noise,), 0) if phases.noise else None
    return Courses(*(
        ContinuousPlan(
            solver, control, phases.tolerance, steps, phases.form, math.inf if end is None else end, thermal
        )
        for steps, end in limits
    ))  # fmt: skip


def sweep_plans(phases: Phases, depth: int) -> Plans:
    """Return how phases settle by block sweeps."""
    return Plans(
        Plan(layer_order(phases.free_order, depth), phases.free_sweeps, phases.tolerance),
        Plan(layer_order(phases.nudged_order, depth), phases.nudged_sweeps, phases.tolerance),
    )


def step_keys(circuit: Circuit, plan: How, seed: int, *names: str | int) -> Keys:
    """Return the noise keys of one step; exact reads, settled without thermal noise or spikes, need none."""
    chance = isinstance(plan, Spikes) or (isinstance(plan, ContinuousPlan) and plan.thermal is not None)
    if not has_noise(circuit) and not chance:
        return QUIET
    return Keys(*(noise_key(seed, *names, phase) for phase in ("drive", "free", "nudged")))


def settle_phases(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    plan: Settlings,
    nudges: Scheme,
    keys: Keys,
    ledger: Ledger,
) -> tuple[Equilibrium, Equilibrium]:
    """Return the free equilibrium of a minibatch and that of its nudged copies.

    Parameters
    ----------
    x : ndarray, shape (batch, n_0)
        Clamped input.
    targets : ndarray, shape (batch, n_L)
        y.
    """
    copies = len(nudges.beta) // len(x)
    repeated = targets if copies == 1 else np.concatenate([targets] * copies)
    return engine.phases(circuit, x, plan, Nudge(repeated, nudges.beta), keys, ledger)
