"""EP in place of ``loss.backward()``: the gradient of any torch module's cost, read off its equilibria."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.modules.blocks import Block, cut
from neuroep.modules.costs import CostFunction
from neuroep.modules.prediction import FreePhase, Nudged, free_phase, settle, settle_locally, slopes
from neuroep.modules.scheme import Scheme


class Settling(NamedTuple):
    """What a gradient's settling gave; nothing of it needs a gradient.

    Attributes
    ----------
    outputs : Tensor, shape (batch, …)
        Of the free phase, which is the forward pass.
    cost : Tensor, shape (batch,)
        C of each sample in the free phase.
    energy : Tensor, shape (copies · batch,)
        E of each nudged copy; 0 in the free phase.
    residual : Tensor, shape (copies · batch,)
        ‖change of the errors in the last sweep‖.
    sweeps : int
        Taken by the nudged copies.
    code : Tensor of int64, shape (copies · batch,)
        ResultCode of each copy.
    """

    outputs: Tensor
    cost: Tensor
    energy: Tensor
    residual: Tensor
    sweeps: int
    code: Tensor


def ep_gradients(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    cost: str | CostFunction = "mse",
    estimator: str = "centered",
    beta: float | Tensor = 0.1,
    relative: bool = False,
    sweeps: int = 1,
    tolerance: float = 0.0,
    local: bool = False,
    accumulate: bool = False,
) -> Settling:
    """Fill ``.grad`` of a module's parameters with EP's estimate of the gradient of its mean cost.

    The energy is that of prediction (:mod:`neuroep.modules.prediction`). **One sweep at β → 0 is backprop's delta by
    construction**, so that agreement there proves nothing; at a finite β the states move, and with more sweeps they
    settle to the equilibrium of F.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor, gives one; cut into blocks by :func:`neuroep.modules.blocks.cut`.
    x : Tensor, shape (batch, …)
        Inputs.
    y : Tensor
        Targets, or class labels.
    cost, estimator, beta, relative, sweeps, tolerance, local
        How, as :class:`neuroep.modules.scheme.Scheme` has it.
    accumulate : bool
        Add to ``.grad`` instead of writing over it.

    Returns
    -------
    Settling

    Raises
    ------
    BadInput
        If something doesn't fit, or the module draws random numbers or ties samples together.
    """
    return gradients(module, x, y, Scheme(cost, estimator, beta, relative, sweeps, tolerance, local), accumulate)


def gradients(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme, accumulate: bool = False) -> Settling:
    """Fill ``.grad`` as :func:`ep_gradients` does, by a scheme that was checked before."""
    blocks = cut(module)
    if scheme.local and scheme.sweeps < len(blocks):
        what = f"{scheme.sweeps} local sweeps, in which no nudge gets through {len(blocks)} blocks"
        raise BadInput(what, "sweeps", f"{len(blocks)} or more")
    before = torch.get_rng_state()
    free = free_phase(blocks, x, y, scheme.function)
    if not torch.equal(before, torch.get_rng_state()):
        raise BadInput("a forward pass that draws random numbers", "module", "its eval() mode")
    nudge = scheme.nudges(_reach(free))
    nudged = (settle_locally if scheme.local else settle)(
        blocks, free, y, scheme.function, nudge, scheme.sweeps, scheme.tolerance
    )
    copies = len(nudge) // len(x)
    _fill(blocks, slopes(blocks, free, nudged, 1.0 / (nudge * copies * len(x))), accumulate)
    energy, outputs = nudged.energy, free.states[-1].detach()
    codes = _codes(nudged, energy, scheme.tolerance)
    return Settling(outputs, free.cost, energy, nudged.residual, nudged.sweeps, codes)


def _reach(free: FreePhase) -> Tensor:
    """Return ‖s_L‖ / ‖∂C/∂s_L‖ of each sample; 1 where either is 0 and there is nothing to measure by."""
    outputs, slope = (part.detach().flatten(1).norm(dim=1) for part in (free.states[-1], free.slope))
    ratio = outputs / slope
    return torch.where(torch.isfinite(ratio) & (ratio > 0.0), ratio, 1.0)


def _fill(blocks: tuple[Block, ...], found: dict[nn.Parameter, Tensor], accumulate: bool) -> None:
    for parameter in dict.fromkeys(p for block in blocks for p in block.parameters):
        slope = found.get(parameter)
        if accumulate and parameter.grad is not None:
            parameter.grad = parameter.grad if slope is None else parameter.grad + slope
        else:
            parameter.grad = slope


def _codes(nudged: Nudged, energy: Tensor, tolerance: float) -> Tensor:
    codes = torch.where(nudged.residual <= tolerance, int(ResultCode.CONVERGED), int(ResultCode.STEP_LIMIT))
    return torch.where(torch.isfinite(energy), codes, int(ResultCode.DIVERGED))
