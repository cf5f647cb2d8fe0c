"""Where couplings and layers lie in flat buffers, worked out once for each shape of network."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Block(NamedTuple):
    """One coupling: the layers it joins, its matrix (rows, columns), and where that starts in the flat buffer."""

    source: int
    target: int
    rows: int
    columns: int
    start: int

    @property
    def part(self) -> slice:
        """Its entries of the flat buffer."""
        return slice(self.start, self.start + self.rows * self.columns)


class Layout(tuple[int, ...]):
    """Units per layer, (n_0, ..., n_L), with the blocks of the couplings between them.

    A look at one of a thousand couplings takes as long as at one of two. It is a tuple, and equal to one.

    Attributes
    ----------
    blocks : tuple of Block
        Coupling k = 1..L is ``blocks[k - 1]``.
    starts : ndarray of int64, shape (L + 1,)
        Where each coupling starts in the flat buffer, and its length.
    units : ndarray of int64, shape (L + 1,)
        Where each of the layers 1..L starts among all units, and their number.
    """

    blocks: tuple[Block, ...]
    starts: NDArray[np.int64]
    units: NDArray[np.int64]

    def __new__(cls, sizes: Iterable[int]) -> Layout:
        """Lay out a chain of layers of the given sizes."""
        layout = super().__new__(cls, sizes)
        layout.starts = _running([below * above for below, above in pairwise(layout)])
        layout.units = _running(layout[1:])
        layout.blocks = tuple(
            Block(k, k + 1, below, above, start)
            for k, (below, above, start) in enumerate(zip(layout, layout[1:], layout.starts.tolist(), strict=False))
        )
        return layout

    @classmethod
    def of(cls, sizes: Iterable[int]) -> Layout:
        """Return the layout of some sizes: themselves, if they are one."""
        return sizes if isinstance(sizes, Layout) else _laid_out(tuple(sizes))

    def __reduce__(self) -> tuple[type[Layout], tuple[tuple[int, ...]]]:
        """Be copied and sent to other processes as plain sizes."""
        return Layout, (tuple(self),)


@lru_cache(maxsize=64)
def _laid_out(sizes: tuple[int, ...]) -> Layout:
    return Layout(sizes)


def _running(lengths: Iterable[int]) -> NDArray[np.int64]:
    """Where each part starts, and the end."""
    starts = np.cumsum([0, *lengths], dtype=np.int64)
    starts.setflags(write=False)  # shared by all of its shape
    return starts
