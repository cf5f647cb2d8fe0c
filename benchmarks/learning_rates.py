r"""Search recipes of EP, and learning rates of its backprop twin alike, on a validation split.

Both methods get the same candidates: the model's own rates times each factor. The test set isn't read.

    python benchmarks/learning_rates.py fashion-mlp --factors 0.25 0.5 1 2 4
    python benchmarks/learning_rates.py digits-mlp --device rram-om --method ep --seed 0 1 2 --validation 0.15 \
        --set programming.method=accumulated training.momentum=0.9 phases.beta=0.5 device.encoding=column \
        device.wires.word_ohm=2.12 device.wires.bit_ohm=1.06
    python benchmarks/learning_rates.py digits-mlp --device ecram --method ep --two-arrays --set programming.decay=1e-3

prints one line a candidate and method, with separate arrays also how far apart they are, ‖W_up − W_down‖/‖W_up‖ of
each coupling when mounted and when trained; the best of each goes into models/*.toml by hand.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, fields, replace
from typing import Any, NamedTuple

import msgspec
import numpy as np

from neuroep.bridges import torch_backprop
from neuroep.circuit import Circuit, coupling_down, coupling_up
from neuroep.data import load_data
from neuroep.errors import BadInput, Diverged
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.device import Device, Ideal, programmed
from neuroep.hardware.effects import without
from neuroep.learning.trainer import Progress
from neuroep.network import Network
from neuroep.recipe import Recipe, Training
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.rig import Rig
from neuroep.studies.training import Materials, materials
from neuroep.weights import FloatArray


def changed(part: Any, prefix: str, settings: dict[str, str]) -> Any:
    """Return a recipe's part with the settings of its prefix."""
    given = {key.partition(".")[2]: value for key, value in settings.items() if key.startswith(prefix + ".")}
    return msgspec.convert(asdict(part) | given, type(part), strict=False) if given else part


def device_with(part: Any, settings: dict[str, str], where: str = "device") -> Any:
    """Return a device, or a part of one, with fields of its own or of its parts: encoding, wires.word_ohm."""
    tables: dict[str, dict[str, str]] = {}
    for key, value in settings.items():
        if key.startswith(where + "."):
            head, _, rest = key.removeprefix(where + ".").partition(".")
            tables.setdefault(head, {})[f"{where}.{head}{'.' if rest else ''}{rest}"] = value
    changes = {}
    for head, given in tables.items():
        if not hasattr(part, head):
            raise BadInput(f"no field {head!r}", where, ", ".join(field.name for field in fields(part)))
        now, own = getattr(part, head), given.get(f"{where}.{head}")
        changes[head] = device_with(now, given, f"{where}.{head}") if own is None else _as(now, own)
    return replace(part, **changes)


def _as(now: object, text: str) -> Any:
    """A setting as the type of what it replaces: a number, a switch, or a member of an enumeration."""
    return msgspec.convert(text, type(now), strict=False)


def apart(circuit: Circuit) -> FloatArray:
    """Return ‖W_up − W_down‖/‖W_up‖ of each coupling; a clamped input never reads the first downward."""
    depth, norm = len(circuit.sizes) - 1, np.linalg.norm
    pairs = [(coupling_up(circuit, k), coupling_down(circuit, k)) for k in range(1, depth + 1)]
    return np.array([norm(up - down) / norm(up) for up, down in pairs])


class Outcome(NamedTuple):
    """Last validation accuracy, and how far apart the two reads were before and after training."""

    accuracy: float
    mounted: FloatArray = np.zeros(0)
    trained: FloatArray = np.zeros(0)


def ep_outcome(
    network: Network, recipe: Recipe, training: Training, stock: Materials, hardware: Device, seed: int
) -> Outcome:
    """Train by EP on a device."""
    rig = Rig.of(network, recipe, hardware, seed=seed)
    mounted = rig.mount(stock.weights)
    before = apart(mounted.circuit)
    trainer = rig.trainer(mounted, stock.train, stock.orders, stock.validation, training)
    history = trainer.run(Progress.fresh(stock.weights)).history
    return Outcome(history[-1].validation_accuracy or 0.0, before, apart(mounted.circuit))


def distances(found: list[Outcome]) -> str:
    """Say how far apart the reads of each coupling were, where they were."""
    finished = [one for one in found if len(one.mounted)]
    if not any(one.trained.any() for one in finished):
        return ""
    before, after = (
        ", ".join(f"{share:.1%}" for share in np.mean([getattr(one, when) for one in finished], axis=0))
        for when in ("mounted", "trained")
    )
    return f"  apart {before}, then {after}"


def backprop_outcome(network: Network, training: Training, stock: Materials) -> Outcome:
    """Train the twin."""
    train, kept = stock.train, stock.validation
    result = torch_backprop.train_twin(
        network, stock.weights, training, train.x, train.targets, train.labels, stock.orders
    )
    return Outcome(torch_backprop.accuracy(network, result.weights, kept.x, kept.labels) if kept is not None else 0.0)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.25, 0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--method", nargs="+", default=["ep", "backprop"], choices=["ep", "backprop"])
    parser.add_argument("--device", default="ideal")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of EP: phases., training., …")
    parser.add_argument("--two-arrays", action="store_true", help="a crossbar for each direction, on any crossbar")
    parser.add_argument("--without", nargs="+", default=[], metavar="EFFECT", help="effects of hardware to switch off")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--validation", type=float, default=1 / 12)
    options = parser.parse_args()
    settings = dict(entry.split("=", 1) for entry in options.set)
    model = load_model(options.model)
    network, recipe = model.network(), model.recipe(load_device(options.device))
    recipe = Recipe(
        changed(recipe.phases, "phases", settings), changed(recipe.training, "training", settings), recipe.backprop,
        changed(recipe.programming, "programming", settings),
    )  # fmt: skip
    hardware = device_with(load_device(options.device).build() or Ideal(), settings)
    if options.two_arrays:
        if not isinstance(hardware, Crossbar):
            raise BadInput(f"{hardware.name} has no single array", "--two-arrays", "a crossbar with one")
        hardware = TwoArrays(hardware)
    hardware = programmed(without(hardware, tuple(options.without)), recipe.programming)
    for method in options.method:
        base = recipe.training if method == "ep" else recipe.backprop
        for factor in options.factors:
            rates = tuple(factor * rate for rate in base.learning_rates)
            training = replace(
                base, learning_rates=rates, validation=options.validation, epochs=options.epochs or base.epochs
            )
            found = []
            for seed in options.seed:
                stock = materials(network, load_data(model.data, seed=seed), training, seed)
                try:
                    if method == "ep":
                        found.append(ep_outcome(network, recipe, training, stock, hardware, seed))
                    else:
                        found.append(backprop_outcome(network, training, stock))
                except Diverged:
                    found.append(Outcome(float("nan")))
            shown = " ".join(f"{rate:g}" for rate in rates)
            each = " ".join(f"{one.accuracy:.2%}" for one in found)
            seen = [one.accuracy for one in found]
            line = f"{method:9} rates {shown:14} {np.mean(seen):.2%} ± {np.std(seen):.2%}{distances(found)}  {each}"
            print(line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(f"learning_rates.py: {error}")
