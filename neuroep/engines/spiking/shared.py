"""What every engine of spikes has in common: what it refuses, its clamped input, both phases, the contrast of rates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from neuroep.circuit import Circuit, reads_exactly
from neuroep.engines.base import Accumulation, How, Keys, Nudge, Settlings, unknown
from neuroep.engines.reference import ReferenceEngine
from neuroep.engines.spiking import loihi
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput, NotAvailable
from neuroep.ledger import Ledger, Phase
from neuroep.physics.activations import RANGES, Activation
from neuroep.physics.costs import Cost
from neuroep.physics.hopfield import HOPFIELD
from neuroep.recipe import Encoder
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray


def why_not(circuit: Circuit, how: How, engine: str) -> str | None:
    """Return what spikes can't carry of a circuit and a plan, with the remedy; None where they carry all."""
    if not isinstance(how, Spikes):
        return f"no spikes in the plan, on the {engine} engine: use an encoder as phases.solver, or --engine cpu"
    missing = unknown(circuit, engine, (HOPFIELD.code,))
    if missing is None and how.encoder is Encoder.LOIHI:
        missing = loihi.why_not(circuit, how)
    if missing is not None:
        return missing
    if circuit.cost != Cost.MSE:
        label = Cost(int(circuit.cost)).label
        return f"the cost {label!r} with spikes, which carry states and no errors: use cost = 'mse', or --engine cpu"
    if not reads_exactly(circuit):
        return f"converters or read noise on the {engine} engine: use a device without them, or --engine cpu"
    for k, code in enumerate(circuit.activations[1:], start=1):
        low, high = RANGES[Activation(int(code))]
        most = max(abs(low), abs(high))
        if np.isfinite(most) and most * how.peak > 1.0:
            label = Activation(int(code)).label
            return f"states up to {most:g} of {label!r} units in layer {k}: use phases.peak of at most {1.0 / most:.3g}"
    return None


def spikes_of(plan: How) -> Spikes:
    """Return a plan of spikes, or raise NotAvailable for another."""
    if not isinstance(plan, Spikes):
        raise NotAvailable("no spikes in the plan: use an encoder as phases.solver")
    return plan


def refuse_large(x: FloatArray, how: Spikes) -> None:
    """Raise BadInput for inputs that would have to send more than a spike a step."""
    largest = float(np.abs(x).max(initial=0.0))
    if largest * how.peak > 1.0:
        raise BadInput(f"inputs up to {largest:.3g}", "data", f"at most {1.0 / how.peak:g}, as one spike a step codes")


def is_signed(code: int) -> bool:
    """Return whether units of an activation send spikes of −1, too."""
    return RANGES[Activation(code)][0] < 0.0


class BySpikes(ABC):
    """An engine's part that doesn't depend on who simulates the spikes; `settle_free` and `settle_nudged` do."""

    def __init__(self) -> None:
        self._reference = ReferenceEngine()

    @abstractmethod
    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """See Engine."""

    @abstractmethod
    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """See Engine."""

    def drive(self, circuit: Circuit, x: FloatArray, noise_key: int, ledger: Ledger, phase: Phase) -> FloatArray:
        """Return the clamped input itself: it is sent as spikes, step by step."""
        return x

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """See Engine; where free states enter the difference, a free copy runs along with the nudged ones."""
        free = self.settle_free(circuit, x, plans.free, keys.free, ledger, Phase.FREE)
        if not spikes_of(plans.nudged).free_copy:
            return free, self.settle_nudged(circuit, free, nudge, plans.nudged, keys.nudged, ledger)
        rows = len(x)
        both = Nudge(np.concatenate([np.zeros_like(nudge.targets[:rows]), nudge.targets]),
                     np.concatenate([np.zeros_like(nudge.beta[:rows]), nudge.beta]))  # fmt: skip
        found = self.settle_nudged(circuit, free, both, plans.nudged, keys.nudged, ledger)
        return _rows(found, slice(0, rows)), _rows(found, slice(rows, None))

    def contrast(
        self,
        circuit: Circuit,
        x: FloatArray,
        states: Sequence[FloatArray],
        coefficients: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """See Engine; of mean states, which are rates."""
        self._reference.contrast(circuit, x, states, coefficients, into, ledger)

    def readout_gradient(
        self, circuit: Circuit, free: Equilibrium, targets: FloatArray, into: Accumulation, ledger: Ledger
    ) -> None:
        """See Engine; without effect, as there is no read-out."""
        self._reference.readout_gradient(circuit, free, targets, into, ledger)


def _rows(found: Equilibrium, rows: slice) -> Equilibrium:
    states, currents = (tuple(a[rows] for a in part) for part in (found.states, found.currents))
    quality = found.residual[rows], found.steps[rows], found.code[rows]
    return Equilibrium(states, currents, found.fresh, *quality, inputs=found.inputs)
