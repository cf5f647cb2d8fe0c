"""A training step of a torch module by EP beside one by backprop: same module, same batch, Adam in both, one thread.

    python benchmarks/modules.py                # two minutes; 1000 layers among them
    python benchmarks/modules.py --threads 2 --sweeps 1 4

Prediction energy, cross-entropy, β = 0.1. Steps alternate, and medians are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import torch
from torch import nn
from torch.nn import functional

from neuroep.modules.deep import deep_mlp
from neuroep.modules.gradients import ep_gradients

BATCH = 64


def dense(*sizes: int) -> nn.Sequential:
    """Return linear layers with ReLU between them."""
    parts: list[nn.Module] = []
    for below, above in pairwise(sizes):
        parts += [nn.Linear(below, above), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def conv() -> nn.Sequential:
    """Return two convolutions with pooling, and a linear layer."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "784-256-10": (lambda: dense(784, 256, 10), 300),
    "784-512-256-10": (lambda: dense(784, 512, 256, 10), 200),
    "30 x 128": (lambda: deep_mlp(30, 128), 60),
    "1000 x 128": (lambda: deep_mlp(1000, 128), 4),
    "conv 16-32": (conv, 15),
}


def compared(make: Callable[[], nn.Module], repeats: int, estimator: str, sweeps: int) -> tuple[float, float]:
    """Return the median seconds of a step by backprop and by EP."""
    torch.manual_seed(0)
    x, y = torch.rand(BATCH, 784), torch.randint(10, (BATCH,))
    backprop, ep = make(), make()
    rules = [torch.optim.Adam(module.parameters(), lr=1e-4) for module in (backprop, ep)]
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        rules[0].zero_grad()
        functional.cross_entropy(backprop(x), y).backward()
        rules[0].step()
        between = time.perf_counter()
        ep_gradients(ep, x, y, cost="cross-entropy", estimator=estimator, sweeps=sweeps)
        rules[1].step()
        seconds[0].append(between - began)
        seconds[1].append(time.perf_counter() - between)
    return median(seconds[0][2:]), median(seconds[1][2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sweeps", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'network':16} {'estimator':10} sweeps  backprop ms      EP ms  ratio")
    for name, (make, repeats) in NETWORKS.items():
        for estimator in ("centered", "one-sided"):
            for sweeps in options.sweeps:
                backprop, ep = compared(make, repeats, estimator, sweeps)
                print(
                    f"{name:16} {estimator:10} {sweeps:6} {1e3 * backprop:12.2f} {1e3 * ep:10.2f} {ep / backprop:6.2f}"
                )


if __name__ == "__main__":
    main()
