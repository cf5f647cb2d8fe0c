"""What kernels are launched with: circuits laid out on the GPU, what their sweeps read, and blocks of threads."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.engines.cuda import tiles as cuda_tiles
from neuroep.engines.cuda.check import simulated
from neuroep.engines.cuda.freshness import turns
from neuroep.engines.cuda.tiles import Tile
from neuroep.layout import Layout

#: Threads of a block of an elementwise kernel.
FLAT_THREADS = 256


def elementwise(size: int) -> tuple[int, int]:
    """Return blocks and threads of a kernel that goes through some numbers by strides of its grid."""
    return max(1, min(1024, -(-size // FLAT_THREADS))), FLAT_THREADS


class Laid(NamedTuple):
    """A circuit's sizes and offsets, on the host and on the GPU."""

    sizes: tuple[int, ...]
    units: int
    arrays: tuple[Any, Any, Any, Any]


class Sweep(NamedTuple):
    """The updates of a phase's sweeps, on the GPU, and which sums they leave true, on the host."""

    updates: Any
    fresh: NDArray[np.bool_]


class Block(NamedTuple):
    """A tile, whether its states are resident, the configuration of a launch, and room for states."""

    tile: Tile
    resident: bool
    launch: tuple[int, tuple[int, int], int, int]
    room: Any


class Launches:
    """Lays circuits out, each once, and chooses the blocks that settle.

    Parameters
    ----------
    tile : Tile or None
        The shape of the blocks that settle; chosen by the sizes and the batch if None.
    resident : bool or None
        Whether states are kept in shared memory; where they fit if None.
    """

    def __init__(self, tile: Tile | None, resident: bool | None) -> None:
        self._tile, self._resident = tile, resident
        self._laid: dict[tuple[int, ...], Laid] = {}
        self._sweeps: dict[tuple[object, ...], Sweep] = {}
        self._processors = 1 if simulated() else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)

    def laid(self, circuit: Circuit) -> Laid:
        """Return the circuit's sizes, activations and offsets of units and couplings."""
        sizes = tuple(int(n) for n in circuit.sizes)
        key = (*sizes, *(int(code) for code in circuit.activations))
        if key not in self._laid:
            laid = Layout.of(sizes)
            units, couplings = (np.concatenate([[0], part]) for part in (laid.units, laid.starts))
            arrays = (circuit.sizes, circuit.activations, units, couplings)
            on_device = cast(Any, tuple(cuda.to_device(np.asarray(each, dtype=np.int64)) for each in arrays))
            self._laid[key] = Laid(sizes, int(units[-1]), on_device)
        return self._laid[key]

    def sweep(self, order: NDArray[np.int64], last: int, nudged: bool, fresh: NDArray[np.bool_]) -> Sweep:
        """Return what :func:`neuroep.engines.cuda.freshness.turns` says of a phase."""
        key = (order.tobytes(), last, nudged, fresh.tobytes())
        if key not in self._sweeps:
            found = turns(order, last, nudged, fresh)
            self._sweeps[key] = Sweep(cuda.to_device(found.updates.reshape(-1)), found.fresh)
        return self._sweeps[key]

    def block(self, sizes: tuple[int, ...], rows: int, kind: np.dtype[Any]) -> Block:
        """Return the blocks that settle a batch."""
        tile, resident = cuda_tiles.choose(sizes, rows, kind, self._processors)
        if self._tile is not None:
            need = cuda_tiles.static_bytes(self._tile, kind) + cuda_tiles.state_bytes(self._tile, sizes, kind)
            tile, resident = self._tile, need <= cuda_tiles.SHARED_BYTES
        if self._resident is not None:
            resident = self._resident
        grid = -(-rows // tile.rows)
        room = 1 if resident else grid * tile.rows * (sum(sizes[1:]) + sizes[-1])
        shared = cuda_tiles.state_bytes(tile, sizes, kind) if resident else 0
        return Block(tile, resident, (grid, (tile.threads_x, tile.threads_y), 0, shared), cuda.device_array(room, kind))
