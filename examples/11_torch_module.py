"""A torch module trained by EP in place of `loss.backward()`, beside its twin trained by backprop.

    python examples/11_torch_module.py [FOLDER]

`neuroep.ep_gradients` fills `.grad` from two equilibria of the module's own blocks, a little nudged towards the targets
and away from them; any optimiser of torch's goes on from there.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn

import neuroep
from neuroep.data import Dataset

EPOCHS, BETA = 15, 0.1


def trained(module: nn.Module, data: Dataset, by_ep: bool) -> list[float]:
    """Train a module on digits and return its test accuracy after each epoch."""
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    optimizer, draws, reached = torch.optim.Adam(module.parameters(), lr=3e-3), torch.Generator().manual_seed(0), []
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=draws).split(32):
            if by_ep:
                neuroep.ep_gradients(module, x[rows], y[rows], cost="cross-entropy", beta=BETA)
            else:
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
            optimizer.step()
        named = module(torch.from_numpy(data.x_test)).argmax(dim=1)
        reached.append(float((named == torch.from_numpy(data.y_test)).double().mean()))
    return reached


def main(folder: Path) -> None:
    """Train both, print what they reach, draw their courses."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    data, twin = neuroep.load_data("digits"), copy.deepcopy(module)
    courses = {"EP": trained(module, data, by_ep=True), "backprop": trained(twin, data, by_ep=False)}
    figure = Figure(figsize=(4.4, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, course in courses.items():
        print(f"{name:9s} {course[0]:.2%} after one epoch, {course[-1]:.2%} after {EPOCHS}")
        axes.plot(range(1, EPOCHS + 1), course, "o-" if name == "EP" else "s--", label=name)
    axes.set(xlabel="epoch", ylabel="test accuracy", title="digits, 64-64-32-10 with ReLU")
    axes.legend()
    figure.savefig(folder / "11_torch_module.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
