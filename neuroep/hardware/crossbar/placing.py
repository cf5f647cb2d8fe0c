"""How weights get onto an array when it is mounted: fresh devices, their references, and where each is put."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from neuroep.hardware.cells.arrays import Spread, draw_devices, law_of, symmetry_points
from neuroep.hardware.cells.law import COMMON_MODE, Column
from neuroep.hardware.cells.steps import StepModel
from neuroep.network import Network
from neuroep.weights import FloatArray


class Encoding(StrEnum):
    """What a weight is made of."""

    PAIR = "pair"  # two devices, both pulsed, read against each other
    REFERENCE = "reference"  # one device, against one of its own that stays at the device's symmetry point
    COLUMN = "column"  # one device, against a column of references shared by all devices of a row
    OFFSET = "offset"  # one device; the mid-range sum is subtracted digitally


class Placing(NamedTuple):
    """What closed-loop programming depends on.

    Attributes
    ----------
    cell, spread, stuck_share, stuck_range, encoding, one_sided
        As in :class:`neuroep.hardware.crossbar.device.Crossbar`.
    error : float
        Standard deviation of the error of a device, in units of the step model's weight.
    """

    cell: StepModel
    spread: Spread
    stuck_share: float
    stuck_range: float
    encoding: Encoding
    one_sided: bool
    error: float

    @property
    def centre(self) -> float:
        """Where the nominal device stands for a weight of 0: its symmetry point, or the middle of its range."""
        return _centre(self.cell, self.encoding, self.one_sided)

    def fresh(
        self, target: FloatArray, network: Network, dtype: DTypeLike, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Draw devices and what they are read against, and bring them to the wanted differences.

        Parameters
        ----------
        target : ndarray, shape (n,)
            Differences in units of the step model's weight, in the layout of `Weights.couplings`.
        network : Network
            Gives the rows that share a reference.
        dtype : dtype
            Of the devices.
        rng : numpy.random.Generator
            Of everything drawn.

        Returns
        -------
        devices : ndarray, shape (n, 8)
        against : ndarray, shape (n, 8) for pairs, else (n, 1)
        """
        paired = self.encoding is Encoding.PAIR
        drawn = [
            draw_devices(self.cell, self.spread, len(target), dtype, rng, self.stuck_share, self.stuck_range)
            for _ in range(2 if paired else 1)
        ]
        against = drawn[1] if paired else self._references(drawn[0], network, rng).astype(dtype)[:, None]
        self.place(drawn[0], against, target, rng)
        return drawn[0], against

    def place(self, devices: FloatArray, against: FloatArray, target: FloatArray, rng: np.random.Generator) -> None:
        """Bring devices, and of pairs those they are read against, to the wanted differences."""
        if self.encoding is not Encoding.PAIR:
            self._put(devices, target + against[:, 0], rng)
            return
        half = np.maximum(target, 0.0) if self.one_sided else 0.5 * target
        self._put(devices, self.centre + half, rng)
        self._put(against, self.centre + half - target, rng)

    def _references(self, devices: FloatArray, network: Network, rng: np.random.Generator) -> FloatArray:
        if self.encoding is Encoding.OFFSET:
            return np.full(len(devices), self.centre)
        spread = self.spread.reference
        if self.encoding is Encoding.REFERENCE:
            points = symmetry_points(devices, law_of(self.cell, devices.dtype))
            return points + spread * rng.standard_normal(len(devices))
        rows = [self.centre + spread * rng.standard_normal(n) for n in network.sizes[:-1]]
        return np.concatenate([np.repeat(r, n) for r, n in zip(rows, network.sizes[1:], strict=True)])

    def _put(self, devices: FloatArray, target: FloatArray, rng: np.random.Generator) -> None:
        """Bring devices to a target, with the programming error and the write noise of a write; the stuck stay."""
        count, moves = len(devices), devices[:, Column.UP] > 0.0
        error = self.error * rng.standard_normal(count) if self.error else 0.0
        wanted = np.clip(target + error, devices[:, Column.LOW], devices[:, Column.HIGH])
        devices[moves, Column.VALUE] = wanted[moves]
        if self.cell.write_noise:
            devices[moves, Column.SHOWN] = self.cell.write_noise * rng.standard_normal(count)[moves]


@lru_cache(maxsize=64)
def _centre(cell: StepModel, encoding: Encoding, one_sided: bool) -> float:
    """See `Placing.centre`; kept, because every update asks and the symmetry point is found by bisection."""
    low, high = float(np.asarray(cell.w_min)), float(np.asarray(cell.w_max))
    if one_sided:
        return low + COMMON_MODE * (high - low)
    if encoding is Encoding.REFERENCE:
        dtype = np.dtype(np.float64)
        nominal = draw_devices(cell, Spread(), 1, dtype, np.random.default_rng(0))  # without spread nothing is drawn
        return float(symmetry_points(nominal, law_of(cell, dtype))[0])
    return 0.0 if encoding is Encoding.OFFSET and low < 0.0 < high else 0.5 * (low + high)
