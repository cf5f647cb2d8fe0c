"""How many steps a phase needs: digits (64-64-10) trained by spikes, for each code and for phases of several lengths.

    python benchmarks/spiking_steps.py             # 3 seeds, 10 epochs: ten minutes
    python benchmarks/spiking_steps.py --seeds 1

The network and the rates are those of models/digits-spiking.toml; nudged phases last .6 of the free one. `cosine` is
that of the first minibatches' gradient of spikes with the gradient of the settled continuous network, same weights and
estimator.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np

from neuroep.data import load_data
from neuroep.engines import create
from neuroep.learning.readings import ep_gradients
from neuroep.learning.trainer import Progress
from neuroep.recipe import Encoder, Phases
from neuroep.specs.catalogue import load_model
from neuroep.studies.rig import Rig
from neuroep.studies.training import materials

#: ε and λ of each code; graded spikes have the latter as it is, without effect.
SETTINGS = {
    Encoder.INTEGRATE_AND_FIRE: (0.1, 0.2),
    Encoder.SIGMA_DELTA: (0.6, 0.4),
    Encoder.POISSON: (0.1, 0.2),
    Encoder.GRADED: (0.5, Phases().leak),
}
STEPS = (20, 40, 100, 200, 400)
#: Of the continuous network beside them.
SWEEPS = (20,)


def phases_of(encoder: Encoder, steps: int, plain: Phases) -> Phases:
    """Return phases of a code that last so many steps; a third of the shorter one is read."""
    relaxation, leak = SETTINGS[encoder]
    nudged = round(0.6 * steps)
    return replace(plain, solver=encoder.value, free_sweeps=steps, nudged_sweeps=nudged, window=max(1, nudged // 3),
                   relaxation=relaxation, leak=leak)  # fmt: skip


def trained(encoder: Encoder | None, steps: int, seed: int, epochs: int) -> tuple[float, float, float]:
    """Return test accuracy, the gradient's cosine before training, and seconds an epoch; without a code, by sweeps."""
    spec = load_model("digits-spiking")
    recipe = spec.recipe()
    swept = replace(recipe.phases.swept(), free_sweeps=steps, nudged_sweeps=round(0.6 * steps))
    phases = swept if encoder is None else phases_of(encoder, steps, recipe.phases)
    recipe = replace(recipe, phases=phases, training=replace(recipe.training, epochs=epochs))
    rig = Rig.of(spec.network(), recipe, seed=seed, threads=1)
    stock = materials(rig.network, load_data("digits"), recipe.training, seed)
    mounted = rig.mount(stock.weights)
    x, targets = stock.train.x[:256], stock.train.targets[:256]
    exact = replace(Phases(), estimator=phases.estimator, beta=phases.beta, free_sweeps=500, nudged_sweeps=500)
    wanted = ep_gradients(create("reference"), mounted.circuit, x, targets, exact).couplings
    found = ep_gradients(rig.engine, mounted.circuit, x, targets, phases).couplings
    cosine = float(wanted @ found / np.linalg.norm(wanted) / np.linalg.norm(found))
    began = time.perf_counter()
    rig.trainer(mounted, stock.train).run(Progress.fresh(stock.weights))
    seconds = (time.perf_counter() - began) / epochs
    return 100.0 * rig.evaluate(mounted, stock.test).accuracy, cosine, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    print("code                steps free + nudged   cosine   test accuracy     s an epoch")
    for encoder in (None, *SETTINGS):
        for steps in STEPS if encoder else SWEEPS:
            found = [trained(encoder, steps, seed, options.epochs) for seed in range(options.seeds)]
            right, cosines, seconds = zip(*found, strict=True)
            spread = statistics.stdev(right) if len(right) > 1 else 0.0
            name = "sweeps" if encoder is None else encoder.value
            print(f"{name:18}  {steps:4} + {round(0.6 * steps):<14}  {np.mean(cosines):.4f}"
                  f"   {np.mean(right):.2f} ± {spread:.2f} %   {np.mean(seconds):.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
