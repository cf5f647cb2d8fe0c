"""One phase that relaxes, and the power of its circuit along every step that the solver takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, coupling_up
from neuroep.cost.quadrature import integral
from neuroep.cost.relaxation import Circuitry, Held, Lines, Resistors, Units, line_units, node_units
from neuroep.equilibrium import ResultCode
from neuroep.errors import Diverged
from neuroep.hardware.device import Device, Mounted
from neuroep.hardware.lines import Conducting
from neuroep.network import Network
from neuroep.physics.known import physics_of
from neuroep.physics.resistive import RESISTIVE, loads
from neuroep.solvers.integrate import integrate
from neuroep.solvers.motions import Motion, moving
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.trajectory import Path
from neuroep.weights import FloatArray

#: Where within a step lines are looked at for how far they rose.
PLACES = np.linspace(0.0, 1.0, 5)
#: Of a sum of many terms, as a share of their magnitudes; above it, halving steps of the quadrature comes to an end.
ROUNDING = 1e-12


class Course(NamedTuple):
    """What a phase came to, in the model's units; one row a settling.

    Attributes
    ----------
    beta : float
        Largest |β|.
    held, moved : ndarray, shape (settlings, L + 1)
        By layer; see :class:`neuroep.cost.relaxation.Units`.
    peak : float
        Highest level of a line or node.
    seconds : ndarray, shape (settlings,)
        Until it settled, or was stopped.
    converged : int
        Settlings that reached the tolerance.
    variables : ndarray
        Where they ended.
    """

    beta: float
    held: FloatArray
    moved: FloatArray
    peak: float
    seconds: NDArray[np.float64]
    converged: int
    variables: FloatArray


def units_of(held: Held, circuit: Circuit, network: Network) -> Units:
    """Return what the units of a circuit are on a profile that holds its lines."""
    quickest = float(circuit.tau_seconds[1 : circuit.last + 1].min())
    if network.physics != RESISTIVE.name:
        return line_units(held, quickest)
    joined = max(float(loads(circuit, k).max()) for k in range(1, len(circuit.sizes)))
    return node_units(held, network.input_gain, float(circuit.up.max()), joined * quickest)


def circuitry_of(circuit: Circuit, device: Device, mounted: Mounted, nudged: bool) -> Circuitry:
    """Return what dissipates in a phase: the lines that it drives, or resistors.

    Upward reads of the inputs are held all the time, since the current of clamped inputs is what drives the circuit; a
    read-out is read in nudged phases alone, and nothing is read down to the inputs.
    """
    depth, last = len(circuit.sizes) - 1, circuit.last
    if physics_of(circuit) is RESISTIVE:
        quickest = circuit.tau_seconds[1:].min()
        farads = np.concatenate([[1.0], circuit.tau_seconds[1:] / quickest])
        return Resistors(tuple(coupling_up(circuit, k) for k in range(1, depth + 1)), farads)
    assert isinstance(device, Conducting)
    up, down = device.line_siemens(mounted)

    def driven(in_nudge: bool) -> tuple[list[bool], list[bool]]:
        """Whether each layer's lines are driven upward, and downward."""
        read = [k <= last or in_nudge for k in range(1, depth + 1)]
        return [*read, False], [False, False, *read[1:]]

    now, before = driven(nudged), driven(False) if nudged else ([False] * (depth + 1),) * 2
    siemens = [
        (up[j] if now[0][j] else 0.0) + (down[j - 1] if now[1][j] else 0.0) + np.zeros(int(circuit.sizes[j]))
        for j in range(depth + 1)
    ]
    spans = np.where(circuit.dac_bound > 0.0, circuit.dac_bound, 1.0).astype(np.float64)
    return Lines(tuple(siemens), np.sum(now, axis=0), spans, np.sum(before, axis=0))


@dataclass(slots=True)
class RelaxingPhase:
    """One phase of a batch, and what it has taken so far."""

    circuit: Circuit
    x: FloatArray
    targets: FloatArray
    beta: FloatArray
    circuitry: Circuitry
    flow: Motion = field(init=False)
    held: FloatArray = field(init=False)
    moved: FloatArray = field(init=False)
    peak: float = field(init=False, default=0.0)

    def settle(self, plan: ContinuousPlan, start: FloatArray | None) -> Course:
        """Settle from variables, or from rest where the lines are off."""
        moves = moving(self.circuit)
        moves.check(self.circuit, self.beta, plan.solver.stochastic)
        self.flow = moves.make(self.circuit, plan.form, self.x, self.targets, self.beta, 0, 0)
        begin = self.flow.begin(None) if start is None else start.copy()
        levels = self._levels(np.arange(len(begin)), begin)
        self.moved = self.circuitry.stored(None, levels) if start is None else self.circuitry.switched(levels)
        self.held = np.zeros_like(self.moved)
        self.peak = self._highest(levels)
        settled = integrate(self.flow, plan, begin, watch=self._follow)
        codes = settled.equilibrium.code
        if lost := int((codes == ResultCode.DIVERGED).sum()):
            raise Diverged(f"{lost} of {len(codes)} settlings left the finite range")
        return Course(
            float(np.abs(self.beta).max()), self.held, self.moved, self.peak, settled.seconds,
            int((codes == ResultCode.CONVERGED).sum()), settled.variables,
        )  # fmt: skip

    def _follow(self, path: Path) -> None:
        """Add what steps took."""

        def power(which: NDArray[np.intp], theta: NDArray[np.float64]) -> FloatArray:
            return self.circuitry.power(self._levels(path.rows[which], path.at(which, theta)))

        every = np.arange(len(path.rows))
        points = [self._levels(path.rows, path.at(every, np.full(len(every), place))) for place in PLACES]
        noise = ROUNDING * self.circuitry.gross(points[-1])
        self.held[path.rows] += integral(power, len(every), noise=noise) * path.seconds[:, None]
        for before, after in pairwise(points):
            self.moved[path.rows] += self.circuitry.stored(before, after)
            self.peak = max(self.peak, self._highest(after))

    def _levels(self, rows: NDArray[np.intp], y: FloatArray) -> list[FloatArray]:
        """What the lines of layers 0..L are at."""
        states, depth = self.flow.outputs(y), len(self.circuit.sizes) - 1
        if depth > self.circuit.last:
            physics, rest = physics_of(self.circuit), (self.targets[rows], self.beta[rows])
            states[-1] = physics.feedback_source(self.circuit, depth, states[-1], *rest)[0]
        return [self.x[rows], *states]

    def _highest(self, levels: list[FloatArray]) -> float:
        spans = self.circuitry.spans
        return max(float(np.abs(level).max() / span) for level, span in zip(levels, spans, strict=True))
