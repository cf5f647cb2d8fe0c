"""How good is EP's gradient? Bias against the nudging β, and against the feedback gain γ.

    python examples/03_gradient_fidelity.py [FOLDER]

At γ = 1 the true gradient is that of the cost at the settled state, here by torch's autograd through the relaxation,
which knows nothing of EP. The one-sided estimator is off by O(β), the centered one by O(β²) (Laborieux et al. 2021):
lines of slope 1 and 2. As γ goes to 0 the network becomes a feedforward one and EP's gradient that of backprop
(Xie & Seung 2003).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import neuroep
from neuroep.network import Activation, Network, chain, initial_weights
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream

SIZES = (10, 20, 5)
BETAS = np.logspace(-3, -1, 7)
GAINS = np.logspace(-3, 0, 7)
SETTLED = {"free_sweeps": 500, "nudged_sweeps": 500, "tolerance": 1e-14}


def network(feedback: float) -> Network:
    """Tanh units under a linear output: smooth, so that slopes are clean."""
    return chain(SIZES, Activation.TANH, Activation.LINEAR, feedback=feedback)


def exact(weights: neuroep.Weights, x: np.ndarray, y: np.ndarray, feedback: float, sweeps: int) -> np.ndarray:
    """Gradient over W1 and W2 by autograd through the relaxation; one sweep without feedback is backprop."""
    w1, w2 = (torch.tensor(weights.coupling(k), requires_grad=True) for k in (1, 2))
    inputs, targets = torch.tensor(x), torch.tensor(y)
    output = torch.zeros_like(targets)
    for _ in range(sweeps):
        hidden = torch.tanh(inputs @ w1 + feedback * (output @ w2.T))
        output = hidden @ w2
    (0.5 * ((output - targets) ** 2).sum() / len(x)).backward()
    return np.concatenate([w1.grad.numpy().ravel(), w2.grad.numpy().ravel()])


def relative_error(found: np.ndarray, oracle: np.ndarray) -> float:
    """‖found − oracle‖ / ‖oracle‖."""
    return float(np.linalg.norm(found - oracle) / np.linalg.norm(oracle))


def main(folder: Path) -> None:
    """Measure both slopes and draw them."""
    rng = stream(0, "example")
    weights = initial_weights(network(1.0), rng, np.float64)
    x, y = rng.normal(size=(16, SIZES[0])), rng.uniform(size=(16, SIZES[-1]))
    oracle = exact(weights, x, y, 1.0, 300)
    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    print("bias against β at γ = 1 (oracle: autograd through the relaxation)")
    for estimator, style in ((Estimator.ONE_SIDED, "o-"), (Estimator.CENTERED, "s-")):
        errors = []
        for beta in BETAS:
            phases = Phases(estimator, float(beta), **SETTLED)
            found = neuroep.ep_gradients(network(1.0), weights, x, y, phases)
            errors.append(relative_error(found.couplings, oracle))
        slope = np.polyfit(np.log(BETAS), np.log(errors), 1)[0]
        print(f"  {estimator.value:10} slope {slope:.2f}")
        left.loglog(BETAS, errors, style, label=f"{estimator.value}, slope {slope:.2f}")
    backprop = exact(weights, x, y, 0.0, 1)
    phases, errors = Phases(beta=1e-3, **SETTLED), []
    for gain in GAINS:
        found = neuroep.ep_gradients(network(float(gain)), weights, x, y, phases)
        errors.append(relative_error(found.couplings, backprop))
    slope = np.polyfit(np.log(GAINS[:4]), np.log(errors[:4]), 1)[0]
    print(f"distance from backprop against γ (centered, β = 0.001): slope {slope:.2f} for small γ")
    right.loglog(GAINS, errors, "D-", color="#009E73", label=f"slope {slope:.2f}")
    left.set(xlabel="nudging β", ylabel="relative error")
    right.set(xlabel="feedback gain γ", ylabel="distance from backprop")
    for axes in (left, right):
        axes.legend(frameon=False)
    figure.savefig(folder / "03_gradient_fidelity.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
