"""Your own weights and sizes, as tables of an array simulator, onto a chip with your own levels: drop, recovery, price.

    python examples/16_bring_your_own_weights.py [FOLDER]

A perceptron 64-24-10 was trained elsewhere (here in plain torch) and is kept as simulators keep weights: a CSV file a
layer, a row a unit below. Its chip has four levels a synapse, so that rounding costs accuracy as soon as the weights
are programmed. EP feels the rounded weights in its own phases and works around them where they are, by steps that are
small beside a level: each is a level by chance, right in the mean. Two commands do it:

    neuroep import layers/ --model mine.toml
    neuroep life mine.toml --device levels.toml --from mine.safetensors
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from torch import nn

import neuroep
from neuroep.cli import main as command
from neuroep.cost.energy import INFERENCE, TRAINING_STEP
from neuroep.report.life_figure import write_life_figure

MODEL = """
summary = "Our network, 64-24-10; with little feedback it settles to what the feedforward one gives"
data = "digits"
feedback = 0.05
layers = [{ size = 64 }, { size = 24, activation = "tanh" }, { size = 10, activation = "linear" }]
[phases]
beta = 0.3
free_sweeps = 4
nudged_sweeps = 4
[training]
batch_size = 16
learning_rates = [0.01, 0.005]
"""
DEVICE = """
summary = "A synapse of four levels, as our designers expect it"
kind = "quantized"
[synapse]
rounding     = "stochastic"
weight_bits  = { value = 2,  unit = "bit", source = "our cell: four levels", tag = "estimate" }
headroom     = { value = 1,  unit = "1",   source = "our choice", tag = "estimate" }
min_exponent = { value = -8, unit = "1",   source = "our design", tag = "estimate" }
max_exponent = { value = 7,  unit = "1",   source = "our design", tag = "estimate" }
[energy]
synop        = { value = 20,  unit = "fJ", source = "our circuit simulation", tag = "estimate" }
weight_write = { value = 800, unit = "fJ", source = "our circuit simulation", tag = "estimate" }
"""


def elsewhere() -> nn.Module:
    """Train a perceptron in plain torch."""
    torch.manual_seed(0)
    data = neuroep.load_data("digits")
    x, wanted = torch.from_numpy(data.x_train), nn.functional.one_hot(torch.from_numpy(data.y_train), 10).float()
    module = nn.Sequential(nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 10))
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(30):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            nn.functional.mse_loss(module(x[rows]), wanted[rows]).backward()
            optimizer.step()
    return module


def told(*argv: str | Path) -> dict:
    """Carry out a command and return what it says."""
    text = StringIO()
    with redirect_stdout(text):
        status = command([*map(str, argv), "--json"])
    if status:
        raise SystemExit(status)
    return json.loads(text.getvalue())


def main(folder: Path) -> None:
    """Write the tables, carry out the two commands, price a training step, draw the life."""
    module, layers, weights = elsewhere(), folder / "layers", folder / "mine.safetensors"
    layers.mkdir(exist_ok=True)
    for k, layer in enumerate((module[0], module[2]), start=1):
        np.savetxt(layers / f"W{k}.csv", layer.weight.detach().numpy().T, "%.9g", ",")
        np.savetxt(layers / f"b{k}.csv", layer.bias.detach().numpy()[None], "%.9g", ",")
    model, device = folder / "mine.toml", folder / "levels.toml"
    model.write_text(MODEL, encoding="utf-8")
    device.write_text(DEVICE, encoding="utf-8")
    read = told("import", layers, "--model", model, "--out", weights, "--force")
    print(f"read: {'-'.join(map(str, read['sizes']))}, {len(list(layers.iterdir()))} tables")
    same = neuroep.load_weights(weights).couplings - neuroep.from_torch(module).couplings
    print(f"the tables are torch's weights to {np.abs(same).max():.0e}")
    life = told("life", model, "--device", device, "--from", weights, "--out", folder / "life", "--force")
    (row,) = life["rows"]
    print(f"in software {row['software']:.1%}, on four levels {row['at_once']:.1%}")
    tuned, share = row["fine_tuned"][-1], row["recovered"]
    print(f"after {life['epochs']} epochs of EP in situ {tuned:.1%}: {share:.0%} of the drop is gone")
    bill = neuroep.estimate_cost(model, device).bill
    step, once = (1e12 * bill.energy(phases).value for phases in (TRAINING_STEP, INFERENCE))
    print(f"a sample takes {step:.0f} pJ to learn from and {once:.0f} pJ to name")
    write_life_figure(life | {"from": weights.name}, folder / "16_bring_your_own_weights.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
