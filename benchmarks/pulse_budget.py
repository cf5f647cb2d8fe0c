r"""What pulse trains of states do to the weights in one update, and what of it is gradient.

    python benchmarks/pulse_budget.py digits-mlp --device ecram rram-sb rram-om --trained 5

settles a minibatch (after some epochs by the device's own recipe), sends one update by each method, and prints for each
coupling, in nominal pulses a device, root mean square over devices:

    wanted   learning rate × contrast
    clipped  what the mean of 20 draws misses of it: probabilities clipped at 1, rounded bits (random/√20 is chance)
    random   spread of these draws: the bits drawn
    steps    what unequal steps add: asymmetry, which pairs of opposite pulses walk along, spread, bounds
    noise    from pulse to pulse and from write to write
    cosine   of what really changed with what was wanted

and pulses a device, and slots.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuroep.data import load_data
from neuroep.hardware.cells.law import Column, Law, LawCode
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.pulsing import Array
from neuroep.hardware.crossbar.state_trains import StatePulser
from neuroep.hardware.device import Mounted, StateUpdate
from neuroep.learning.methods.difference import Difference
from neuroep.learning.state_products import state_update
from neuroep.learning.trainer import Progress
from neuroep.ledger import Event, Ledger, Phase
from neuroep.physics.base import Products
from neuroep.recipe import Method, Trains
from neuroep.rng import stream
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.rig import Rig
from neuroep.studies.training import Materials, materials
from neuroep.weights import FloatArray

DRAWS = 20


class Budget(NamedTuple):
    """Of one coupling, in nominal pulses: see the module."""

    wanted: float
    clipped: float
    random: float
    steps: float
    noise: float
    cosine: float
    pulses: float
    slots: int


def counting(array: Array, crossbar: Crossbar) -> tuple[Array, Law]:
    """A copy of the devices whose every pulse is one nominal step, without bounds or noise, and its law."""
    copied = {key: value.astype(np.float64) for key, value in array.state.items()}
    for key in ("devices", "against"):
        if copied[key].shape[1] > 1:
            copied[key][:, [Column.UP, Column.DOWN]] = crossbar.step
            copied[key][:, [Column.SLOPE_UP, Column.SLOPE_DOWN]] = 0.0
            copied[key][:, Column.LOW], copied[key][:, Column.HIGH] = -1e6, 1e6
    law = crossbar.law(np.float64)._replace(code=int(LawCode.LINEAR), shape=np.empty(0), noise=0.0, write_noise=0.0)
    return array._replace(state=copied, weights=array.weights.astype(np.float64)), law


def change(
    array: Array, law: Law, crossbar: Crossbar, update: StateUpdate, k: int, seed: int, ledger: Ledger
) -> FloatArray:
    """What trains of a seed change, in nominal pulses of a weight; `array` stays as it is."""
    mine = array._replace(
        state={key: value.copy() for key, value in array.state.items()}, weights=array.weights.copy()
    )  # fmt: skip
    pulser = StatePulser(law, crossbar.step, crossbar.programming, crossbar.one_sided)
    pulser.send(mine, pulser.plan(mine, update, k), k, stream(seed, "budget"), ledger)
    moved = (mine.weights.astype(np.float64) - array.weights) / (crossbar.step * array.scale)
    return moved


def rms(values: FloatArray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def budget(crossbar: Crossbar, mounted: Mounted, update: StateUpdate, k: int, sizes: tuple[int, ...]) -> Budget:
    """Where the change of coupling k comes from."""
    array, part, ledger = crossbar._arrays(mounted, sizes)[k - 1], update.products[k - 1], Ledger.empty(sizes)
    wanted = update.rates[k - 1] * added_up(part).ravel() / (crossbar.step * array.scale)
    ideal, plain = counting(array, crossbar)
    aside = Ledger.empty(sizes)
    counted = np.stack([change(ideal, plain, crossbar, update, k, seed, aside) for seed in range(DRAWS)])
    law = crossbar.law(array.weights.dtype)
    quiet = law._replace(noise=law.noise * 0, write_noise=law.write_noise * 0)
    noiseless = change(array, quiet, crossbar, update, k, 0, aside)
    real = change(array, law, crossbar, update, k, 0, ledger)
    counts = ledger.counts[Phase.UPDATE, :, k]
    return Budget(
        rms(wanted), rms(counted.mean(axis=0) - wanted), float(np.sqrt(counted.var(axis=0).mean())),
        rms(noiseless - counted[0]), rms(real - noiseless),
        float(real @ wanted / (np.linalg.norm(real) * np.linalg.norm(wanted) + 1e-30)),
        float(counts[Event.PULSE_UP] + counts[Event.PULSE_DOWN]) / len(wanted), int(counts[Event.PULSE_SLOT]),
    )  # fmt: skip


def added_up(part: Products) -> FloatArray:
    """Σ_r coefficient_r below_r above_rᵀ."""
    total: FloatArray = (part.coefficients[:, None] * part.below).T.astype(np.float64) @ part.above
    return total


def trained(rig: Rig, stock: Materials, epochs: int) -> Mounted:
    """Mount and train by the device's own recipe."""
    mounted = rig.mount(stock.weights)
    if epochs:
        training = replace(rig.recipe.training, epochs=epochs)
        rig.trainer(mounted, stock.train, stock.orders, training=training).run(Progress.fresh(stock.weights))
    return mounted


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="digits-mlp")
    parser.add_argument("--device", nargs="+", default=["ecram"])
    parser.add_argument("--trained", type=int, default=0, metavar="EPOCHS")
    parser.add_argument("--slots", type=int, default=31, help="programming.most_pulses")
    options = parser.parse_args()
    model = load_model(options.model)
    network = model.network()
    for name in options.device:
        spec = load_device(name)
        recipe, built = model.recipe(spec), spec.build()
        stock = materials(network, load_data(model.data, seed=0), recipe.training, 0)
        rig = Rig.of(network, recipe, spec)
        mounted = trained(rig, stock, options.trained)
        batch, engine = stock.orders(options.trained)[0], rig.engine
        x, targets = stock.train.x[batch], stock.train.targets[batch]
        rates = tuple(-rate for rate in recipe.training.rates(network.depth, options.trained))
        with engine.session():
            reading = Difference(engine, mounted.circuit, recipe.phases, 0)
            settled = reading.settle(x, targets, (0, 0), Ledger.empty(network.sizes))
        for method in (Method.NET, Method.OPPOSITE):
            update = state_update(mounted.circuit, x, targets, *settled[:3], method, rates)
            for trains in Trains:
                programming = replace(
                    recipe.programming, method=method, trains=trains, most_pulses=options.slots, least_pulses=1
                )
                crossbar = built.programmed_by(programming)
                for k in range(1, network.depth + 1):
                    found = budget(crossbar, mounted, update, k, network.sizes)
                    numbers = " ".join(f"{key} {value:.3g}" for key, value in found._asdict().items())
                    print(f"{name} {method.value} {trains.value} W{k}: {numbers}", flush=True)


if __name__ == "__main__":
    main()
