"""The Hopfield network's differential equations written anew, one sample at a time, to hold the solvers against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from problems import Problem, problem
from scipy.linalg import expm

from neuroep.circuit import Circuit
from neuroep.network import Activation, Cost
from neuroep.solvers.problems import Form
from neuroep.weights import FloatArray

#: Time constants of layers 1 to 3 in seconds, all different.
TAUS = np.array([1e-3, 1.25e-3, 0.8e-3])
RHO: dict[Activation, Callable[[FloatArray], FloatArray]] = {
    Activation.LINEAR: lambda u: u,
    Activation.TANH: np.tanh,
    Activation.HARD_SIGMOID: lambda u: np.minimum(np.maximum(u, 0.0), 1.0),
    Activation.RELU6: lambda u: np.minimum(np.maximum(u, 0.0), 6.0),
    Activation.RELU: lambda u: np.maximum(u, 0.0),
    Activation.SIGMOID: lambda u: 1.0 / (1.0 + np.exp(-u)),
}
INVERSE: dict[Activation, Callable[[FloatArray], FloatArray]] = {
    Activation.TANH: np.arctanh,
    Activation.SIGMOID: lambda s: np.log(s / (1.0 - s)),
}


def with_taus(p: Problem) -> Circuit:
    """The problem's circuit with the time constants TAUS."""
    return p.circuit._replace(tau_seconds=np.concatenate([[1.0], TAUS]))


def ringing_problem() -> tuple[Problem, Circuit]:
    """A linear network whose downward reads have the opposite sign: it rings, and settles after many turns.

    On the imaginary axis the error of a solver of order p shows its leading term over the widest range of
    steps before rounding sets in; on the real axis Tsitouras's, whose leading term is tiny, never does.
    """
    p = problem((6, 5, 4, 3), Activation.LINEAR, gain=20.0, batch=3)
    circuit = with_taus(p)
    return p, circuit._replace(down=-circuit.up)


def linear_system(p: Problem, circuit: Circuit, beta: float) -> tuple[FloatArray, FloatArray]:
    """A and the rows c of dy/dt = A y + c for a linear network of three layers with an MSE nudge."""
    w2, w3 = p.weights.coupling(2), p.weights.coupling(3)
    sign = circuit.feedback * np.sign(circuit.down[0] * circuit.up[0])
    n1, n2, n3 = p.sizes[1:]
    blocks = [
        [-np.eye(n1), sign * w2, np.zeros((n1, n3))],
        [w2.T, -np.eye(n2), sign * w3],
        [np.zeros((n3, n1)), w3.T, -(1.0 + beta) * np.eye(n3)],
    ]
    source = np.tile(p.weights.biases, (len(p.x), 1))
    source[:, :n1] += p.x @ p.weights.coupling(1)
    source[:, n1 + n2 :] += beta * p.targets
    rates = 1.0 / np.repeat(TAUS, [n1, n2, n3])
    return rates[:, None] * np.block(blocks), rates * source


def exact_linear(p: Problem, circuit: Circuit, beta: float, seconds: float) -> FloatArray:
    """y(t) from y(0) = 0 by the matrix exponential, a row a sample."""
    a, c = linear_system(p, circuit, beta)
    rest = np.linalg.solve(a, -c.T)
    return (rest - expm(a * seconds) @ rest).T


def sample_input(p: Problem, row: int, s: list[FloatArray], beta: float) -> list[FloatArray]:
    """I_k, with the nudge of the output or of the read-out added."""
    depth, last = p.network.depth, p.network.dynamical
    pulls = []
    for k in range(1, last + 1):
        below = p.x[row] if k == 1 else s[k - 2]
        pull = p.weights.coupling(k).T @ below + p.weights.bias(k)
        if k < last:
            pull = pull + p.network.feedback * p.weights.coupling(k + 1) @ s[k]
        elif last < depth:
            logits = p.weights.coupling(depth).T @ s[-1] + p.weights.bias(depth)
            chances = np.exp(logits) / np.exp(logits).sum()
            pull = pull + beta * p.weights.coupling(depth) @ (p.targets[row] - chances)
        elif p.network.cost is Cost.SQUARED_HINGE:
            pull = pull + beta * p.targets[row] * np.maximum(0.0, 1.0 - p.targets[row] * s[-1])
        else:
            pull = pull + beta * (p.targets[row] - s[-1])
        pulls.append(pull)
    return pulls


def reference_flow(
    p: Problem, beta: float, form: Form, taus: FloatArray = TAUS
) -> Callable[[int, FloatArray], FloatArray]:
    """(row, y) ↦ dy/dt; the gradient form for states inside the range of ρ only."""
    sizes = p.sizes[1 : p.network.dynamical + 1]
    codes = [layer.activation for layer in p.network.layers[1:]]
    rates = 1.0 / np.repeat(taus[: len(sizes)], sizes)

    def flow(row: int, y: FloatArray) -> FloatArray:
        parts = np.split(y, np.cumsum(sizes)[:-1])
        membrane = form is Form.MEMBRANE
        s = [RHO[code](part) for code, part in zip(codes, parts, strict=False)] if membrane else parts
        leak = [
            part if membrane else INVERSE.get(code, lambda u: u)(part) for code, part in zip(codes, parts, strict=False)
        ]
        return rates * np.concatenate([i - u for i, u in zip(sample_input(p, row, s, beta), leak, strict=True)])

    return flow
