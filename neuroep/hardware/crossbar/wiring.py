"""Wire resistance lowered onto a coupling's arrays, tile by tile: by how much each cell counts less than it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.hardware.crossbar.wires import Ends, reads
from neuroep.hardware.programming import check_range, check_whole
from neuroep.weights import FloatArray

#: Cells of the largest array that is solved: a nodal solve of so many takes seconds, of 784 x 256 minutes.
MOST_CELLS = 256 * 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Wires:
    """Wires of an array.

    Attributes
    ----------
    word_ohm, bit_ohm : float
        Resistance from one cell to the next along a word line and along a bit line, in ohm; both 0 for none.
    ends : Ends
        Through which ends of the lines downward reads go.
    refresh : int
        Updates after which the exact nodal solve is done anew; in between, attenuations stay as they are.
    """

    word_ohm: float = 0.0
    bit_ohm: float = 0.0
    ends: Ends = Ends.SAME
    refresh: int = 1000

    def __post_init__(self) -> None:
        settle(self, "wires.")
        for key in ("word_ohm", "bit_ohm"):
            check_range(getattr(self, key), 0.0, 1e6, f"wires.{key}")
        if (self.word_ohm == 0.0) != (self.bit_ohm == 0.0):
            raise BadInput("wires on one side only", "wires.word_ohm, wires.bit_ohm", "both 0, or both more than 0")
        check_whole(self.refresh, 1, 1 << 40, "wires.refresh")

    @property
    def resistive(self) -> bool:
        """Whether there is any resistance."""
        return self.word_ohm > 0.0


class Attenuation(NamedTuple):
    """Effective over true conductance of each cell, (rows, columns), as upward and as downward reads see it."""

    up: FloatArray
    down: FloatArray


def attenuation(wires: Wires, conductances: FloatArray, tile_rows: int, tile_columns: int) -> Attenuation:
    """Return by how much wires weaken each cell of an array, exactly, for the conductances as they are.

    Parameters
    ----------
    wires : Wires
        With resistance.
    conductances : ndarray, shape (rows, columns)
        In siemens.
    tile_rows, tile_columns : int
        Largest array, 0 for any: all of a coupling is then one.

    Raises
    ------
    BadInput
        If an array has more than `MOST_CELLS` cells.
    """
    checks.instance(wires, Wires, "wires")
    conductances = checks.array(conductances, "conductances", ("rows", "columns"), np.float64)
    check_whole(tile_rows, 0, 1 << 20, "tile_rows")
    check_whole(tile_columns, 0, 1 << 20, "tile_columns")
    rows, columns = conductances.shape
    refuse_oversized_arrays(rows, columns, tile_rows, tile_columns)
    high, wide = tile_rows or rows, tile_columns or columns
    seen = Attenuation(np.empty((rows, columns)), np.empty((rows, columns)))
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            tile = (slice(top, top + high), slice(left, left + wide))
            found = reads(conductances[tile], wires.word_ohm, wires.bit_ohm, wires.ends)
            seen.up[tile], seen.down[tile] = found.up, found.down.T
    # A cell without conductance carries next to nothing, whatever its factor.
    true = np.where(conductances > 0.0, conductances, 1.0)
    return Attenuation(seen.up / true, seen.down / true)


def refuse_oversized_arrays(rows: int, columns: int, tile_rows: int, tile_columns: int) -> None:
    """Refuse a coupling with wires whose largest array can't be solved in reasonable time.

    Raises
    ------
    BadInput
        Saying what its tiles may be.
    """
    high, wide = min(tile_rows or rows, rows), min(tile_columns or columns, columns)
    if high * wide > MOST_CELLS:
        raise BadInput(
            f"wires of an array of {high} x {wide} cells, whose exact solution takes minutes",
            "periphery.tile_rows, periphery.tile_columns",
            f"arrays of at most {MOST_CELLS:,} cells, as 256 x 256",
        )
