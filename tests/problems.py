"""Small problems to settle and learn, drawn from seeds; pytest puts this folder on the path."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from neuroep.circuit import Circuit
from neuroep.engines import Engine, Nudge, Plan, create
from neuroep.equilibrium import Equilibrium
from neuroep.hardware.device import Ideal
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Cost, Network, Skip, chain, initial_weights
from neuroep.physics.costs import cost as cost_of
from neuroep.recipe import Order
from neuroep.rng import stream
from neuroep.solvers.sweeps import layer_order
from neuroep.weights import FloatArray, Weights

A, C = Activation, Cost
Kind = tuple[Activation, Activation, Cost, float]
#: Hidden and output activation, cost and γ: each member of the enumerations once or more.
KINDS: list[Kind] = [
    (A.HARD_SIGMOID, A.HARD_SIGMOID, C.MSE, 1.0),
    (A.TANH, A.LINEAR, C.MSE, 0.5),
    (A.RELU6, A.RELU6, C.MSE, 0.5),
    (A.LINEAR, A.LINEAR, C.MSE, 1.0),
    (A.TANH, A.LINEAR, C.CROSS_ENTROPY, 1.0),
    (A.HARD_SIGMOID, A.LINEAR, C.CROSS_ENTROPY, 0.3),
    (A.TANH, A.LINEAR, C.HINGE, 0.5),
    (A.RELU6, A.LINEAR, C.SQUARED_HINGE, 0.5),
    (A.RELU, A.RELU, C.MSE, 0.5),
    (A.SIGMOID, A.LINEAR, C.CROSS_ENTROPY, 0.5),
]
#: What two engines may differ by.
CLOSE: dict[type, float] = {np.float32: 1e-6, np.float64: 1e-12}

SIGNED = (Cost.HINGE, Cost.SQUARED_HINGE)


class Problem(NamedTuple):
    """A network with weights, and a minibatch with targets that suit its cost."""

    network: Network
    weights: Weights
    x: FloatArray
    targets: FloatArray

    @property
    def circuit(self) -> Circuit:
        """A fresh circuit without device, on buffers of its own."""
        return Ideal().mount(self.network, self.weights, stream(0)).circuit

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer."""
        return self.network.sizes


def numbers(circuit: Circuit) -> list[object]:
    """All that a circuit holds, its skips taken apart."""
    return [*circuit._replace(skips=circuit.skips.into), *circuit.skips]  # type: ignore[arg-type]


def suitable_targets(cost: Cost, batch: int, outputs: int, rng: np.random.Generator) -> FloatArray:
    """±1 for the hinges, one-hot for cross-entropy, numbers in [0, 1] for the squared error."""
    if cost in SIGNED:
        return rng.choice(np.array([-1.0, 1.0]), size=(batch, outputs))
    if cost is Cost.CROSS_ENTROPY:
        return np.eye(outputs)[rng.integers(outputs, size=batch)]
    return rng.uniform(size=(batch, outputs))


def problem(
    sizes: tuple[int, ...] = (6, 5, 4, 3),
    hidden: Activation = Activation.TANH,
    output: Activation = Activation.LINEAR,
    cost: Cost = Cost.MSE,
    feedback: float = 1.0,
    gain: float = 0.7,
    batch: int = 4,
    seed: int = 0,
    dtype: DTypeLike = np.float64,
    skips: tuple[Skip, ...] = (),
) -> Problem:
    """Draw a problem: uniform weights, biases of a tenth, normal inputs."""
    network = replace(chain(sizes, hidden, output, cost, feedback, gain), skips=skips)
    weights = initial_weights(network, stream(seed, "weights"), np.float64)
    rng = stream(seed, "problem")
    weights.biases[:] = rng.normal(0.0, 0.1, size=weights.biases.shape)
    x, y = rng.normal(size=(batch, sizes[0])), suitable_targets(cost, batch, sizes[-1], rng)
    return Problem(network, weights.astype(dtype), x.astype(dtype), y.astype(dtype))


def resistors(
    sizes: tuple[int, ...] = (6, 5, 4, 3),
    hidden: Activation = Activation.DIODES,
    gain: float = 2.0,
    input_gain: float = 3.0,
    batch: int = 4,
    seed: int = 0,
    dtype: DTypeLike = np.float64,
) -> Problem:
    """Draw a resistive problem: half of the conductances 0, currents of a tenth, normal data on both rails.

    Outputs are joined to all under them, so that a nudge the other way has a minimum.
    """
    network = chain(sizes, hidden, gain=gain, physics="resistive", input_gain=input_gain)
    weights = initial_weights(network, stream(seed, "weights"), np.float64)
    weights.coupling(network.depth)[...] += 0.15
    rng = stream(seed, "problem")
    weights.biases[:] = rng.normal(0.0, 0.1, size=weights.biases.shape)
    x, y = network.clamped(rng.normal(size=(batch, network.columns))), rng.uniform(size=(batch, sizes[-1]))
    return Problem(network, weights.astype(dtype), x.astype(dtype), y.astype(dtype))


def slopes_of_the_cost(p: Problem, step: float = 1e-5) -> FloatArray:
    """dC/dθ, mean over the samples, by central differences at the free equilibrium: exact to about 10⁻¹⁰."""
    reference, circuit, found = create("reference"), p.circuit, []

    def mean_cost() -> float:
        output = settle(reference, circuit, p.x, plan(p.network.depth, 5000, 1e-14)).output
        return float(cost_of(circuit.cost, output, p.targets).mean())

    for values in (circuit.up, circuit.biases):
        for i, kept in enumerate(values.tolist()):
            values[i] = kept + step
            above = mean_cost()
            values[i] = kept - step
            found.append((above - mean_cost()) / (2 * step))
            values[i] = kept
    return np.array(found)


def plan(depth: int, sweeps: int, tolerance: float = 0.0, order: Order = Order.FORWARD) -> Plan:
    """Sweeps over all layers of a network of `depth` couplings."""
    return Plan(layer_order(order, depth), sweeps, tolerance)


def kept(equilibrium: Equilibrium) -> Equilibrium:
    """A copy with arrays of its own: an engine may write over what it returned at its next call."""
    return deepcopy(equilibrium)


def settle(
    engine: Engine, circuit: Circuit, x: FloatArray, how: Plan, ledger: Ledger | None = None, key: int = 0
) -> Equilibrium:
    """Settle freely from zero states."""
    book = Ledger.empty(tuple(circuit.sizes.tolist())) if ledger is None else ledger
    with engine.session():
        drive = engine.drive(circuit, x, key, book, Phase.FREE)
        return kept(engine.settle_free(circuit, drive, how, key + 1, book, Phase.FREE))


def settle_nudged(
    engine: Engine,
    circuit: Circuit,
    free: Equilibrium,
    targets: FloatArray,
    beta: FloatArray,
    how: Plan,
    ledger: Ledger | None = None,
    key: int = 0,
) -> Equilibrium:
    """Settle nudged copies from a free equilibrium; `targets` has a row for each entry of `beta`."""
    book = Ledger.empty(tuple(circuit.sizes.tolist())) if ledger is None else ledger
    with engine.session():
        return kept(engine.settle_nudged(circuit, free, Nudge(targets, beta), how, key + 2, book))


def cosine(a: FloatArray, b: FloatArray) -> float:
    """Cosine of the angle between two arrays seen as vectors, in float64."""
    u, v = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    return float(u @ v / (np.linalg.norm(u) * np.linalg.norm(v)))
