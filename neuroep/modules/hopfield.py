"""The Hopfield energy of a torch module: every activation is a layer of units that feel the layers above, too.

    E(s) = Σ_k γ^{k−1} [ Σ G(s_k) − s_k · P_k(s_{<k}) ],   F = E + β γ^{D−1} C,   G' = ρ⁻¹

P_k is what the module computes from the states below to the k-th activation: dense and convolutional layers, pooling,
additions of skips. At the minimum s_k = ρ(P_k + Σ_{j>k} γ^{j−k} J_jkᵀ s_j), J_jk = ∂P_j/∂s_k. An output without an
activation is a linear layer; under cross-entropy it is a read-out, no layer, and C is a function of the states below,
so that D is one less. The same energy as that of neuroep's networks (:mod:`neuroep.physics.hopfield`).

A sweep moves all layers at once, so that at β → 0 EP's increments are those of backpropagation through time (Ernoult et
al. 2019, theorem 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from neuroep.errors import BadInput
from neuroep.modules.activations import LINEAR, Activation
from neuroep.modules.costs import CostFunction, cost_slope, cross_entropy, mse, wanted
from neuroep.modules.layers import Layers
from neuroep.modules.rows import scaled, squares


class Hopfield(NamedTuple):
    """A module's layers and their weights in the energy.

    Attributes
    ----------
    layers : Layers
        What each layer receives from below, as graphs.
    activations : tuple of Activation
        ρ of each layer; with a linear output that is a layer, it is the last.
    gains : tuple of float
        γ^{k−1} of each layer.
    readout : bool
        Whether the last of what is received is a read-out's logits, and no layer.
    """

    layers: Layers
    activations: tuple[Activation, ...]
    gains: tuple[float, ...]
    readout: bool


class Settled(NamedTuple):
    """States at the end of a phase: s_1..s_D, ‖change in the last sweep‖ of each row, and how many sweeps."""

    states: list[Tensor]
    residual: Tensor
    sweeps: int


def hopfield(layers: Layers, feedback: float, cost: CostFunction) -> Hopfield:
    """Return the energy of a module for a cost.

    Raises
    ------
    BadInput
        For a cost whose nudged outputs have no closed form, or outputs that it doesn't go with.
    """
    readout = cost is cross_entropy
    if not (readout or cost is mse):
        raise BadInput("a cost of one's own", "cost", "mse or cross-entropy, whose nudged outputs are exact")
    if readout and (layers.ends_in_units or not layers.activations):
        raise BadInput(
            "a cross-entropy read-out that is no layer of its own", "module", "activations below, none on it"
        )
    activations, levels = list(layers.activations), list(layers.levels)
    if not (readout or layers.ends_in_units):
        activations.append(LINEAR)
        levels.append(max(levels, default=0) + 1)
    if not (readout or activations[-1].clips):
        raise BadInput(f"outputs of {activations[-1].name} under squared error", "module", "linear or clipped ones")
    gains = tuple(feedback ** (level - 1) for level in levels)
    return Hopfield(layers, tuple(activations), gains, readout)


def sweep(
    net: Hopfield, given: Sequence[Tensor], states: Sequence[Tensor], targets: Tensor, cost: CostFunction, beta: Tensor,
    differentiable: bool = False,
) -> list[Tensor]:  # fmt: skip
    """Return all states after they moved once, each to its minimum given the others as they were.

    Parameters
    ----------
    net : Hopfield
        The energy.
    given : sequence of Tensor
        What of the received doesn't depend on states, as `layers.drive` gives it.
    states : sequence of Tensor
        s_1..s_D.
    targets, cost, beta
        y, C, and the nudge of each row.
    differentiable : bool
        Whether the result may be differentiated in states and β.
    """
    with torch.enable_grad():
        leaves = [state if state.requires_grad else state.detach().requires_grad_() for state in states]
        received = net.layers.relax(*given, *leaves[: net.layers.fed])
        pulls = [gain * state for gain, state in zip(net.gains, leaves, strict=True)]
        if net.readout:
            pulls.append(net.gains[-1] * scaled(-_slope(cost, received[-1], targets, differentiable), beta))
        moved = [(above, pull) for above, pull in zip(received, pulls, strict=True) if above.requires_grad]
        back = torch.autograd.grad(
            [above for above, _ in moved], leaves, [pull if differentiable else pull.detach() for _, pull in moved],
            allow_unused=True, create_graph=differentiable,
        ) if moved else [None] * len(leaves)  # fmt: skip
        inputs = [
            above if pull is None else above + pull / gain
            for above, pull, gain in zip(received, back, net.gains, strict=False)
        ]
        if not net.readout:
            inputs[-1] = scaled(inputs[-1] + scaled(wanted(inputs[-1], targets), beta), 1.0 / (1.0 + beta))
        moved_to = [activation.function(value) for activation, value in zip(net.activations, inputs, strict=True)]
    return moved_to if differentiable else [state.detach() for state in moved_to]


def _slope(cost: CostFunction, outputs: Tensor, targets: Tensor, differentiable: bool) -> Tensor:
    if not differentiable:
        return cost_slope(cost, outputs.detach(), targets)[1]
    (slope,) = torch.autograd.grad(cost(outputs, targets).sum(), outputs, create_graph=True)
    return slope


def settle(
    net: Hopfield, given: Sequence[Tensor], states: Sequence[Tensor], targets: Tensor, cost: CostFunction, beta: Tensor,
    sweeps: int, tolerance: float,
) -> Settled:  # fmt: skip
    """Sweep until every row's residual is at most `tolerance`, at most `sweeps` times; see :func:`sweep`."""
    now, residual, taken = list(states), beta.new_full((len(beta),), torch.inf), 0
    while taken < sweeps and not bool((residual <= tolerance).all()):
        new = sweep(net, given, now, targets, cost, beta)
        residual = squares([a - b for a, b in zip(new, now, strict=True)]).sqrt()
        now, taken = new, taken + 1
    return Settled(now, residual, taken)


