"""Where Anderson acceleration pays: sweeps to equilibrium with and without it, at several feedback gains.

    python benchmarks/anderson.py

Counts forward sweeps of the free phase of 784-512-256-10 (tanh, random weights at 1.5 times the default gain, 64
random inputs, float64) until the slowest sample changes by less than 1e-8 in norm.
"""

from __future__ import annotations

import sys

import numpy as np

from neuroep.hardware.device import Ideal
from neuroep.network import Activation, chain, initial_weights
from neuroep.rng import stream
from neuroep.solvers.anderson import settle_accelerated

SIZES = (784, 512, 256, 10)
LIMIT = 500


def sweeps_needed(feedback: float, memory: int) -> int:
    """Return the sweeps that the slowest sample takes."""
    network = chain(SIZES, Activation.TANH, feedback=feedback, gain=1.05)
    weights = initial_weights(network, stream(0, "weights"), np.float64)
    circuit = Ideal().mount(network, weights, stream(0, "mount")).circuit
    x = stream(0, "x").uniform(size=(64, SIZES[0]))
    return int(settle_accelerated(circuit, x, np.zeros((64, 10)), np.zeros(64), LIMIT, 1e-8, memory).steps.max())


def main() -> None:
    """Print the table."""
    sys.stdout.write("| γ | plain | m = 2 | m = 5 |\n|---|---|---|---|\n")
    for feedback in (1.0, 0.5, 0.3, 0.1):
        counts = [sweeps_needed(feedback, memory) for memory in (0, 2, 5)]
        sys.stdout.write(f"| {feedback:g} | {' | '.join(map(str, counts))} |\n")


if __name__ == "__main__":
    main()
