"""A network as a torch module whose forward pass settles to the free equilibrium.

Block sweeps s_k ← ρ(W_kᵀ s_{k−1} + b_k + γ W_{k+1} s_{k+1}), layer after layer, are a map S(s; θ, x) whose fixed point
s* is the equilibrium. By the implicit function theorem the gradient of a cost C of s* is

    dC/d(θ, x) = (∂S/∂(θ, x))ᵀ u,   u = ∂C/∂s* + (∂S/∂s)ᵀ u,

and u is found as s* was, by repeating its equation (Almeida, ICNN 1987; Pineda, Phys. Rev. Lett. 59, 1987): that
converges where sweeps do. No states but the last are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from neuroep.bridges.torch_activations import module_of
from neuroep.bridges.torch_tensors import plain_torch
from neuroep.bridges.torch_weights import to_torch
from neuroep.errors import BadInput, Diverged
from neuroep.network import Network, Skip
from neuroep.weights import FloatArray, Weights

#: Change of a sample's states in one sweep, next to their norm, at which it has settled.
SETTLED = {torch.float32: 1e-6, torch.float64: 1e-12}
MOST_SWEEPS = 10_000


class _Parts(NamedTuple):
    """What a sweep needs besides numbers: skips, feedback gain, and ρ of each dynamical layer."""

    skips: tuple[Skip, ...]
    feedback: float
    activations: tuple[Callable[[Tensor], Tensor], ...]


def _swept(parts: _Parts, states: Sequence[Tensor], x: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return the states of layers 1..D after one sweep; `parameters` are W_kᵀ, then b_k, then W_k as read downward."""
    depth, γ = len(states), parts.feedback
    up, biases, down = (parameters[i * depth : (i + 1) * depth] for i in range(3))
    new = list(states)
    for k in range(1, depth + 1):
        total = nn.functional.linear(x if k == 1 else new[k - 2], up[k - 1], biases[k - 1])
        if k < depth:
            total = total + γ * (new[k] @ down[k])
        for skip in parts.skips:
            if skip.target == k:
                total = total + skip.gain * new[skip.source - 1]
            elif skip.source == k:
                total = total + skip.gain * γ ** (skip.target - k) * new[skip.target - 1]
        new[k - 1] = parts.activations[k - 1](total)
    return new


def _norms(layers: Sequence[Tensor]) -> Tensor:
    """Return the norm of each sample's states."""
    norms: Tensor = torch.linalg.vector_norm(torch.cat(tuple(layers), 1), dim=1)
    return norms


def _repeated(
    sweep: Callable[[list[Tensor]], list[Tensor]], start: list[Tensor], size: Tensor, what: str
) -> list[Tensor]:
    """Return the fixed point of a map of states, met by every sample to a share of its norm or of `size`.

    Raises
    ------
    Diverged
        If it isn't within `MOST_SWEEPS` sweeps.
    """
    states = start
    for _ in range(MOST_SWEEPS):
        new = sweep(states)
        changes = _norms([a - b for a, b in zip(new, states, strict=True)])
        states, sizes = new, _norms(new)
        if not bool((changes + sizes).isfinite().all()):
            break
        if bool((changes <= SETTLED[size.dtype] * (size + sizes)).all()):
            return states
    raise Diverged(f"{what} do not settle within {MOST_SWEEPS} sweeps: use a smaller feedback gain, or unrolled=K")


class _Equilibrium(torch.autograd.Function):
    """The fixed point of sweeps, with the gradient of the implicit function theorem."""

    @staticmethod
    def forward(ctx: Any, parts: _Parts, x: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        depth = len(parts.activations)
        start = [x.new_zeros(x.shape[0], bias.shape[0]) for bias in parameters[depth : 2 * depth]]
        states = _repeated(lambda s: _swept(parts, s, x, parameters), start, x.new_ones(x.shape[0]), "states")
        ctx.parts = parts
        ctx.save_for_backward(x, *parameters, *states)
        return tuple(states)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        count = len(slopes)
        kept = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
        given, states = kept[:-count], kept[-count:]
        with torch.enable_grad():
            swept = _swept(ctx.parts, states, given[0], given[1:])

        def adjoint(u: list[Tensor]) -> list[Tensor]:
            pulled = torch.autograd.grad(swept, states, u, retain_graph=True, allow_unused=True)
            return [v if p is None else v + p for v, p in zip(slopes, pulled, strict=True)]

        u = _repeated(adjoint, list(slopes), _norms(slopes), "gradients")
        return None, *torch.autograd.grad(swept, given, u, allow_unused=True)


class Settled(nn.Module):
    """A network whose forward pass settles to the free equilibrium; a softmax read-out gives logits.

    Parameters
    ----------
    network : Network
        Of continuous Hopfield units.
    weights : Weights
        float32 or float64; copied.
    unrolled : int
        Sweeps from zero states that are taken and differentiated one by one; 0 settles until no state moves, and
        differentiates implicitly.
    down : ndarray, optional
        Couplings as read downward, laid out as ``weights.couplings``, where they are others: buffers, which aren't
        trained.

    Attributes
    ----------
    feedforward : torch.nn.Sequential
        The layers, as :func:`neuroep.bridges.torch_weights.to_torch` has them: its parameters are this module's.

    Raises
    ------
    BadInput
        If weights don't fit the network, or it isn't one of Hopfield units.
    """

    @plain_torch()
    def __init__(self, network: Network, weights: Weights, unrolled: int = 0, down: FloatArray | None = None) -> None:
        super().__init__()
        self.feedforward = to_torch(network, weights)
        if weights.couplings.dtype == np.float16:
            raise BadInput("weights of float16 to settle with", "weights", "float32 or float64")
        self.unrolled, self.dynamical = unrolled, network.dynamical
        modules = [module_of(layer.activation) for layer in network.layers[1 : network.dynamical + 1]]
        activations = tuple(nn.Identity() if module is None else module for module in modules)
        self._parts = _Parts(network.skips, network.feedback, activations)
        self._apart = down is not None
        if down is not None:
            apart = Weights(weights.sizes, down, weights.biases)
            for k in range(1, network.dynamical + 1):
                self.register_buffer(f"down{k}", torch.tensor(apart.coupling(k).T))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of a batch, (batch, n_L).

        Raises
        ------
        Diverged
            If the states don't settle, or in the backward pass the gradients.
        """
        linears = [part for part in self.feedforward if isinstance(part, nn.Linear)]
        inner = linears[: self.dynamical]
        ups = [linear.weight for linear in inner]
        downs = [self.get_buffer(f"down{k}") for k in range(1, self.dynamical + 1)] if self._apart else ups
        parameters = [*ups, *(linear.bias for linear in inner), *downs]
        if self.unrolled:
            states = [x.new_zeros(x.shape[0], linear.out_features) for linear in inner]
            for _ in range(self.unrolled):
                states = _swept(self._parts, states, x, parameters)
        else:
            states = list(_Equilibrium.apply(self._parts, x, *parameters))  # type: ignore[no-untyped-call]
        output: Tensor = linears[-1](states[-1]) if self.dynamical < len(linears) else states[-1]
        return output
