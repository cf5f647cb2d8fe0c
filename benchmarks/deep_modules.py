"""Depth-µP residual stacks on Fashion-MNIST by EP at a finite nudge: accuracy, every layer's gradient, time and memory.

    python benchmarks/deep_modules.py                               # 1000 x 128 ReLU, one epoch of 60,000: ten minutes
    python benchmarks/deep_modules.py --method backprop             # the same by backprop
    python benchmarks/deep_modules.py --depth 5000 --samples 5000

One-sided nudges of alternating sign, each sample's output error a share 0.1 / depth of its outputs, one sweep; squared
error, batches of 64, Adam at one constant rate, which was chosen for backprop at 100 layers and 10,000 samples.
Gradients of all layers are compared with backprop's on 256 samples, at random and at trained weights.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch
from modules_training import accuracy
from torch import Tensor, nn

from neuroep.data import load_data
from neuroep.modules.costs import mse
from neuroep.modules.deep import deep_mlp
from neuroep.modules.fidelity import fidelity
from neuroep.modules.gradients import ep_gradients
from neuroep.modules.scheme import Scheme


def compared(module: nn.Module, x: Tensor, y: Tensor, nudge: float, estimator: str) -> str:
    """Return the least cosine with backprop's gradient over all layers, and the least and largest ratio of norms."""
    found = fidelity(module, x, y, Scheme(estimator=estimator, beta=nudge, relative=True))
    norms = f"{min(found.ratio):.5f} to {max(found.ratio):.5f} times backprop's"
    return f"{estimator:10} least cosine {found.least:.7f}, norms {norms}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--method", choices=["ep", "backprop"], default="ep")
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--nudge", type=float, help="0.1 / depth unless given")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    nudge = 0.1 / options.depth if options.nudge is None else options.nudge
    torch.set_num_threads(1)
    data = load_data("fashion-mnist")
    x, y, x_test, y_test = (torch.from_numpy(a) for a in (data.x_train, data.y_train, data.x_test, data.y_test))
    x, y = x[: options.samples], y[: options.samples]
    torch.manual_seed(options.seed)
    module = deep_mlp(options.depth, options.width, activation=options.activation)
    probe = x[:256], y[:256]
    if options.method == "ep":
        for estimator in ("centered", "one-sided"):
            print("random ", compared(module, *probe, nudge, estimator), flush=True)
    rule, order = torch.optim.Adam(module.parameters(), lr=options.rate), torch.Generator().manual_seed(options.seed)
    sign, steps, spent = 1.0, 0, 0.0
    for epoch in range(options.epochs):
        for rows in torch.randperm(len(x), generator=order).split(options.batch):
            began = time.perf_counter()
            if options.method == "ep":
                ep_gradients(module, x[rows], y[rows], estimator="one-sided", beta=sign * nudge, relative=True)
                sign = -sign
            else:
                rule.zero_grad()
                mse(module(x[rows]), y[rows]).mean().backward()
            rule.step()
            steps, spent = steps + 1, spent + time.perf_counter() - began
        print(f"epoch {epoch + 1}: test {100 * accuracy(module, x_test, y_test):.2f} %", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{1e6 * spent / steps / options.depth:.0f} µs a step and layer; peak memory {peak:.0f} MiB")
    if options.method == "ep":
        for estimator in ("centered", "one-sided"):
            print("trained", compared(module, *probe, nudge, estimator), flush=True)


if __name__ == "__main__":
    main()
