"""What keeps a torch module from forgetting: EWC and synaptic intelligence on whatever gradient is in ``.grad``.

    for x, y in task:
        ep_gradients(module, x, y)      or loss.backward()
        kept.pull()                     adds λ F (θ − θ*), after taking down g and what the last step has moved
        optimizer.step()
    kept.remember(...)

The equations are those of :mod:`neuroep.learning.consolidation`, where networks on hardware have them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.modules.gradients import ep_gradients

Importance = dict[nn.Parameter, Tensor]
Fill = Callable[[nn.Module, Tensor, Tensor, str], object]
"""Fills ``.grad`` with the gradient of a cost by name, as :func:`neuroep.modules.gradients.ep_gradients` does."""


def ep_fill(module: nn.Module, x: Tensor, y: Tensor, cost: str) -> object:
    """Fill ``.grad`` by EP as :func:`neuroep.modules.gradients.ep_gradients` does by default."""
    return ep_gradients(module, x, y, cost=cost)


def drawn(outputs: Tensor, cost: str, generator: torch.Generator | None = None) -> Tensor:
    """Return y drawn from the likelihood that a cost is −log of: a class of the softmax, or outputs + N(0, 1)."""
    if checks.one_of(cost, ("mse", "cross-entropy"), "likelihood", "cost") == "mse":
        noise = torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype)
        return outputs + noise.to(outputs.device)
    if outputs.ndim != 2:
        raise BadInput(f"outputs of shape {tuple(outputs.shape)}", "module", "(batch, classes)")
    return torch.multinomial(outputs.softmax(1).cpu(), 1, generator=generator)[:, 0].to(outputs.device)


def fisher(
    module: nn.Module,
    x: Tensor,
    cost: str = "cross-entropy",
    fill: Fill = ep_fill,
    generator: torch.Generator | None = None,
) -> Importance:
    """Return the diagonal of the Fisher information, mean over the samples: each one's gradient, squared.

    It is a loop over samples, of any module's parameters: some hundreds of them say enough.

    Parameters
    ----------
    module : torch.nn.Module
        Its ``.grad`` is left as it was.
    x : Tensor, shape (samples, …)
        Inputs.
    cost : str
        ``"mse"`` or ``"cross-entropy"``: its likelihood draws y.
    fill : callable
        What fills ``.grad``.
    generator : torch.Generator, optional
        Draws y.

    Raises
    ------
    BadInput
        If the cost is no likelihood, or there are no samples.
    """
    if not len(x):
        raise BadInput("no samples", "x", "at least one")
    parameters = [p for p in module.parameters() if p.requires_grad]
    found, before = {p: torch.zeros_like(p) for p in parameters}, [p.grad for p in parameters]
    with torch.no_grad():
        y = drawn(module(x), cost, generator)
    for row in range(len(x)):
        for p in parameters:
            p.grad = None
        fill(module, x[row : row + 1], y[row : row + 1], cost)
        for p in parameters:
            if p.grad is not None:
                found[p] += p.grad.detach() ** 2 / len(x)
    for p, grad in zip(parameters, before, strict=True):
        p.grad = grad
    return found


class _Anchor:
    """Importances and the weights they pull to, parameter by parameter."""

    def __init__(self, module: nn.Module) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.importance = {p: torch.zeros_like(p) for p in self.parameters}
        self.centre = {p: p.detach().clone() for p in self.parameters}

    @torch.no_grad()
    def pull(self, strength: float) -> None:
        """Add strength · F (θ − θ*) to ``.grad``."""
        for p in self.parameters:
            pull = strength * self.importance[p] * (p - self.centre[p])
            p.grad = pull if p.grad is None else p.grad + pull

    @torch.no_grad()
    def add(self, importance: Importance, decay: float | None) -> None:
        """Take one more task in: around the newest weights, or (`decay` None) around where each task ended."""
        for p in self.parameters:
            more, newest = importance[p], p.detach()
            total = (1.0 if decay is None else decay) * self.importance[p] + more
            share = torch.ones_like(p) if decay is not None else torch.where(total > 0, more / total, 1.0)
            self.centre[p] = self.centre[p] + share * (newest - self.centre[p])
            self.importance[p] = total


class ElasticWeights:
    """EWC of a module; online EWC with a `decay` γ.

    Parameters
    ----------
    module : torch.nn.Module
        What learns.
    strength : float
        λ.
    decay : float, optional
        γ, from 0 to 1; plain EWC if left out.
    """

    def __init__(self, module: nn.Module, strength: float, decay: float | None = None) -> None:
        self.strength = checks.number(strength, "strength", 0.0)
        self.decay = None if decay is None else checks.number(decay, "decay", 0.0, 1.0)
        self._anchor = _Anchor(module)

    def pull(self) -> None:
        """Add the penalty's gradient to ``.grad``."""
        self._anchor.pull(self.strength)

    def remember(self, importance: Importance) -> None:
        """Take in a task that has just been learned, given its :func:`fisher`."""
        self._anchor.add(importance, self.decay)


class SynapticIntelligence:
    """SI of a module.

    Parameters
    ----------
    module : torch.nn.Module
        What learns.
    strength, damping : float
        c and ξ.
    """

    def __init__(self, module: nn.Module, strength: float, damping: float = 0.01) -> None:
        self.strength = checks.number(strength, "strength", 0.0)
        self.damping = checks.number(damping, "damping", 1e-30)
        self._anchor = _Anchor(module)
        self._begin()

    def _begin(self) -> None:
        parameters = self._anchor.parameters
        self._start = {p: p.detach().clone() for p in parameters}
        self._last = {p: p.detach().clone() for p in parameters}
        self._slope: Importance = {p: torch.zeros_like(p) for p in parameters}
        self._total: Importance = {p: torch.zeros_like(p) for p in parameters}

    @torch.no_grad()
    def _catch_up(self) -> None:
        for p in self._anchor.parameters:
            self._total[p] -= self._slope[p] * (p - self._last[p])
            self._last[p] = p.detach().clone()

    @torch.no_grad()
    def pull(self) -> None:
        """Take down the task's gradient, then add the penalty's to ``.grad``; once before each step."""
        self._catch_up()
        for p in self._anchor.parameters:
            self._slope[p] = torch.zeros_like(p) if p.grad is None else p.grad.detach().clone()
        self._anchor.pull(2.0 * self.strength)

    @torch.no_grad()
    def remember(self) -> None:
        """Take in the task that has just been learned."""
        self._catch_up()
        found = {
            p: self._total[p].clamp(min=0.0) / ((p - self._start[p]) ** 2 + self.damping)
            for p in self._anchor.parameters
        }
        self._anchor.add(found, 1.0)
        self._begin()
