"""Time EP on a crossbar beside ideal EP, and the pulsed update alone.

    python benchmarks/crossbar.py --device ecram --model fashion-mlp

prints the median time of a training step on ideal weights and on the device, all its effects on, by the device's recipe
and by the plain one, their ratios, and of one update of all weights with about one pulse a weight. Then that of updates
by pulse trains of states (`programming.method` net and opposite, 31 slots at most), settled from initial weights, at
the recipe's rates: median and fastest, and pulses and slots an update. One thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from neuroep.engines import create
from neuroep.hardware.device import Device, Ideal, Update, by_states, programmed
from neuroep.learning.methods.difference import Difference
from neuroep.learning.state_products import state_update
from neuroep.learning.trainer import Progress
from neuroep.ledger import Ledger, Phase
from neuroep.network import initial_weights
from neuroep.recipe import Method, Programming, Recipe, Trains
from neuroep.rng import stream
from neuroep.specs import ModelSpec
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import sample_batch
from neuroep.studies.rig import Rig
from neuroep.weights import Weights


def step_seconds(model: ModelSpec, device: Device, recipe: Recipe, repeats: int) -> float:
    """Return the median time of a training step, each on samples of its own."""
    network = model.network()
    size = recipe.training.batch_size
    _, samples = sample_batch(model, network, repeats * size, 0)
    rig = Rig.of(network, recipe, device, "cpu", 1)
    weights = rig.initial_weights()
    batches = np.array_split(np.arange(len(samples.x)), -(-len(samples.x) // size))
    trainer = rig.trainer(rig.mount(weights), samples)
    progress, rng = Progress.fresh(weights), stream(0, "program")
    rates = tuple(-rate for rate in recipe.training.rates(network.depth, 0))
    times = []
    with trainer.engine.session():
        for number, batch in enumerate(batches):
            started = time.perf_counter()
            trainer.step(batch, (0, number), rates, rng, progress)
            times.append(time.perf_counter() - started)
    return statistics.median(times[5:])


def update_seconds(model: ModelSpec, device: Device, repeats: int) -> tuple[float, float]:
    """Return the median time of an update of a weight's size each, and the pulses it sends."""
    network = model.network()
    weights = initial_weights(network, stream(0, "weights"))
    mounted = device.mount(network, weights, stream(0, "mount"))
    ledger, rng, times = Ledger.empty(weights.sizes), stream(0, "update"), []
    size = 0.002 * float(np.abs(weights.couplings).max())
    for number in range(repeats):
        noise = stream(0, "direction", number)
        direction = Weights(
            weights.sizes,
            noise.standard_normal(len(weights.couplings), dtype=np.float32),
            np.zeros_like(weights.biases),
        )
        started = time.perf_counter()
        device.program(mounted, Update(direction, (size, 0.1 * size)), rng, ledger)
        times.append(time.perf_counter() - started)
    return statistics.median(times), ledger.events(Phase.UPDATE)["pulse"] / repeats


class StateTimes(NamedTuple):
    """Seconds of an update by states, and what one sends."""

    median: float
    fastest: float
    pulses: float
    slots: float


def state_update_seconds(
    model: ModelSpec, device: Device, recipe: Recipe, method: Method, trains: Trains, repeats: int
) -> StateTimes:
    """Return the times of an update by pulse trains of the states of one minibatch, settled from initial weights."""
    network = model.network()
    programming = replace(recipe.programming, method=method, trains=trains, most_pulses=31, least_pulses=1)
    hardware = programmed(device, programming)
    _, samples = sample_batch(model, network, recipe.training.batch_size, 0)
    mounted = hardware.mount(network, initial_weights(network, stream(0, "weights")), stream(0, "mount"))
    engine, ledger = create("cpu", 1), Ledger.empty(network.sizes)
    with engine.session():
        reading = Difference(engine, mounted.circuit, recipe.phases, 0)
        settled = reading.settle(samples.x, samples.targets, (0, 0), Ledger.empty(network.sizes))
    rates = tuple(-rate for rate in recipe.training.rates(network.depth, 0))
    chosen, rng, times = by_states(hardware), stream(0, "update"), []
    for _ in range(repeats):
        started = time.perf_counter()
        update = state_update(mounted.circuit, samples.x, samples.targets, *settled[:3], method, rates)
        if chosen is not None:
            chosen.program_states(mounted, update, rng, ledger)
        times.append(time.perf_counter() - started)
    events = ledger.events(Phase.UPDATE)
    return StateTimes(
        statistics.median(times), min(times), events["pulse"] / repeats, events["pulse_slot"] / repeats
    )  # fmt: skip


def main() -> None:
    """Read the command line and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fashion-mlp")
    parser.add_argument("--device", nargs="+", default=["ecram", "rram-es"])
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    model = load_model(options.model)
    ideal = step_seconds(model, Ideal(), model.recipe(), options.repeats)
    print(f"ideal EP step {1e3 * ideal:.3f} ms")
    for name in options.device:
        built = load_device(name).build() or Ideal()
        recipe = model.recipe(load_device(name))
        plain = replace(recipe, programming=Programming())
        for what, chosen in (("its recipe", recipe), ("one read, stochastic pulses", plain)):
            seconds = step_seconds(model, built, chosen, options.repeats)
            print(f"{name}, {what}: step {1e3 * seconds:.3f} ms, {seconds / ideal:.2f} times ideal")
        seconds, pulses = update_seconds(model, built, options.repeats // 6)
        print(f"{name}: update of all weights {1e3 * seconds:.2f} ms, {pulses:,.0f} pulses")
        for method, trains in product((Method.NET, Method.OPPOSITE), Trains):
            repeats = options.repeats if method is Method.NET else max(3, options.repeats // 10)
            found = state_update_seconds(model, built, recipe, method, trains, repeats)
            print(
                f"{name}, {method.value}, {trains.value}: {1e3 * found.median:.2f} ms, "
                f"fastest {1e3 * found.fastest:.2f}, {found.pulses:,.0f} pulses, {found.slots:,.0f} slots"
            )


if __name__ == "__main__":
    main()
