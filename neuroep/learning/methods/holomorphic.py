"""Holomorphic EP: the gradient as a Fourier coefficient of complex equilibria (Laborieux & Zenke, NeurIPS 2022).

Nudge with β_j = |β| e^{2πij/N}, j = 0..N−1. Where ρ and C are holomorphic the complex equilibrium s(β) is a power
series in β, and so is every product of states; averaging N points on the circle keeps its slope at 0 and removes
every other power below N + 1:

    dC/dW_k ≈ −(1 / (N|β| γ^{D−k})) Σ_j e^{−2πij/N} s_{k−1}(β_j) s_k(β_j)ᵀ,   bias O(|β|^N).

N = 2 is the centered estimate. Since s(β̄) is the conjugate of s(β), the lower half of the circle is known from
the upper half: N/2 + 1 phases (rounded down) suffice, each inner one counting twice, by its real part.

How far the circle may reach. The series converges up to the nearest singularity of s(β): β = −1 for a linear
output, a zero of the softmax's normaliser, a pole of tanh (at ±iπ/2) that an input reaches, or a value of β
at which the equilibrium ceases to be unique or stable. Well inside that radius more points help, exponentially;
near it they help little, and beyond it not at all: complex sweeps then settle elsewhere, or don't settle. Relative
errors of the gradient of 6-5-4-3 tanh nets (tests hold the order of the first and third row):

===================== ===== ======= ======= ======= =======
cost, γ, weight gain  |β|   N = 2   N = 4   N = 8   N = 16
===================== ===== ======= ======= ======= =======
mse, 1, 0.5           0.1   2e−2    4e−4    1e−7    1e−11
mse, 1, 0.7           0.5   1.5     0.6     0.1     0.1
mse, 1, 2.0 (steep)   0.1   0.33    0.54    0.65    0.65
mse, 0.5, 1.5         0.5   1.2     0.4     0.2     0.2
cross-entropy, 1, 1.0 0.3   2e−2    1e−3    2e−5    9e−9
cross-entropy, 1, 1.0 0.9   0.10    0.11    0.05    0.04
===================== ===== ======= ======= ======= =======

So keep |β| so small that doubling N makes no difference that matters, and look at the result codes: in the fourth
row 5 to 8 in a hundred complex rows didn't settle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, Plans
from neuroep.engines.base import refuse_off_host, refuse_unsupported
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.learning.methods.base import SettledPhases
from neuroep.learning.methods.complex_states import ComplexArray, ComplexEquilibrium, check_holomorphic, settle_complex
from neuroep.learning.methods.phases import QUIET, sweep_plans
from neuroep.ledger import Ledger, Phase
from neuroep.recipe import Phases
from neuroep.weights import FloatArray


class Circle(NamedTuple):
    """Half a circle of nudges, for one sample.

    Attributes
    ----------
    beta : ndarray of complex, shape (phases,)
        |β| e^{2πij/N}, j = 0..⌊N/2⌋.
    coefficients : ndarray of complex, shape (phases,)
        c_j; the slope of f at β = 0 is Re Σ c_j f(β_j).
    """

    beta: ComplexArray
    coefficients: ComplexArray


def circle(beta: float, points: int) -> Circle:
    """Return the nudges and coefficients of N points on a circle of radius |β|.

    Raises
    ------
    BadInput
        For fewer than two points, or a radius that isn't between 0 and 1.
    """
    if points < 2:
        raise BadInput(f"{points} point(s) on the circle", "phases.points", "2 or more")
    if not 0.0 < beta < 1.0:
        raise BadInput(f"β = {beta} with the holomorphic estimator", "phases.beta", "0 < β < 1")
    steps = np.arange(points // 2 + 1)
    turns = np.exp(2j * np.pi * steps / points)
    turns[2 * steps == points] = -1.0  # the two real points exactly, so that N = 2 is centered to the last bit
    counted = np.where((steps == 0) | (2 * steps == points), 1.0, 2.0)
    return Circle(beta * turns, counted * turns.conj() / (points * beta))


def settle_holomorphic_phases(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    plan: Plans,
    around: Circle,
    ledger: Ledger,
) -> tuple[Equilibrium, ComplexEquilibrium]:
    """Return the free equilibrium of a minibatch, by the engine, and those of its copies around the circle.

    Raises
    ------
    BadInput
        If something in the circuit isn't holomorphic.
    """
    check_holomorphic(circuit)
    drive = engine.drive(circuit, x, QUIET.drive, ledger, Phase.FREE)
    free = engine.settle_free(circuit, drive, plan.free, QUIET.free, ledger, Phase.FREE)
    return free, settle_complex(circuit, drive, free.states, targets, around.beta, plan.nudged, ledger)


def accumulate_holomorphic(
    engine: Engine,
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    free: Equilibrium,
    nudged: ComplexEquilibrium,
    around: Circle,
    into: Accumulation,
    ledger: Ledger,
) -> None:
    """Add the estimate of dC/dθ, mean over the minibatch, to where it goes; as `accumulate_gradient`."""
    batch, last = len(x), circuit.last
    coefficients = np.repeat(around.coefficients / batch, batch).astype(nudged.states[0].dtype)
    below: ComplexArray | None = None
    for k in range(1, last + 1):
        weighted = coefficients[:, None] * nudged.states[k - 1]
        if below is None:  # the clamped input is real and alike in every copy
            summed = weighted.real.reshape(-1, batch, weighted.shape[1]).sum(axis=0)
            found = x.T @ summed
        else:
            found = below.real.T @ weighted.real - below.imag.T @ weighted.imag
        scale = -into.rates[k - 1] / float(circuit.reach[k])
        for out, change in ((into.out.coupling(k), found), (into.out.bias(k), weighted.real.sum(axis=0))):
            out *= into.keep
            out += scale * change
        ledger.add_products(k, batch if below is None else 2 * len(weighted), 2 * len(weighted))
        below = nudged.states[k - 1]
    engine.readout_gradient(circuit, free, targets, into, ledger)


class Holomorphic:
    """N points on a circle of complex β."""

    def __init__(self, engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> None:
        refuse_off_host(engine, "the holomorphic estimator's phases")
        check_holomorphic(circuit)
        self.engine, self.circuit = engine, circuit
        self.around, self.plans = circle(phases.beta, phases.points), sweep_plans(phases, len(circuit.sizes) - 1)
        refuse_unsupported(engine, circuit, self.plans.free)

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int | str, ...], ledger: Ledger) -> SettledPhases:
        """See Reading."""
        found = settle_holomorphic_phases(self.engine, self.circuit, x, targets, self.plans, self.around, ledger)
        return SettledPhases(*found, self.around)

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Reading."""
        accumulate_holomorphic(self.engine, self.circuit, x, targets, *settled[:3], into, ledger)
