"""Explicit, counter-based randomness: a stream is its seed and its name, and nothing else.

Two kinds. :func:`stream` gives a numpy ``Generator`` on the host for initial weights, data order and
device spread. :func:`noise_key` gives a 64-bit key for the noise that engines draw inside kernels, where
a sample's noise must not depend on how a batch was split or on the number of threads.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.errors import BadInput

#: Of the 32-bit hash: step of the Weyl sequence (2³² over the golden ratio), multipliers of lowbias32.
WEYL, HASH = 0x9E3779B9, (0x7FEB352D, 0x846CA68B)


def _single(*numbers: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(number) for number in numbers)


#: Giles' polynomials, highest power first, times √2.
CENTRE = _single(*(
    math.sqrt(2.0) * c for c in (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
        0.246640727, 1.50140941,
    )
))  # fmt: skip
TAIL = _single(*(
    math.sqrt(2.0) * c for c in (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
        1.00167406, 2.83297682,
    )
))  # fmt: skip
#: Of the logarithm: bits of √½, where the exponent is split off, coefficients of the series, and log 2.
LOG_SPLIT = 0x3F3504F3
LOG = _single(0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841)
LN2 = np.float32(math.log(2.0))


def _digest(seed: int, names: tuple[str | int, ...], size: int) -> int:
    whole = seed if type(seed) is int and seed >= 0 else checks.seed(seed)
    parts = [part if type(part) is int or type(part) is str else _plain(part) for part in names]
    text = repr((whole, *parts))  # unambiguous: ("a/b",) and ("a", "b") are different streams
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "little")


def _plain(part: object) -> str | int:
    """Return Python's own number or text, since the digest is of how it is written."""
    if isinstance(part, str | bool | np.bool_):
        return str(part) if isinstance(part, str) else int(part)
    try:
        return checks.whole(part, "names")
    except BadInput:
        raise BadInput(checks.shown(part), "names", "text or whole numbers") from None


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the Philox generator of a seed and a path of names.

    Parameters
    ----------
    seed : int
        The user's seed, from 0; every type of integer names the same stream.
    *names : str or int
        What the stream is for, e.g. ``"order", epoch``. Different names give independent streams.

    Returns
    -------
    numpy.random.Generator
        Reproducible bit for bit wherever numpy's Philox is (Salmon et al., SC 2011).

    Raises
    ------
    BadInput
        For a seed that isn't a whole number from 0, or a name that is neither text nor a whole number.
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


def counter_normal(key: int, rows: NDArray[np.integer], read: int, units: int, part: int = 0) -> NDArray[np.float32]:
    """Return the N(0, 1) noise of one read: a function of key, sample row, read number, part and unit alone.

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
    part : int
        Number of the conversion within the read, where tiles and repeats make several.

    Returns
    -------
    ndarray of float32, shape (batch, units)
        √2 erf⁻¹(2u − 1) of a 32-bit hash u of the unit, keyed by all the rest. Single precision for every float
        type, and without fused operations, so that compiled engines draw the same bits.
    """
    row_keys = combine(np.full(len(rows), key, dtype=np.uint64), rows)
    read_keys = combine(row_keys, np.full(len(rows), read))
    keys = combine(read_keys, np.full(len(rows), part))[:, None]
    return normal_of(_hashed_units(keys, units))


def counter_uniform(key: int, rows: NDArray[np.integer], units: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1) by key, row and unit alone: multiples of 2^−24, exact in every float type.

    Parameters
    ----------
    key : int
        From :func:`noise_key`.
    rows : ndarray of int, shape (batch,)
        Row of each sample in the whole minibatch.
    units : int
        Numbers a row.
    """
    keys = combine(np.full(len(rows), key, dtype=np.uint64), rows)[:, None]
    whole = _hashed_units(keys, units) >> np.uint32(8)
    return whole.astype(np.float64) * 2.0**-24


def _hashed_units(keys: NDArray[np.uint64], units: int) -> NDArray[np.uint32]:
    """32 random bits of each unit under each key, (keys, units); keys stand in a column."""
    low, high = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32), (keys >> np.uint64(32)).astype(np.uint32)
    return hashed(low, high, np.arange(units, dtype=np.uint32))


def hashed(low: NDArray[np.uint32], high: NDArray[np.uint32], unit: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return 32 random bits: the finaliser lowbias32 (C. Wellons, 2018) of a Weyl sequence, keyed before and within."""
    h = low + unit * np.uint32(WEYL)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(HASH[0])
    h = (h ^ (h >> np.uint32(15)) ^ high) * np.uint32(HASH[1])
    mixed: NDArray[np.uint32] = h ^ (h >> np.uint32(16))
    return mixed


def normal_of(h: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return the standard normal quantile of 32 bits: the last bit gives the sign, the others the tail's mass.

    Giles' single-precision polynomials (M. Giles, "Approximating the erfinv function", GPU Computing Gems 2, 2011),
    in the tail's mass t = 1 − |x| instead of x, which keeps its digits however small. Beyond 5.4 standard
    deviations (one number in 17 million) they are extrapolated, and right to 1e-3, up to the largest number drawn, 6.3.
    """
    one, half = np.float32(1.0), np.float32(0.5)
    t = ((h >> np.uint32(1)).astype(np.float32) + half) * np.float32(2.0**-31)
    w = -_log(t * (np.float32(2.0) - t))
    central = w < np.float32(5.0)
    v = np.where(central, w - np.float32(2.5), np.sqrt(w) - np.float32(3.0))
    c = [np.where(central, a, b) for a, b in zip(CENTRE, TAIL, strict=True)]
    v2 = v * v
    v4 = v2 * v2
    upper = (c[1] * v + c[2]) * v2 + (c[3] * v + c[4])
    lower = (c[5] * v + c[6]) * v2 + (c[7] * v + c[8])
    x = one - t
    normal: NDArray[np.float32] = ((c[0] * v4 + upper) * v4 + lower) * np.where(h & np.uint32(1), x, -x)
    return normal


def _log(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural logarithm of normal positive numbers: that of FreeBSD's e_logf.c, its last steps summed plainly."""
    i = y.view(np.int32)
    e = (i - np.int32(LOG_SPLIT)) >> np.int32(23)
    f = (i - (e << np.int32(23))).view(np.float32) - np.float32(1.0)
    s = f / (np.float32(2.0) + f)
    z = s * s
    series = z * (LOG[0] + z * (LOG[1] + z * (LOG[2] + z * LOG[3])))
    log: NDArray[np.float32] = e.astype(np.float32) * LN2 + s * (np.float32(2.0) + series)
    return log
