"""Matrix products inside compiled kernels, by a BLAS found at run time.

Kernels get the address of a Fortran ``sgemm``/``dgemm`` as an argument, so that they can be cached on disk,
accumulate (beta ≠ 0) and read a matrix transposed without a copy: what ``numpy.dot`` can't. Torch's library
exports the MKL it is built with on x86, which is the faster one there; scipy's own BLAS is the other.
Matrices are C-ordered and live in flat buffers.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import DTypeLike

from neuroep.weights import FloatArray

_N, _T = ord("n"), ord("t")


class Blas(NamedTuple):
    """Where a BLAS is, and how to hold it to one thread.

    Attributes
    ----------
    name : str
        ``"torch"`` or ``"scipy"``.
    sgemm, dgemm : int
        Addresses.
    set_threads : callable or None
        Sets the calling thread's number of BLAS threads and returns the number before; None where
        threadpoolctl has to do it.
    """

    name: str
    sgemm: int
    dgemm: int
    set_threads: Callable[[int], int] | None

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Hold the calling thread to one BLAS thread inside the block, where this library can."""
        if self.set_threads is None:
            yield
            return
        before = self.set_threads(1)
        try:
            yield
        finally:
            self.set_threads(before)

    def gemm(self, dtype: DTypeLike) -> int:
        """Return the address for a floating-point type."""
        return self.sgemm if np.dtype(dtype) == np.float32 else self.dgemm


@cache
def find_blas() -> Blas:
    """Return the BLAS of torch's library where it exports one, else scipy's."""
    return _from_torch() or _from_scipy()


def _from_torch() -> Blas | None:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    # loading the library alone takes a tenth of a second, importing torch most of one
    file = Path(spec.origin).parent / "lib" / "libtorch_cpu.so"
    try:
        library = ctypes.CDLL(str(file))
        functions = [getattr(library, name) for name in ("sgemm_", "dgemm_")]
        set_threads = library.MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return None
    single, double = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions)
    return Blas("torch", single, double, set_threads)


def _from_scipy() -> Blas:
    from numba.extending import get_cython_function_address

    single, double = (get_cython_function_address("scipy.linalg.cython_blas", name) for name in ("sgemm", "dgemm"))
    return Blas("scipy", single, double, None)


def _define_gemm(typingctx, address, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):  # type: ignore[no-untyped-def]
    """Column-major c ← alpha · op(a) op(b) + beta · c, by the Fortran function at an address."""
    whole = types.int32
    signature = types.void(
        types.intp, types.int8, types.int8, whole, whole, whole, c.dtype, a, whole, b, whole, c.dtype, c, whole
    )

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        def place(value: Any) -> Any:
            slot = cgutils.alloca_once_value(builder, value)  # type: ignore[no-untyped-call]
            return builder.bitcast(slot, cgutils.voidptr_t)

        def data(position: int) -> Any:
            array = context.make_array(signature.args[position])(context, builder, values[position])
            return builder.bitcast(array.data, cgutils.voidptr_t)

        arrays = (7, 9, 12)
        arguments = [data(i) if i in arrays else place(values[i]) for i in range(1, len(values))]
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] * len(arguments))
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), arguments)
        return context.get_dummy_value()

    return signature, codegen


_gemm: Any = intrinsic(_define_gemm)


@njit(inline="always")
def product_up(
    gemm: int, rows: int, below: int, size: int, source: FloatArray, weights: FloatArray, scale: float, keep: float,
    out: FloatArray,
) -> None:  # fmt: skip
    """out (rows, size) ← keep · out + scale · source (rows, below) · weights (below, size)."""
    _gemm(gemm, _N, _N, size, rows, below, scale, weights, size, source, below, keep, out, size)


@njit(inline="always")
def product_down(
    gemm: int, rows: int, size: int, above: int, source: FloatArray, weights: FloatArray, scale: float, keep: float,
    out: FloatArray,
) -> None:  # fmt: skip
    """out (rows, size) ← keep · out + scale · source (rows, above) · weights (size, above)ᵀ."""
    _gemm(gemm, _T, _N, size, rows, above, scale, weights, above, source, above, keep, out, size)


@njit(inline="always")
def tile_up(
    gemm: int, rows: int, below: int, size: int, first: int, lines: int, source: FloatArray, weights: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """Like product_up, of lines first..first+lines−1 alone."""
    part, tile = source[first:], weights[first * size :]
    _gemm(gemm, _N, _N, size, rows, lines, 1.0, tile, size, part, below, 0.0, out, size)


@njit(inline="always")
def tile_down(
    gemm: int, rows: int, size: int, above: int, first: int, lines: int, source: FloatArray, weights: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """Like product_down, of lines first..first+lines−1 alone."""
    _gemm(gemm, _T, _N, size, rows, lines, 1.0, weights[first:], above, source[first:], above, 0.0, out, size)


@njit(inline="always")
def product_outer(
    gemm: int, rows: int, below: int, size: int, a: FloatArray, stride: int, b: FloatArray, scale: float, keep: float,
    out: FloatArray,
) -> None:  # fmt: skip
    """out (below, size) ← keep · out + scale · aᵀ · b (rows, size); rows of a lie `stride` apart."""
    _gemm(gemm, _N, _T, size, below, rows, scale, b, size, a, stride, keep, out, size)
