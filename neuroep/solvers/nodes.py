"""The nodes of a resistive network in time: currents charge the capacitances of nodes.

    C_k dv_k/dt = i_k(v) = Σ_j g_kj (v_j − v_k) + b_k,        of outputs + β(y − v)

with E's own net currents i = −∂F/∂v (:mod:`neuroep.physics.resistive`). Ideal diodes hold a node at its bound while the
current points outward. Nodes of a layer are alike: C_k = τ_k g with g the largest conductance joined to any node, so
that the quickest node has the model's time constant, τ_k; a *velocity* is τ_k dv_k/dt = i_k/g, in volts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias, reads_exactly
from neuroep.errors import BadInput
from neuroep.physics import activations
from neuroep.physics.resistive import loads
from neuroep.recipe import Form
from neuroep.weights import FloatArray


def check(circuit: Circuit, beta: FloatArray, noisy: bool) -> None:
    """Refuse reads that aren't currents through conductances.

    Raises
    ------
    BadInput
        For converters and read noise.
    """
    if not reads_exactly(circuit):
        raise BadInput("converters or read noise between resistors", "circuit", "exact reads")


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """Node voltages of every row of a batch; layers 1..L side by side.

    Attributes
    ----------
    circuit : Circuit
        The network.
    drive : ndarray, shape (batch, n_1)
        Currents through the first conductances into nodes at 0 V.
    targets, beta : ndarray, shapes (batch, n_L) and (batch,)
        y, and the nudge of each row.
    joined : ndarray, shape (units,)
        Conductance that is joined to each node.
    first_row : int
        Row of the whole batch at which this one starts.
    """

    circuit: Circuit
    drive: FloatArray
    targets: FloatArray
    beta: FloatArray
    joined: FloatArray
    first_row: int = 0
    form: Form = Form.GRADIENT

    @property
    def starts(self) -> list[int]:
        """Where each layer starts among the nodes; the last entry is their number."""
        return [0, *(int(n) for n in np.cumsum(self.circuit.sizes[1:]))]

    @property
    def siemens(self) -> float:
        """The largest conductance that is joined to a node, g."""
        return float(self.joined.max())

    def layers(self, y: FloatArray) -> list[FloatArray]:
        """Return the views of y (…, units) that belong to each layer."""
        return np.split(y, self.starts[1:-1], axis=-1)

    def per_unit(self, layers: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a value for each node from one for each layer 0..L."""
        spread: NDArray[np.float64] = np.repeat(layers[1:], np.diff(self.starts)).astype(np.float64)
        return spread

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and highest voltage of each node."""
        kinds = zip(self.circuit.activations[1:].tolist(), self.circuit.sizes[1:].tolist(), strict=True)
        ends = [np.broadcast_arrays(*activations.bounds(code, n), np.empty(n))[:2] for code, n in kinds]
        low, high = (np.concatenate(side).astype(self.drive.dtype) for side in zip(*ends, strict=True))
        return low, high

    def outputs(self, y: FloatArray) -> list[FloatArray]:
        """Return v_1..v_L."""
        return [v.copy() for v in self.layers(y)]

    def begin(self, states: list[FloatArray] | None) -> FloatArray:
        """Return the voltages side by side, within the diodes' bounds; all 0 V if None."""
        if states is None:
            return np.zeros((len(self.drive), self.starts[-1]), dtype=self.drive.dtype)
        sizes = [(len(self.drive), int(n)) for n in np.diff(self.starts)]
        given = [
            checks.array(v, "start", shape, self.drive.dtype, finite=False)
            for v, shape in zip(states, sizes, strict=True)
        ]
        volts: FloatArray = np.clip(np.concatenate(given, axis=1), *self.bounds())
        return volts

    def velocity(self, y: FloatArray, rows: NDArray[np.intp], evaluation: int = 0) -> FloatArray:
        """Return i/g of some rows, in volts; the evaluation's number means nothing, since nothing is drawn."""
        circuit, volts, currents = self.circuit, self.layers(y), []
        for k in range(1, len(volts) + 1):
            into = self.drive[rows] if k == 1 else volts[k - 2] @ coupling_up(circuit, k)
            into = into + layer_bias(circuit, k)
            if k < len(volts):
                into = into + volts[k] @ coupling_down(circuit, k + 1).T
            else:
                into = into + self.beta[rows][:, None] * (self.targets[rows] - volts[-1])
            currents.append(into)
        pull: FloatArray = (np.concatenate(currents, axis=1) - self.joined * y) / self.siemens
        low, high = self.bounds()
        outward = ((y <= low) & (pull < 0.0)) | ((y >= high) & (pull > 0.0))
        return np.where(outward, np.zeros_like(pull), pull)


def make_flow(
    circuit: Circuit, form: Form, x: FloatArray, targets: FloatArray, beta: FloatArray,
    noise_key: int = 0, first_row: int = 0,
) -> NodeFlow:  # fmt: skip
    """Return the motion of a batch, the currents of its clamped inputs read once; form and noise have no effect.

    Raises
    ------
    BadInput
        If inputs, targets or nudges don't fit the circuit, or nothing is joined to any node.
    """
    dtype = circuit.up.dtype
    x = checks.array(x, "x", ("batch", int(circuit.sizes[0])), dtype, finite=False)
    targets = checks.array(targets, "targets", (len(x), int(circuit.sizes[-1])), dtype)
    beta = checks.array(beta, "beta", (len(x),), dtype)
    joined = np.concatenate([loads(circuit, k) for k in range(1, len(circuit.sizes))])
    if not joined.max() > 0.0:
        raise BadInput("no conductance that is joined to a node", "weights", "some above 0")
    return NodeFlow(circuit, x @ coupling_up(circuit, 1), targets, beta, joined, first_row)
