"""Low-rank orthonormal updates with error feedback: Dion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from neuroep import checks
from neuroep.modules.blocks import Block
from neuroep.modules.transforms.base import LEAST, PerParameter, as_matrix, each


class LowRank(PerParameter):
    """Turn the gradient of a matrix into an orthonormal one of low rank; what that leaves out is kept for later steps.

        B = M + G,   P = orth(B Q),   R = Bᵀ P,   M ← B − (1 − μ) P Rᵀ,   Q ← R, columns of norm 1
        direction √(outputs / inputs) · P Qᵀ

    Vectors are left as they are; weights of more than two dimensions are taken as matrices (outputs, all else).

    Parameters
    ----------
    share : float
        Rank as a share of the shorter side, 0 < share ≤ 1; at least 1.
    momentum : float
        μ, what is kept of the part that was sent.

    Notes
    -----
    Source: Ahn et al. 2025, arXiv 2504.05295, algorithm 1.
    """

    def __init__(self, share: float = 0.25, momentum: float = 0.95) -> None:
        super().__init__()
        self.share = checks.number(share, "share", LEAST, 1.0)
        self.momentum = checks.number(momentum, "momentum", 0.0, 1.0 - LEAST)

    def gradients(self, blocks: Sequence[Block]) -> None:
        """See Transform."""
        for parameter in each(blocks):
            if parameter.ndim > 1 and parameter.grad is not None:
                matrix = as_matrix(parameter.grad)
                matrix.copy_(self._turned(matrix, self.kept(parameter)))

    def _turned(self, gradient: Tensor, kept: dict[str, Tensor]) -> Tensor:
        outputs, inputs = gradient.shape
        total = kept["left_out"] + gradient if kept else gradient
        # The first basis is that of the gradient itself, where a random one would need a generator.
        basis = kept["basis"] if kept else self._first_basis(gradient)
        sent, _ = torch.linalg.qr(total @ basis)
        weights = total.T @ sent
        kept["left_out"] = total - (1.0 - self.momentum) * sent @ weights.T
        kept["basis"] = functional.normalize(weights, dim=0)
        direction: Tensor = (outputs / inputs) ** 0.5 * sent @ kept["basis"].T
        return direction

    def _first_basis(self, gradient: Tensor) -> Tensor:
        rank = max(1, round(self.share * min(gradient.shape)))
        basis: Tensor = torch.linalg.svd(gradient, full_matrices=False).Vh[:rank].T
        return basis
