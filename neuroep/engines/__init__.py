"""Where settling runs: `reference` defines, `cpu` is fast, `cuda` is for NVIDIA GPUs. Same names, same numbers.

`spiking` settles by spikes, whose rates come near the same numbers; `brian2` has another simulator send them.
"""

from __future__ import annotations

from dataclasses import replace

from neuroep import checks
from neuroep.engines.base import Accumulation, Courses, Engine, How, Keys, Nudge, Plan, Plans, Settlings
from neuroep.recipe import SWEEPS, Encoder, Order, Phases

NAMES = ("auto", "brian2", "cpu", "cuda", "reference", "spiking")
#: Those that share samples out among threads.
THREADED = ("auto", "cpu", "spiking")
#: Those that settle by spikes alone.
SPIKING = ("brian2", "spiking")
#: Steps of the free and of a nudged phase, where a recipe of sweeps is carried out by spikes.
STEPS = 100, 60


def phases_on(engine: str, phases: Phases) -> Phases:
    """Return how phases run on an engine: as they are, or by spikes where there are only spikes and a recipe of sweeps.

    Parameters
    ----------
    engine : str
        A name.
    phases : Phases
        Of a recipe.
    """
    if engine not in SPIKING or phases.solver != SWEEPS:
        return phases
    return replace(
        phases, solver=Encoder.INTEGRATE_AND_FIRE.value, free_order=Order.FORWARD, nudged_order=Order.BACKWARD,
        free_sweeps=STEPS[0], nudged_sweeps=STEPS[1], tolerance=0.0,
    )  # fmt: skip


def create(name: str = "auto", threads: int | None = None, phases: Phases | None = None) -> Engine:
    """Return an engine by name; `auto` is `cpu`, for phases that settle by spikes `spiking`.

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
    if name == "spiking" or (name == "auto" and phases is not None and phases.spiking):
        from neuroep.engines.spiking.engine import SpikingEngine

        return SpikingEngine(threads)
    if name == "brian2":
        from neuroep.engines.spiking.brian.engine import BrianEngine

        return BrianEngine()
    if name == "cuda":
        from neuroep.engines.cuda.engine import CudaEngine

        return CudaEngine()
    from neuroep.engines.cpu.engine import CpuEngine

    return CpuEngine(threads)


__all__ = [
    "NAMES",
    "THREADED",
    "Accumulation",
    "Courses",
    "Engine",
    "How",
    "Keys",
    "Nudge",
    "Plan",
    "Plans",
    "Settlings",
    "create",
    "phases_on",
]
