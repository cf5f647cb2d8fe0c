"""As the feedback gain γ goes to 0, settling is torch's forward pass and the contrast torch's gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from problems import Problem, cosine, plan, problem, settle
from torch.nn import functional

from neuroep.bridges.torch_weights import to_torch
from neuroep.engines import Engine
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation, Cost
from neuroep.recipe import Order, Phases
from neuroep.weights import Weights

A, C = Activation, Cost
GAMMAS = (0.04, 0.02, 0.01, 0.005)
KINDS = [
    (A.TANH, A.LINEAR, C.MSE),
    (A.HARD_SIGMOID, A.LINEAR, C.MSE),
    (A.RELU6, A.LINEAR, C.MSE),
    (A.RELU, A.LINEAR, C.MSE),
    (A.SIGMOID, A.LINEAR, C.MSE),
    (A.TANH, A.LINEAR, C.CROSS_ENTROPY),
    (A.TANH, A.LINEAR, C.SQUARED_HINGE),
]
every_kind = pytest.mark.parametrize(("hidden", "output", "cost"), KINDS)


def small(hidden: Activation, output: Activation, cost: Cost, feedback: float) -> Problem:
    return problem((8, 12, 10, 4), hidden, output, cost, feedback, gain=1.2, batch=16)


def backprop(p: Problem) -> Weights:
    """torch's gradient of the mean cost, from the outputs of the feedforward module."""
    module = to_torch(p.network, p.weights)
    y, outputs = torch.from_numpy(p.targets), module(torch.from_numpy(p.x))
    if p.network.cost is C.CROSS_ENTROPY:
        loss = functional.cross_entropy(outputs, y)
    elif p.network.cost is C.SQUARED_HINGE:
        loss = 0.5 * functional.relu(1.0 - y * outputs).square().sum(dim=1).mean()
    else:
        loss = 0.5 * functional.mse_loss(outputs, y, reduction="sum") / len(y)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad.numpy() for parameter in module.parameters() if parameter.grad is not None]
    return Weights.from_arrays([w.T for w in gradients[0::2]], gradients[1::2])


@every_kind
def test_the_output_tends_to_torchs_forward_pass_linearly(
    engine: Engine, hidden: Activation, output: Activation, cost: Cost
) -> None:
    """Slope 1 in γ; a free read-out sends nothing to the layer under it, but that layer feels the one below."""
    errors = []
    for gamma in GAMMAS:
        p = small(hidden, output, cost, gamma)
        settled = settle(engine, p.circuit, p.x, plan(3, 200, 1e-13)).output
        forward = to_torch(p.network, p.weights)(torch.from_numpy(p.x)).detach()
        if cost is C.CROSS_ENTROPY:
            forward = torch.softmax(forward, dim=1)
        errors.append(np.abs(settled - forward.numpy()).max())
    slope = np.polyfit(np.log(GAMMAS), np.log(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.1)


@every_kind
def test_the_gradient_tends_to_torchs(engine: Engine, hidden: Activation, output: Activation, cost: Cost) -> None:
    """Direction and length, each layer, couplings and biases; β is small against the bias it leaves."""
    p = small(hidden, output, cost, 1e-3)
    phases = Phases(beta=0.01, free_sweeps=200, nudged_sweeps=200, nudged_order=Order.BACKWARD, tolerance=1e-14)
    got, wanted = ep_gradients(engine, p.circuit, p.x, p.targets, phases), backprop(p)
    for k in range(1, 4):
        for g, h in ((got.coupling(k), wanted.coupling(k)), (got.bias(k), wanted.bias(k))):
            assert cosine(g, h) > 0.9999
            assert np.linalg.norm(g) == pytest.approx(np.linalg.norm(h), rel=0.01)


@pytest.mark.parametrize(
    ("hidden", "gamma", "dtype"),
    [(A.TANH, 0.03, np.float32), (A.TANH, 0.03, np.float64), (A.HARD_SIGMOID, 0.01, np.float64)],
)
def test_gradient_of_two_hidden_layers_at_small_feedback(
    engine: Engine, hidden: Activation, gamma: float, dtype: type
) -> None:
    """Cosine of at least 0.999 in each layer of 784-512-256-10 with random weights.

    A hard sigmoid needs a smaller γ, since the feedback carries a share of its units, of order γ, across a
    kink; and then float64, since the displacement of the first layer is of order γ².
    """
    p = problem((784, 512, 256, 10), hidden, feedback=gamma, batch=16, dtype=dtype)
    phases = Phases(beta=0.3, free_sweeps=15, nudged_sweeps=8)
    got, wanted = ep_gradients(engine, p.circuit, p.x, p.targets, phases), backprop(p)
    assert min(cosine(got.coupling(k), wanted.coupling(k)) for k in (1, 2, 3)) >= 0.999
