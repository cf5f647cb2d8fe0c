"""Print the predicted time of an EP step on an H100 for the four models: `python benchmarks/cuda_roofline.py`."""

from __future__ import annotations

import sys

from neuroep.engines.cuda.roofline import H100, predict_step
from neuroep.learning.methods.phases import sweep_plans
from neuroep.network import Cost
from neuroep.recipe import Estimator
from neuroep.specs.catalogue import load_model

MODELS = ("digits-mlp", "parity", "fashion-mlp", "fashion-deep")


def main() -> None:
    say = sys.stdout.write
    say("| model | batch | Mflop | kernel times (µs) | step (µs) | share of fp32 peak |\n|---|---|---|---|---|---|\n")
    for name in MODELS:
        model = load_model(name)
        network, recipe = model.network(), model.recipe()
        how = sweep_plans(recipe.phases, network.depth)
        copies = 2 if recipe.phases.estimator is Estimator.CENTERED else 1
        for batch in (recipe.training.batch_size, 512, 4096):
            found = predict_step(network.sizes, batch, how.free, how.nudged, copies, network.cost is Cost.CROSS_ENTROPY)
            parts = ", ".join(f"{k.name} {1e6 * k.seconds:.1f} ({k.bound})" for k in found.kernels)
            peak = found.flops / found.seconds / (2 * H100.processors * H100.fma_per_clock["float32"] * H100.hertz)
            say(f"| {name} | {batch} | {found.flops / 1e6:.1f} | {parts} | {1e6 * found.seconds:.0f} | {peak:.1%} |\n")


if __name__ == "__main__":
    main()
