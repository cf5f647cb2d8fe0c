"""What neuroep finds where it runs: versions, cores, BLAS, compiled kernels, data sets and a CUDA driver.

Neither torch nor brian2 is imported for it: what is broken in one of them can still be told.
"""

from __future__ import annotations

import importlib
import os
import platform
from pathlib import Path
from typing import Any

from neuroep.data import describe
from neuroep.engines.cuda.check import has_driver, has_numba_cuda
from neuroep.report.store import PACKAGES, versions


def cores() -> int:
    """Return the cores that this process may run on: those of its affinity mask, where there is one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kernel_folder() -> Path:
    """Return where compiled kernels are kept, in numba's order; nothing is made.

    $NUMBA_CACHE_DIR, else the package itself where it can be written to (its ``__pycache__`` folders), else the
    user's cache.
    """
    import pooch

    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given)
    package = Path(__file__).resolve().parents[1]
    return package if os.access(package, os.W_OK) else Path(pooch.os_cache("numba"))


def _kernels() -> dict[str, Any]:
    folder = kernel_folder()
    sizes = [file.stat().st_size for file in folder.rglob("*.nb[ic]")]
    return {"folder": str(folder), "files": len(sizes), "bytes": sum(sizes)}


def _blas() -> list[dict[str, Any]]:
    """Return the BLAS libraries that numpy and scipy load: compiled kernels call scipy's."""
    from threadpoolctl import threadpool_info

    for module in ("numpy", "scipy.linalg.cython_blas"):
        importlib.import_module(module)
    libraries = [
        {
            "library": found["internal_api"],
            "version": found["version"],
            "threads": found["num_threads"],
            "file": found["filepath"],
        }
        for found in threadpool_info()
        if found["user_api"] == "blas"
    ]
    return sorted(libraries, key=lambda library: str(library["file"]))


def installation() -> dict[str, Any]:
    """Return what there is, as ``neuroep info --json`` prints it."""
    return {
        "versions": versions((*PACKAGES, "brian2")),
        "system": platform.platform(),
        "cores": cores(),
        "blas": _blas(),
        "kernels": _kernels(),
        "data": [{"name": found.name, "place": found.place} for found in describe()],
        "cuda": {"driver": has_driver(), "numba_cuda": has_numba_cuda()},
    }
