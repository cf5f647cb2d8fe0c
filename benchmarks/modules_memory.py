"""Peak memory of a training step by EP on a Depth-µP stack, beside one by backprop: batch 64, Adam.

    python benchmarks/modules_memory.py                     # 100 and 1000 layers of 128; a minute
    python benchmarks/modules_memory.py --depth 5000

Each step runs in a process of its own. What is counted is the growth of the largest resident set over that before the
second step (weights, and Adam's moments, are there by then), and weights and moments apart.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

import torch
from torch import nn
from torch.nn import functional

from neuroep.modules.deep import deep_mlp
from neuroep.modules.gradients import ep_gradients

METHODS = ("backprop", "one-sided 1", "centered 1", "centered 4")


def resident() -> float:
    """Return MiB in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def step(method: str, module: nn.Module, rule: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    """Train on one minibatch."""
    rule.zero_grad()
    if method == "backprop":
        functional.cross_entropy(module(x), y).backward()
    else:
        estimator, sweeps = method.split()
        ep_gradients(
            module, x, y, cost="cross-entropy", beta=0.1, relative=True, estimator=estimator, sweeps=int(sweeps)
        )
    rule.step()


def measured(method: str, depth: int) -> None:
    """Print what weights and moments take, and what a step adds at its peak."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = resident()
    module, x, y = deep_mlp(depth, 128), torch.rand(64, 784), torch.randint(10, (64,))
    rule = torch.optim.Adam(module.parameters(), lr=1e-5, foreach=False)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    rule.step()
    rule.zero_grad()
    before = resident()
    step(method, module, rule, x, y)
    print(before - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--method", choices=METHODS, help="this one alone, in this process")
    options = parser.parse_args()
    if options.method is not None:
        measured(options.method, options.depth[0])
        return
    for depth in options.depth:
        base = 0.0
        for method in METHODS:
            command = [sys.executable, __file__, "--method", method, "--depth", str(depth)]
            kept, peak = map(float, subprocess.run(command, capture_output=True, check=True).stdout.split())
            base = base or kept + peak
            ratio = (kept + peak) / base
            print(f"{depth:6} layers, {method:12} weights and moments {kept:6.0f} MiB, a step adds {peak:6.0f}, "
                  f"together {ratio:.2f} x backprop", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
