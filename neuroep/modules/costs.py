"""Costs C of the output of a module, per sample: a sum over outputs, nothing over the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from neuroep import checks
from neuroep.errors import BadInput

CostFunction = Callable[[Tensor, Tensor], Tensor]


def wanted(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return y of the outputs' shape, of class labels one-hot.

    Raises
    ------
    BadInput
        If it isn't of that shape: torch would take each sample's difference from every other's target.
    """
    whole = not targets.is_floating_point()
    found = functional.one_hot(targets, outputs.shape[-1]).to(outputs.dtype) if whole else targets
    if found.shape != outputs.shape:
        allowed = f"{tuple(outputs.shape)}, as the outputs, or class labels {tuple(outputs.shape[:-1])}"
        raise BadInput(f"targets of shape {tuple(targets.shape)}", "y", allowed)
    return found


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """½ Σ (s − y)², with y of the outputs' shape, or class labels."""
    return 0.5 * (outputs - wanted(outputs, targets)).square().flatten(1).sum(1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """−ln softmax(s)[y], with y a class label or probabilities."""
    return functional.cross_entropy(outputs, targets, reduction="none").reshape(len(outputs), -1).sum(1)


COSTS: dict[str, CostFunction] = {"mse": mse, "cross-entropy": cross_entropy}


def cost_of(cost: str | CostFunction) -> CostFunction:
    """Return a cost by name, or one of the user's, which gives a number a sample."""
    return cost if callable(cost) else COSTS[checks.one_of(cost, COSTS, "cost", "cost")]


def per_sample(cost: CostFunction, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return C of each sample, shape (batch,).

    Raises
    ------
    BadInput
        If a cost of the user's gives something else.
    """
    values = cost(outputs, targets)
    if not isinstance(values, Tensor) or values.shape != outputs.shape[:1]:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise BadInput(f"a cost of shape {shape}", "cost", f"one number a sample, {tuple(outputs.shape[:1])}")
    return values


def cost_slope(cost: CostFunction, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return C and ∂C/∂s of each sample."""
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        values = per_sample(cost, leaf, targets)
        (slope,) = torch.autograd.grad(values.sum(), leaf)
    return values.detach(), slope
