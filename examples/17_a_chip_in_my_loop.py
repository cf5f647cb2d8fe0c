"""A chip in your own training loop: a torch module, a DataLoader and plain Python around a simulated device.

    python examples/17_a_chip_in_my_loop.py [FOLDER]

`neuroep.train` has a loop of its own. Whoever has one already (callbacks, schedules, a Lightning module with
`automatic_optimization = False`) calls the chip once a minibatch, as below: it settles freely and nudged, and its
devices are programmed. In between, torch sees the chip as a module that settles to the same equilibrium. The twin is
the same module, trained in the same loop by `loss.backward()`.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import neuroep
from neuroep.hardware.device import effective_weights
from neuroep.learning.trainer import Progress, Samples
from neuroep.ledger import Event, Phase
from neuroep.recipe import Phases, Recipe, Training
from neuroep.rng import stream
from neuroep.studies.rig import Rig

EPOCHS, DEVICES = 6, ("ideal", "ecram")
RECIPE = Recipe(Phases(beta=0.3), Training(batch_size=16, learning_rates=(0.4, 0.1), decay=0.95))


class OnChip:
    """A module's network on a device, and the steps that a loop calls."""

    def __init__(self, module: nn.Module, device: str, recipe: Recipe = RECIPE) -> None:
        self.network = neuroep.network_of(module, feedback=0.5)
        self.rig = Rig.of(self.network, recipe, device)
        self.rig.check()
        weights = neuroep.from_torch(module, self.network)
        self.mounted, self.progress = self.rig.mount(weights), Progress.fresh(weights)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], place: tuple[int, int]) -> float:
        """Learn a minibatch, the number of which in which epoch says which noise it meets; return its mean cost."""
        x, y = (part.numpy() for part in batch)
        wanted = np.eye(self.network.sizes[-1], dtype=np.float32)[y]
        trainer = self.rig.trainer(self.mounted, Samples(self.network.clamped(x), wanted, y))
        rates = tuple(-rate for rate in self.rig.recipe.training.rates(self.network.depth, place[0]))
        with trainer.engine.session():
            rng = stream(self.rig.seed, "loop", *place)
            outputs = trainer.step(np.arange(len(y)), place, rates, rng, self.progress)
        return float(0.5 * ((outputs - wanted) ** 2).sum(axis=1).mean())

    def module(self) -> nn.Module:
        """Return what the chip holds now, as a module that settles."""
        return neuroep.to_torch(self.network, effective_weights(self.mounted.circuit), settled=True)


def accuracy(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of samples named right."""
    with torch.no_grad():
        return float((module(x).argmax(dim=1) == y).double().mean())


def main(folder: Path) -> None:
    """Train on each device and by backprop, minibatch by minibatch, print and draw the accuracies."""
    torch.manual_seed(0)
    data, draws = neuroep.load_data("digits"), torch.Generator().manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    x_test, y_test = torch.from_numpy(data.x_test), torch.from_numpy(data.y_test)
    stored = TensorDataset(torch.from_numpy(data.x_train), torch.from_numpy(data.y_train))
    loader = DataLoader(stored, batch_size=16, shuffle=True, generator=draws)
    chips = {f"EP on {device}": OnChip(module, device) for device in DEVICES}
    twin = copy.deepcopy(module)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.2)
    courses: dict[str, list[float]] = {name: [] for name in (*chips, "backprop")}
    for epoch in range(EPOCHS):
        for number, (x, y) in enumerate(loader):
            for chip in chips.values():
                chip.training_step((x, y), (epoch, number))
            optimizer.zero_grad()
            wanted = nn.functional.one_hot(y, 10).float()
            (0.5 * (twin(x) - wanted).square().sum(dim=1)).mean().backward()
            optimizer.step()
        for name in courses:
            courses[name].append(accuracy(chips[name].module() if name in chips else twin, x_test, y_test))
    figure = Figure(figsize=(4.4, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, course in courses.items():
        print(f"{name:12} {course[0]:.2%} after one epoch, {course[-1]:.2%} after {EPOCHS}")
        axes.plot(range(1, EPOCHS + 1), course, "o-", label=name)
    written = chips["EP on ecram"].progress.ledger.counts[Phase.UPDATE, Event.WRITE].sum()
    print(f"devices of ecram were written {written:,} times on the way")
    axes.set(xlabel="epoch", ylabel="test accuracy", title="digits, 64-64-10, one loop")
    axes.legend()
    figure.savefig(folder / "17_a_chip_in_my_loop.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
