"""What the lines of a mounted network's arrays carry: conductances summed over all cells that a line drives."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from neuroep.hardware.device import Mounted
from neuroep.weights import FloatArray


class LineSiemens(NamedTuple):
    """Conductance from each driven line to lines at 0 V, in siemens.

    Attributes
    ----------
    up : tuple of ndarray
        Of couplings k = 1..L, of the lines that upward reads drive, (n_{k−1},).
    down : tuple of ndarray
        Of the lines that downward reads drive, (n_k,).
    """

    up: tuple[FloatArray, ...]
    down: tuple[FloatArray, ...]


@runtime_checkable
class Conducting(Protocol):
    """Hardware whose weights are conductances between lines."""

    def line_siemens(self, mounted: Mounted) -> LineSiemens:
        """Return what each line drives, both arrays of a pair together, as the cells are now."""
        ...
