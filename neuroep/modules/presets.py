"""Optimisers ready to use, each a scheme, an update and transforms: ``smep(module).step(x, target)`` trains.

Matrices are updated as each preset says; vectors (biases, gains of norms) and weights of more than two dimensions, of
which ``torch.optim.Muon`` takes none, by Adam.
"""

from __future__ import annotations

import torch
from torch import nn

from neuroep.modules.blocks import cut
from neuroep.modules.costs import CostFunction
from neuroep.modules.optimizer import EPOptimizer
from neuroep.modules.scheme import Scheme
from neuroep.modules.transforms.base import Transform, each
from neuroep.modules.transforms.low_rank import LowRank
from neuroep.modules.transforms.spectral import SpectralBound
from neuroep.modules.transforms.whitening import FisherWhitening

#: Rate of Adam on what isn't a matrix.
VECTORS = 1e-3


def smep(
    module: nn.Module, lr: float = 5e-3, cost: str | CostFunction = "cross-entropy", bound: float | None = None,
    beta: float = 0.01, sweeps: int = 4,
) -> EPOptimizer:  # fmt: skip
    """Return EP with Muon: centered nudges that settle, and orthogonal updates by ``torch.optim.Muon``.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    lr : float
        Rate of matrices.
    cost : str or callable
        See :class:`neuroep.modules.scheme.Scheme`.
    bound : float, optional
        Largest spectral norm of a weight.
    beta : float
        Nudge.
    sweeps : int
        Most sweeps of the nudged copies.
    """
    scheme = Scheme(cost, "centered", beta, sweeps=sweeps, tolerance=1e-4)
    return EPOptimizer(module, _muon(module, lr), scheme, transforms=_bounds(bound))


def smep_fast(
    module: nn.Module, lr: float = 5e-3, cost: str | CostFunction = "cross-entropy", bound: float | None = None,
    beta: float = 0.01,
) -> EPOptimizer:  # fmt: skip
    """Return EP with Muon, one nudge of alternating sign a step, and one sweep. Parameters as for :func:`smep`."""
    scheme = Scheme(cost, "one-sided", beta)
    return EPOptimizer(module, _muon(module, lr), scheme, alternating=True, transforms=_bounds(bound))


def sdmep(
    module: nn.Module, lr: float = 3e-2, cost: str | CostFunction = "cross-entropy", bound: float | None = None,
    beta: float = 0.01, share: float = 0.125,
) -> EPOptimizer:  # fmt: skip
    """Return EP with Dion: low-rank orthonormal updates with error feedback, of which there is no Newton–Schulz.

    Parameters
    ----------
    module, lr, cost, bound, beta
        As for :func:`smep`.
    share : float
        Rank of updates as a share of a matrix's shorter side.
    """
    scheme = Scheme(cost, "one-sided", beta)
    dion: list[Transform] = [LowRank(share), *_bounds(bound)]
    return EPOptimizer(module, _descent(module, lr), scheme, alternating=True, transforms=dion)


def local_ep(
    module: nn.Module, lr: float = 5e-3, cost: str | CostFunction = "cross-entropy", bound: float | None = None,
    beta: float = 0.01, sweeps: int | None = None,
) -> EPOptimizer:  # fmt: skip
    """Return EP with Muon whose blocks all settle at once, each from its neighbours' last states alone.

    Parameters
    ----------
    module, lr, cost, bound, beta
        As for :func:`smep`.
    sweeps : int, optional
        Of the nudged copies, at least as many as there are blocks, which is the default.
    """
    scheme = Scheme(cost, "centered", beta, sweeps=sweeps or len(cut(module)), local=True)
    return EPOptimizer(module, _muon(module, lr), scheme, transforms=_bounds(bound))


def natural_ep(
    module: nn.Module, lr: float = 1e-4, cost: str | CostFunction = "cross-entropy", kind: str = "kronecker",
    beta: float = 0.01,
) -> EPOptimizer:  # fmt: skip
    """Return EP whose matrices descend along gradients whitened by their Fisher information.

    Parameters
    ----------
    module, lr, cost, beta
        As for :func:`smep`; all parameters take the same rate.
    kind : str
        ``"kronecker"`` or ``"diagonal"``.
    """
    update = torch.optim.SGD(each(cut(module)), lr=lr, momentum=0.9)
    scheme = Scheme(cost, "centered", beta)
    return EPOptimizer(module, [update], scheme, transforms=[FisherWhitening(kind)])


def _muon(module: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    matrices, others = _apart(module)
    updates: list[torch.optim.Optimizer] = []
    if matrices:
        updates.append(torch.optim.Muon(matrices, lr=lr, weight_decay=0.0))
    return updates + _vectors(others)


def _descent(module: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Plain descent along what a transform made of the gradient of every weight, however many dimensions it has."""
    parameters = each(cut(module))
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    updates: list[torch.optim.Optimizer] = [torch.optim.SGD(weights, lr=lr)] if weights else []
    return updates + _vectors([parameter for parameter in parameters if parameter.ndim < 2])


def _apart(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    parameters = each(cut(module))
    return [p for p in parameters if p.ndim == 2], [p for p in parameters if p.ndim != 2]


def _vectors(parameters: list[nn.Parameter]) -> list[torch.optim.Optimizer]:
    return [torch.optim.Adam(parameters, lr=VECTORS)] if parameters else []


def _bounds(bound: float | None) -> list[Transform]:
    return [] if bound is None else [SpectralBound(bound)]
