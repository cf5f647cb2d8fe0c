"""Whether the cuda engine can run here, and if not, why: without importing numba unless there is a driver."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os

REMEDY = "pip install 'neuroep[cuda]'"


def simulated() -> bool:
    """Return whether numba simulates a GPU in this process."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def has_numba_cuda() -> bool:
    """Return whether the numba-cuda package is installed."""
    try:
        importlib.metadata.version("numba-cuda")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def cuda_available() -> str | None:
    """Return None where the cuda engine can run, else in a few words what was looked for and not found."""
    if simulated():
        return None
    if not has_driver():
        return "no NVIDIA driver (looked for libcuda)"
    if not has_numba_cuda():
        return f"numba-cuda isn't installed: {REMEDY}"
    from numba import cuda

    if not cuda.is_available():
        return "the NVIDIA driver reports no GPU that numba-cuda can use"
    return None


def has_driver() -> bool:
    """Return whether the NVIDIA driver's library can be loaded."""
    for name in ("libcuda.so.1", "libcuda.so", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
