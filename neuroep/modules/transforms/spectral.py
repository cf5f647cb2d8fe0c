"""A bound on the spectral norm of every weight matrix: how far a layer can stretch a change of the state below it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroep import checks
from neuroep.modules.blocks import Block
from neuroep.modules.transforms.base import LEAST, PerParameter, as_matrix, each


class SpectralBound(PerParameter):
    """Scale a weight down to ‖W‖₂ ≤ bound after each update; σ₁ by power iteration that goes on from the last step's.

    Weights of more than two dimensions are taken as matrices (outputs, all else): for a convolution that is no bound on
    the norm of the map, but within a factor √(positions of the filter) of it.

    Parameters
    ----------
    bound : float
        Largest spectral norm.
    iterations : int
        Of the power iteration in each step; twenty times as many in the first.

    Notes
    -----
    Power iteration finds σ₁ from below. Weights move little in a step, so that a few iterations keep the bound to a few
    parts in a thousand.
    """

    WARM_UP = 20

    def __init__(self, bound: float = 1.0, iterations: int = 1) -> None:
        super().__init__()
        self.bound, self.iterations = checks.number(bound, "bound", LEAST), checks.whole(iterations, "iterations", 1)

    def weights(self, blocks: Sequence[Block]) -> None:
        """See Transform."""
        for parameter in each(blocks):
            if parameter.ndim > 1:
                norm = self.norm(parameter)
                parameter.mul_(torch.clamp(self.bound / norm, max=1.0))

    def norm(self, parameter: nn.Parameter) -> Tensor:
        """Return the largest singular value of a parameter as it is now."""
        matrix, kept = as_matrix(parameter.detach()), self.kept(parameter)
        rounds = self.iterations if kept else self.iterations * self.WARM_UP
        # The first direction is the longest row's, which is never orthogonal to all of them.
        right = kept.get("right", matrix[matrix.norm(dim=1).argmax()])
        for _ in range(rounds):
            right = functional.normalize(matrix.T @ (matrix @ functional.normalize(right, dim=0)), dim=0)
        kept["right"] = right
        norm: Tensor = (matrix @ right).norm()
        return norm.clamp_min(torch.finfo(matrix.dtype).tiny)
