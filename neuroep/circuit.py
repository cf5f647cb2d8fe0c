"""What an engine sees: a network as one device lowers it, in arrays and scalars only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.weights import FloatArray


class Circuit(NamedTuple):
    """Effective weights, converters and noise of a mounted network.

    Buffers are laid out as in :class:`neuroep.weights.Weights`. A device that programs its weights
    refreshes these buffers in place, so a circuit stays valid over a whole training run.

    Attributes
    ----------
    sizes : ndarray of int64, shape (L + 1,)
        Units per layer.
    activations : ndarray of int64, shape (L + 1,)
        Codes of :class:`neuroep.network.Activation`.
    cost : int
        Code of :class:`neuroep.network.Cost`.
    feedback : float
        Feedback gain γ.
    up, down : ndarray
        Couplings as read from below (s_{k−1} → layer k) and from above (s_k → layer k−1). Both in the
        layout (n_{k−1}, n_k); the same buffer where the two reads agree.
    biases : ndarray
        b_1..b_L.
    dac_bits, adc_bits : int
        Resolution of what drives the lines and of what is read from them; 0 means no converter.
    dac_bound : ndarray, shape (L + 1,)
        Largest |state| of layer k that the DAC can drive.
    adc_bound : ndarray, shape (L + 1,)
        Largest |weighted sum| that the ADC of coupling k = 1..L can read; entry 0 isn't used.
    read_noise : ndarray, shape (L + 1,)
        Standard deviation of the noise of one read of coupling k, in units of the weighted sum.
    tau_seconds : ndarray, shape (L + 1,)
        Time constants.
    trace_bits : int
        Bits of the traces that learning reads in place of states; 0 means the states themselves. Settling doesn't
        see it.
    """

    sizes: NDArray[np.int64]
    activations: NDArray[np.int64]
    cost: int
    feedback: float
    up: FloatArray
    down: FloatArray
    biases: FloatArray
    dac_bits: int
    adc_bits: int
    dac_bound: FloatArray
    adc_bound: FloatArray
    read_noise: FloatArray
    tau_seconds: NDArray[np.float64]
    trace_bits: int = 0
