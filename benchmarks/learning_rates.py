r"""Search recipes of EP, and learning rates of its backprop twin alike, on a validation split.

Both methods get the same candidates: the model's own rates times each factor. The test set isn't read.

    python benchmarks/learning_rates.py fashion-mlp --factors 0.25 0.5 1 2 4
    python benchmarks/learning_rates.py digits-mlp --device rram-om --method ep --seed 0 1 2 --validation 0.15 \
        --set programming.method=accumulated training.momentum=0.9 phases.beta=0.5 device.headroom=1.5

prints one line a candidate and method; the best of each goes into models/*.toml by hand.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import Any

import msgspec
import numpy as np

from neuroep.bridges import torch_backprop
from neuroep.catalogue import load_device, load_model
from neuroep.data import load_data
from neuroep.engines import create
from neuroep.errors import Diverged
from neuroep.experiment import Materials, materials
from neuroep.hardware.device import Device, Ideal, programmed
from neuroep.hardware.effects import without
from neuroep.learning.trainer import Progress, Trainer
from neuroep.network import Network
from neuroep.recipe import Recipe, Training
from neuroep.rng import stream


def changed(part: Any, prefix: str, settings: dict[str, str]) -> Any:
    """Return a recipe's part, or a device, with the settings of its prefix."""
    given = {key.partition(".")[2]: value for key, value in settings.items() if key.startswith(prefix + ".")}
    if not given:
        return part
    if prefix == "device":
        return replace(part, **{key: float(value) for key, value in given.items()})
    return msgspec.convert(asdict(part) | given, type(part), strict=False)


def ep_accuracy(
    network: Network, recipe: Recipe, training: Training, stock: Materials, hardware: Device, seed: int
) -> float:
    """Train by EP on a device and return the last validation accuracy."""
    mounted = hardware.mount(network, stock.weights, stream(seed, "mount", hardware.name))
    trainer = Trainer(
        create(), hardware, mounted, recipe.phases, training, stock.train, stock.orders, seed, stock.validation
    )
    history = trainer.run(Progress.fresh(stock.weights)).history
    return history[-1].validation_accuracy or 0.0


def backprop_accuracy(network: Network, training: Training, stock: Materials) -> float:
    """Train the twin and return its validation accuracy."""
    train, kept = stock.train, stock.validation
    result = torch_backprop.train_twin(
        network, stock.weights, training, train.x, train.targets, train.labels, stock.orders
    )
    return torch_backprop.accuracy(network, result.weights, kept.x, kept.labels) if kept is not None else 0.0


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.25, 0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--method", nargs="+", default=["ep", "backprop"], choices=["ep", "backprop"])
    parser.add_argument("--device", default="ideal")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of EP: phases., training., …")
    parser.add_argument("--without", nargs="+", default=[], metavar="EFFECT", help="effects of hardware to switch off")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--validation", type=float, default=1 / 12)
    options = parser.parse_args()
    settings = dict(entry.split("=", 1) for entry in options.set)
    model = load_model(options.model)
    network, recipe = model.network(), model.recipe(options.device)
    recipe = Recipe(
        changed(recipe.phases, "phases", settings), changed(recipe.training, "training", settings), recipe.backprop,
        changed(recipe.programming, "programming", settings),
    )  # fmt: skip
    hardware = changed(load_device(options.device).build() or Ideal(), "device", settings)
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
                        found.append(ep_accuracy(network, recipe, training, stock, hardware, seed))
                    else:
                        found.append(backprop_accuracy(network, training, stock))
                except Diverged:
                    found.append(float("nan"))
            shown = " ".join(f"{rate:g}" for rate in rates)
            each = " ".join(f"{a:.2%}" for a in found)
            print(f"{method:9} rates {shown:14} {np.mean(found):.2%} ± {np.std(found):.2%}  {each}", flush=True)


if __name__ == "__main__":
    main()
