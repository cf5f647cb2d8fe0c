"""Where settling runs: `reference` defines, `cpu` is fast. Same names, same numbers."""

from __future__ import annotations

from neuroep.engines.base import Accumulation, Engine, Keys, Nudge, Plan, Plans
from neuroep.errors import UnknownName

NAMES = ("auto", "cpu", "reference")


def create(name: str = "auto", threads: int | None = None) -> Engine:
    """Return an engine by name; `auto` is the fastest that this machine has.

    Raises
    ------
    UnknownName
        For a name that isn't in `NAMES`.
    """
    if name not in NAMES:
        raise UnknownName("engine", name, NAMES)
    if name == "reference":
        from neuroep.engines.reference import ReferenceEngine

        return ReferenceEngine()
    from neuroep.engines.cpu import CpuEngine

    return CpuEngine(threads)


__all__ = ["NAMES", "Accumulation", "Engine", "Keys", "Nudge", "Plan", "Plans", "create"]
