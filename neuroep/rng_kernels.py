"""The randomness of :mod:`neuroep.rng` inside compiled kernels, written once for every one of them.

Same meaning, name by name, and the same bits: the tests hold each to the definition there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit, types, uint32, uint64
from numba.extending import intrinsic

from neuroep import rng

_HALF, _ONE, _TWO, _CENTRE, _THREE, _FIVE = (np.float32(c) for c in (0.5, 1.0, 2.0, 2.5, 3.0, 5.0))
_UNIT, _LN2, _SPLIT, _MANTISSA = np.float32(2.0**-31), rng.LN2, np.int32(rng.LOG_SPLIT), np.int32(23)
_G0, _G1, _G2, _G3 = rng.LOG
_A0, _A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8 = rng.CENTRE
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8 = rng.TAIL


@njit(inline="always")
def mix(z: int) -> int:
    """Finaliser of splitmix64 (Steele et al., OOPSLA 2014)."""
    z = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB)
    return z ^ (z >> uint64(31))


@njit(inline="always")
def combine(key: int, index: int) -> int:
    """Key of the index-th child of a key."""
    return mix(uint64(key) + uint64(0x9E3779B97F4A7C15) * (uint64(index) + uint64(1)))


@njit(inline="always")
def read_key(key: int, row: int, read: int, part: int) -> tuple[int, int]:
    """Lower and upper half of the key of one row's noise in one part of a read."""
    found = combine(combine(combine(key, row), read), part)
    return uint32(found), uint32(found >> uint64(32))


def _define_hashed(typingctx, low, high, unit):  # type: ignore[no-untyped-def]
    """32 random bits of a key's two halves and a unit; by hand, as numba would widen every step to 64 bits."""
    signature = types.uint32(types.uint32, types.uint32, unit)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = ir.IntType(32)
        low, high, unit = values[0], values[1], builder.trunc(values[2], whole)
        h = builder.add(low, builder.mul(unit, whole(rng.WEYL)))
        h = builder.mul(builder.xor(h, builder.lshr(h, whole(16))), whole(rng.HASH[0]))
        h = builder.xor(builder.xor(h, builder.lshr(h, whole(15))), high)
        h = builder.mul(h, whole(rng.HASH[1]))
        return builder.xor(h, builder.lshr(h, whole(16)))

    return signature, codegen


def _define_bits(typingctx, x):  # type: ignore[no-untyped-def]
    """The bits of a floating-point number as an integer."""
    found, width = (types.int32, 32) if x is types.float32 else (types.int64, 64)
    return found(x), lambda _c, builder, _s, values: builder.bitcast(values[0], ir.IntType(width))


def _define_float(typingctx, i):  # type: ignore[no-untyped-def]
    """The floating-point number of an integer's bits."""
    found, kind = (types.float32, ir.FloatType()) if i is types.int32 else (types.float64, ir.DoubleType())
    return found(i), lambda _c, builder, _s, values: builder.bitcast(values[0], kind)


hashed: Any = intrinsic(_define_hashed)
bits_of: Any = intrinsic(_define_bits)
float_of: Any = intrinsic(_define_float)


@njit(inline="always")
def _log(y: float) -> float:
    i = bits_of(y)
    e = int32(int32(i - _SPLIT) >> _MANTISSA)
    f = float_of(int32(i - int32(e << _MANTISSA))) - _ONE
    s = f / (_TWO + f)
    z = s * s
    log: float = float32(e) * _LN2 + s * (_TWO + z * (_G0 + z * (_G1 + z * (_G2 + z * _G3))))
    return log


@njit(inline="always")
def standard_normal(low: int, high: int, unit: int) -> float:
    """One float32 N(0, 1) of the lower and upper half (uint32) of a key, bit for bit that of `neuroep.rng`.

    Callers must neither fuse nor reorder (no fastmath) and divide as numpy does (error_model): then loops vectorise.
    """
    h = hashed(low, high, unit)
    t = (float32(int32(h >> uint32(1))) + _HALF) * _UNIT
    w = -_log(t * (_TWO - t))
    central = w < _FIVE
    v = w - _CENTRE if central else math.sqrt(w) - _THREE
    v2 = v * v
    v4 = v2 * v2
    upper = ((_A1 if central else _B1) * v + (_A2 if central else _B2)) * v2
    upper = upper + ((_A3 if central else _B3) * v + (_A4 if central else _B4))
    lower = ((_A5 if central else _B5) * v + (_A6 if central else _B6)) * v2
    lower = lower + ((_A7 if central else _B7) * v + (_A8 if central else _B8))
    x = _ONE - t
    normal: float = (((_A0 if central else _B0) * v4 + upper) * v4 + lower) * (x if h & uint32(1) else -x)
    return normal
