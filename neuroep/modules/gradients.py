"""EP in place of ``loss.backward()``: the gradient of any torch module's cost, read off its equilibria."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from neuroep import checks
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput
from neuroep.modules import hopfield, prediction
from neuroep.modules.blocks import cut
from neuroep.modules.costs import CostFunction, cost_slope
from neuroep.modules.layers import layers_of
from neuroep.modules.misfits import MISFITS, refuse_misfits, refuse_rows
from neuroep.modules.rows import repeated
from neuroep.modules.scheme import Scheme

Slopes = dict[nn.Parameter, Tensor]


class Settling(NamedTuple):
    """What a gradient's settling gave; nothing of it needs a gradient.

    Attributes
    ----------
    outputs : Tensor, shape (batch, …)
        Of the free phase, which is the forward pass of the prediction energy; logits of a read-out.
    cost : Tensor, shape (batch,)
        C of each sample in the free phase.
    energy : Tensor, shape (copies · batch,)
        E of each nudged copy; the prediction energy is 0 in the free phase.
    residual : Tensor, shape (copies · batch,)
        ‖change of the errors, or of the states of a Hopfield energy, in the last sweep‖.
    sweeps : int
        Taken; of a Hopfield energy in both phases together.
    code : Tensor of int64, shape (copies · batch,)
        ResultCode of each copy.
    """

    outputs: Tensor
    cost: Tensor
    energy: Tensor
    residual: Tensor
    sweeps: int
    code: Tensor

    def __repr__(self) -> str:
        cost, residual = float(self.cost.double().mean()), float(self.residual.max())
        figures = f"mean cost {cost:.4g}, residual up to {residual:.2g} after {self.sweeps} sweep(s)"
        return f"<Settling: {len(self.cost)} samples, {figures}>"


def ep_gradients(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    cost: str | CostFunction = "mse",
    estimator: str = "centered",
    beta: float | Tensor | None = None,
    relative: bool = False,
    sweeps: int | None = None,
    tolerance: float | None = None,
    local: bool = False,
    energy: str = "prediction",
    feedback: float | None = None,
    accumulate: bool = False,
) -> Settling:
    """Fill ``.grad`` of a module's parameters with EP's estimate of the gradient of its mean cost.

    The energy is that of prediction (:mod:`neuroep.modules.prediction`), of which **one sweep at β → 0 is backprop's
    delta by construction**, so that agreement there proves nothing: at a finite β the states move, and with more sweeps
    they settle to the equilibrium of F. Or it is Hopfield's (:mod:`neuroep.modules.hopfield`), whose layers feel those
    above them in the free phase, too: its gradient is that of the settled outputs' cost, not of the forward pass's.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor, gives one; cut into blocks by :func:`neuroep.modules.blocks.cut`, or into layers of units by
        :func:`neuroep.modules.layers.layers_of`.
    x : Tensor, shape (batch, …)
        Inputs.
    y : Tensor
        Targets, or class labels.
    cost, estimator, beta, relative, sweeps, tolerance, local, energy, feedback
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
    scheme = Scheme(cost, estimator, beta, relative, sweeps, tolerance, local, energy, feedback)
    return gradients(module, x, y, scheme, checks.flag(accumulate, "accumulate"))


def gradients(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme, accumulate: bool = False) -> Settling:
    """Fill ``.grad`` as :func:`ep_gradients` does, by a scheme that was checked before."""
    refuse_rows(x, y)
    if torch.is_inference_mode_enabled() or x.is_inference():
        raise BadInput("tensors of torch.inference_mode, which have no graphs", "x", "tensors made outside it")
    before = _generator(x)
    try:
        found, settling = (_by_hopfield if scheme.energy == "hopfield" else _by_prediction)(module, x, y, scheme)
    except MISFITS:
        refuse_misfits(module, x, y, scheme.function)
        raise
    if not torch.equal(before, _generator(x)):
        raise BadInput("a forward pass that draws random numbers", "module", "its eval() mode")
    _fill(tuple(p for p in module.parameters() if p.requires_grad), found, accumulate)
    return settling


def _generator(x: Tensor) -> Tensor:
    """Return the state of the generator from which code on this tensor's device draws."""
    state: Tensor = (torch if x.device.type == "cpu" else torch.get_device_module(x.device)).get_rng_state()
    return state


