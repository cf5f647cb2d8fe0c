"""Explicit, counter-based randomness: a stream is its seed and its name, and nothing else.

Two kinds. :func:`stream` gives a numpy ``Generator`` on the host for initial weights, data order and
device spread. :func:`noise_key` gives a 64-bit key for the noise that engines draw inside kernels, where
a sample's noise must not depend on how a batch was split or on the number of threads.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def _digest(seed: int, names: tuple[str | int, ...], size: int) -> int:
    text = repr((seed, *names))  # unambiguous: ("a/b",) and ("a", "b") are different streams
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "little")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the Philox generator of a seed and a path of names.

    Parameters
    ----------
    seed : int
        The user's seed.
    *names : str or int
        What the stream is for, e.g. ``"order", epoch``. Different names give independent streams.

    Returns
    -------
    numpy.random.Generator
        Reproducible bit for bit wherever numpy's Philox is (Salmon et al., SC 2011).
    """
    return np.random.Generator(np.random.Philox(key=_digest(seed, names, 16)))


def noise_key(seed: int, *names: str | int) -> int:
    """Return the 63-bit key of the in-kernel noise of a seed and a path of names."""
    return _digest(seed, names, 8) >> 1


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def combine(key: NDArray[np.uint64], index: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return the key of the index-th child of each key, by splitmix64 (Steele et al., OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        return _mix(key + np.uint64(0x9E3779B97F4A7C15) * (index.astype(np.uint64) + np.uint64(1)))


def counter_normal(key: int, rows: NDArray[np.integer], read: int, units: int) -> NDArray[np.float64]:
    """Return the N(0, 1) noise of one read: a function of key, sample row, read number and unit alone.

    Parameters
    ----------
    key : int
        From :func:`noise_key`.
    rows : ndarray of int, shape (batch,)
        Row of each sample in the whole minibatch.
    read : int
        Number of the read within the phase.
    units : int
        Number of weighted sums read.

    Returns
    -------
    ndarray, shape (batch, units)
        By Box–Muller from one 64-bit hash a number.
    """
    row_keys = combine(np.full(len(rows), key, dtype=np.uint64), rows)
    read_keys = combine(row_keys, np.full(len(rows), read))
    keys = combine(read_keys[:, None], np.arange(units)[None, :])
    radius = ((keys >> np.uint64(32)).astype(np.float64) + 0.5) * 2.0**-32
    angle = (keys & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    normal: NDArray[np.float64] = np.sqrt(-2.0 * np.log(radius)) * np.cos(2.0 * np.pi * angle)
    return normal
