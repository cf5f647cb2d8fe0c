"""Deep networks at small feedback gain: every layer's gradient is backprop's, in direction and in length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from problems import Problem, cosine, problem

from neuroep.bridges.torch_weights import to_torch
from neuroep.engines import Engine
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation
from neuroep.recipe import Order, Phases
from neuroep.weights import FloatArray

SIZES = (16, *(24,) * 6, 5)


def deep(feedback: float) -> Problem:
    """Six hidden layers of tanh."""
    return problem(SIZES, Activation.TANH, feedback=feedback, gain=1.0, batch=20)


def backprop(p: Problem) -> list[FloatArray]:
    module = to_torch(p.network, p.weights)
    error = module(torch.from_numpy(p.x)) - torch.from_numpy(p.targets)
    (0.5 * error.square().sum() / len(p.x)).backward()
    gradients = [part.weight.grad for part in module if isinstance(part, torch.nn.Linear)]
    return [gradient.numpy().T for gradient in gradients if gradient is not None]


def settled(engine: Engine, p: Problem) -> list[FloatArray]:
    phases = Phases(beta=0.1, free_sweeps=60, nudged_sweeps=60, nudged_order=Order.BACKWARD, tolerance=1e-16)
    found = ep_gradients(engine, p.circuit, p.x, p.targets, phases)
    return [found.coupling(k) for k in range(1, found.depth + 1)]


def test_every_layer_of_a_deep_network_gets_backprops_gradient(engine: Engine) -> None:
    """The first layer moves by γ⁶ ≈ 10⁻¹¹ of the output's nudge, still far above float64's rounding."""
    p = deep(0.015)
    for got, wanted in zip(settled(engine, p), backprop(p), strict=True):
        assert cosine(got, wanted) >= 0.99
        assert np.linalg.norm(got) == pytest.approx(np.linalg.norm(wanted), rel=0.1)


@pytest.mark.parametrize("feedback", [0.1, 0.03])
def test_gradients_dont_fade_with_depth(engine: Engine, feedback: float) -> None:
    """Nudged displacements fade like γ^(L−k); their contrast is divided by it, and so its size is backprop's.

    A forgotten factor would show as γ, and all of them as γ⁶ at the first layer.
    """
    p = deep(feedback)
    ratios = [np.linalg.norm(g) / np.linalg.norm(h) for g, h in zip(settled(engine, p), backprop(p), strict=True)]
    assert min(ratios) > 0.3
    assert max(ratios) < 3.0
