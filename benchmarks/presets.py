"""Presets of `neuroep.modules.presets` on Fashion-MNIST: accuracy, and the time of a step beside backprop's.

    python benchmarks/presets.py                            # 784-256-10 and 784-512-256-10, 10,000 samples, 3 epochs
    python benchmarks/presets.py --presets smep --seeds 0   # one of them

Batch 64, ReLU, three seeds; the test set is read once, after the last epoch. Beside them backprop with
``torch.optim.Muon`` at smep's rate (biases by Adam, as there) and with Adam. Ratios are of medians over steps of
alternating modules, to a step of backprop with SGD and to one of backprop with the same update.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from modules import dense
from torch import Tensor, nn
from torch.nn import functional

from neuroep.data import load_data
from neuroep.modules import presets
from neuroep.modules.optimizer import EPOptimizer

BATCH = 64
SIZES = {"784-256-10": (784, 256, 10), "784-512-256-10": (784, 512, 256, 10)}
Step = Callable[[Tensor, Tensor], None]


def by_ep(optimizer: EPOptimizer) -> Step:
    """Return a training step of a preset."""

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.step(x, y)

    return step


def by_backprop(module: nn.Module, updates: list[torch.optim.Optimizer]) -> Step:
    """Return a training step by backprop."""

    def step(x: Tensor, y: Tensor) -> None:
        module.zero_grad()
        functional.cross_entropy(module(x), y).backward()
        for update in updates:
            update.step()

    return step


def muon(module: nn.Module) -> list[torch.optim.Optimizer]:
    """Return smep's updates, without EP."""
    matrices = [p for p in module.parameters() if p.ndim == 2]
    others = [p for p in module.parameters() if p.ndim != 2]
    return [torch.optim.Muon(matrices, lr=5e-3, weight_decay=0.0), torch.optim.Adam(others, lr=presets.VECTORS)]


METHODS: dict[str, Callable[[nn.Module], Step]] = {
    "backprop SGD": lambda m: by_backprop(m, [torch.optim.SGD(m.parameters(), lr=0.1)]),
    "backprop Adam": lambda m: by_backprop(m, [torch.optim.Adam(m.parameters(), lr=1e-3)]),
    "backprop Muon": lambda m: by_backprop(m, muon(m)),
    "smep": lambda m: by_ep(presets.smep(m)),
    "smep_fast": lambda m: by_ep(presets.smep_fast(m)),
    "sdmep": lambda m: by_ep(presets.sdmep(m)),
    "local_ep": lambda m: by_ep(presets.local_ep(m)),
    "natural_ep": lambda m: by_ep(presets.natural_ep(m)),
}


def accuracy(name: str, sizes: tuple[int, ...], seed: int, data: tuple[Tensor, ...], epochs: int) -> float:
    """Return test accuracy in percent after training."""
    x, y, x_test, y_test = data
    torch.manual_seed(seed)
    module = dense(*sizes)
    step, order = METHODS[name](module), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(BATCH):
            step(x[rows], y[rows])
    with torch.inference_mode():
        return 100.0 * float((module(x_test).argmax(1) == y_test).float().mean())


def seconds(names: list[str], sizes: tuple[int, ...], steps: int) -> dict[str, float]:
    """Return the median time of a step of each method, taken in turn."""
    x, y = torch.rand(BATCH, sizes[0]), torch.randint(sizes[-1], (BATCH,))
    taken: dict[str, list[float]] = {name: [] for name in names}
    made = {name: METHODS[name](dense(*sizes)) for name in names}
    for _ in range(steps):
        for name, step in made.items():
            began = time.perf_counter()
            step(x, y)
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times[2:]) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--network", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=3, help="0 for times alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=60, help="of the timing; 0 for none")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data("fashion-mnist")
    x, y, x_test, y_test = (torch.from_numpy(a) for a in (data.x_train, data.y_train, data.x_test, data.y_test))
    read = x[: options.samples], y[: options.samples], x_test, y_test
    for network in options.network:
        timed = list(dict.fromkeys(["backprop SGD", "backprop Muon", *options.presets]))
        times = seconds(timed, SIZES[network], options.steps) if options.steps else {}
        for name in options.presets:
            reached = (
                []
                if options.epochs == 0
                else [accuracy(name, SIZES[network], seed, read, options.epochs) for seed in options.seeds]
            )
            spread = statistics.stdev(reached) if len(reached) > 1 else 0.0
            line = f"{network:15} {name:14}"
            if reached:
                line += f" {statistics.mean(reached):.2f} ± {spread:.2f} %"
            if times:
                ratios = [times[name] / times[other] for other in ("backprop SGD", "backprop Muon")]
                line += (
                    f"  {1e3 * times[name]:6.2f} ms, {ratios[0]:.1f} x backprop SGD, {ratios[1]:.1f} x backprop Muon"
                )
            print(line, flush=True)


if __name__ == "__main__":
    main()
