r"""Digits trained in brian2 itself, by plasticity from spikes and traces, and by the compiled twin beside it.

    python benchmarks/brian2_digits.py --samples 500 --epochs 5

prints for each simulator the accuracy on the 360 test digits, and milliseconds a sample and epoch of training: a free
phase and two nudged ones, ±β, whose synapses learn. brian2 generates numpy code; building the networks is told apart.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit, coupling_up, layer_bias
from neuroep.data import load_data
from neuroep.engines.base import Nudge
from neuroep.engines.spiking import plasticity
from neuroep.engines.spiking.brian.engine import BrianEngine
from neuroep.engines.spiking.engine import SpikingEngine
from neuroep.engines.spiking.plasticity import Traces
from neuroep.hardware.device import Ideal
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, Cost, chain, initial_weights
from neuroep.recipe import Encoder
from neuroep.rng import noise_key, stream
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray

SIZES, FREE_STEPS, NUDGED_STEPS, WINDOW, BETA, DECAY = (64, 64, 10), 100, 60, 20, 0.5, 0.8
TRACES = Traces(NUDGED_STEPS / 12, NUDGED_STEPS / 3)
#: Of the learning rate, by coupling.
SHARES = (1.0, 0.25)
Simulator = BrianEngine | SpikingEngine


class Digits(NamedTuple):
    """Training samples and their one-hot targets, test samples and their labels."""

    x: FloatArray
    targets: FloatArray
    x_test: FloatArray
    y_test: FloatArray


def how(steps: int) -> Spikes:
    return Spikes(Encoder.INTEGRATE_AND_FIRE, steps, WINDOW, 0.15, 0.25, 0.5)


def drawn(seed: int) -> Circuit:
    network = chain(SIZES, Activation.HARD_SIGMOID, Activation.LINEAR, Cost.MSE, 1.0, 0.7)
    weights = initial_weights(network, stream(seed, "weights"), np.float64)
    return Ideal().mount(network, weights, stream(seed)).circuit


def digits(samples: int) -> Digits:
    data = load_data("digits")
    x, x_test = (np.asarray(part, dtype=np.float64) for part in (data.x_train[:samples], data.x_test))
    return Digits(x, np.eye(SIZES[-1])[data.y_train[:samples]], x_test, np.asarray(data.y_test))


def update(engine: Simulator, circuit: Circuit, x: FloatArray, targets: FloatArray, key: int, rate: float) -> None:
    """One minibatch: weights take up what their synapses have learnt."""
    ledger, signs = Ledger.empty(SIZES), np.repeat([1.0, -1.0], len(x))
    free = engine.settle_free(circuit, x, how(FREE_STEPS), key, ledger, Phase.FREE)
    nudge, rates = Nudge(np.tile(targets, (2, 1)), BETA * signs), rate * signs / (2.0 * BETA * len(x))
    learn = engine.learn if isinstance(engine, BrianEngine) else plasticity.learn
    changes = learn(circuit, free, nudge, how(NUDGED_STEPS), TRACES, rates, ledger).changes
    for k, share in enumerate(SHARES, start=1):
        coupling_up(circuit, k)[...] += share * changes.coupling(k)
        layer_bias(circuit, k)[...] += share * changes.bias(k)


def accuracy(engine: Simulator, circuit: Circuit, data: Digits, batch: int, seed: int) -> float:
    right, ledger = 0, Ledger.empty(SIZES)
    for n in range(0, len(data.x_test), batch):
        x = data.x_test[n : n + batch]
        key = noise_key(seed, "test", n)
        output = engine.settle_free(circuit, x, how(FREE_STEPS), key, ledger, Phase.INFERENCE).output
        right += int((output.argmax(axis=1) == data.y_test[n : n + batch]).sum())
    return right / len(data.x_test)


def train(engine: Simulator, data: Digits, epochs: int, batch: int, first: float, seed: int) -> None:
    circuit, rows = drawn(seed), len(data.x)
    begin = time.perf_counter()
    update(engine, circuit, data.x[:batch], data.targets[:batch], 0, 0.0)  # builds, changes nothing
    built = time.perf_counter()
    print(f"{engine.name}: built in {built - begin:.1f} s", flush=True)
    for epoch in range(epochs):
        rate = first * DECAY**epoch
        order, begin = stream(seed, "order", epoch).permutation(rows), time.perf_counter()
        for n in range(0, rows - batch + 1, batch):
            chosen = order[n : n + batch]
            update(engine, circuit, data.x[chosen], data.targets[chosen], noise_key(seed, epoch, n), rate)
        spent = (time.perf_counter() - begin) / rows
        print(f"{engine.name}: epoch {epoch + 1}, {1e3 * spent:.2f} ms a sample", flush=True)
    print(f"{engine.name}: {100 * accuracy(engine, circuit, data, batch, seed):.1f} % of test digits", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--simulators", nargs="+", default=["spiking", "brian2"], choices=["spiking", "brian2"])
    given = parser.parse_args()
    made = {"spiking": lambda: SpikingEngine(1), "brian2": BrianEngine}
    for name in given.simulators:
        train(made[name](), digits(given.samples), given.epochs, given.batch, given.rate, given.seed)


if __name__ == "__main__":
    main()
