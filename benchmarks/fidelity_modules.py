"""EP's gradient on the prediction energy beside backprop's, block by block, at random and at trained weights.

    python benchmarks/fidelity_modules.py               # all networks; five minutes
    python benchmarks/fidelity_modules.py --network conv --batch 1

Fashion-MNIST, cross-entropy, centered, settled to a residual of 1e-6 β where 300 sweeps do it (nets with kinks end in
a cycle between two of their sides). Trained weights are those after one epoch of 10,000 samples by backprop with Adam.
The recommended β is the largest at which every block has a cosine of 0.9999.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import torch
from modules import conv
from torch import Tensor, nn
from torch.nn import functional

from neuroep.data import load_data
from neuroep.modules.fidelity import Fidelity, fidelity, recommended
from neuroep.modules.scheme import Scheme

BETAS = (0.01, 0.03, 0.1, 0.3, 0.5)
SWEEPS = 300


class PreNorm(nn.Module):
    """x + W relu(norm(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of a batch."""
        return x + self.layer(torch.relu(self.norm(x)))


def dense(activation: type[nn.Module]) -> nn.Module:
    """Return 784-512-256-10."""
    return nn.Sequential(
        nn.Linear(784, 512), activation(), nn.Linear(512, 256), activation(), nn.Linear(256, 10)
    )  # fmt: skip


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "tanh": lambda: dense(nn.Tanh),
    "ReLU": lambda: dense(nn.ReLU),
    "GELU": lambda: dense(nn.GELU),
    "conv": conv,
    "pre-norm": lambda: nn.Sequential(nn.Linear(784, 128), *[PreNorm(128) for _ in range(6)], nn.Linear(128, 10)),
}


def train(module: nn.Module, x: Tensor, y: Tensor) -> None:
    """Train for one epoch by backprop."""
    rule = torch.optim.Adam(module.parameters(), lr=1e-3)
    for rows in torch.arange(len(x)).split(64):
        rule.zero_grad()
        functional.cross_entropy(module(x[rows]), y[rows]).backward()
        rule.step()


def scheme(beta: float, sweeps: int) -> Scheme:
    """Return how a gradient is taken."""
    return Scheme("cross-entropy", "centered", beta, sweeps=sweeps, tolerance=1e-6 * beta)


def shown(found: Fidelity) -> str:
    """Return a fidelity in a few words."""
    ratios = [ratio for ratio in found.ratio if ratio == ratio]
    said = f"least cosine {found.least:.6f}, norms {min(ratios):.4f} to {max(ratios):.4f}"
    return f"{said}, residual {found.residual:.0e} after {found.sweeps} sweeps"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--batch", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data("fashion-mnist")
    x, y = torch.from_numpy(data.x_train[:10_000]), torch.from_numpy(data.y_train[:10_000])
    probe = x[: options.batch], y[: options.batch]
    for name in options.network:
        torch.manual_seed(0)
        module = NETWORKS[name]()
        for weights in ("random", "trained"):
            if weights == "trained":
                train(module, x, y)
            for beta in BETAS:
                print(f"{name:8} {weights:7} β {beta:<5} {shown(fidelity(module, *probe, scheme(beta, SWEEPS)))}")
            settled, one = (replace(scheme(1.0, sweeps), tolerance=1e-7) for sweeps in (SWEEPS, 1))
            beta = recommended(module, *probe, settled)
            print(
                f"{name:8} {weights:7} recommended {beta} ({recommended(module, *probe, one)} of one sweep):", end=" "
            )
            print(shown(fidelity(module, *probe, scheme(beta, SWEEPS))), flush=True)


if __name__ == "__main__":
    main()
