"""What a module and its cost don't take, told in a line that names it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuroep.errors import BadInput
from neuroep.modules.costs import CostFunction

#: What torch raises where tensors don't fit; of shapes, types and numbers of arguments.
MISFITS = (RuntimeError, IndexError, TypeError, ValueError)


def refuse_rows(x: object, y: object) -> None:
    """Refuse inputs and targets that aren't as many rows of tensors.

    Raises
    ------
    BadInput
        If they aren't.
    """
    lengths = []
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, Tensor) or value.ndim == 0 or value.numel() == 0:
            what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise BadInput(what, name, "a tensor with a row a sample")
        lengths.append(len(value))
    if lengths[0] != lengths[1]:
        raise BadInput(f"{lengths[0]} inputs and {lengths[1]} targets", "x, y", "as many targets as inputs")


def refuse_output(output: object, name: str) -> None:
    """Refuse a block that gives no tensor, or one through which no error gets back."""
    where, allowed = f"block {name!r}", "one tensor that has a gradient"
    if not isinstance(output, Tensor):
        raise BadInput(f"a {type(output).__name__} as its output", where, allowed)
    if not output.requires_grad:
        raise BadInput("an output that is cut off from its parameters (detached, or whole numbers)", where, allowed)


def refuse_outputs(outputs: Tensor, rows: int) -> None:
    """Refuse outputs of a module that aren't a row a sample."""
    if outputs.ndim < 2 or len(outputs) != rows:
        raise BadInput(f"outputs of shape {tuple(outputs.shape)}", "module", f"a row a sample: ({rows}, outputs)")


def refuse_misfits(module: nn.Module, x: Tensor, y: Tensor, cost: CostFunction) -> None:
    """Refuse inputs that a module doesn't take, and targets that its cost doesn't."""
    with torch.no_grad():
        try:
            outputs = module(x)
        except MISFITS as error:
            raise BadInput(_line(error), f"x of shape {tuple(x.shape)}", "inputs that the module takes") from error
        try:
            cost(outputs, y)
        except MISFITS as error:
            allowed = f"targets of outputs of shape {tuple(outputs.shape)}"
            raise BadInput(_line(error), f"y of shape {tuple(y.shape)}", allowed) from error


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
