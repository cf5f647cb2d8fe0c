"""Sixteen levels of your own ReRAM, from the instrument's file to a trained and priced network, in two commands.

    python examples/13_your_own_levels.py [FOLDER]

The case is a common one: a measured table of potentiation and depression with 16 levels each, which no preset of a
simulator fits. The measurement here is made up (saturating LTP, abrupt LTD, reads that scatter by 2 %), and written as
an instrument writes it, in siemens under a line of comment. The two commands are

    neuroep device fit levels.csv --read 0.2V,10ns --write 1.5V,1us --out reram.toml
    neuroep run digits-mlp --device reram.toml --epochs 10
"""

from __future__ import annotations

import csv
import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

from neuroep.cli import main as neuroep
from neuroep.rng import stream

LEVELS, CYCLES = 16, 5
G_MIN, G_MAX = 8e-6, 72e-6  # siemens
SATURATES = {"Potentiation": 6.0, "Depression": 4.0}  # pulses


def measure(file: Path) -> None:
    """Write the file of a probe station."""
    rng, k = stream(0, "levels"), np.arange(LEVELS)
    with file.open("w", newline="", encoding="utf-8") as stream_:
        stream_.write("# parameter analyser, read at 0.2 V\n")
        table = csv.writer(stream_)
        table.writerow(["Pulse #", "Potentiation/Depression", "G (S)"])
        for _ in range(CYCLES):
            for way, pulses in SATURATES.items():
                risen = (1.0 - np.exp(-k / pulses)) / (1.0 - np.exp(-k[-1] / pulses))
                curve = G_MIN + (G_MAX - G_MIN) * (risen if way == "Potentiation" else 1.0 - risen)
                seen = curve * (1.0 + 0.02 * rng.standard_normal(LEVELS))
                table.writerows((n, way, f"{g:.4e}") for n, g in enumerate(seen.tolist()))


def told(*argv: str | Path) -> dict:
    """Carry out a command and return what it says."""
    text = StringIO()
    with redirect_stdout(text):
        status = neuroep([*map(str, argv), "--json"])
    if status:
        raise SystemExit(status)
    return json.loads(text.getvalue())


def main(folder: Path) -> None:
    """Measure, fit, train."""
    measure(folder / "levels.csv")
    profile, figure = folder / "reram.toml", folder / "13_your_own_levels.png"
    fit = told(
        "device", "fit", folder / "levels.csv", "--read", "0.2V,10ns", "--write", "1.5V,1us",
        "--out", profile, "--plot", figure, "--force",
    )  # fmt: skip
    best = fit["rows"][0]
    print(f"read as: {fit['reading']}")
    low, high = 1e6 * best["g_min_siemens"], 1e6 * best["g_max_siemens"]
    print(f"fitted: {best['model']}, RMSE {best['rmse']:.2%} of the range, {low:.1f} to {high:.1f} uS")
    run = told("run", "digits-mlp", "--device", profile, "--epochs", "10", "--out", folder / "run", "--fresh")
    for row in run["rows"]:
        name = "backprop" if row["method"] == "backprop" else f"EP on {row['device']}"
        energy = row["energy_training_step_joules"] if row["device"] == "reram" else None
        price = "" if energy is None else f", {1e9 * energy['value']:.2f} nJ a training step"
        print(f"{name}: {row['test_accuracy']:.2%}{price}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