def begin(net: Hopfield, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the states of the forward pass, and what doesn't depend on states."""
    with torch.no_grad():
        found = list(net.layers.drive.forward(x))
        states, given = found[: len(net.layers.activations)], found[len(net.layers.activations) :]
        if len(states) < len(net.activations):  # a linear output
            states.append(net.layers.relax(*given, *states)[-1])
    return states, given


def energy(net: Hopfield, x: Tensor, states: Sequence[Tensor]) -> Tensor:
    """Return E of each row."""
    with torch.no_grad():
        received, total = net.layers.whole(x, *states[: net.layers.fed]), states[0].new_zeros(len(x))
        for gain, activation, state, above in zip(net.gains, net.activations, states, received, strict=False):
            total += gain * (activation.potential(state) - state * above).flatten(1).sum(1)
    return total


def slopes(net: Hopfield, x: Tensor, states: Sequence[Tensor], coefficients: Tensor) -> dict[nn.Parameter, Tensor]:
    """Return Σ_rows coefficient · ∂E/∂θ / γ^{D−1}, whose difference between phases is β ∂C/∂θ."""
    weights = [
        scaled(state, -coefficients * (gain / net.gains[-1])) for gain, state in zip(net.gains, states, strict=True)
    ]
    return _taken(net, x, states, lambda received: weights)


def readout_slopes(
    net: Hopfield, x: Tensor, states: Sequence[Tensor], targets: Tensor, cost: CostFunction
) -> dict[nn.Parameter, Tensor]:
    """Return the slope of the mean cost in a read-out's own parameters, at free states: exact, and local."""
    none = [torch.zeros_like(state) for state in states]
    return _taken(net, x, states, lambda got: [*none, cost_slope(cost, got[-1].detach(), targets)[1] / len(x)])


def _taken(
    net: Hopfield, x: Tensor, states: Sequence[Tensor], weights: Callable[[Sequence[Tensor]], list[Tensor]]
) -> dict[nn.Parameter, Tensor]:
    """Return Σ weight · ∂(what each layer receives)/∂θ."""
    parameters = [p for p in net.layers.whole.parameters() if p.requires_grad]
    with torch.enable_grad():
        received = net.layers.whole(x, *states[: net.layers.fed])
        moved = [(a, weight) for a, weight in zip(received, weights(received), strict=False) if a.requires_grad]
        taken = torch.autograd.grad([a for a, _ in moved], parameters, [w for _, w in moved], allow_unused=True)
    return {parameter: slope for parameter, slope in zip(parameters, taken, strict=True) if slope is not None}


def outputs(net: Hopfield, given: Sequence[Tensor], states: Sequence[Tensor]) -> Tensor:
    """Return s_L, or a read-out's logits."""
    if not net.readout:
        return states[-1]
    with torch.no_grad():
        logits: Tensor = net.layers.relax(*given, *states[: net.layers.fed])[-1]
    return logits
