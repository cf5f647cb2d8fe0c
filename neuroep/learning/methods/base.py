"""What reads a minibatch's gradient off its equilibria: an estimator is one file here, and one name in ``METHODS``."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from neuroep.engines import Accumulation
from neuroep.equilibrium import Equilibrium
from neuroep.ledger import Ledger
from neuroep.weights import FloatArray


class SettledPhases(NamedTuple):
    """What settling a minibatch gave: the free equilibrium, the nudged copies (with a `code` each), their nudges.

    `place` names the step, for the rounding of traces.
    """

    free: Equilibrium
    nudged: Any
    nudges: Any
    place: tuple[int | str, ...] = ()


class Reading(Protocol):
    """Settles a minibatch, then adds its gradient to where it goes.

    Each kind refuses, as soon as it is made, circuits whose gradient it can't read.
    """

    def settle(self, x: FloatArray, targets: FloatArray, place: tuple[int | str, ...], ledger: Ledger) -> SettledPhases:
        """Settle the free phase and the nudged ones; `place` names the step, for signs and read noise."""
        ...

    def accumulate(
        self, x: FloatArray, targets: FloatArray, settled: SettledPhases, into: Accumulation, ledger: Ledger
    ) -> None:
        """Add the estimate of dC/dθ, mean over the minibatch."""
        ...
