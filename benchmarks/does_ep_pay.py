"""Does EP pay on a chip: one training step of a sample, digital work included, beside backprop in software.

    python benchmarks/does_ep_pay.py                            # a minute
    python benchmarks/does_ep_pay.py --models fashion-mlp
    python benchmarks/does_ep_pay.py --models fashion-mlp --epochs 20 --seed 0 1 2   # and trains so: ten minutes
    python benchmarks/does_ep_pay.py --by-event                 # the row "in the array" alone, taken apart

Prints the table of docs/benchmarks.md. "in the array" sends the states of both phases as counted trains of pulses
whose coincidences change the cells (programming.method net): no product of the contrast is formed outside.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import neuroep
from neuroep.cost.breakdown import table
from neuroep.cost.energy import TRAINING_STEP, Bill
from neuroep.quantities import Band
from neuroep.recipe import Method, Recipe, Trains
from neuroep.report.summary import percent, si_band, spread
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import estimate_cost

SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "digits-mlp": ({"trains": Trains.DETERMINISTIC}, {}),
    "fashion-mlp": ({"trains": Trains.STOCHASTIC, "headroom": 12.0}, {"decay": 0.8}),
}
"""How each model's products are sent, and what of its training differs: chosen on a validation split."""


def in_the_array(name: str) -> Recipe:
    """The model's recipe on ecram, but that the array forms the products."""
    recipe = load_model(name).recipe(load_device("ecram"))
    sent, training = SENT[name]
    programming = replace(recipe.programming, method=Method.NET, least_pulses=1, most_pulses=31, **sent)
    return replace(recipe, programming=programming, training=replace(recipe.training, **training))


def show_accuracies(name: str, epochs: int, seeds: list[int]) -> None:
    """Train with products in the array, and on exact weights, and print the test accuracies."""
    model = load_model(name)
    for device, recipe in (("ecram", in_the_array(name)), ("ideal", model.recipe(None))):
        found = [
            neuroep.train(
                network=model.network(), recipe=recipe.lasting(epochs), data=model.data, device=device, seed=seed
            ).test_accuracy
            for seed in seeds
        ]
        print(f"{name} on {device}, {epochs} epochs, seeds {seeds}: {percent(spread(found))}", flush=True)


def rows(name: str) -> dict[str, Bill]:
    """Return the bills of a model, by what is priced."""
    found = {device: estimate_cost(load_model(name), load_device(device))
             for device in ("ecram", "loihi1", "digital-7nm", "gpu-h100")}  # fmt: skip
    gpu = found["gpu-h100"]
    assert gpu.utilised is not None
    bills = {
        "EP on `ecram`, contrast in a digital unit": found["ecram"].bill,
        "EP on `ecram`, products in the array": estimate_cost(
            load_model(name), load_device("ecram"), recipe=in_the_array(name)
        ).bill,
        "EP on `loihi1`": found["loihi1"].bill,
        "EP on `digital-7nm`": found["digital-7nm"].bill,
        "backprop on `digital-7nm`": found["digital-7nm"].backprop,
        "backprop on `gpu-h100` at its peak rate": gpu.backprop,
        f"backprop on `gpu-h100` at {gpu.utilised.share.value:.1%} of it": gpu.utilised.backprop,
    }
    return {name: bill for name, bill in bills.items() if bill is not None}


def show_events(name: str) -> None:
    """Print what the row "in the array" consists of, a sample."""
    bill = estimate_cost(load_model(name), load_device("ecram"), recipe=in_the_array(name)).bill
    for event, parts in table(bill.lines, "event").items():
        number = sum(line.number for line in bill.lines if line.event == event and "inference" not in line.stage)
        print(f"{name}  {event:16s} {number:12,.1f}  {si_band(sum(parts.values(), Band.exact(0.0)), 'J')}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["digits-mlp", "fashion-mlp"])
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--by-event", action="store_true")
    options = parser.parse_args()
    if options.by_event:
        for name in options.models:
            show_events(name)
        return
    tables = {name: rows(name) for name in options.models}
    print(f"| a training step of a sample | {' | '.join(tables)} |")
    print("|---" * (1 + len(tables)) + "|")
    for what in next(iter(tables.values())):
        cells = [si_band(table[what].energy(TRAINING_STEP), "J") for table in tables.values()]
        print(f"| {what} | {' | '.join(cells)} |")
    for name in options.models if options.epochs else ():
        show_accuracies(name, options.epochs, options.seed)


if __name__ == "__main__":
    main()
