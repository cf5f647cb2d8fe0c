"""A training whose loop gain passes 1 says so, once."""

from __future__ import annotations

import warnings

import numpy as np

from neuroep.circuit import Circuit
from neuroep.errors import Remark
from neuroep.physics import loop
from neuroep.rng import stream
from neuroep.weights import FloatArray

#: Samples and rounds of the power iteration: enough to tell whether the gain of half of the samples is above 1.
SAMPLES, ROUNDS = 16, 8
#: Samples times weights of an epoch under which looking would take a hundredth of it.
SMALL = 1_000_000


class LoopWatch:
    """Looks at the loop gain after the first, second, fourth, eighth… epoch: under a hundredth of a training's time.

    Parameters
    ----------
    circuit : Circuit
        What is trained, changed in place.
    x : ndarray, shape (N, n_0)
        Training inputs.
    """

    def __init__(self, circuit: Circuit, x: FloatArray) -> None:
        self._circuit, self._x = circuit, x[:SAMPLES]
        self._idle = not loop.covered(circuit) or len(x) * len(circuit.up) < SMALL

    def look(self, epoch: int) -> None:
        """Warn after an epoch, counted from 0, if half of the samples have a loop gain above 1."""
        if self._idle or epoch & (epoch + 1) or loop.most_gain(self._circuit) <= 1.0:
            return
        with np.errstate(all="ignore"):
            slopes = loop.forward_slopes(self._circuit, self._x)
            gain = float(np.median(loop.loop_gains(self._circuit, slopes, stream(0, "loop"), ROUNDS)))
        if gain > 1.0:
            self._idle = True
            warnings.warn(_line(gain, epoch, self._circuit.feedback), Remark, stacklevel=2)


def _line(gain: float, epoch: int, feedback: float) -> str:
    return (
        f"the loop gain is {gain:.3g} after epoch {epoch + 1}: from 1 on states hold themselves up, whatever the input"
        f" is; try feedback = {0.5 * feedback / gain:.2g}, or smaller learning rates of the read-out"
    )
