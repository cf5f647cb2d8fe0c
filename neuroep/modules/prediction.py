"""The prediction energy of a torch module: its blocks predict each other, and errors travel down.

    F = Σ_k ½‖s_k − f_k(s_{k−1})‖² + β C(s_L, y),   s_0 = x,   summed over samples

In the free phase s_k = f_k(s_{k−1}), the forward pass, and E = 0. With e_k = s_k − f_k(s_{k−1}) the nudged equilibrium
has

    e_L = −β ∂C/∂s_L,   e_k = J_{k+1}(s_k)ᵀ e_{k+1},   J_k = ∂f_k/∂s_{k−1}

and a sweep takes the errors from the top down at the present states, then the states s_k = f_k(s_{k−1}) + e_k from the
bottom up. Errors are kept, not states less predictions, so that float32 suffices at any depth. The slope of F is
∂F/∂θ_k = −(∂f_k/∂θ_k)ᵀ e_k. At β → 0 the errors of one sweep are −β times backprop's deltas by construction; at a
finite β the states move, and settled they are the equilibrium of F.

Source: Whittington & Bogacz, Neural Computation 29, 2017, for the energy; Scellier & Bengio 2017 for the contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from neuroep.errors import BadInput
from neuroep.modules.blocks import Block
from neuroep.modules.costs import CostFunction, cost_slope
from neuroep.modules.misfits import refuse_output, refuse_outputs
from neuroep.modules.rows import repeated, scaled, squares

#: Blocks whose slopes are taken by one call to autograd; what they keep for it is all that is kept at a time.
TOGETHER = 8


class FreePhase(NamedTuple):
    """The forward pass, s_1..s_L in one graph, C of each sample, and ∂C/∂s_L."""

    states: list[Tensor]
    cost: Tensor
    slope: Tensor


class Nudged(NamedTuple):
    """The equilibria of all nudged copies, one copy of the minibatch after another.

    Attributes
    ----------
    errors : list of Tensor
        e_1..e_L, each (copies · batch, …).
    beta : Tensor, shape (copies · batch,)
        Nudging of each row.
    residual : Tensor, shape (copies · batch,)
        ‖change of all errors in the last sweep‖ of each row; from zero in the first.
    sweeps : int
        Taken.
    states : list of Tensor, optional
        s_1..s_L where they aren't those that follow from the errors block by block.
    """

    errors: list[Tensor]
    beta: Tensor
    residual: Tensor
    sweeps: int
    states: list[Tensor] | None = None

    @property
    def energy(self) -> Tensor:
        """E = Σ ½‖e_k‖² of each row."""
        return 0.5 * squares(self.errors)


def free_phase(blocks: Sequence[Block], x: Tensor, targets: Tensor, cost: CostFunction) -> FreePhase:
    """Run the forward pass, keeping what vector–Jacobian products need.

    Raises
    ------
    BadInput
        If a block changes its input in place, which would be a state of another; if outputs are no tensor with a row a
        sample, or have no gradient.
    """
    states, below = [], x
    with torch.enable_grad():
        for block in blocks:
            version = below._version
            above = block.forward(below)
            if below._version != version:
                raise BadInput("a state changed in place", f"block {block.name!r}", "inplace=False")
            refuse_output(above, block.name)
            states.append(above)
            below = above
    refuse_outputs(below, len(x))
    return FreePhase(states, *cost_slope(cost, below, targets))


def settle(
    blocks: Sequence[Block], free: FreePhase, targets: Tensor, cost: CostFunction, beta: Tensor, sweeps: int,
    tolerance: float,
) -> Nudged:  # fmt: skip
    """Settle nudged copies of a minibatch.

    The errors of the first sweep are taken at the free states, where those of all copies differ by β alone: one pass
    serves them all.

    Parameters
    ----------
    blocks, free, targets, cost
        The module, its free phase, y and C.
    beta : Tensor, shape (copies · batch,)
        Nudging of each row.
    sweeps : int
        Most sweeps.
    tolerance : float
        Residual at which all rows must be for settling to end before.
    """
    copies = len(beta) // len(free.slope)
    errors = [_copied(error, beta) for error in _down(free.states, -free.slope)]
    residual, taken, wanted = squares(errors).sqrt(), 1, repeated(targets, copies)
    while taken < sweeps and not bool((residual <= tolerance).all()):
        states = _up(blocks, free, errors)
        found = _down(states, scaled(-cost_slope(cost, states[-1], wanted)[1], beta))
        residual = squares([new - old for new, old in zip(found, errors, strict=True)]).sqrt()
        errors, taken = found, taken + 1
    return Nudged(errors, beta, residual, taken)


def settle_locally(
    blocks: Sequence[Block], free: FreePhase, targets: Tensor, cost: CostFunction, beta: Tensor, sweeps: int,
    tolerance: float,
) -> Nudged:  # fmt: skip
    """Settle nudged copies as :func:`settle` does, to the same equilibria, all blocks at once in every sweep.

    A block's error comes from the error above it and its state from the state below it, both as the sweep before left
    them, so that no block waits for another. The residual counts after as many sweeps as there are blocks.
    """
    copies = len(beta) // len(free.slope)
    states = [repeated(state.detach(), copies) for state in free.states]
    errors, clamped, wanted = [torch.zeros_like(state) for state in states], states[0], repeated(targets, copies)
    residual, taken = beta.new_zeros(len(beta)), 0
    while taken < sweeps and not (taken >= len(blocks) and bool((residual <= tolerance).all())):
        leaves = [state.requires_grad_() for state in states[:-1]]
        with torch.enable_grad():
            tops = [block.forward(leaf) for block, leaf in zip(blocks[1:], leaves, strict=True)]
        found = list(torch.autograd.grad(tops, leaves, errors[1:])) if tops else []
        found.append(scaled(-cost_slope(cost, states[-1], wanted)[1], beta))
        states = [top.detach() + error for top, error in zip([clamped, *tops], found, strict=True)]
        residual = squares([new - old for new, old in zip(found, errors, strict=True)]).sqrt()
        errors, taken = found, taken + 1
    return Nudged(errors, beta, residual, taken, states)


def slopes(
    blocks: Sequence[Block], free: FreePhase, nudged: Nudged, coefficients: Tensor
) -> dict[torch.nn.Parameter, Tensor]:
    """Return Σ_rows coefficient · ∂F/∂θ = −Σ (∂f_k/∂θ)ᵀ coefficient e_k, at the states that the errors lead to.

    States go up block by block, and what a few blocks' products need is let go before the next.
    """
    found: dict[torch.nn.Parameter, Tensor] = {}
    errors, weights = nudged.errors, -coefficients
    first = scaled(errors[0], weights)
    clamped = first.reshape(-1, *free.states[0].shape).sum(0)  # the input is alike in every copy
    _add(found, blocks[:1], free.states[:1], [clamped])
    below, states = _first_states(free, errors[0]), nudged.states
    for start in range(1, len(blocks), TOGETHER):
        part, tops = blocks[start : start + TOGETHER], list[Tensor]()
        with torch.enable_grad():
            for k, block in enumerate(part, start):
                tops.append(block.forward(below if states is None else states[k - 1].detach()))
                below = tops[-1].detach() + errors[k]
        _add(found, part, tops, [scaled(error, weights) for error in errors[start : start + TOGETHER]])
    return found


def _down(states: Sequence[Tensor], top: Tensor) -> list[Tensor]:
    """Return e_1..e_L at the states of a pass, given e_L."""
    return [*torch.autograd.grad(states[-1], states[:-1], top), top] if len(states) > 1 else [top]


def _up(blocks: Sequence[Block], free: FreePhase, errors: Sequence[Tensor]) -> list[Tensor]:
    """Return s_1..s_L of the pass s_k = f_k(s_{k−1}) + e_k in one graph; the clamped block's part is as it was."""
    states = [_first_states(free, errors[0]).requires_grad_()]
    with torch.enable_grad():
        for block, error in zip(blocks[1:], errors[1:], strict=True):
            states.append(block.forward(states[-1]) + error)
    return states


def _first_states(free: FreePhase, errors: Tensor) -> Tensor:
    above = free.states[0].detach()
    return (above + errors.reshape(-1, *above.shape)).reshape(errors.shape)


def _add(
    found: dict[torch.nn.Parameter, Tensor], blocks: Sequence[Block], tops: Sequence[Tensor], weights: Sequence[Tensor]
) -> None:
    """Add what some blocks' parameters get from the weights on what the blocks give."""
    parameters = tuple(dict.fromkeys(p for block in blocks for p in block.parameters))
    taken = torch.autograd.grad(tops, parameters, weights, allow_unused=True)
    for parameter, slope in zip(parameters, taken, strict=True):
        if slope is not None:
            found[parameter] = found[parameter] + slope if parameter in found else slope


def _copied(tensor: Tensor, by: Tensor) -> Tensor:
    """The rows of a minibatch, once for each copy of it, each times a number of its own."""
    numbers = by.to(tensor.dtype).reshape(-1, len(tensor), *[1] * (tensor.ndim - 1))
    return (tensor * numbers).reshape(len(by), *tensor.shape[1:])
