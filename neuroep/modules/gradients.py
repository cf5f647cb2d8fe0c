"""EP in place of ``loss.backward()``: the gradient of any torch module's cost, read off its equilibria."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from neuroep import checks
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.modules.blocks import Block, cut
from neuroep.modules.costs import CostFunction, cost_of
from neuroep.modules.prediction import FreePhase, Nudged, free_phase, settle, slopes

ESTIMATORS = ("centered", "one-sided")


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
    cost : str or callable
        ``"mse"`` (½ Σ (s − y)²), ``"cross-entropy"``, or a function of outputs and targets that gives one number a
        sample.
    estimator : str
        ``"centered"`` (±β) or ``"one-sided"``.
    beta : float or Tensor of shape (batch,)
        Nudging of each sample; one-sided takes negative ones, too.
    relative : bool
        Whether `beta` is the share of a sample's outputs that nudging moves them by at first, β = beta ‖s_L‖ /
        ‖∂C/∂s_L‖: states of deep stacks, which move together, stay near the free ones at any cost and depth.
    sweeps : int
        Most sweeps of the nudged copies.
    tolerance : float
        Residual at which settling ends before.
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
    function, blocks = cost_of(cost), cut(module)
    estimator = checks.one_of(estimator, ESTIMATORS, "estimator", "estimator")
    rows = _rows(beta, len(x), blocks[0].parameters[0])
    sweeps, tolerance = checks.whole(sweeps, "sweeps", 1), checks.number(tolerance, "tolerance", 0.0)
    before = torch.get_rng_state()
    free = free_phase(blocks, x, y, function)
    if not torch.equal(before, torch.get_rng_state()):
        raise BadInput("a forward pass that draws random numbers", "module", "its eval() mode")
    if checks.flag(relative, "relative"):
        rows = rows * _reach(free)
    nudge = torch.cat([rows, -rows]) if estimator == "centered" else rows
    nudged = settle(blocks, free, y, function, nudge, sweeps, tolerance)
    copies = len(nudge) // len(x)
    _fill(blocks, slopes(blocks, free, nudged, 1.0 / (nudge * copies * len(x))), accumulate)
    energy, outputs = nudged.energy, free.states[-1].detach()
    return Settling(outputs, free.cost, energy, nudged.residual, nudged.sweeps, _codes(nudged, energy, tolerance))


def _rows(beta: float | Tensor, batch: int, like: Tensor) -> Tensor:
    """Return the nudging of each sample, as it was given."""
    rows = torch.as_tensor(beta, dtype=like.dtype, device=like.device).expand(batch)
    if not bool(torch.isfinite(rows).all()) or bool((rows == 0).any()):
        raise BadInput(f"β = {beta}", "beta", "finite numbers other than 0")
    return rows


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
