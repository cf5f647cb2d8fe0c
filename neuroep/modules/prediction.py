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

from neuroep.modules.blocks import Block
from neuroep.modules.costs import CostFunction, cost_slope


class Predicted(NamedTuple):
    """A state below a block, a leaf of the graph, and what the block makes of it."""

    below: Tensor
    above: Tensor


class FreePhase(NamedTuple):
    """The forward pass, block by block, C of each sample, and ∂C/∂s_L."""

    passed: list[Predicted]
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
    """

    errors: list[Tensor]
    beta: Tensor
    residual: Tensor
    sweeps: int

    @property
    def energy(self) -> Tensor:
        """E = Σ ½‖e_k‖² of each row."""
        return 0.5 * _squares(self.errors)


def free_phase(blocks: Sequence[Block], x: Tensor, targets: Tensor, cost: CostFunction) -> FreePhase:
    """Run the forward pass, keeping what vector–Jacobian products need."""
    passed: list[Predicted] = []
    below = x
    for index, block in enumerate(blocks):
        passed.append(_predict(block, below, index > 0))
        below = passed[-1].above
    return FreePhase(passed, *cost_slope(cost, below, targets))


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
    errors = [_scaled(_copied(error, copies), beta) for error in _down(free.passed, -free.slope)]
    residual, taken, wanted = _squares(errors).sqrt(), 1, _copied(targets, copies)
    while taken < sweeps and not bool((residual <= tolerance).all()):
        passed, top = _up(blocks, free, errors)
        found = _down(passed, _scaled(-cost_slope(cost, top, wanted)[1], beta))
        residual = _squares([new - old for new, old in zip(found, errors, strict=True)]).sqrt()
        errors, taken = found, taken + 1
    return Nudged(errors, beta, residual, taken)


def slopes(
    blocks: Sequence[Block], free: FreePhase, nudged: Nudged, coefficients: Tensor
) -> dict[torch.nn.Parameter, Tensor]:
    """Return Σ_rows coefficient · ∂F/∂θ = −Σ (∂f_k/∂θ)ᵀ coefficient e_k, at the states that the errors lead to.

    States go up block by block, and what a block's product needs is let go before the next.
    """
    found: dict[torch.nn.Parameter, Tensor] = {}
    errors, batch = nudged.errors, len(free.slope)
    first = _scaled(errors[0], -coefficients)
    clamped = first.reshape(-1, batch, *first.shape[1:]).sum(0)  # the input is alike in every copy
    _add(found, blocks[0], free.passed[0].above, clamped)
    below = _first_states(free, errors[0])
    for block, error in zip(blocks[1:], errors[1:], strict=True):
        above = _predict(block, below, False).above
        _add(found, block, above, _scaled(error, -coefficients))
        below = above.detach() + error
    return found


def _predict(block: Block, below: Tensor, needs_grad: bool) -> Predicted:
    leaf = below.detach()
    with torch.enable_grad():
        return Predicted(leaf.requires_grad_() if needs_grad else leaf, block.forward(leaf))


def _down(passed: Sequence[Predicted], top: Tensor) -> list[Tensor]:
    """Return e_1..e_L at the states of a pass, given e_L."""
    errors = [top]
    for below, above in reversed(passed[1:]):
        errors.append(torch.autograd.grad(above, below, errors[-1], retain_graph=True)[0])
    return errors[::-1]


def _up(blocks: Sequence[Block], free: FreePhase, errors: Sequence[Tensor]) -> tuple[list[Predicted], Tensor]:
    """Return the pass s_k = f_k(s_{k−1}) + e_k, the clamped block's part left as it was, and s_L."""
    passed, below = [free.passed[0]], _first_states(free, errors[0])
    for block, error in zip(blocks[1:], errors[1:], strict=True):
        passed.append(_predict(block, below, True))
        below = passed[-1].above.detach() + error
    return passed, below


def _first_states(free: FreePhase, errors: Tensor) -> Tensor:
    above = free.passed[0].above.detach()
    return _copied(above, len(errors) // len(above)) + errors


def _add(found: dict[torch.nn.Parameter, Tensor], block: Block, above: Tensor, weights: Tensor) -> None:
    for parameter, slope in zip(
        block.parameters, torch.autograd.grad(above, block.parameters, weights, allow_unused=True), strict=True
    ):
        if slope is not None:
            found[parameter] = found[parameter] + slope if parameter in found else slope


def _copied(tensor: Tensor, copies: int) -> Tensor:
    """The rows of a minibatch, once for each copy of it."""
    return tensor.repeat(copies, *[1] * (tensor.ndim - 1))


def _scaled(tensor: Tensor, by: Tensor) -> Tensor:
    """Each row times its number."""
    return tensor * by.to(tensor.dtype).reshape(-1, *[1] * (tensor.ndim - 1))


def _squares(tensors: Sequence[Tensor]) -> Tensor:
    """Sum of squares of each row."""
    total = tensors[0].new_zeros(len(tensors[0]))
    for tensor in tensors:
        total = total + tensor.flatten(1).square().sum(1)
    return total
