"""Free phase, nudged phases and the gradient they give, for one minibatch."""

from __future__ import annotations

import math

import numpy as np

from neuroep.circuit import Circuit, has_noise
from neuroep.engines import Accumulation, Courses, Engine, How, Keys, Nudge, Plan, Plans
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.learning.methods.estimators import Scheme, scheme
from neuroep.learning.traced import traced, traced_equilibrium
from neuroep.ledger import Ledger
from neuroep.recipe import SWEEPS, Phases
from neuroep.rng import noise_key, stream
from neuroep.solvers.controllers import Controller, FixedStep, PIController
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.stochastic import Thermal
from neuroep.solvers.sweeps import layer_order
from neuroep.solvers.tableaux import named
from neuroep.weights import FloatArray, Weights

QUIET = Keys(0, 0, 0)


def plans(phases: Phases, depth: int) -> Plans | Courses:
    """Return how a network of `depth` couplings settles under a recipe's phases.

    Raises
    ------
    BadInput
        If there is no such solver, or its settings don't go together.
    """
    return courses(phases) if phases.in_time else sweep_plans(phases, depth)


def courses(phases: Phases) -> Courses:
    """Return how phases settle in continuous time."""
    solver = named(phases.solver, "phases.solver", (SWEEPS,))
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
    """Return the noise keys of one step; a circuit without read noise, settled without thermal noise, needs none."""
    if not has_noise(circuit) and not (isinstance(plan, ContinuousPlan) and plan.thermal is not None):
        return QUIET
    return Keys(*(noise_key(seed, *names, phase) for phase in ("drive", "free", "nudged")))


def settle_phases(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    plan: Plans | Courses,
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


def accumulate_gradient(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    free: Equilibrium,
    nudged: Equilibrium,
    nudges: Scheme,
    into: Accumulation,
    ledger: Ledger,
    rng: np.random.Generator | None = None,
) -> None:
    """Add the estimate of dC/dθ, mean over the minibatch, to where it goes; `rng` rounds the circuit's traces."""
    if circuit.trace_bits and rng is not None:
        x, free, nudged = traced(circuit, 0, x, rng), *(traced_equilibrium(circuit, e, rng) for e in (free, nudged))
    states = nudged.states
    if nudges.with_free:
        states = tuple(np.concatenate(pair) for pair in zip(free.states, nudged.states, strict=True))
    engine.contrast(circuit, x, states, nudges.coefficients, into, ledger)
    engine.readout_gradient(circuit, free, targets, into, ledger)


def ep_gradients(
    engine: Engine, circuit: Circuit, x: FloatArray, targets: FloatArray, phases: Phases, seed: int = 0
) -> Weights:
    """Return EP's estimate of dC/dθ, mean over the samples.

    Parameters
    ----------
    engine : Engine
        Where to settle.
    circuit : Circuit
        A mounted network.
    x : ndarray, shape (batch, n_0)
        Inputs, in the circuit's float type.
    targets : ndarray, shape (batch, n_L)
        y, in the circuit's float type.
    phases : Phases
        Estimator, β, sweeps, tolerance.
    seed : int
        Of random signs and read noise.

    Returns
    -------
    Weights
        The gradient, laid out like the weights.
    """
    sizes = tuple(int(n) for n in circuit.sizes)
    ledger, out = Ledger.empty(sizes), Weights.zeros(sizes, dtype=circuit.up.dtype)
    nudges = scheme(phases.estimator, phases.beta, len(x), stream(seed, "signs"), circuit.up.dtype)
    how = plans(phases, len(sizes) - 1)
    keys = step_keys(circuit, how.free, seed, "gradient")
    with engine.session():
        free, nudged = settle_phases(engine, circuit, x, targets, how, nudges, keys, ledger)
        into = Accumulation(out, (1.0,) * (len(sizes) - 1), 0.0)
        rng = stream(seed, "traces", "gradient")
        accumulate_gradient(engine, circuit, x, targets, free, nudged, nudges, into, ledger, rng)
    return out
