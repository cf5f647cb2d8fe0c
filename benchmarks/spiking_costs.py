"""Spiking EP beside rate-based EP and backprop: synaptic operations, joules and milliseconds of one sample by device.

    python benchmarks/spiking_costs.py                       # a minute or two
    python benchmarks/spiking_costs.py --epochs 10 --seed 1

64-64-10 on the 8 x 8 digits. Each row is a training of its own, whose ledger is priced on the row's device: events of
free, nudged and update phases divided by training samples, those of inference by test samples. "time" is one event
after the other on one core. "steps" is the time of as many time steps (or sweeps) as short as they were measured on a
small network ([system] of the device file): what a chip takes at least, however many cores share the events.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import neuroep
from neuroep.cost.energy import INFERENCE, TRAINING_STEP, price
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Method, Recipe
from neuroep.specs.catalogue import load_device, load_model
from neuroep.specs.device import DeviceSpec

STEPS = ("barrier", "sweep")
SIGMA_DELTA = MappingProxyType({"solver": "sigma-delta", "free_sweeps": 40, "nudged_sweeps": 20, "relaxation": 0.6,
                                "leak": 0.4, "window": 10})  # fmt: skip
GRADED = MappingProxyType({"solver": "graded", "free_sweeps": 30, "nudged_sweeps": 20, "relaxation": 0.5,
                           "grain": 1.0 / 32.0, "window": 5})  # fmt: skip
CHIPS, PROCESSORS = ("loihi1", "loihi2"), ("gpu-h100", "cpu-server")


class Way(NamedTuple):
    """A way to train: a model, the devices it is priced on, what differs from its recipe, for all or by device."""

    name: str
    model: str
    devices: tuple[str, ...]
    phases: Mapping[str, Any] = MappingProxyType({})
    rule: bool = False
    method: str = "ep"
    own: bool = False

    def recipe(self, device: DeviceSpec, epochs: int) -> Recipe:
        """The model's, or its own for the device, with what differs."""
        found = load_model(self.model).recipe(device if self.own else None)
        if self.rule:
            found = replace(found, programming=replace(found.programming, method=Method.RULE))
        return replace(found, phases=replace(found.phases, **self.phases)).lasting(epochs)


WAYS = (
    Way("spikes, integrate-and-fire", "digits-spiking", CHIPS),
    Way("spikes, sigma-delta", "digits-spiking", CHIPS, SIGMA_DELTA),
    Way("spikes, graded", "digits-spiking", ("loihi2",), GRADED),
    Way("spikes, learning engine", "digits-spiking", ("loihi1",), rule=True),
    Way("integer neurons, learning engine", "digits-spiking", CHIPS, own=True),
    Way("rates", "digits-mlp", (*CHIPS, *PROCESSORS)),
    Way("backprop", "digits-mlp", PROCESSORS, method="backprop"),
)


def events(ledger: Ledger, phases: tuple[Phase, ...], names: tuple[str, ...]) -> float:
    """Events a sample."""
    samples = ledger.events(phases[0])["sample"]
    return sum(ledger.events(phase)[name] for phase in phases for name in names) / samples


def cells(ledger: Ledger, device: DeviceSpec) -> list[str]:
    """Synaptic operations, joules and milliseconds of a sample, for inference and for training."""
    prices, found = device.prices(), []
    bill, operation = price(ledger, prices), "synop" if "synop" in prices.energy_joules else "effective_synop"
    for phases in (INFERENCE, TRAINING_STEP):
        steps = "-"
        if "system.step" in device.numbers:
            least = device.numbers["system.step"].si("time").value
            steps = span(least * events(ledger, phases, STEPS))
        found += [
            f"{events(ledger, phases, (operation,)):,.0f}", f"{1e6 * bill.energy(phases).value:.3g} uJ",
            span(bill.time(phases).value), steps,
        ]  # fmt: skip
    return found


def span(seconds: float) -> str:
    """Milliseconds, or nanoseconds where those would be next to none."""
    return f"{1e3 * seconds:.3g} ms" if seconds >= 1e-6 else f"{1e9 * seconds:.2g} ns"


def row(way: Way, device: DeviceSpec, epochs: int, seed: int) -> list[str]:
    """Train, and price what was counted."""
    network = load_model(way.model).network()
    trained = neuroep.train(
        network=network, recipe=way.recipe(device, epochs), data="digits", seed=seed, method=way.method,
        device=device if device.is_hardware else "ideal",
    )  # fmt: skip
    return [f"{100 * (trained.test_accuracy or 0.0):.1f} %", *cells(device.counted(network, trained.ledger), device)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"digits, {options.epochs} epochs, seed {options.seed}; of an inference, then of a training step")
    head = ("accuracy", *("synops", "energy", "time", "steps") * 2)
    print(f"{'':45}" + "".join(f"{cell:>11}" for cell in head))
    for way in WAYS:
        for name in way.devices:
            found = row(way, load_device(name), options.epochs, options.seed)
            print(f"{way.name:34}{name:11}" + "".join(f"{cell:>11}" for cell in found), flush=True)


if __name__ == "__main__":
    main()
