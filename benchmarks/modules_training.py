"""Fashion-MNIST by EP on torch modules beside backprop: same module, seeds, order, Adam, cross-entropy.

    python benchmarks/modules_training.py                                   # 784-256-10, 10 epochs, 3 seeds: 3 minutes
    python benchmarks/modules_training.py --network 784-512-256-10 --beta 0.01
    python benchmarks/modules_training.py --network "1000 x 128" --samples 10000 --epochs 1 --seeds 0 --rate 0.03

The test set is read once, after the last epoch. Then, at random and at trained weights, the least cosine over
parameters of EP's gradient with backprop's, by nudge and sweeps.
"""

from __future__ import annotations

import argparse
import statistics

import torch
from modules import NETWORKS
from torch import Tensor, nn
from torch.nn import functional

from neuroep.data import load_data
from neuroep.modules.gradients import ep_gradients

BATCH = 64


def trained(
    name: str, seed: int, method: str, x: Tensor, y: Tensor, epochs: int, rate: float, beta: float, sweeps: int
) -> nn.Module:
    """Return a module after its last epoch."""
    torch.manual_seed(seed)
    module = NETWORKS[name][0]()
    rule, order = torch.optim.Adam(module.parameters(), lr=rate), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(BATCH):
            if method == "ep":
                ep_gradients(module, x[rows], y[rows], cost="cross-entropy", beta=beta, sweeps=sweeps)
            else:
                rule.zero_grad()
                functional.cross_entropy(module(x[rows]), y[rows]).backward()
            rule.step()
    return module


def accuracy(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of samples named right."""
    with torch.inference_mode():
        return float(
            sum((module(a).argmax(1) == b).sum() for a, b in zip(x.split(1000), y.split(1000), strict=True)) / len(x)
        )


def least_cosine(module: nn.Module, x: Tensor, y: Tensor, beta: float, sweeps: int) -> tuple[float, float]:
    """Return the least cosine with backprop's gradient over all parameters, and the largest residual over β."""
    wanted = torch.autograd.grad(functional.cross_entropy(module(x), y), list(module.parameters()))
    found = ep_gradients(module, x, y, cost="cross-entropy", beta=beta, sweeps=sweeps, tolerance=1e-6 * beta)
    cosines = [
        float(functional.cosine_similarity(p.grad.flatten(), g.flatten(), dim=0))
        for p, g in zip(module.parameters(), wanted, strict=True)
        if p.grad is not None and bool(g.any())
    ]
    return min(cosines), float(found.residual.max()) / beta


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=list(NETWORKS), default="784-256-10")
    parser.add_argument("--methods", nargs="+", choices=["backprop", "ep"], default=["backprop", "ep"])
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--sweeps", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data("fashion-mnist")
    x, y, x_test, y_test = (torch.from_numpy(a) for a in (data.x_train, data.y_train, data.x_test, data.y_test))
    x, y = x[: options.samples], y[: options.samples]
    last: nn.Module | None = None
    for method in options.methods:
        reached = []
        for seed in options.seeds:
            last = trained(
                options.network, seed, method, x, y, options.epochs, options.rate, options.beta, options.sweeps
            )
            reached.append(100.0 * accuracy(last, x_test, y_test))
        spread = statistics.stdev(reached) if len(reached) > 1 else 0.0
        print(f"{options.network} {method:9} {statistics.mean(reached):.2f} ± {spread:.2f} %", flush=True)
    assert last is not None
    torch.manual_seed(0)
    for weights, module in (("random", NETWORKS[options.network][0]()), ("trained", last)):
        for beta in (0.01, 0.03, 0.1, 0.3, 0.5):
            for sweeps in (1, 200):
                cosine, residual = least_cosine(module, x[:256], y[:256], beta, sweeps)
                how = f"{weights:8} β {beta:<5} sweeps up to {sweeps:3}"
                print(f"{how}: least cosine {cosine:.6f}, residual/β {residual:.1e}")


if __name__ == "__main__":
    main()
