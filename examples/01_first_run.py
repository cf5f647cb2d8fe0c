"""A first run: the same network trained by Equilibrium Propagation without hardware and on an ECRAM crossbar.

    python examples/01_first_run.py [FOLDER]

`neuroep.train` does what `neuroep run` does, for one method, one device and one seed. The crossbar's weights are
conductances: they are written by pulses of uneven size and read with noise through converters. What that costs in
accuracy is the distance between the two curves.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

import neuroep

EPOCHS = 6
SEEDS = (0, 1, 2)


def main(folder: Path) -> None:
    """Train on both, print the accuracies, and draw the learning curves."""
    figure = Figure(figsize=(5.0, 3.2), layout="constrained")
    axes = figure.subplots()
    print(f"digits-mlp, {EPOCHS} epochs, test accuracy of {len(SEEDS)} seeds")
    for device, colour in (("ideal", "#0072B2"), ("ecram", "#D55E00")):
        found = [neuroep.train("digits-mlp", device, seed=seed, epochs=EPOCHS) for seed in SEEDS]
        reached = ", ".join(f"{outcome.test_accuracy:.1%}" for outcome in found)
        print(f"  {device:6} {reached}")
        for outcome in found:
            curve = [epoch.train_accuracy for epoch in outcome.history]
            label = device if outcome is found[0] else None
            axes.plot(range(1, EPOCHS + 1), curve, color=colour, marker="o", markersize=3, label=label)
    axes.set(xlabel="epoch", ylabel="training accuracy", title="digits-mlp by EP, one line a seed")
    axes.legend(frameon=False)
    figure.savefig(folder / "01_first_run.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
