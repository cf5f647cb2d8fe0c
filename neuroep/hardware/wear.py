"""What programming has done to the cells of a device: pulses and full-range cycles of each."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from neuroep.hardware.device import Device, Mounted


class Wear(NamedTuple):
    """Wear of the cells of a device since they were mounted.

    Attributes
    ----------
    cells : int
        Cells that are pulsed: both of a pair, and those of a second array.
    pulses_mean, pulses_hottest : float
        Pulses up and down, of the mean cell and of the one with most.
    cycles_mean, cycles_hottest : float
        The same in cycles through the whole range, up and down again.
    """

    cells: int
    pulses_mean: float
    pulses_hottest: float
    cycles_mean: float
    cycles_hottest: float


@runtime_checkable
class Wearing(Protocol):
    """Hardware whose cells wear out by being written."""

    def wear(self, mounted: Mounted) -> Wear:
        """Return what its cells have been through."""
        ...


def wear(device: Device, mounted: Mounted) -> Wear | None:
    """Return the wear of a device's cells, or None for a device whose cells don't wear out."""
    return device.wear(mounted) if isinstance(device, Wearing) else None
