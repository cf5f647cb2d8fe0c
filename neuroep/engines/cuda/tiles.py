"""How the cuda engine cuts its work: threads, rows and columns of a block, and the shared memory that takes.

A block of `threads_x` × `threads_y` threads settles `rows` samples. Their states stay in shared memory through all
sweeps; weights pass through a tile of `depth` × `columns` numbers. Each thread holds `rows_each` × `columns_each` sums
in registers: the rows of a warp are the same, so that states are broadcast and weights read without conflicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

#: Shared memory that a block gets without opting in, on every architecture since sm_20.
SHARED_BYTES = 48 * 1024


class Tile(NamedTuple):
    """The shape of a block.

    Attributes
    ----------
    threads_x, threads_y : int
        Threads along the columns (units) and along the rows (samples).
    rows_each, columns_each : int
        Rows and columns that one thread sums.
    depth : int
        Numbers of a sum that are staged at once.
    """

    threads_x: int
    threads_y: int
    rows_each: int
    columns_each: int
    depth: int

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return self.threads_y * self.rows_each

    @property
    def columns(self) -> int:
        """Columns that a block sums at once."""
        return self.threads_x * self.columns_each

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.threads_x * self.threads_y


#: Blocks that settle, widest first: 16, 8 and 4 samples on 128 threads.
SETTLING = (Tile(32, 4, 4, 4, 16), Tile(32, 4, 2, 4, 16), Tile(32, 4, 1, 4, 16))
#: Blocks of the plain products: 32 × 32 sums on 64 threads.
PRODUCTS = Tile(8, 8, 4, 4, 16)


def static_bytes(tile: Tile, dtype: DTypeLike) -> int:
    """Return the shared memory of a settling block besides its states: weight tile, row sums, live rows, scalars."""
    size = np.dtype(dtype).itemsize
    return size * (tile.depth * (tile.columns + 1) + tile.rows * tile.threads_x) + 4 * tile.rows


def state_bytes(tile: Tile, sizes: Sequence[int], dtype: DTypeLike) -> int:
    """Return the shared memory of a block's states, and of what its output layer sends down."""
    return int(np.dtype(dtype).itemsize * tile.rows * (sum(sizes[1:]) + sizes[-1]))


def choose(sizes: Sequence[int], batch: int, dtype: DTypeLike, processors: int = 1) -> tuple[Tile, bool]:
    """Return the tile that settles a batch, and whether the states of its rows fit into shared memory.

    The widest tile that fits and still gives every multiprocessor a block; failing that, the narrowest. States that
    fit with no tile stay in global memory, where the caches hold them.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer.
    batch : int
        Rows to settle.
    dtype : dtype
        float32 or float64.
    processors : int
        Multiprocessors of the GPU.
    """
    fitting = [t for t in SETTLING if static_bytes(t, dtype) + state_bytes(t, sizes, dtype) <= SHARED_BYTES]
    enough = [t for t in fitting if -(-batch // t.rows) >= processors]
    if enough:
        return enough[0], True
    return (fitting[-1], True) if fitting else (SETTLING[-1], False)
