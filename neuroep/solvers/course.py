"""One phase in continuous time, from its start to its end: what a study of settling records."""

from __future__ import annotations

from typing import NamedTuple

from neuroep.equilibrium import ResultCode
from neuroep.solvers.plan import Settled
from neuroep.weights import FloatArray


class PhaseSettled(NamedTuple):
    """One phase and how it went.

    Attributes
    ----------
    phase : str
        ``"free"`` or ``"nudged"``.
    beta : float
        Nudging.
    begin_seconds : float
        When the phase began, the free one at 0.
    settled : Settled
        States and codes of each sample, with the trajectory.
    energy : ndarray, shape (T, batch)
        F at the times of the trajectory.
    distance : ndarray, shape (T, batch)
        Euclidean distance of the states from those at the phase's end.
    from_sweeps : float
        Largest difference of a state from the equilibrium that block sweeps find; NaN where either didn't settle.
    """

    phase: str
    beta: float
    begin_seconds: float
    settled: Settled
    energy: FloatArray
    distance: FloatArray
    from_sweeps: float

    def count(self, code: ResultCode) -> int:
        """Return how many samples ended with a code."""
        return int((self.settled.equilibrium.code == code).sum())
