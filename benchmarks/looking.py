"""What the look at a finished training costs: processor time of it beside that of the training.

    python benchmarks/looking.py                          # digits-mlp on three devices, half a minute
    python benchmarks/looking.py --models xor --devices ideal

Both are done twice, and the second time counts: kernels are then compiled, and torch is loaded.
"""

from __future__ import annotations

import argparse
import time

from neuroep.data import load_data
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.inspection import inspected
from neuroep.studies.rig import Rig
from neuroep.studies.training import materials, train_ep


def measure(name: str, device_name: str) -> tuple[float, float, int]:
    """Return the processor seconds of a training and of looking at it, and the samples looked at."""
    model, device = load_model(name), load_device(device_name)
    recipe = model.recipe(device) if device.is_hardware else model.overridden("ideal")
    rig = Rig.of(model.network(), recipe, device, "cpu", seed=0)
    stock = materials(rig.network, load_data(model.data, scale=model.scale), rig.recipe.training, 0)
    for _ in range(2):
        mounted, began = rig.mount(stock.weights), time.process_time()
        outcome = train_ep(rig, stock, mounted)
        between = time.process_time()
        seen = inspected(rig, stock.train, mounted, outcome.inspection, twin=True)
        ended = time.process_time()
    return between - began, ended - between, seen.samples


def main() -> None:
    """Print a line for each model and device."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--models", nargs="+", default=["digits-mlp"])
    parser.add_argument("--devices", nargs="+", default=["ideal", "ecram", "loihi1"])
    options = parser.parse_args()
    for model in options.models:
        for device in options.devices:
            training, looking, samples = measure(model, device)
            share = looking / training
            print(f"{model} on {device}: {training:.2f} s, {1e3 * looking:.1f} ms on {samples} samples, {share:.2%}")


if __name__ == "__main__":
    main()
