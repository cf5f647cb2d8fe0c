"""To torch and back: train by EP at a small feedback gain, go on in torch, and settle the result again.

    python examples/05_to_torch_and_back.py [FOLDER]

With a small feedback gain γ the free equilibrium is nearly the forward pass of the feedforward network with the same
weights, so a network trained by EP works in torch as it is, and one trained in torch settles to the same answers.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import neuroep
from neuroep.engines import Plan, create
from neuroep.hardware.device import Ideal
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Order
from neuroep.rng import stream
from neuroep.solvers.sweeps import layer_order

FEEDBACK = 0.05


def equilibrium(network: neuroep.Network, weights: neuroep.Weights, x: np.ndarray) -> np.ndarray:
    """Return the outputs of the free equilibrium, (samples, outputs)."""
    engine, ledger = create("cpu"), Ledger.empty(network.sizes)
    circuit = Ideal().mount(network, weights, stream(0, "mount")).circuit
    with engine.session():
        drive = engine.drive(circuit, x, 0, ledger, Phase.INFERENCE)
        plan = Plan(layer_order(Order.FORWARD, network.depth), 200, 1e-6)
        return engine.settle_free(circuit, drive, plan, 0, ledger, Phase.INFERENCE).output.copy()


def fine_tune(module: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    """Plain torch: Adam on the squared error, minibatches of 32."""
    torch.manual_seed(0)
    wanted = torch.nn.functional.one_hot(labels, 10).float()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(module(x[rows]), wanted[rows]).backward()
            optimizer.step()


def main(folder: Path) -> None:
    """Print the accuracies on the way, and draw the outputs of torch against those at equilibrium."""
    own = folder / "digits-small-feedback.toml"
    text = neuroep.load_model("digits-mlp").path.read_text(encoding="utf-8")
    own.write_text(re.sub("(?m)^feedback = .*$", f"feedback = {FEEDBACK}", text), encoding="utf-8")
    model, data = neuroep.load_model(own), neuroep.load_data("digits")
    network = model.network()

    def report(what: str, outputs: np.ndarray) -> None:
        print(f"  {what:34} test accuracy {(outputs.argmax(axis=1) == data.y_test).mean():.2%}")

    print(f"digits-mlp at γ = {network.feedback:g}")
    trained = neuroep.train(model, epochs=10)
    settled = equilibrium(network, trained.weights, data.x_test)
    report("trained by EP, at equilibrium", settled)
    module = neuroep.to_torch(network, trained.weights)
    forward = module(torch.from_numpy(data.x_test)).detach().numpy()
    report("the same weights in torch", forward)
    print(f"  outputs differ by {np.abs(settled - forward).mean():.4f} in the mean")
    fine_tune(module, torch.from_numpy(data.x_train), torch.from_numpy(data.y_train), 5)
    report("fine-tuned in torch", module(torch.from_numpy(data.x_test)).detach().numpy())
    back = neuroep.from_torch(module, network)
    neuroep.save_weights(back, folder / "fine-tuned.safetensors")
    report("back at equilibrium", equilibrium(network, back, data.x_test))
    figure = Figure(figsize=(3.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(settled.ravel(), forward.ravel(), ".", markersize=2, alpha=0.5)
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    axes.set(xlabel="output at equilibrium", ylabel="output in torch", title=f"same weights, γ = {FEEDBACK}")
    figure.savefig(folder / "05_to_torch_and_back.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
