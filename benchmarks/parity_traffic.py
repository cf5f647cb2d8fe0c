"""Sparse parity by fewer sweeps and fewer nudged copies: what a step moves, and on how many seeds it still solves.

    python benchmarks/parity_traffic.py [--hidden 1000] [--seeds 42 43 44 1 2 3 4 5 6 7 8 9 10]     # under a minute

The recipe of models/parity.toml on 20/3 but for the estimator and the sweeps named in the first column. `ARD` and `DMD`
are of a step of one sample by the reference engine's schedule, `blocks` is the ARD by that of the cpu engine, which
trains here; both settle to the same numbers.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from neuroep.cost.reuse import ClockTracker
from neuroep.data import Dataset
from neuroep.errors import Diverged
from neuroep.learning.block_access import block_step_trace
from neuroep.network import Network
from neuroep.recipe import Estimator, Recipe
from neuroep.specs.catalogue import load_model
from neuroep.studies.parity import Solving, Task, Traffic
from neuroep.studies.rig import Rig
from neuroep.studies.traffic import ep_trace
from neuroep.studies.training import IDEAL, Outcome, materials, train_ep

SETTINGS = [(estimator, free) for estimator in ("centered", "random-sign", "one-sided") for free in (2, 1)]


def train(network: Network, recipe: Recipe, data: Dataset, seed: int) -> Outcome | None:
    """A training that ends when it has solved its training set; None where it diverges."""
    stock = materials(network, data, recipe.training, seed)
    rig = Rig.of(network, recipe, IDEAL, "cpu", 1, seed)
    try:
        return train_ep(rig, stock, progress=Solving.fresh(stock.weights))
    except Diverged:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=1000, help="units (default 1000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44, *range(1, 11)], help="(default 13)")
    options = parser.parse_args()
    task, model = Task(hidden=options.hidden, seeds=tuple(options.seeds)), load_model("parity")
    network, data = task.network(model.network()), task.datasets()
    header = ("ARD", "DMD", "blocks", "solved", "diverged", "epochs")
    print(f"{'estimator, sweeps':20}" + "".join(f"{name:>12}" for name in header))
    for estimator, free in SETTINGS:
        recipe = task.recipe(model.recipe(), model.network())
        phases = replace(recipe.phases, estimator=Estimator(estimator), free_sweeps=free)
        recipe = replace(recipe, phases=phases)
        step = Traffic.of(ep_trace(network, recipe))
        blocks = ClockTracker().follow(block_step_trace(network, phases, direct=True)).weighted_ard
        found = [train(network, recipe, one, seed) for seed, one in data.items()]
        ended = [one for one in found if one is not None]
        solved = [len(one.history) for one in ended if one.test_accuracy == 1.0]
        epochs = f"{min(solved)}–{max(solved)}" if solved else "–"
        figures = (f"{step.weighted_ard:,.0f}", f"{step.dmd:,.0f}", f"{blocks:,.0f}", f"{len(solved)} of {len(found)}")
        cells = (*figures, str(len(found) - len(ended)), epochs)
        print(f"{f'{estimator}, {free} + {phases.nudged_sweeps}':20}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()
