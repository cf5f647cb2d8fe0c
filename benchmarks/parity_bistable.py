"""Why an earlier EP failed on sparse parity: learning rate × width makes the loop output → hidden → output bistable.

    python benchmarks/parity_bistable.py [--epochs 10] [--seed 42]

The published attempt, written out: tanh hidden and output units, one-sided nudge β = 0.2, 30 + 30 half-step
relaxations from zero, batch 1, learning rate 0.05; then the same with what differs named in the first column. For each:
what the first update moved the output's input by, and after some epochs ‖W2‖, the largest loop gain
Σ_j W2_j² (1 − s_j²)(1 − s_o²) over samples at s_o = 0, the share of samples with two equilibria (from s_o = ±1) and of
those whose free output is beyond ±0.99, the mean of the contrast's output part |s_o⁺ − s_o| in the last epoch, and test
accuracy.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.data import parity

Array = NDArray[np.float64]
BETA, STEPS = 0.2, 30


class Case(NamedTuple):
    """A network, its learning rate, and the share of the read-out's rate and of the feedback that is kept."""

    name: str
    bits: int
    hidden: int
    rate: float
    readout: float = 1.0
    feedback: float = 1.0


CASES = [
    Case("3-100-1 as published", 3, 100, 0.05),
    Case("3-100-1, rate 0.01", 3, 100, 0.01),
    Case("20-1000-1 as published", 20, 1000, 0.05),
    Case("20-1000-1, rate 0.01", 20, 1000, 0.01),
    Case("20-1000-1, read-out's rate 0.05/100", 20, 1000, 0.05, readout=0.01),
    Case("20-1000-1, feedback 0.1", 20, 1000, 0.05, readout=0.1, feedback=0.1),
]


class Net:
    """An n-h-1 network of tanh units with symmetric weights."""

    def __init__(self, case: Case, rng: np.random.Generator) -> None:
        n, h = case.bits, case.hidden
        self.case = case
        self.w1, self.b1 = rng.standard_normal((n, h)) / np.sqrt(n), np.zeros(h)
        self.w2, self.b2 = rng.standard_normal(h) / np.sqrt(h), 0.0

    def settle(self, drive: Array, start: Array, hidden: Array, y: Array, beta: float) -> tuple[Array, Array]:
        """Relax samples by half steps; drive (N, h), outputs (N,)."""
        s, o = hidden, start
        for _ in range(STEPS):
            s, o = (
                0.5 * s + 0.5 * np.tanh(drive + self.case.feedback * np.outer(o, self.w2)),
                0.5 * o + 0.5 * np.tanh(s @ self.w2 + self.b2 + beta * (y - o)),
            )
        return s, o

    def learn(self, x: Array, y: float) -> float:
        """Take one sample's update; return |s_o⁺ − s_o|."""
        target, zero = np.array([y]), np.zeros(1)
        drive = (x @ self.w1 + self.b1)[None]
        s, o = self.settle(drive, zero, np.zeros_like(drive), target, 0.0)
        s1, o1 = self.settle(drive, o, s, target, BETA)
        step = self.case.rate / BETA
        ds = (s1 - s)[0] / self.case.feedback
        self.w1 += step * np.outer(x, ds)
        self.b1 += step * ds
        self.w2 += step * self.case.readout * (s1[0] * o1[0] - s[0] * o[0])
        self.b2 += step * self.case.readout * float(o1[0] - o[0])
        return float(abs(o1 - o)[0])

    def free(self, x: Array, start: float = 0.0) -> Array:
        """Free outputs, from an output that starts there."""
        drive = x @ self.w1 + self.b1
        return self.settle(drive, np.full(len(x), start), np.tanh(drive), np.zeros(len(x)), 0.0)[1]

    def loop_gain(self, x: Array) -> float:
        """The largest gain of the loop at an output of 0."""
        s = np.tanh(x @ self.w1 + self.b1)
        return float(self.case.feedback * ((1.0 - s**2) @ self.w2**2).max())


def measure(case: Case, epochs: int, seed: int) -> dict[str, float]:
    """Train a case and return what it shows."""
    few = case.bits == 3
    data = parity(case.bits, 3, 50 if few else 500, 50 if few else 200, seed)
    x, y = data.x_train.astype(np.float64), 2.0 * data.y_train - 1.0
    rng = np.random.default_rng(seed)
    net = Net(case, rng)
    before = np.tanh(x[0] @ net.w1 + net.b1) @ net.w2 + net.b2
    net.learn(x[0], y[0])
    moved = float(np.tanh(x[0] @ net.w1 + net.b1) @ net.w2 + net.b2 - before)
    contrasts: list[float] = []
    for _ in range(epochs):
        contrasts = [net.learn(x[i], y[i]) for i in rng.permutation(len(x))]
    test, seen = net.free(data.x_test.astype(np.float64)), net.free(x)
    two = np.abs(net.free(x, 1.0) - net.free(x, -1.0)) > 0.1
    return {
        "moved": abs(moved),
        "norm": float(np.linalg.norm(net.w2)),
        "gain": net.loop_gain(x),
        "two": float(two.mean()),
        "flat": float((np.abs(seen) > 0.99).mean()),
        "contrast": float(np.mean(contrasts)),
        "test": float((np.sign(test) == 2.0 * data.y_test - 1.0).mean()),
    }


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    print(f"{'case':35s}  moved  |W2|   gain    two   flat  contrast   test")
    for case in CASES:
        f = measure(case, given.epochs, given.seed)
        figures = f"{f['moved']:5.2f} {f['norm']:5.1f} {f['gain']:6.2f} {f['two']:6.0%} {f['flat']:6.0%}"
        print(f"{case.name:35s}  {figures} {f['contrast']:9.4f} {f['test']:6.1%}", flush=True)


if __name__ == "__main__":
    main()
