"""Where settling runs: `reference` defines, `cpu` is fast, `cuda` is for NVIDIA GPUs. Same names, same numbers."""

from __future__ import annotations

from neuroep import checks
from neuroep.engines.base import Accumulation, Courses, Engine, How, Keys, Nudge, Plan, Plans

NAMES = ("auto", "cpu", "cuda", "reference")
#: Those that share blocks of samples out among threads.
THREADED = ("auto", "cpu")


def create(name: str = "auto", threads: int | None = None) -> Engine:
    """Return an engine by name; `auto` is `cpu`.

    Raises
    ------
    UnknownName
        For a name that isn't in `NAMES`.
    NotAvailable
        For `cuda` where there is no GPU, or no numba-cuda.
    """
    checks.one_of(name, NAMES, "engine")
    threads = None if threads is None else checks.count(threads, "threads")
    if name == "reference":
        from neuroep.engines.reference import ReferenceEngine

        return ReferenceEngine()
    if name == "cuda":
        from neuroep.engines.cuda.engine import CudaEngine

        return CudaEngine()
    from neuroep.engines.cpu.engine import CpuEngine

    return CpuEngine(threads)


__all__ = ["NAMES", "THREADED", "Accumulation", "Courses", "Engine", "How", "Keys", "Nudge", "Plan", "Plans", "create"]
