"""What a transform is, and how tensors of any shape are taken as matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from neuroep.modules.blocks import Block

#: Least number that is taken for more than 0.
LEAST = 1e-12


class Transform(Protocol):
    """Changes gradients before an update, or weights after it, in place; called under ``no_grad``."""

    def gradients(self, blocks: Sequence[Block]) -> None:
        """Change the ``.grad`` of the blocks' parameters."""
        ...

    def weights(self, blocks: Sequence[Block]) -> None:
        """Change the parameters after an update."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return what it keeps from step to step."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        ...


class Stateless:
    """A transform that does nothing and keeps nothing: what others change."""

    def gradients(self, blocks: Sequence[Block]) -> None:
        """See Transform."""

    def weights(self, blocks: Sequence[Block]) -> None:
        """See Transform."""

    def state_dict(self) -> dict[str, Any]:
        """See Transform."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See Transform."""


class PerParameter(Stateless):
    """A transform that keeps some tensors of each parameter, in the order in which parameters are met."""

    def __init__(self) -> None:
        self._kept: dict[nn.Parameter, dict[str, Tensor]] = {}
        self._loaded: list[dict[str, Tensor]] = []

    def kept(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Return what is kept of a parameter; empty at its first step."""
        if parameter not in self._kept:
            self._kept[parameter] = self._loaded.pop(0) if self._loaded else {}
        return self._kept[parameter]

    def state_dict(self) -> dict[str, Any]:
        """See Transform."""
        return {"kept": [dict(kept) for kept in self._kept.values()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See Transform."""
        self._kept = {}
        self._loaded = [{name: part.clone() for name, part in kept.items()} for kept in state["kept"]]


def each(blocks: Sequence[Block]) -> list[nn.Parameter]:
    """Return the parameters of all blocks, each once."""
    return list(dict.fromkeys(parameter for block in blocks for parameter in block.parameters))


def as_matrix(tensor: Tensor) -> Tensor:
    """Return a view of a weight of two dimensions or more as (outputs, all that each of them sums over)."""
    return tensor.view(len(tensor), -1)
