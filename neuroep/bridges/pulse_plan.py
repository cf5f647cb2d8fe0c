"""Trained weights as pulses for real arrays: how many each device gets, and where it should stand then.

Devices start where they were reset, at g_min. A weight is placed as a nominal crossbar would place it
(:meth:`neuroep.hardware.crossbar.placing.Placing.place`), without spread and errors of its own: a real array brings
them along. Each device then gets the number of mean pulses up whose end is nearest to its target.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from neuroep.disk import write_atomic
from neuroep.errors import BadInput
from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.device import Device
from neuroep.layout import Layout
from neuroep.network import Network
from neuroep.rng import stream
from neuroep.weights import Weights

MOST_PULSES = 100_000
"""On the way through a device's range."""
HEADER = ("layer", "row", "column", "device", "weight", "start_uS", "target_uS", "pulses", "stands_uS", "against_uS")
Floats = NDArray[np.float64]


class Plan(NamedTuple):
    """Pulses of every device of one kind, in the layout of `Weights.couplings`.

    Attributes
    ----------
    name : str
        ``"plus"`` or ``"minus"`` of a pair, else ``"device"``.
    target, stands : ndarray, shape (n,)
        Conductances in siemens: as wanted, and after the pulses.
    pulses : ndarray of int, shape (n,)
        All up, from g_min.
    """

    name: str
    target: Floats
    pulses: NDArray[np.int64]
    stands: Floats


def plans(network: Network, weights: Weights, device: Device) -> tuple[tuple[Plan, ...], Floats]:
    """Return the pulses of all devices, and the references in siemens (n,) that single ones are read against.

    Parameters
    ----------
    network, weights : Network, Weights
        What was trained.
    device : Device
        A crossbar, with one array for both directions.

    Raises
    ------
    BadInput
        If the device isn't one, or its range takes too many pulses.
    """
    if not isinstance(device, Crossbar):
        raise BadInput(f"{device.name} has no pulsed cells of one array", "--to pulses", "a crossbar with one array")
    cell = replace(device.cell, cycle_noise=0.0, write_noise=0.0)
    nominal = replace(device, cell=cell, spread=Spread(), stuck_share=0.0, programming_spread=0.0)
    mounted = nominal.mount(network, weights.astype(np.float64), stream(0, "nominal"))
    wanted = nominal.conductances(mounted)
    curve = nominal.scale.siemens(_climb(nominal)).astype(np.float64)
    names = ("plus", "minus") if nominal.paired else ("device",)
    found = tuple(
        _plan(name, target.ravel().astype(np.float64), curve) for name, target in zip(names, wanted, strict=False)
    )
    return found, np.empty(0) if nominal.paired else wanted[1].ravel().astype(np.float64)


def _climb(device: Crossbar) -> Floats:
    """Return the mean device's weights after 0, 1, 2 … pulses up from its lower bound, until they move it no more."""
    low, high = (float(np.asarray(bound)) for bound in device.cell.bounds)
    pulses = 64
    while True:
        found = device.cell.curve(low, pulses, 0).astype(np.float64)
        resting = np.flatnonzero(np.diff(found) <= 1e-6 * (high - low))
        if resting.size and not resting[0]:
            raise BadInput("pulses up don't move a device from g_min", device.name, "a device that moves")
        if resting.size:
            return found[: int(resting[0]) + 1]
        if pulses > MOST_PULSES:
            raise BadInput(f"more than {MOST_PULSES} pulses for its range", device.name, "larger steps")
        pulses *= 4


def _plan(name: str, target: Floats, curve: Floats) -> Plan:
    above = np.clip(np.searchsorted(curve, target), 1, max(len(curve) - 1, 1))
    pulses = np.where(target - curve[above - 1] <= curve[above] - target, above - 1, above)
    return Plan(name, target, pulses.astype(np.int64), curve[pulses])


def write_plan(network: Network, weights: Weights, device: Device, path: Path) -> None:
    """Write :func:`plans` as CSV, a row a device, all at once.

    Columns: `layer` (of the weights, from 1), `row` and `column` (units below and above, from 0), `device`, `weight`,
    `start_uS`, `target_uS`, `pulses` (up, from there), `stands_uS`, and `against_uS`, the reference of a single device
    (empty for pairs, whose weight is the difference of the two).
    """
    found, against = plans(network, weights, device)
    start = float(cast(Crossbar, device).g_min_siemens)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    starts = Layout.of(network.sizes).starts
    for layer, columns in enumerate(network.sizes[1:], start=1):
        for place in range(int(starts[layer - 1]), int(starts[layer])):
            row, column = divmod(place - int(starts[layer - 1]), columns)
            weight = repr(float(weights.couplings[place]))
            for plan in found:
                numbers = (
                    _micro(start),
                    _micro(plan.target[place]),
                    int(plan.pulses[place]),
                    _micro(plan.stands[place]),
                )
                beside = _micro(against[place]) if against.size else ""
                table.writerow((layer, row, column, plan.name, weight, *numbers, beside))
    write_atomic(path, text.getvalue())


def _micro(siemens: float) -> str:
    return f"{1e6 * float(siemens):.9g}"
