"""How devices and step models are laid out as numbers for :mod:`neuroep.hardware.crossbar.pulse_kernels`."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from neuroep.weights import FloatArray

COMMON_MODE = 0.2
"""Of the range: where the smaller device of a one-sided pair is written to, past its largest steps."""


class Column(IntEnum):
    """What the numbers of a device mean, in units of the step model's weight."""

    VALUE = 0  # where the device is
    UP = 1  # s₊, its step up where y = 1; 0 with DOWN 0: stuck
    DOWN = 2  # s₋
    LOW = 3  # its bounds
    HIGH = 4
    SLOPE_UP = 5  # of linear steps y₊ = 1 − slope · w; the exponent of power steps
    SLOPE_DOWN = 6
    SHOWN = 7  # by how much what is read differs from VALUE: the write noise of the last write


class LawCode(IntEnum):
    """Which step model."""

    LINEAR = 0  # constant, linear and soft-bounds steps
    EXPONENTIAL = 1
    POWER = 2
    PIECEWISE = 3


class Law(NamedTuple):
    """A step model as kernels take it.

    Attributes
    ----------
    code : int
        Of `LawCode`.
    shape : ndarray
        EXPONENTIAL: A₊, A₋, γ₊, γ₋, a, b. PIECEWISE: the table of y₊, then that of y₋. Else nothing.
    noise : float
        Standard deviation of y from pulse to pulse.
    additive : bool
        Whether in units of y = 1 instead of y itself.
    floor, noise_slope : float
        What noise not additive is in units of: |Δw| + floor + noise_slope · |w|.
    write_noise : float
        Standard deviation of what is read about where the device is, drawn at each write.
    """

    code: int
    shape: FloatArray
    noise: float
    additive: bool
    floor: float
    noise_slope: float
    write_noise: float
