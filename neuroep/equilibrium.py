"""What comes back from settling: states, and how well each sample settled."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.weights import FloatArray


class ResultCode(IntEnum):
    """How the settling of one sample ended."""

    CONVERGED = 0
    STEP_LIMIT = 1
    DIVERGED = 2


class Equilibrium(NamedTuple):
    """States of a batch, sample by sample, with the quality of each.

    Attributes
    ----------
    states : tuple of ndarray
        s_1..s_L, each (batch, n_k). Under a cross-entropy read-out s_L is softmax(W_Lᵀ s_{L−1} + b_L).
    currents : tuple of ndarray
        What layer k = 1..L last received from below, W_kᵀ s_{k−1} without bias, each (batch, n_k).
    fresh : ndarray of bool, shape (L,)
        Whether that current still belongs to the states as they are; a later phase reads it anew only if not.
    residual : ndarray, shape (batch,)
        Euclidean norm of the velocity ρ(input) − s of all layers, as met in the last sweep.
    steps : ndarray of int64, shape (batch,)
        Sweeps taken.
    code : ndarray of int64, shape (batch,)
        ResultCode of each sample.
    """

    states: tuple[FloatArray, ...]
    currents: tuple[FloatArray, ...]
    fresh: NDArray[np.bool_]
    residual: FloatArray
    steps: NDArray[np.int64]
    code: NDArray[np.int64]

    @property
    def output(self) -> FloatArray:
        """State of the last layer, (batch, n_L)."""
        return self.states[-1]
