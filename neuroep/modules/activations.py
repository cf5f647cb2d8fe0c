"""Activations of torch that have a potential: monotone ones, ρ = (G')⁻¹, as modules, functions and methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional


class Activation(NamedTuple):
    """A function ρ with its potential.

    Attributes
    ----------
    name : str
        For messages.
    function : callable
        ρ, elementwise.
    potential : callable
        G, elementwise, with G' = ρ⁻¹ inside the range of ρ.
    clips : bool
        Whether ρ only clips: then G = ½s² between its bounds.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    potential: Callable[[Tensor], Tensor]
    clips: bool = True


def _half_square(s: Tensor) -> Tensor:
    return 0.5 * s.square()


def _of_tanh(s: Tensor) -> Tensor:
    return 0.5 * (torch.xlogy(1.0 + s, 1.0 + s) + torch.xlogy(1.0 - s, 1.0 - s))


def _of_sigmoid(s: Tensor) -> Tensor:
    return torch.xlogy(s, s) + torch.xlogy(1.0 - s, 1.0 - s)


LINEAR = Activation("linear", lambda s: s, _half_square)
RELU = Activation("ReLU", torch.relu, _half_square)
RELU6 = Activation("ReLU6", functional.relu6, _half_square)
TANH = Activation("Tanh", torch.tanh, _of_tanh, clips=False)
SIGMOID = Activation("Sigmoid", torch.sigmoid, _of_sigmoid, clips=False)
_MODULES: dict[type[nn.Module], Activation] = {
    nn.ReLU: RELU, nn.ReLU6: RELU6, nn.Tanh: TANH, nn.Sigmoid: SIGMOID,
}  # fmt: skip
_FUNCTIONS: dict[Any, Activation] = {
    torch.relu: RELU, functional.relu: RELU, "relu": RELU, functional.relu6: RELU6, torch.tanh: TANH,
    functional.tanh: TANH, "tanh": TANH, torch.sigmoid: SIGMOID, functional.sigmoid: SIGMOID, "sigmoid": SIGMOID,
}  # fmt: skip
ALLOWED = "ReLU, ReLU6, Hardtanh, Tanh and Sigmoid"


def activation_of(node: fx.Node, owner: nn.Module) -> Activation | None:
    """Return the activation that a node of a graph is, None if it is none."""
    if node.op != "call_module":
        return _FUNCTIONS.get(node.target)
    part = owner.get_submodule(str(node.target))
    if type(part) is nn.Hardtanh:
        low, high = part.min_val, part.max_val
        return Activation(f"Hardtanh({low}, {high})", lambda s: torch.clamp(s, low, high), _half_square)
    return _MODULES.get(type(part))
