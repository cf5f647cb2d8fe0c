"""Rows of tensors of any shape: a copy of a minibatch after another, a number for each row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def repeated(tensor: Tensor, copies: int) -> Tensor:
    """Return the rows of a minibatch, once for each copy of it."""
    return tensor.repeat(copies, *[1] * (tensor.ndim - 1))


def scaled(tensor: Tensor, by: Tensor) -> Tensor:
    """Return each row times its number."""
    return tensor * by.to(tensor.dtype).reshape(-1, *[1] * (tensor.ndim - 1))


def squares(tensors: Sequence[Tensor]) -> Tensor:
    """Return the sum of squares of each row."""
    total = tensors[0].new_zeros(len(tensors[0]))
    for tensor in tensors:
        total += tensor.flatten(1).square().sum(1)
    return total
