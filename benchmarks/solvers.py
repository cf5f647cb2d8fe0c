"""digits-mlp (or another model) trained by integrating the differential equation, beside block sweeps.

    python benchmarks/solvers.py                        # 3 seeds, the model's own epochs
    python benchmarks/solvers.py --figure docs/figures/thermal.png

A line a solver: test accuracy over the seeds, and seconds of a training (one thread, compiled before). Euler–Maruyama
runs at several temperatures: thermal noise of σ per √second gives a unit with a leak alone a variance of σ²τ/2, whose
root is printed; a state lies between 0 and 1. Every phase lasts ten and five time constants.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import neuroep
from neuroep.recipe import Recipe
from neuroep.specs import ModelSpec

SETTLED = {"free_sweeps": 500, "nudged_sweeps": 500, "tolerance": 1e-3}
NOISE = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0)


def forms(tau: float) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yield solvers by name, with the standard deviation that noise gives and the settings of the phases."""
    yield "sweeps", 0.0, {}
    yield "exponential-euler", 0.0, {"solver": "exponential-euler", "step_seconds": 3.0 * tau, **SETTLED}
    yield "dopri5", 0.0, {"solver": "dopri5", "rtol": 1e-2, "atol": 1e-3, **SETTLED}
    for noise in NOISE:
        timed = {"free_seconds": 10.0 * tau, "nudged_seconds": 5.0 * tau, "free_sweeps": 1000, "nudged_sweeps": 1000}
        given = {"solver": "euler-maruyama", "step_seconds": 0.2 * tau, "noise": noise, "tolerance": 0.0, **timed}
        yield f"euler-maruyama, noise {noise:g}", noise * math.sqrt(0.5 * tau), given


def changed(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """Return the recipe with phases settled so; in continuous time layers have no order."""
    phases = replace(recipe.phases, **settings)
    if phases.in_time:
        usual = type(phases)()
        phases = replace(phases, free_order=usual.free_order, nudged_order=usual.nudged_order)
    return replace(recipe, phases=phases)


def measured(model: ModelSpec, recipe: Recipe, seeds: list[int], epochs: int | None) -> tuple[list[float], float]:
    """Return test accuracies and the median seconds of a training."""
    neuroep.train(model, recipe=recipe, epochs=1)  # compiles
    accuracies, seconds = [], []
    for seed in seeds:
        began = time.perf_counter()
        accuracies.append(neuroep.train(model, recipe=recipe, seed=seed, epochs=epochs).test_accuracy)
        seconds.append(time.perf_counter() - began)
    return accuracies, float(np.median(seconds))


def draw(rows: list[tuple[float, list[float]]], sweeps: list[float], title: str, path: Path) -> None:
    """Draw accuracy against thermal noise."""
    from neuroep.report.plotting import COLOURS, GREY, panels, style, write_figure

    with style():
        figure, (axes,) = panels(5.0, 3.2, 1, 1)
        spreads = [100.0 * float(np.std(found, ddof=1)) if len(found) > 1 else 0.0 for _, found in rows]
        means = [100.0 * float(np.mean(found)) for _, found in rows]
        axes.errorbar([sd for sd, _ in rows], means, yerr=spreads, fmt="o-", color=COLOURS[0], capsize=3)
        axes.axhline(100.0 * float(np.mean(sweeps)), color=GREY, linestyle="--", linewidth=1.0)
        axes.annotate("sweeps", (0.99, 100.0 * float(np.mean(sweeps))), xycoords=("axes fraction", "data"),
                      ha="right", va="bottom", color=GREY)  # fmt: skip
        axes.set(title=title, xlabel="Standard deviation of a leaky unit", ylabel="Test accuracy (%)")
        axes.grid(True)
        write_figure(figure, path)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits-mlp")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    model = neuroep.load_model(options.model)
    tau, found, thermal = min(layer.tau_seconds for layer in model.network().layers[1:]), {}, []
    for name, deviation, settings in forms(tau):
        accuracies, seconds = measured(model, changed(model.recipe(), settings), options.seed, options.epochs)
        found[name] = accuracies
        if settings.get("solver") == "euler-maruyama":
            thermal.append((deviation, accuracies))
        spread = f" ± {np.std(accuracies, ddof=1):.2%}" if len(accuracies) > 1 else ""
        print(f"{name:28} sd {deviation:.3f}  {np.mean(accuracies):.2%}{spread}  {seconds:.2f} s", flush=True)
    if options.figure is not None:
        draw(thermal, found["sweeps"], f"{model.name} by Euler–Maruyama, {len(options.seed)} seeds", options.figure)


if __name__ == "__main__":
    main()