def _by_prediction(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme) -> tuple[Slopes, Settling]:
    blocks, sweeps = cut(module), scheme.most_sweeps
    if scheme.local and sweeps < len(blocks):
        what = f"{sweeps} local sweeps, in which no nudge gets through {len(blocks)} blocks"
        raise BadInput(what, "sweeps", f"{len(blocks)} or more")
    free = prediction.free_phase(blocks, x, y, scheme.function)
    rows = scheme.rows(_reach(free.states[-1], free.slope))
    beta = torch.cat([rows, -rows]) if scheme.estimator == "centered" else rows
    settled = (prediction.settle_locally if scheme.local else prediction.settle)(
        blocks, free, y, scheme.function, beta, sweeps, scheme.enough
    )
    found = prediction.slopes(blocks, free, settled, 1.0 / (beta * len(beta)))
    codes = _codes(settled.residual, settled.energy, scheme.enough)
    outputs = free.states[-1].detach()
    return found, Settling(outputs, free.cost, settled.energy, settled.residual, settled.sweeps, codes)


def _by_hopfield(module: nn.Module, x: Tensor, y: Tensor, scheme: Scheme) -> tuple[Slopes, Settling]:
    cost, limits = scheme.function, (scheme.most_sweeps, scheme.enough)
    net = hopfield.hopfield(layers_of(module), scheme.gain, cost)
    states, given = hopfield.begin(net, x)
    if min(torch.finfo(state.dtype).bits for state in states) < 32:
        what = f"{states[0].dtype} states, in which the difference of two phases drowns"
        raise BadInput(what, "module", "float32 or float64, outside autocast; or energy='prediction'")
    free = hopfield.settle(net, given, states, y, cost, states[0].new_zeros(len(x)), *limits)
    outputs = hopfield.outputs(net, given, free.states)
    values, slope = cost_slope(cost, outputs, y)
    rows = scheme.rows(_reach(outputs, slope))
    # A free copy goes along with a single nudged one: in both estimators half the rows take the other half away.
    beta, signs = torch.cat([rows, -rows if scheme.estimator == "centered" else 0.0 * rows]), torch.cat([rows, -rows])
    twice = [repeated(part, 2) for part in (x, y, *given)]
    settled = hopfield.settle(
        net, twice[2:], [repeated(part, 2) for part in free.states], twice[1], cost, beta, *limits
    )  # fmt: skip
    share = 1.0 / (len(rows) * signs * (2.0 if scheme.estimator == "centered" else 1.0))
    found = hopfield.slopes(net, twice[0], settled.states, share)
    if net.readout:
        for parameter, own in hopfield.readout_slopes(net, x, free.states, y, cost).items():
            found[parameter] = found[parameter] + own if parameter in found else own
    nudged = slice(0, len(beta) if scheme.estimator == "centered" else len(rows))
    residual = torch.maximum(settled.residual, repeated(free.residual, 2))[nudged]
    energy = hopfield.energy(net, twice[0], settled.states)[nudged]
    codes = _codes(residual, energy, scheme.enough)
    return found, Settling(outputs, values, energy, residual, free.sweeps + settled.sweeps, codes)


def _reach(outputs: Tensor, slope: Tensor) -> Tensor:
    """Return ‖s_L‖ / ‖∂C/∂s_L‖ of each sample; 1 where either is 0 and there is nothing to measure by."""
    above, below = (part.detach().flatten(1).norm(dim=1) for part in (outputs, slope))
    ratio = above / below
    return torch.where(torch.isfinite(ratio) & (ratio > 0.0), ratio, 1.0)


def _fill(parameters: tuple[nn.Parameter, ...], found: Slopes, accumulate: bool) -> None:
    for parameter in parameters:
        slope = found.get(parameter)
        if accumulate and parameter.grad is not None:
            parameter.grad = parameter.grad if slope is None else parameter.grad + slope
        else:
            parameter.grad = slope


def _codes(residual: Tensor, energy: Tensor, tolerance: float) -> Tensor:
    codes = torch.where(residual <= tolerance, int(ResultCode.CONVERGED), int(ResultCode.STEP_LIMIT))
    return torch.where(torch.isfinite(energy), codes, int(ResultCode.DIVERGED))
