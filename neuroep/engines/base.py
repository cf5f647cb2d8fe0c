"""What every engine offers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput, NotAvailable
from neuroep.ledger import Ledger, Phase
from neuroep.physics import scalars
from neuroep.solvers.plan import ContinuousPlan
from neuroep.solvers.spikes import Spikes, Spiking
from neuroep.weights import FloatArray, Weights


class Plan(NamedTuple):
    """How one phase settles.

    Attributes
    ----------
    order : ndarray of int64
        Layers in the order of one sweep.
    sweeps : int
        Most sweeps.
    tolerance : float
        Residual at which a sample stops; 0 stops at an exact fixed point only.
    """

    order: NDArray[np.int64]
    sweeps: int
    tolerance: float


class Plans(NamedTuple):
    """How the free and the nudged phases settle."""

    free: Plan
    nudged: Plan


How = Plan | ContinuousPlan | Spikes
"""How one phase settles: by block sweeps, in continuous time, or by spikes."""


class Courses(NamedTuple):
    """How the free and the nudged phases settle in continuous time."""

    free: ContinuousPlan
    nudged: ContinuousPlan


Settlings = Plans | Courses | Spiking
"""How the free and the nudged phases settle, in any of these ways."""


class Nudge(NamedTuple):
    """The nudged copies of a minibatch, row by row.

    Rows 0..B−1 are the first copy of the minibatch, B..2B−1 the second, and so on.

    Attributes
    ----------
    targets : ndarray, shape (rows, n_L)
        y.
    beta : ndarray, shape (rows,)
        Nudging of each row.
    """

    targets: FloatArray
    beta: FloatArray


class Keys(NamedTuple):
    """Seeds of the read noise of one step's reads: of the input, of the free phase, of the nudged phases."""

    drive: int
    free: int
    nudged: int


class Accumulation(NamedTuple):
    """Where a gradient goes: out_k ← keep · out_k + rates_k · gradient_k.

    A gradient buffer has rates 1 and keep 0, a velocity keeps its momentum, and plain gradient descent on
    ideal weights goes straight into the weights, with keep 1 and the negative learning rates.
    """

    out: Weights
    rates: tuple[float, ...]
    keep: float


def unknown(circuit: Circuit, engine: str, energies: Sequence[int] = scalars.PHYSICS) -> str | None:
    """Return what compiled kernels have no branch for, an activation, a cost or an energy, and would take for another.

    In words, with the remedy; None where they know everything. `energies` are the codes of those they know.
    """
    for what, codes, known in (
        ("activation", circuit.activations[1:], scalars.ACTIVATIONS),
        ("cost", [circuit.cost], scalars.COSTS),
        ("physics", [circuit.physics], energies),
    ):  # fmt: skip
        missing = sorted({int(code) for code in codes} - set(known))
        if missing:
            return f"the {engine} engine has no {what} of code {missing[0]}: use --engine reference"
    return None


def no_spikes(how: How, engine: str) -> str | None:
    """Return that an engine has no spikes, where a plan is made of them; None where it isn't."""
    return f"spikes on the {engine} engine: use --engine spiking or brian2" if isinstance(how, Spikes) else None


def by_sweeps(plan: How, engine: str) -> Plan:
    """Return a plan of block sweeps as such.

    Raises
    ------
    NotAvailable
        If it is another.
    """
    if isinstance(plan, Plan):
        return plan
    raise NotAvailable(no_spikes(plan, engine) or "a plan in continuous time")


def refuse_unknown(circuit: Circuit, engine: str) -> None:
    """Raise NotAvailable with what :func:`unknown` says."""
    reason = unknown(circuit, engine)
    if reason is not None:
        raise NotAvailable(reason)


def refuse_unsupported(engine: Engine, circuit: Circuit, how: How) -> None:
    """Refuse a circuit that an engine can't settle, or can't settle so.

    Raises
    ------
    BadInput
        With the engine's reason.
    """
    reason = engine.supports(circuit, how)
    if reason is not None:
        problem, _, remedy = reason.partition(": use ")
        raise BadInput(problem, "engine", remedy)


def refuse_off_host(engine: Engine, what: str) -> None:
    """Refuse what runs in numpy, or in numba on the CPU, where another processor was asked for.

    Raises
    ------
    NotAvailable
        Naming the engine.
    """
    if not engine.on_host:
        raise NotAvailable(f"{what} don't run on the {engine.name} engine: use --engine cpu")


class Engine(Protocol):
    """Settles circuits and forms contrasts.

    `noise_key` seeds the read noise of one phase of one step (:func:`neuroep.rng.noise_key`).
    Returned arrays belong to the engine and hold until its next call for the same phase.
    """

    @property
    def name(self) -> str:
        """The engine's name."""
        ...

    @property
    def on_host(self) -> bool:
        """Whether it works on the host's processors and memory, as numpy does."""
        ...

    def supports(self, circuit: Circuit, how: How) -> str | None:
        """Return why it can't settle a circuit in this way, with the remedy; None if it can."""
        ...

    def session(self) -> AbstractContextManager[object]:
        """Hold thread counts as the engine wants them while a block of work lasts."""
        ...

    def drive(self, circuit: Circuit, x: FloatArray, noise_key: int, ledger: Ledger, phase: Phase) -> FloatArray:
        """Read the clamped input through W_1 once for all phases of a minibatch: W_1ᵀ x, (batch, n_1)."""
        ...

    def settle_free(
        self, circuit: Circuit, drive: FloatArray, plan: How, noise_key: int, ledger: Ledger, phase: Phase
    ) -> Equilibrium:
        """Settle without nudging, from zero states."""
        ...

    def settle_nudged(
        self, circuit: Circuit, free: Equilibrium, nudge: Nudge, plan: How, noise_key: int, ledger: Ledger
    ) -> Equilibrium:
        """Settle nudged copies of a minibatch, each from the free equilibrium."""
        ...

    def phases(
        self, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
    ) -> tuple[Equilibrium, Equilibrium]:
        """Drive, settle free and settle nudged: what the three calls give, one after another."""
        ...

    def contrast(
        self,
        circuit: Circuit,
        x: FloatArray,
        states: Sequence[FloatArray],
        coefficients: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """Accumulate the local contrast of the dynamical layers in place.

        out_k ← keep · out_k + rate_k Σ_rows coefficient_row · ∂E/∂W_k / γ^{D−1}, which for the Hopfield energy is
        −s_{k−1} s_kᵀ / γ^{D−k}, and alike for the biases: with the coefficients of an estimator its gradient of C.
        """
        ...

    def readout_gradient(
        self,
        circuit: Circuit,
        free: Equilibrium,
        targets: FloatArray,
        into: Accumulation,
        ledger: Ledger,
    ) -> None:
        """Accumulate the exact, local gradient of a softmax read-out at the free equilibrium in place.

        out_L ← keep · out_L + rate_L · s_{L−1}ᵀ (ŷ − y) / batch; does nothing where there is no read-out.
        """
        ...


def phases_in_turn(
    engine: Engine, circuit: Circuit, x: FloatArray, plans: Settlings, nudge: Nudge, keys: Keys, ledger: Ledger
) -> tuple[Equilibrium, Equilibrium]:
    """Drive, settle free and settle nudged by an engine's three calls."""
    drive = engine.drive(circuit, x, keys.drive, ledger, Phase.FREE)
    free = engine.settle_free(circuit, drive, plans.free, keys.free, ledger, Phase.FREE)
    return free, engine.settle_nudged(circuit, free, nudge, plans.nudged, keys.nudged, ledger)
