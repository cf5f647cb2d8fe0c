"""Backprop's gradient as a reading: one pass up, one pass down, in numpy, so that all else of a training is EP's.

    s_k = ρ(W_kᵀ s_{k−1} + b_k),   δ_L = ∂C/∂s_L ρ',   δ_k = (W_{k+1} δ_{k+1}) ρ',   dC/dW_k = s_{k−1}ᵀ δ_k.

Skips bring their states along and send their δ back. Under a cross-entropy read-out δ_L = ŷ − y. It is the gradient of
the feedforward network: what EP's tends to as γ → 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, coupling_up, layer_bias, reads_exactly, skipping
from neuroep.engines import Accumulation
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.errors import BadInput
from neuroep.learning.methods.base import SettledPhases
from neuroep.learning.methods.samplewise import Draw, Slopes
from neuroep.ledger import Event, Ledger, Phase
from neuroep.physics.activations import activate, slope
from neuroep.physics.costs import cost_slope, predicted_labels, softmax
from neuroep.physics.known import physics_of
from neuroep.weights import FloatArray

#: Samples of one pass where nothing is learned.
ROWS = 512


def forward(circuit: Circuit, x: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return the inputs and the states of layers 1..L."""
    inputs: list[FloatArray] = []
    states: list[FloatArray] = []
    for k in range(1, len(circuit.sizes)):
        total = (x if k == 1 else states[-1]) @ coupling_up(circuit, k) + layer_bias(circuit, k)
        total += sum(gain * states[j - 1] for j, gain in skipping(circuit, k) if j < k)
        inputs.append(total)
        states.append(softmax(total) if k > circuit.last else activate(int(circuit.activations[k]), total))
    return inputs, states


def errors(
    circuit: Circuit, inputs: list[FloatArray], states: list[FloatArray], targets: FloatArray
) -> list[FloatArray]:
    """Return δ_1..δ_L of each sample."""
    depth = len(states)
    found: list[FloatArray] = [np.empty(0)] * depth
    above = cost_slope(circuit.cost, states[-1], targets)
    for k in range(depth, 0, -1):
        if k < depth:
            above = found[k] @ coupling_up(circuit, k + 1).T
            above += sum(gain * found[j - 1] for j, gain in skipping(circuit, k, True) if j > k)
        found[k - 1] = above if k > circuit.last else above * slope(int(circuit.activations[k]), inputs[k - 1])
    return found


class Backprop:
    """Backprop's gradient, in place of an estimate by equilibria."""

    def __init__(self, circuit: Circuit) -> None:
        if not (reads_exactly(circuit) and physics_of(circuit).feedforward):
            raise BadInput("backprop on hardware, or of a network that has no feedforward limit", "gradient", "ep")
        self.circuit = circuit

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int | str, ...], ledger: Ledger) -> SettledPhases:
        """See Reading: one pass up, one pass down."""
        inputs, states = self._forward(x, ledger)
        code = np.where(np.isfinite(states[-1]).all(axis=1), ResultCode.CONVERGED, ResultCode.DIVERGED)
        nothing = np.zeros(len(x), dtype=x.dtype)
        fresh = np.ones(len(states), dtype=bool)
        free = Equilibrium(tuple(states), tuple(inputs), fresh, nothing, np.ones(len(x), dtype=np.int64), code)
        return SettledPhases(free, free, self._backward(inputs, states, targets, ledger), place)

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Reading."""
        below = x
        for k, error in enumerate(settled.nudges, start=1):
            scale = into.rates[k - 1] / len(x)
            for out, change in ((into.out.coupling(k), below.T @ error), (into.out.bias(k), error.sum(axis=0))):
                out *= into.keep
                out += scale * change
            ledger.add(Phase.UPDATE, Event.CONTRAST, k, len(x))
            ledger.add(Phase.UPDATE, Event.KEPT, k, len(x))
            below = settled.free.states[k - 1]

    def slopes(self, x: FloatArray, draw: Draw, place: tuple[int | str, ...], ledger: Ledger) -> list[Slopes]:
        """See Samplewise."""
        inputs, states = self._forward(x, ledger)
        found = self._backward(inputs, states, draw(states[-1]), ledger)
        return [Slopes(((below, error),), error) for below, error in zip([x, *states], found, strict=False)]

    def accuracy(self, x: FloatArray, labels: NDArray[np.int64]) -> float:
        """Return the share of samples whose output names their label."""
        parts = (forward(self.circuit, x[start : start + ROWS])[1][-1] for start in range(0, len(x), ROWS))
        named = np.concatenate([predicted_labels(self.circuit.cost, outputs) for outputs in parts])
        return float((named == labels).mean())

    def _forward(self, x: FloatArray, ledger: Ledger) -> tuple[list[FloatArray], list[FloatArray]]:
        for k in range(1, len(self.circuit.sizes)):
            ledger.add_read(Phase.FREE, True, k, len(x))
            ledger.add(Phase.FREE, Event.NEURON, k, len(x))
        ledger.add(Phase.FREE, Event.SAMPLE, 0, len(x))
        return forward(self.circuit, x)

    def _backward(
        self, inputs: list[FloatArray], states: list[FloatArray], targets: FloatArray, ledger: Ledger
    ) -> list[FloatArray]:
        for k in range(2, len(self.circuit.sizes)):
            ledger.add_read(Phase.NUDGED, False, k, len(targets))
        return errors(self.circuit, inputs, states, targets)
