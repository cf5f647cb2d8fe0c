"""Write-verify programming: read, compare, pulse, until a device is close enough to its target or out of pulses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import StepModel
from neuroep.weights import FloatArray


class WriteVerify(NamedTuple):
    """The outcome of programming, arrays of one shape.

    Attributes
    ----------
    values : ndarray
        The weights of the devices, on which the next pulse would act.
    pulses, reads : ndarray of int
        Pulses and reads each device took.
    converged : ndarray of bool
        Whether the last read was within the tolerance.
    seen : ndarray
        What a read without noise shows: `values` with the write noise of the last pulse.
    """

    values: FloatArray
    pulses: NDArray[np.int64]
    reads: NDArray[np.int64]
    converged: NDArray[np.bool_]
    seen: FloatArray


def write_verify(
    model: StepModel,
    start: ArrayLike,
    target: ArrayLike,
    tolerance: float,
    most_pulses: int,
    read_noise: float,
    rng: np.random.Generator,
) -> WriteVerify:
    """Return devices programmed one pulse at a time, each towards its target as the last read shows it.

    Parameters
    ----------
    model : StepModel
        The devices; weights below are in its units.
    start, target : array_like
        Weights before, and those wanted; they broadcast. The precision is that of `start`.
    tolerance : float
        Largest distance to the target at which a device is left alone, >= 0. Steps more than twice as large may never
        end there.
    most_pulses : int
        Pulses after which a device is given up, >= 0.
    read_noise : float
        Standard deviation of a verifying read, >= 0. With noise a device is accepted for what was read.
    rng : numpy.random.Generator
        Draws the noise of pulses, writes and reads.

    Raises
    ------
    BadInput
        If a number is negative, or a weight is not finite.
    """
    values, aim = _checked(start, target, tolerance, most_pulses, read_noise)
    seen = values.copy()
    pulses = np.zeros(values.shape, dtype=np.int64)
    off = aim - _read(seen, read_noise, rng)
    undone = np.abs(off) > tolerance
    reads = np.ones(values.shape, dtype=np.int64)
    for _ in range(most_pulses):
        if not undone.any():
            break
        values = np.where(undone, model.pulse(values, np.where(undone, np.sign(off), 0.0), rng), values)
        seen = np.where(undone, model.apparent(values, rng), seen) if model.write_noise > 0.0 else values
        pulses += undone
        reads += undone
        off = np.where(undone, aim - _read(seen, read_noise, rng), off)
        undone = np.abs(off) > tolerance
    return WriteVerify(values, pulses, reads, ~undone, seen)


def _checked(
    start: ArrayLike, target: ArrayLike, tolerance: float, most_pulses: int, read_noise: float
) -> tuple[FloatArray, FloatArray]:
    for key, value in (("tolerance", tolerance), ("read_noise", read_noise)):
        checks.number(value, key, 0.0, allowed="0 or more")
    checks.count(most_pulses, "most_pulses", 0)
    given = checks.reals(start, "start")
    wanted = checks.reals(target, "target").astype(given.dtype, copy=False)
    try:
        first, aim = np.broadcast_arrays(given, wanted)
    except ValueError:
        raise BadInput(f"shape {wanted.shape}", "target", f"{given.shape}, that of start") from None
    for key, weights in (("start", first), ("target", aim)):
        if not np.isfinite(weights).all():
            raise BadInput("not a number", key, "finite weights")
    return first.copy(), aim


def _read(seen: FloatArray, read_noise: float, rng: np.random.Generator) -> FloatArray:
    if read_noise == 0.0:
        return seen
    noisy: FloatArray = seen + read_noise * rng.standard_normal(seen.shape).astype(seen.dtype, copy=False)
    return noisy
