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

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from neuroep.hardware.cells.law import Column
from neuroep.hardware.device import Mounted, effective_weights
from neuroep.hardware.retention.base import Retention
from neuroep.hardware.retention.models import retention
from neuroep.network import Network
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights, coupling_offsets

if TYPE_CHECKING:
    from neuroep.hardware.crossbar.device import Crossbar, State

ARRAYS = ("devices", "against")


def written(crossbar: Crossbar, network: Network, weights: Weights, rng: np.random.Generator, seed: int) -> Mounted:
    """Program weights onto fresh devices by write-verify, with the programming error of the retention model.

    Parameters
    ----------
    crossbar : Crossbar
        Its own `programming_spread` and write noise are replaced by the model's error; with the model ``none``, which
        publishes no error, they stay.
    network, weights : Network, Weights
        What to program.
    rng : numpy.random.Generator
        Draws the devices, as :meth:`Crossbar.mount` does.
    seed : int
        Of the programming errors.

    Returns
    -------
    Mounted
        At the model's t₀, without its noise of reads.
    """
    if crossbar.retention == "none":
        return crossbar.mount(network, weights, rng)
    mounted = replace(crossbar, programming_spread=0.0).mount(network, weights, rng)
    model = retention(crossbar.retention)
    for name in _moving(crossbar):
        devices = cast(FloatArray, mounted.state[name])
        if devices.shape[1] == 1:  # references are trimmed at the factory, not written with the weights
            continue
        target = _siemens(crossbar, devices[:, Column.VALUE])
        error = model.programmed(target, stream(seed, "programmed", name)) - target
        devices[:, Column.VALUE] += error / siemens_per_unit(crossbar)
        devices[:, Column.SHOWN] = 0.0
    crossbar.refresh(mounted, solve=True)
    return mounted


def aged(crossbar: Crossbar, network: Network, mounted: Mounted, seconds: float, seed: int) -> Mounted:
    """Return a copy of a programmed crossbar at an age; the original stays as it is.

    Parameters
    ----------
    crossbar : Crossbar
        Whose `retention` names the model.
    network : Network
        What is mounted.
    mounted : Mounted
        As programmed, at the model's t₀.
    seconds : float
        Age since programming, >= 0.
    seed : int
        Of every device's path: the same at every age.

    Returns
    -------
    Mounted
        With the conductances and the noise of reads of that age.

    Raises
    ------
    BadInput
        If the age is negative or not finite.
    UnknownName
        If there is no such model.
    """
    model = retention(crossbar.retention)
    state: State = {name: array.copy() for name, array in mounted.state.items()}
    variances: dict[str, FloatArray] = {}
    for name in _moving(crossbar):
        change, variances[name] = _drifted(crossbar, model, cast(FloatArray, state[name]), seconds, seed, name)
        _move(cast(FloatArray, state[name]), change / siemens_per_unit(crossbar))
    copy = crossbar.restore(network, effective_weights(mounted.circuit), state)
    full_scale = cast(FloatArray, state["full_scale"])
    noise = _weight_noise(crossbar, network, sum(variances.values(), np.zeros(1)), full_scale)
    if not noise.any():
        return copy
    return replace(copy, circuit=crossbar.periphery.attached(copy.circuit, network, full_scale, noise))


def siemens_per_unit(crossbar: Crossbar) -> float:
    """Return the conductance of one unit of the step model's weight."""
    return (crossbar.g_max_siemens - crossbar.g_min_siemens) / crossbar.span


def _moving(crossbar: Crossbar) -> tuple[str, ...]:
    own = crossbar.paired or crossbar.encoding == "reference"
    return ARRAYS if own else ARRAYS[:1]


def _siemens(crossbar: Crossbar, position: FloatArray) -> FloatArray:
    low = float(np.asarray(crossbar.cell.w_min))
    siemens = crossbar.g_min_siemens + siemens_per_unit(crossbar) * (position.astype(np.float64) - low)
    return np.maximum(siemens, 0.0)


def _drifted(
    crossbar: Crossbar, model: Retention, devices: FloatArray, seconds: float, seed: int, name: str
) -> tuple[FloatArray, FloatArray]:
    """Change of the conductances since programming, and the variance of one read."""
    position = devices[:, 0] if devices.shape[1] == 1 else devices[:, Column.VALUE] + devices[:, Column.SHOWN]
    start = _siemens(crossbar, position)
    traits = model.drift_traits(start, stream(seed, "drift", name))
    now = model.after(start, traits, seconds, stream(seed, "aged", name))
    return now - start, model.read_sd(now, seconds, start) ** 2


def _move(devices: FloatArray, change: FloatArray) -> None:
    if not change.any():
        return
    if devices.shape[1] > 1:
        devices[:, Column.VALUE] += devices[:, Column.SHOWN]
        devices[:, Column.SHOWN] = 0.0
    devices[:, Column.VALUE] += change


def _weight_noise(crossbar: Crossbar, network: Network, variance: FloatArray, full_scale: FloatArray) -> FloatArray:
    """Standard deviation of a weight from read to read, root mean square over each coupling."""
    starts = coupling_offsets(network.sizes)
    found = np.broadcast_to(variance, (int(starts[-1]),))
    mean = np.asarray([found[a:b].mean() for a, b in pairwise(starts)])
    noise: FloatArray = np.sqrt(mean) / siemens_per_unit(crossbar) * full_scale / crossbar.full
    return noise
