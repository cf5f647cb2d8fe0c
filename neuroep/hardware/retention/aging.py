"""What becomes of a programmed crossbar: verified writing, drift, and the noise of reads at an age.

A published model (:mod:`neuroep.hardware.retention.models`) says what a conductance G becomes. We add the *change* that
it gives for max(G, 0) to where each device is, so that devices beyond the nominal range, which the spread of bounds
makes, keep their place, and a model that changes nothing leaves every bit as it is. Ages count from programming, never
from an earlier age, and one seed gives each device one path.

References that are devices of their own age like the others; a column of references shared by a row, and the digital
sum of `offset`, are taken to be kept calibrated. An aged device is where it is read to be: the write noise of its last
write is part of its state. Where a model publishes noise of reads, that replaces the crossbar's own `read_noise`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.law import Column
from neuroep.hardware.retention.base import Retention
from neuroep.rng import stream
from neuroep.weights import FloatArray


class Scale(NamedTuple):
    """From units of a step model's weight to siemens.

    Attributes
    ----------
    g_min_siemens : float
        Conductance at `w_min`.
    per_unit : float
        Siemens of one unit.
    w_min : float
        The step model's lower bound.
    """

    g_min_siemens: float
    per_unit: float
    w_min: float

    def siemens(self, position: FloatArray) -> FloatArray:
        """Return the conductances of devices at positions in units of the step model's weight."""
        conductances: FloatArray = self.g_min_siemens + self.per_unit * (position - self.w_min)
        return conductances


def write_errors(model: Retention, scale: Scale, devices: FloatArray, rng: np.random.Generator) -> None:
    """Move freshly placed devices (n, 8) by the model's errors of programming, in place of their write noise."""
    target = _conductances(scale, devices[:, Column.VALUE])
    devices[:, Column.VALUE] += (model.programmed(target, rng) - target) / scale.per_unit
    devices[:, Column.SHOWN] = 0.0


def age(model: Retention, scale: Scale, devices: FloatArray, seconds: float, seed: int, name: str) -> FloatArray:
    """Move programmed devices, (n, 8) or (n, 1), to where they are at an age, and return the variance of one read.

    Parameters
    ----------
    model : Retention
        What becomes of conductances.
    scale : Scale
        What a conductance is.
    devices : ndarray
        As programmed, at the model's t₀; changed in place.
    seconds : float
        Age since programming, >= 0.
    seed, name : int, str
        Of every device's path, which is the same at every age.

    Returns
    -------
    ndarray
        Of shape (n,), in siemens².

    Raises
    ------
    BadInput
        If the age is negative or not finite.
    """
    start = _conductances(scale, shown(devices))
    traits = model.drift_traits(start, stream(seed, "drift", name))
    now = model.after(start, traits, seconds, stream(seed, "aged", name))
    _move(devices, (now - start) / scale.per_unit)
    return model.read_sd(now, seconds, start) ** 2


def weight_noise(variance: FloatArray, starts: NDArray[np.int64], per_siemens: FloatArray) -> FloatArray:
    """Return the standard deviation of a weight from read to read, root mean square over each coupling.

    Parameters
    ----------
    variance : ndarray
        Of one read of each weight's devices together, in siemens²: of shape (n,), or (1,) for all alike.
    starts : ndarray
        Where each coupling starts, and n; of shape (L + 1,).
    per_siemens : ndarray
        What a siemens is in the weights of each coupling; of shape (L,).
    """
    every = np.broadcast_to(variance, (int(starts[-1]),))
    noise: FloatArray = np.sqrt([every[a:b].mean() for a, b in pairwise(starts)]) * per_siemens
    return noise


def shown(devices: FloatArray) -> FloatArray:
    """Return where devices (n, 8) or fixed references (n, 1) are read to be, with the noise of their last write."""
    if devices.shape[1] == 1:
        return devices[:, 0]
    positions: FloatArray = devices[:, Column.VALUE] + devices[:, Column.SHOWN]
    return positions


def _conductances(scale: Scale, position: FloatArray) -> FloatArray:
    return np.maximum(scale.siemens(position.astype(np.float64)), 0.0)


def _move(devices: FloatArray, change: FloatArray) -> None:
    if not change.any():
        return
    if devices.shape[1] > 1:
        devices[:, Column.VALUE] += devices[:, Column.SHOWN]
        devices[:, Column.SHOWN] = 0.0
    devices[:, Column.VALUE] += change
