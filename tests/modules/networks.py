"""Small torch modules of every kind, each with inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES, BATCH = 5, 7


class PreNorm(nn.Module):
    """x + tanh(W norm(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(self.layer(self.norm(x)))


class Functional(nn.Module):
    """Everything by functions: convolution, ReLU, pooling, view, a product with a parameter, an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(0.3 * torch.randn(4, 1, 3, 3))
        self.hidden = nn.Linear(36, 12)
        self.matrix = nn.Parameter(0.3 * torch.randn(CLASSES, 12))
        self.offset = nn.Parameter(0.1 * torch.randn(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        h = functional.max_pool2d(functional.relu(functional.conv2d(x, self.filters)), 2)
        h = functional.gelu(self.hidden(h.view(h.size(0), -1)))
        return functional.linear(h, self.matrix, self.offset)


class Case(NamedTuple):
    module: nn.Module
    x: Tensor


def _case(module: nn.Module, *shape: int) -> Case:
    return Case(module.double(), torch.randn(BATCH, *shape, dtype=torch.float64))


def _seeded(make: Callable[[], Case]) -> Callable[[], Case]:
    def made() -> Case:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return make()

    return made


NETWORKS: dict[str, Callable[[], Case]] = {
    name: _seeded(make)
    for name, make in {
        "mlp": lambda: _case(
            nn.Sequential(nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 7), nn.GELU(), nn.Linear(7, CLASSES)), 9
        ),
        "nested": lambda: _case(
            nn.Sequential(
                nn.Flatten(), nn.Sequential(nn.Linear(9, 8), nn.SiLU(), nn.Sequential(nn.Linear(8, 8), nn.Sigmoid())),
                nn.Linear(8, 8), nn.GroupNorm(2, 8),
            ), 3, 3,
        ),
        "conv": lambda: _case(
            nn.Sequential(
                nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.ELU(),
                nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, CLASSES),
            ), 1, 8, 8,
        ),
        "residual": lambda: _case(nn.Sequential(nn.Linear(9, 6), PreNorm(6), PreNorm(6), nn.Linear(6, CLASSES)), 9),
        "functional": lambda: _case(Functional(), 1, 8, 8),
        "attention": lambda: _case(
            nn.Sequential(
                nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True), nn.Flatten(), nn.Linear(24, CLASSES)
            ), 4, 6,
        ),
    }.items()
}  # fmt: skip
