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


class Registers(NamedTuple):
    """What lines and sums hold between reads where only changes are driven (`Circuit.changes`).

    Attributes
    ----------
    down : tuple of ndarray
        Sums read from above by layer k = 1..L, each (batch, n_k); the last isn't used.
    driven_up, driven_down : tuple of ndarray
        What layer k's lines were last brought to for reads upward and downward, each (batch, n_k).
    fresh : ndarray of bool, shape (L,)
        Whether the sums from above still belong to the states as they are.
    """

    down: tuple[FloatArray, ...]
    driven_up: tuple[FloatArray, ...]
    driven_down: tuple[FloatArray, ...]
    fresh: NDArray[np.bool_]


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
    registers : Registers, optional
        Where reads drive changes alone, what a later phase goes on from.
    variables : ndarray, shape (batch, units), optional
        In continuous time, the variables of the differential equation, which a later phase goes on from.
    inputs : ndarray, shape (samples, n_0), optional
        The clamped layer as its synapses saw it, where that isn't what it was clamped to.
    """

    states: tuple[FloatArray, ...]
    currents: tuple[FloatArray, ...]
    fresh: NDArray[np.bool_]
    residual: FloatArray
    steps: NDArray[np.int64]
    code: NDArray[np.int64]
    registers: Registers | None = None
    variables: FloatArray | None = None
    inputs: FloatArray | None = None

    @property
    def output(self) -> FloatArray:
        """State of the last layer, (batch, n_L)."""
        return self.states[-1]
