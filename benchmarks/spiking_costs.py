"""Spiking EP beside rate-based EP and backprop: synaptic operations, joules and milliseconds of one sample by device.

    python benchmarks/spiking_costs.py                       # a minute
    python benchmarks/spiking_costs.py --epochs 10 --seed 1

Each row is a training of its own, whose ledger is priced on the row's device: events of free, nudged and update phases
divided by training samples, those of inference by test samples. Milliseconds are one event after the other on one core.
"steps" is the time of as many time steps (or sweeps) as short as they were measured on a small network ([system] of the
device file): what a chip takes at least, however many cores share the events.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import neuroep
from neuroep.cost.energy import INFERENCE, TRAINING_STEP, price
from neuroep.ledger import Ledger, Phase
from neuroep.specs.catalogue import load_device
from neuroep.specs.device import DeviceSpec

STEPS = ("barrier", "sweep")


class Way(NamedTuple):
    """A way to train: its name, model or method and engine, and the devices it is priced on."""

    name: str
    method: str
    engine: str
    devices: tuple[str, ...]


WAYS = (
    Way("spiking EP", "ep", "spiking", ("loihi1", "loihi2")),
    Way("rate-based EP", "ep", "auto", ("loihi1", "loihi2", "gpu-h100", "cpu-server")),
    Way("backprop", "backprop", "auto", ("gpu-h100", "cpu-server")),
)


def events(ledger: Ledger, phases: tuple[Phase, ...], names: tuple[str, ...]) -> float:
    """Events a sample."""
    samples = ledger.events(phases[0])["sample"]
    return sum(ledger.events(phase)[name] for phase in phases for name in names) / samples


def cells(ledger: Ledger, device: DeviceSpec) -> list[str]:
    """Synaptic operations, joules and milliseconds of a sample, for inference and for training."""
    bill, found = price(ledger, device.prices()), []
    for phases in (INFERENCE, TRAINING_STEP):
        steps = ""
        if "system.step" in device.numbers:
            least = device.numbers["system.step"].si("time").value
            steps = f"{1e3 * least * events(ledger, phases, STEPS):.3g} ms"
        found += [
            f"{events(ledger, phases, ('synop',)):,.0f}", f"{1e6 * bill.energy(phases).value:.3g} uJ",
            f"{1e3 * bill.time(phases).value:.3g} ms", steps,
        ]  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits-mlp")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{options.model}, {options.epochs} epochs, seed {options.seed}; inference, then training step")
    head = ("accuracy", *("synops", "energy", "time", "steps") * 2)
    print(f"{'':28}" + "".join(f"{cell:>12}" for cell in head))
    for way in WAYS:
        for name in way.devices:
            device = load_device(name)
            trained = neuroep.train(
                options.model, device=name if device.is_hardware else "ideal", seed=options.seed,
                epochs=options.epochs, method=way.method, engine=way.engine,
            )  # fmt: skip
            row = (f"{100 * (trained.test_accuracy or 0.0):.1f} %", *cells(trained.ledger, device))
            print(f"{way.name:14}{name:14}" + "".join(f"{cell:>12}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
