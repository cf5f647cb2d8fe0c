"""Arrays between the host and the GPU: used where they are, copied where they must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from neuroep.equilibrium import Equilibrium


class OnDevice(NamedTuple):
    """A phase's states and sums on the GPU, in time its potentials, and the equilibrium that went to the caller."""

    given: Equilibrium
    states: Any
    up: Any
    variables: Any = None


def on_gpu(array: object) -> bool:
    """Return whether an array speaks ``__cuda_array_interface__`` (torch, cupy, numba)."""
    return hasattr(array, "__cuda_array_interface__") or hasattr(array, "copy_to_host")


def on_device(array: Any) -> Any:
    """The array on the GPU: itself if it is there."""
    if hasattr(array, "copy_to_host"):
        return array
    return cuda.as_cuda_array(array) if on_gpu(array) else cuda.to_device(np.ascontiguousarray(array))


def flat(array: Any) -> Any:
    """The array on the GPU, as one row of numbers."""
    return on_device(array).reshape(-1)


def host(array: Any) -> Any:
    """The array on the host: itself if it is there."""
    return on_device(array).copy_to_host() if on_gpu(array) else array


def give(array: Any, there: bool) -> Any:
    """The array as the caller wants it: on the GPU, or a copy on the host."""
    return array if there else array.copy_to_host()


def bring_back(written: Any, array: Any) -> None:
    """Bring what was written on the GPU back to an array of the host."""
    if not on_gpu(array):
        written.copy_to_host(array)


def layers(buffer: Any, rows: int, sizes: Sequence[int]) -> tuple[Any, ...]:
    """Views (rows, n_k) of layers that lie one after the other."""
    ends = rows * np.concatenate([[0], np.cumsum(sizes[1:])])
    return tuple(buffer[a:b].reshape(rows, n) for a, b, n in zip(ends[:-1], ends[1:], sizes[1:], strict=True))


def gathered(arrays: Sequence[Any]) -> Any:
    """Layers one after the other in one flat buffer on the GPU."""
    if not on_gpu(arrays[0]):
        return cuda.to_device(np.concatenate([np.ravel(each) for each in arrays]))
    out, at = cuda.device_array(sum(each.size for each in arrays), arrays[0].dtype), 0
    for each in arrays:
        out[at : at + each.size].copy_to_device(flat(each))
        at += each.size
    return out
