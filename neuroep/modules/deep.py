"""Residual stacks that train alike at any depth and width: Depth-µP.

    z_1 = D^{−1/2} W_1 x,   z_l = z_{l−1} + (N L)^{−1/2} W_l φ(z_{l−1}),   y = N^{−1} W_L φ(z_{L−1})

with D inputs, N units a layer, L layers of weights, all weights drawn from N(0, 1) and no biases. One constant rate of
Adam serves them all at any width and depth (Yang et al., Tensor Programs VI; of predictive coding Innocenti et al.).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuroep import checks

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "linear": nn.Identity}


class Scaled(nn.Module):
    """scale · W φ(x), without bias."""

    def __init__(self, inputs: int, outputs: int, scale: float, activation: nn.Module) -> None:
        super().__init__()
        self.weight, self.scale, self.activation = nn.Parameter(torch.randn(outputs, inputs)), scale, activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of a batch."""
        return nn.functional.linear(self.activation(x), self.weight) * self.scale


class Branch(Scaled):
    """x + scale · W φ(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of a batch."""
        return x + super().forward(x)


def deep_mlp(depth: int, width: int, inputs: int = 784, outputs: int = 10, activation: str = "relu") -> nn.Sequential:
    """Return a Depth-µP residual stack.

    Parameters
    ----------
    depth : int
        Layers of weights L ≥ 2.
    width : int
        Units a layer.
    inputs, outputs : int
        Sizes of its two ends; samples of more dimensions are flattened.
    activation : str
        ``"relu"``, ``"tanh"``, ``"gelu"`` or ``"linear"``.

    Raises
    ------
    BadInput
        If a number is too small or there is no such activation.
    """
    depth, width, inputs, outputs = (
        checks.whole(value, name, least)
        for value, name, least in (
            (depth, "depth", 2), (width, "width", 1), (inputs, "inputs", 1), (outputs, "outputs", 1)
        )
    )  # fmt: skip
    kind = ACTIVATIONS[checks.one_of(activation, ACTIVATIONS, "activation", "activation")]
    first = Scaled(inputs, width, inputs**-0.5, nn.Identity())
    hidden = [Branch(width, width, (width * depth) ** -0.5, kind()) for _ in range(depth - 2)]
    return nn.Sequential(nn.Flatten(), first, *hidden, Scaled(width, outputs, 1.0 / width, kind()))
