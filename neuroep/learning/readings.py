"""How a recipe reads its gradients: what settles a minibatch and adds up the estimate, by the estimator's name."""

from __future__ import annotations

from collections.abc import Callable

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine
from neuroep.learning.methods.base import Reading
from neuroep.learning.methods.difference import Difference
from neuroep.learning.methods.displaced_phases import Displaced
from neuroep.learning.methods.holomorphic import Holomorphic
from neuroep.learning.methods.reach import refuse_faint
from neuroep.ledger import Ledger
from neuroep.recipe import Estimator, Phases
from neuroep.weights import FloatArray, Weights

Method = Callable[[Engine, Circuit, Phases, int], Reading]


def difference(engine: Engine, circuit: Circuit, phases: Phases, seed: int) -> Reading:
    """Return what takes a finite difference of states, or of scaled displacements."""
    return (Displaced if phases.scaled else Difference)(engine, circuit, phases, seed)


#: What reads the gradient by estimators that aren't differences; continual ones, which have no gradient of their own,
#: are looked at by the difference they tend to.
METHODS: dict[str, Method] = {Estimator.HOLOMORPHIC: Holomorphic}


def reading(engine: Engine, circuit: Circuit, phases: Phases, seed: int, measured: bool = False) -> Reading:
    """Return how a recipe reads its gradients; `measured` ones are only looked at, and may be faint.

    Raises
    ------
    BadInput
        If the circuit's can't be read so, or the engine can't settle it so.
    NotAvailable
        If the engine can't read it so.
    """
    made = METHODS.get(phases.estimator, difference)(engine, circuit, phases, seed)
    refuse_faint(circuit, phases, measured)
    return made


def ep_gradients(
    engine: Engine, circuit: Circuit, x: FloatArray, targets: FloatArray, phases: Phases, seed: int = 0
) -> Weights:
    """Return EP's estimate of dC/dθ, mean over the samples, by the recipe's own reading.

    Parameters
    ----------
    engine, circuit
        Where to settle, and a mounted network.
    x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
        Inputs and y, brought to the circuit's float type.
    phases : Phases
        Estimator, β, sweeps, tolerance. Continual estimators have no gradient of their own: theirs is the
        one-sided or the centered one, which they reach as learning rates vanish.
    seed : int
        Of random signs and read noise.

    Raises
    ------
    BadInput
        If inputs or targets don't fit the circuit, or its gradient can't be read so, or isn't finite at this depth.
    NotAvailable
        If the engine can't read it so.
    """
    read = reading(engine, circuit, phases, seed, measured=True)
    inputs, outputs, dtype = int(circuit.sizes[0]), int(circuit.sizes[-1]), circuit.up.dtype
    x = checks.array(x, "x", ("batch", inputs), dtype)
    targets = checks.array(targets, "targets", (len(x), outputs), dtype)
    sizes = tuple(circuit.sizes.tolist())
    ledger, out = Ledger.empty(sizes), Weights.zeros(sizes, dtype=dtype)
    with engine.session():
        settled = read.settle(x, targets, ("gradient",), ledger)
        read.accumulate(x, targets, settled, Accumulation(out, (1.0,) * out.depth, 0.0), ledger)
    return out
