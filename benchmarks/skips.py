"""EP's gradient beside backprop's at depth, layer by layer: 100 layers of 128 units with and without skips.

    python benchmarks/skips.py                       # half a minute
    python benchmarks/skips.py --feedback 0.01

tanh, float32, centered, β = 0.1, scaled displacements, sweeps to 1e-9, 64 normal inputs, random weights, biases of a
tenth. Two things are off. Direction: coupling k takes s_{k−1} d_kᵀ + γ d_{k−1} s_kᵀ, of which backprop has the first
alone, so that the layer below must not be nudged much more than layer k is. Length, more with each layer: by 1 + γ‖W‖²
of the chain, 1 + γ^span α² of a skip. Many weak skips keep both small; a strong one over every other layer feeds back
by γ² fifty times and leaves the layers in between with next to nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from neuroep.bridges.torch_backprop import gradients
from neuroep.engines import create
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients
from neuroep.network import Activation, Skip, chain, initial_weights
from neuroep.recipe import Order, Phases
from neuroep.rng import stream
from neuroep.studies.fidelity import cosine

HIDDEN, WIDTH = 100, 128
PHASES = Phases(beta=0.1, free_sweeps=100, nudged_sweeps=60, nudged_order=Order.BACKWARD, tolerance=1e-9, scaled=True)
DENSE = range(2, 9)


def skips(spans: Iterable[int], gain: float, every: int = 1) -> tuple[Skip, ...]:
    """Skips of some spans from each layer, or from every so-manieth."""
    return tuple(Skip(k, k + span, gain) for span in spans for k in range(1, HIDDEN - span + 1, every))


NETWORKS = {
    "a chain, gain 1": (1.0, ()),
    "residual: α = 1 over every other layer, gain 0.3": (0.3, skips((2,), 1.0, every=2)),
    "dense: α = 0.1 over 2 to 8 layers, gain 0.16": (0.16, skips(DENSE, 0.1)),
}


def agreement(gain: float, given: tuple[Skip, ...], feedback: float, seed: int) -> tuple[list[float], list[float]]:
    """Return cosine and ratio of lengths of each gradient with backprop's, of couplings where that isn't zero."""
    network = chain((64, *(WIDTH,) * HIDDEN, 10), Activation.TANH, feedback=feedback, gain=gain)
    network, rng = replace(network, skips=given), stream(seed, "benchmark")
    weights = initial_weights(network, stream(seed, "weights"))
    weights.biases[:] = rng.normal(0.0, 0.1, size=weights.biases.shape)
    x, y = rng.normal(size=(64, 64)).astype(np.float32), rng.uniform(size=(64, 10)).astype(np.float32)
    circuit = Ideal().mount(network, weights, stream(seed)).circuit
    found, wanted = ep_gradients(create("cpu"), circuit, x, y, PHASES), gradients(network, weights, x, y)
    pairs = [(found.coupling(k), wanted.coupling(k)) for k in range(1, network.depth + 1)]
    pairs = [(a, b) for a, b in pairs if np.linalg.norm(b) > np.finfo(np.float32).tiny]
    return [cosine(*pair) for pair in pairs], [float(np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feedback", type=float, default=0.1, metavar="γ")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"γ = {options.feedback:g}, {HIDDEN} hidden layers of {WIDTH}")
    for name, (gain, given) in NETWORKS.items():
        cosines, ratios = agreement(gain, given, options.feedback, options.seed)
        print(f"  {name:50} {len(cosines):3} gradients: least cosine {min(cosines):.4f}, lengths "
              f"{min(ratios):.3f} to {max(ratios):.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
