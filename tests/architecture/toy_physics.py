"""An energy in one file: Hopfield's with springs of another stiffness.

E = Σ_k γ^{k−1} [κ Σ G(s_k) − s_{k−1}ᵀ W_k s_k − b_kᵀ s_k]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuroep.circuit import Circuit
from neuroep.errors import BadInput
from neuroep.physics.activations import Activation, activate
from neuroep.physics.base import Products
from neuroep.physics.costs import Cost
from neuroep.physics.hopfield import HOPFIELD
from neuroep.weights import FloatArray

KAPPA = 2.0


@dataclass(frozen=True)
class Stiff:
    """κ = 2: a unit at rest is at ρ(input/κ), the nudged linear output at (input + βy)/(κ + β)."""

    name: str = "stiff"
    code: int = 77
    takes_skips: bool = True
    least_weight: float = -float("inf")
    rails: int = 1
    feedforward: bool = True
    default_activations: tuple[Activation, Activation] = (Activation.TANH, Activation.LINEAR)

    def check(self, sizes: Sequence[int], activations: Sequence[Activation], cost: Cost, feedback: float) -> None:
        if cost is not Cost.MSE or activations[-1] is not Activation.LINEAR:
            raise BadInput(f"cost {cost.label!r} of stiff units", "cost", "mse with linear outputs")

    def clamped(self, x: FloatArray, gain: float) -> FloatArray:
        return x

    def feedback_source(
        self, circuit: Circuit, k: int, states: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> tuple[FloatArray, float]:
        return states, circuit.feedback

    def block_update(
        self, circuit: Circuit, k: int, inputs: FloatArray, targets: FloatArray, beta: FloatArray
    ) -> FloatArray:
        if k == circuit.last:
            return (inputs + beta[:, None] * targets) / (KAPPA + beta[:, None])
        return activate(int(circuit.activations[k]), inputs / KAPPA)

    def products(
        self, circuit: Circuit, k: int, below: FloatArray, above: FloatArray, coefficients: FloatArray
    ) -> Products:
        return HOPFIELD.products(circuit, k, below, above, coefficients)


STIFF = Stiff()
