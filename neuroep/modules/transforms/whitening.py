"""Natural EP: gradients whitened by the empirical Fisher information of the contrasts that came before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neuroep import checks
from neuroep.modules.blocks import Block
from neuroep.modules.transforms.base import LEAST, PerParameter, as_matrix, each

KINDS = ("kronecker", "diagonal")


class FisherWhitening(PerParameter):
    """Multiply gradients by F^(−1/2), F their running second moment.

        diagonal    F = diag(mean of g²)
        kronecker   F = L ⊗ R / tr L,  L = mean of G Gᵀ,  R = mean of Gᵀ G;   √tr L · L^(−1/2) G R^(−1/2)

    The second moment is that of minibatch contrasts (the empirical Fisher), bias-corrected. Vectors are whitened by the
    diagonal, matrices of n columns, if n is more than `widest`, by the other side alone, as √n L^(−1/2) G.

    Parameters
    ----------
    kind : str
        ``"kronecker"`` or ``"diagonal"``.
    decay : float
        Of the running means.
    damping : float
        Added to the eigenvalues of F, as a share of their mean.
    every : int
        Steps between the eigenvalue problems of ``"kronecker"``.
    widest : int
        Longest side that gets a factor of its own.

    Notes
    -----
    Sources: Amari 1998 (natural gradient); Gupta et al. 2018 (Shampoo, of the same factors), and Morwani et al. 2024,
    who show that F is their product.
    """

    def __init__(
        self, kind: str = "kronecker", decay: float = 0.95, damping: float = 0.1, every: int = 10, widest: int = 1024
    ) -> None:
        super().__init__()
        self.kind = checks.one_of(kind, KINDS, "kind", "kind")
        self.decay = checks.number(decay, "decay", 0.0, 1.0 - LEAST)
        self.damping = checks.number(damping, "damping", LEAST)
        self.every, self.widest = checks.whole(every, "every", 1), checks.whole(widest, "widest", 1)

    def gradients(self, blocks: Sequence[Block]) -> None:
        """See Transform."""
        for parameter in each(blocks):
            if parameter.grad is not None:
                kept = self.kept(parameter)
                kept["steps"] = kept.get("steps", torch.zeros((), dtype=torch.int64)) + 1
                whiten = self._by_factors if self.kind == "kronecker" and parameter.ndim > 1 else self._by_diagonal
                whiten(parameter.grad, kept)

    def _by_diagonal(self, grad: Tensor, kept: dict[str, Tensor]) -> None:
        square = self._mean(kept, "square", grad.square())
        grad.div_((square + self.damping * square.mean()).sqrt_().clamp_min_(torch.finfo(grad.dtype).tiny))

    def _by_factors(self, grad: Tensor, kept: dict[str, Tensor]) -> None:
        matrix = as_matrix(grad)
        sides = [side for side, size in (("left", matrix.shape[0]), ("right", matrix.shape[1])) if size <= self.widest]
        if not sides:
            self._by_diagonal(grad, kept)
            return
        fresh, scale = (int(kept["steps"]) - 1) % self.every == 0, matrix.numel() ** 0.5
        for side in sides:
            factor = self._mean(kept, side, matrix @ matrix.T if side == "left" else matrix.T @ matrix)
            scale = scale * len(factor) ** -0.5 if len(sides) == 1 else factor.trace().sqrt()
            if fresh:
                kept[f"{side}_root"] = self._root(factor)
        for side in sides:
            root = kept[f"{side}_root"]
            matrix.copy_(root @ matrix if side == "left" else matrix @ root)
        matrix.mul_(scale)

    def _mean(self, kept: dict[str, Tensor], name: str, new: Tensor) -> Tensor:
        """Return the bias-corrected running mean."""
        mean = kept[name].mul_(self.decay) if name in kept else torch.zeros_like(new)
        kept[name] = mean.add_(new, alpha=1.0 - self.decay)
        return kept[name] / (1.0 - self.decay ** int(kept["steps"]))

    def _root(self, factor: Tensor) -> Tensor:
        """Return factor^(−1/2), damped."""
        # Factors of few gradients have many eigenvalues of 0, on which single precision may fail.
        values, vectors = torch.linalg.eigh(factor.double())
        values = (values.clamp_min(0.0) + self.damping * values.mean()).clamp_min(torch.finfo(factor.dtype).tiny)
        root: Tensor = (vectors * values.rsqrt()) @ vectors.T
        return root.to(factor.dtype)
