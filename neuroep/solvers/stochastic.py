"""Thermal noise: independent white noise on every neuron, drawn by counter.

    dy = (velocity/τ) dt + σ dB

σ is in units of y per √second, so a unit with a leak alone keeps the variance σ²τ/2 (Ornstein–Uhlenbeck). The
increment of one step is √h σ N(0, 1), and N is a function of key, sample row, step and unit alone: neither
the split of a batch nor the number of threads changes it.

Euler–Maruyama takes the drift at the start of the step; stochastic Heun averages it with the drift at the end
of a step that has seen the noise. σ doesn't depend on the state, so both converge strongly with order 1
(order ½ is for noise that does), and weakly with orders 1 and 2. Read noise of the circuit is drawn anew in
every evaluation, as clocked hardware would: its effect falls with the step, as more reads average it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.rng import counter_normal
from neuroep.weights import FloatArray


@dataclass(frozen=True, slots=True)
class Thermal:
    """Thermal noise of all neurons.

    Attributes
    ----------
    sigma : tuple of float
        Standard deviation per √second, of each layer 1..D, or one for all.
    key : int
        From :func:`neuroep.rng.noise_key`.
    """

    sigma: tuple[float, ...]
    key: int

    def __post_init__(self) -> None:
        settle(self, "thermal.")
        if not self.sigma or min(self.sigma) < 0.0 or not np.isfinite(self.sigma).all():
            raise BadInput(f"noise of {self.sigma}", "thermal.sigma", "numbers from 0, per √second")

    def per_unit(self, starts: list[int]) -> NDArray[np.float64]:
        """Return σ of each unit; `starts` are the layers' ends among the units, beginning with 0."""
        sizes = np.diff(starts)
        if len(self.sigma) not in (1, len(sizes)):
            raise BadInput(
                f"{len(self.sigma)} noise levels for {len(sizes)} layers", "thermal.sigma", "1 or one a layer"
            )
        return np.repeat(np.broadcast_to(np.asarray(self.sigma), len(sizes)), sizes)


def increments(
    key: int, sigma: NDArray[np.float64], rows: NDArray[np.intp], step: int, seconds: NDArray[np.float64],
    dtype: DTypeLike,
) -> FloatArray:  # fmt: skip
    """Return σ times the Wiener increments of one step, shape (rows, units).

    Parameters
    ----------
    key : int
        Of the noise.
    sigma : ndarray, shape (units,)
        Per √second.
    rows : ndarray of int
        Rows of the whole batch.
    step : int
        Number of the step, from 0.
    seconds : ndarray, shape (rows,)
        Length of the step.
    dtype : data type
        Of the result.
    """
    noise = counter_normal(key, rows, step, len(sigma))
    grown: FloatArray = (np.sqrt(seconds)[:, None] * sigma * noise).astype(dtype)
    return grown
