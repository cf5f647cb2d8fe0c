"""Gradient clipping by block: a layer whose gradient is large doesn't shrink those of the others."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from neuroep import checks
from neuroep.modules.blocks import Block
from neuroep.modules.transforms.base import LEAST, Stateless


class ClipByBlock(Stateless):
    """Scale the gradient of each block to a norm of at most `limit`, by ``torch.nn.utils.clip_grad_norm_``.

    Parameters
    ----------
    limit : float
        Largest ‖gradient‖ of a block's parameters together.
    """

    def __init__(self, limit: float) -> None:
        self.limit = checks.number(limit, "limit", LEAST)

    def gradients(self, blocks: Sequence[Block]) -> None:
        """See Transform."""
        for block in blocks:
            nn.utils.clip_grad_norm_(block.parameters, self.limit)
