"""Free phase, nudged phases and the gradient they give, for one minibatch."""

from __future__ import annotations

import numpy as np

from neuroep.circuit import Circuit, has_noise
from neuroep.engines import Accumulation, Engine, Keys, Nudge, Plan, Plans
from neuroep.equilibrium import Equilibrium
from neuroep.learning.methods.estimators import Scheme, scheme
from neuroep.learning.traced import traced, traced_equilibrium
from neuroep.ledger import Ledger
from neuroep.recipe import Phases
from neuroep.rng import noise_key, stream
from neuroep.solvers.sweeps import layer_order
from neuroep.weights import FloatArray, Weights

QUIET = Keys(0, 0, 0)


def plans(phases: Phases, depth: int) -> Plans:
    """Return how a network of `depth` couplings settles under a recipe's phases."""
    return Plans(
        Plan(layer_order(phases.free_order, depth), phases.free_sweeps, phases.tolerance),
        Plan(layer_order(phases.nudged_order, depth), phases.nudged_sweeps, phases.tolerance),
    )


def step_keys(circuit: Circuit, seed: int, *names: str | int) -> Keys:
    """Return the noise keys of one step; a circuit without read noise needs none."""
    if not has_noise(circuit):
        return QUIET
    return Keys(*(noise_key(seed, *names, phase) for phase in ("drive", "free", "nudged")))


def settle_phases(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    plan: Plans,
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
    keys = step_keys(circuit, seed, "gradient")
    with engine.session():
        free, nudged = settle_phases(engine, circuit, x, targets, plans(phases, len(sizes) - 1), nudges, keys, ledger)
        into = Accumulation(out, (1.0,) * (len(sizes) - 1), 0.0)
        rng = stream(seed, "traces", "gradient")
        accumulate_gradient(engine, circuit, x, targets, free, nudged, nudges, into, ledger, rng)
    return out
