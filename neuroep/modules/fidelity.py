"""How near EP's gradient is to backprop's, block by block, and the largest nudge that is near enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.modules.blocks import cut
from neuroep.modules.costs import per_sample
from neuroep.modules.gradients import gradients
from neuroep.modules.scheme import Scheme

#: Nudges that are tried, largest first.
NUDGES = (0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


class Fidelity(NamedTuple):
    """EP's gradient beside backprop's.

    Attributes
    ----------
    blocks : tuple of str
        Names of the blocks.
    cosine, ratio : tuple of float
        Of a block's gradients: cosine, and ‖EP‖ / ‖backprop‖. NaN where backprop's is 0.
    residual : float
        Largest residual as a share of the largest error ‖e‖.
    sweeps : int
        Taken.
    """

    blocks: tuple[str, ...]
    cosine: tuple[float, ...]
    ratio: tuple[float, ...]
    residual: float
    sweeps: int

    @property
    def least(self) -> float:
        """The least cosine of a block that has a gradient; 0 without any."""
        return min((cosine for cosine in self.cosine if cosine == cosine), default=0.0)


def fidelity(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme) -> Fidelity:
    """Compare EP's gradient with autograd's. Gradients in ``.grad`` are put back as they were.

    Parameters
    ----------
    module, x, y
        As for :func:`neuroep.ep_gradients`.
    scheme : Scheme
        How EP takes its gradient.

    Raises
    ------
    BadInput
        For what :func:`neuroep.ep_gradients` refuses.
    """
    blocks, how = cut(module), checks.instance(scheme, Scheme, "scheme")
    kept = {parameter: parameter.grad for block in blocks for parameter in block.parameters}
    parameters = list(kept)
    try:
        found = gradients(module, x, y, how)
        taken = {parameter: parameter.grad for parameter in parameters}
    finally:
        for parameter, grad in kept.items():
            parameter.grad = grad
    with torch.enable_grad():
        cost = per_sample(how.function, module(x), y).mean()
        wanted = dict(zip(parameters, torch.autograd.grad(cost, parameters, allow_unused=True), strict=True))
    pairs = [_compared([taken[p] for p in b.parameters], [wanted[p] for p in b.parameters]) for b in blocks]
    error = (2.0 * found.energy).sqrt().clamp_min(torch.finfo(found.energy.dtype).tiny)
    residual = float((found.residual / error).max())
    names = tuple(block.name for block in blocks)
    return Fidelity(names, tuple(c for c, _ in pairs), tuple(r for _, r in pairs), residual, found.sweeps)


def _compared(found: Sequence[Tensor | None], wanted: Sequence[Tensor | None]) -> tuple[float, float]:
    """Return cosine and ratio of norms, in double precision."""
    pairs = [(torch.zeros_like(b) if a is None else a, b) for a, b in zip(found, wanted, strict=True) if b is not None]
    dot, own, others = (
        sum((float((left.double() * right.double()).sum()) for left, right in rows), 0.0)
        for rows in (pairs, [(a, a) for a, _ in pairs], [(b, b) for _, b in pairs])
    )
    if others == 0.0:
        return float("nan"), float("nan")
    return (dot / (own * others) ** 0.5 if own else 0.0), (own / others) ** 0.5


def recommended(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme, least: float = 0.9999) -> float:
    """Return the largest of `NUDGES` at which every block's cosine with backprop's gradient is at least `least`.

    The larger a nudge, the less noise of a device counts; the smaller, the less states move.

    Raises
    ------
    BadInput
        If there is none.
    """
    reached = 0.0
    for nudge, cosine in _tried(module, x, y, scheme):
        if cosine >= least:
            return nudge
        reached = max(reached, cosine)
    raise BadInput(f"least cosine {reached:.6f} at any nudge from {NUDGES[-1]} to {NUDGES[0]}", "least", "less")


def _tried(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme) -> Iterator[tuple[float, float]]:
    for nudge in NUDGES:
        yield nudge, fidelity(module, x, y, replace(scheme, beta=nudge)).least
