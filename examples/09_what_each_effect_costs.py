"""What each effect of a device costs: write noise, read noise, steps, switched off one at a time.

    python examples/09_what_each_effect_costs.py [FOLDER]

The device is a resistive memory whose writes miss by 5.6 % of its range. Accuracy tells what an effect costs in the
end; cosines with the exact gradient tell where: noise of reads spoils the gradient that EP reads, noise of writes and
whole steps what becomes of it. `neuroep ablate digits-mlp -d rram-sb` does the same for all effects.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import neuroep
from neuroep.report.ablation_figure import write_ablation_figure


def main(folder: Path) -> None:
    """Train each variant for a few epochs, print what it reaches, draw all of it."""
    effects = ("read-noise", "write-noise", "granularity")
    with tempfile.TemporaryDirectory() as scratch:
        found = neuroep.ablate("digits-mlp", "rram-sb", scratch, seeds=(0, 1), epochs=5, effects=effects)
    names = dict.fromkeys(row["variant"] for row in found["rows"])
    print("variant              accuracy   cosine of gradient   of update (first coupling, random weights)")
    for name in names:
        rows = [row for row in found["rows"] if row["variant"] == name]
        accuracy = np.mean([row["test_accuracy"] for row in rows])
        gradient, update = (np.mean([row[f"{of}_initial"][0] for row in rows]) for of in ("gradient", "update"))
        print(f"{name:20} {accuracy:.1%}      {gradient:.3f}                {update:.3f}")
    write_ablation_figure(found, folder / "09_what_each_effect_costs.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
