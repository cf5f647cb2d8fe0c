r"""What plastic synapses take up during a nudged phase, beside EP's contrast, for phases of several lengths.

    python benchmarks/spiking_plasticity.py --rows 50 --steps 30 60 120 240 480 960

draws a network of 64-32-10 hard-sigmoid units, sends it digits, and prints for T nudged steps with centered nudges the
cosine to the contrast of the continuous network's equilibria (a reference engine's, at the same β)

    1, 2      of each coupling, learnt by traces of T/12 and T/3 steps
    learnt    of both, and `norm`, by which factor their change is long
    biases    of biases
    fixed     of both couplings, traces of 5 and 20 steps whatever T
    states    of what the difference of mean states gives, spikes and all
"""

from __future__ import annotations

import argparse

import numpy as np

from neuroep.circuit import Circuit
from neuroep.data import load_data
from neuroep.engines import Accumulation, create
from neuroep.engines.base import Nudge, Plan
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.engines.spiking.plasticity import Traces, learn
from neuroep.equilibrium import Equilibrium
from neuroep.hardware.device import Ideal
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Cost, chain, initial_weights
from neuroep.recipe import Encoder, Order
from neuroep.rng import noise_key, stream
from neuroep.solvers.spikes import Spikes
from neuroep.solvers.sweeps import layer_order
from neuroep.weights import FloatArray, Weights

SIZES, FREE_STEPS, WINDOW = (64, 32, 10), 300, 20
SWEEPS = Plan(layer_order(Order.FORWARD, 2), 2000, 1e-12)
FIXED = Traces(5.0, 20.0)


def how(steps: int) -> Spikes:
    return Spikes(Encoder.INTEGRATE_AND_FIRE, steps, WINDOW, 0.1, 0.2, 0.5)


def drawn(seed: int) -> Circuit:
    network = chain(SIZES, Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, Cost.MSE, 1.0, 0.7)
    weights = initial_weights(network, stream(seed, "weights"), np.float64)
    weights.biases[:] = 0.2
    return Ideal().mount(network, weights, stream(seed)).circuit


def cosine(a: FloatArray, b: FloatArray) -> float:
    return float(a.ravel() @ b.ravel() / (np.linalg.norm(a) * np.linalg.norm(b)))


def descent(circuit: Circuit, x: FloatArray, found: Equilibrium, rates: FloatArray) -> Weights:
    out = Weights.zeros(SIZES, np.float64)
    into = Accumulation(out, (-1.0,) * 2, 0.0)
    create("reference").contrast(circuit, x, found.states, rates, into, Ledger.empty(SIZES))
    return out


def continuous(circuit: Circuit, x: FloatArray, nudge: Nudge, rates: FloatArray) -> Weights:
    engine, ledger = create("reference"), Ledger.empty(SIZES)
    drive = engine.drive(circuit, x, 0, ledger, Phase.FREE)
    free = engine.settle_free(circuit, drive, SWEEPS, 0, ledger, Phase.FREE)
    return descent(circuit, x, engine.settle_nudged(circuit, free, nudge, SWEEPS, 0, ledger), rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=50, help="samples")
    parser.add_argument("--steps", type=int, nargs="+", default=[30, 60, 120, 240, 480, 960], help="nudged steps")
    parser.add_argument("--beta", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    circuit, data, ledger = drawn(given.seed), load_data("digits"), Ledger.empty(SIZES)
    x, y = (np.asarray(part[: given.rows]) for part in (data.x_train, data.y_train))
    x, targets = x.astype(np.float64), np.eye(SIZES[-1])[y]
    signs = np.repeat([1.0, -1.0], len(x))
    nudge, rates = Nudge(np.tile(targets, (2, 1)), given.beta * signs), signs / (2.0 * given.beta * len(x))
    wanted = continuous(circuit, x, nudge, rates)
    key = noise_key(given.seed, "free")
    free = SpikingEngine(1).settle_free(circuit, x, how(FREE_STEPS), key, ledger, Phase.FREE)
    print(f"{'T':>5} {'1':>7} {'2':>7} {'learnt':>7} {'norm':>7} {'biases':>7} {'fixed':>7} {'states':>7}")
    for steps in given.steps:
        scaled = learn(circuit, free, nudge, how(steps), Traces(steps / 12, steps / 3), rates, ledger)
        fixed = learn(circuit, free, nudge, how(steps), FIXED, rates, ledger).changes.couplings
        got, states = scaled.changes, descent(circuit, x, scaled.equilibrium, rates)
        row = [cosine(got.coupling(k), wanted.coupling(k)) for k in (1, 2)]
        row += [cosine(got.couplings, wanted.couplings)]
        row += [float(np.linalg.norm(got.couplings) / np.linalg.norm(wanted.couplings))]
        row += [cosine(got.biases, wanted.biases), cosine(fixed, wanted.couplings)]
        row += [cosine(states.couplings, wanted.couplings)]
        print(f"{steps:5d} " + " ".join(f"{value:7.3f}" for value in row))


if __name__ == "__main__":
    main()
