"""`neuroep settle` by spikes: who fires, rates beside the continuous network's, what local plasticity would write."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import say, show_json, show_table

if TYPE_CHECKING:
    from neuroep.recipe import Phases
    from neuroep.studies.spiking_course import SpikingPhase

#: What is said of continuous time alone.
OF_TIME = ("form", "rtol", "atol", "step", "tolerance", "seconds", "noise")
#: Lines of the course that are printed.
SHOWN = 12


def meant(options: argparse.Namespace) -> bool:
    """Return whether spikes are asked for."""
    from neuroep import checks
    from neuroep.engines import SPIKING
    from neuroep.errors import BadInput
    from neuroep.recipe import Encoder

    coded = options.solver in list(Encoder)
    if options.engine is None:
        return coded
    checks.one_of(options.engine, SPIKING, "engine", "--engine")
    if options.engine != "spiking":
        raise BadInput(f"the {options.engine} engine", "--engine", "spiking")
    if options.solver is not None and not coded:
        raise BadInput(f"{options.solver!r} with --engine spiking", "--solver", ", ".join(Encoder))
    return True


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from dataclasses import replace

    import numpy as np

    from neuroep.commands.settle_options import check_common
    from neuroep.hardware.device import Ideal
    from neuroep.solvers.spikes import spiking
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.estimate import sample_batch
    from neuroep.studies.settling_plan import first_mounted
    from neuroep.studies.spiking_course import last_coupling, moved_most, settle_by_spikes, written

    check(options)
    check_common(options)
    model = load_model(options.model)
    network = model.network()
    network = network if options.feedback is None else replace(network, feedback=options.feedback)
    phases = coded(options, model.recipe().phases)
    spec = None if options.device is None else load_device(options.device)
    hardware = Ideal() if spec is None else spec.build() or Ideal()
    circuit = first_mounted(network, hardware, options.seed).circuit
    where, samples = sample_batch(model, network, options.samples, options.seed)
    x, targets = samples.x.astype(np.float64), samples.targets.astype(np.float64)
    found = settle_by_spikes(circuit, x, targets, phases, options.beta, options.seed)
    how = spiking(phases).free
    title = f"{model.name} on {hardware.name}: {phases.solver} spikes, γ = {network.feedback:g}"
    if options.plot is not None:
        from neuroep.report.spiking_figure import write_spiking_figure

        seen = moved_most(found)
        changes = written(found, how, *last_coupling(network.sizes), seen) if options.beta else None
        write_spiking_figure(found, network.sizes, how.peak, changes, title, options.plot, seen)
    if options.json:
        head = {"model": model.name, "device": hardware.name, "inputs": where, "feedback": network.feedback}
        said = {key: getattr(phases, key) for key in ("solver", "relaxation", "leak", "window")} | {"peak": how.peak}
        course = [entry for one in found for entry in course_of(one, how.peak)]
        show_json(head | said | {"rows": [row(one, network.sizes[0]) for one in found], "course": course})
        return 0
    show(found, f"{title}, {len(x)} samples of {where}", how.peak, network.sizes[0])
    if options.plot is not None:
        say(f"drawn in {options.plot}")
    return 0


def check(options: argparse.Namespace) -> None:
    """Refuse what has no effect on spikes."""
    from neuroep.errors import BadInput

    for key in OF_TIME:
        if getattr(options, key) is not None:
            raise BadInput("without effect on spikes", f"--{key}", "left out")


def coded(options: argparse.Namespace, phases: Phases) -> Phases:
    """Return the model's phases by spikes: its own, or of the code asked for; of so many steps if that is said."""
    from dataclasses import replace

    from neuroep import checks
    from neuroep.engines import phases_on
    from neuroep.errors import BadInput
    from neuroep.recipe import Encoder

    found = phases_on("spiking", phases)
    found = found if options.solver is None else replace(found, solver=options.solver)
    if found.solver == Encoder.GRADED:
        raise BadInput("graded spikes, which have no rates to be drawn", "--solver", "another code")
    if options.steps is None:
        return found
    steps = checks.count(options.steps, "--steps", noun="steps")
    return replace(found, free_sweeps=steps, nudged_sweeps=steps, window=min(found.window, steps))


def row(one: SpikingPhase, inputs: int) -> dict[str, Any]:
    """Return how a phase ended, as plain data."""
    spikes = abs(one.raster).mean(axis=(0, 1))
    return {
        "phase": "nudged" if one.beta else "free",
        "beta": one.beta,
        "samples": len(one.raster),
        "steps": one.raster.shape[1],
        "spikes_per_input": float(spikes[:inputs].mean()),
        "spikes_per_unit": float(spikes[inputs:].mean()),
        "residual_max": float(one.residual.max()),
        "from_sweeps": one.error,
    }


def course_of(one: SpikingPhase, peak: float) -> list[dict[str, Any]]:
    """Return the error of rates, counted since the phase began, at each step."""
    phase = "nudged" if one.beta else "free"
    return [
        {"phase": phase, "step": one.begin + n + 1, "rate_error": float(error)}
        for n, error in enumerate(one.course(peak))
    ]


def show(found: list[SpikingPhase], title: str, peak: float, inputs: int) -> None:
    """Print how each phase ended, then its course."""
    header = ("phase", "steps", "spikes a step: input", "unit", "residual (max)", "mean states from the continuous")
    cells = [
        (
            f"nudged, β = {r['beta']:g}" if r["beta"] else "free",
            str(r["steps"]),
            *(f"{r[key]:.3f}" for key in ("spikes_per_input", "spikes_per_unit")),
            *(f"{r[key]:.2e}" for key in ("residual_max", "from_sweeps")),
        )
        for r in (row(one, inputs) for one in found)
    ]
    show_table(title, header, cells)
    entries = [e for one in found for e in course_of(one, peak)[:: max(1, one.raster.shape[1] // SHOWN)]]
    lines = [(e["phase"], str(e["step"]), f"{e['rate_error']:.3e}") for e in entries]
    show_table("rates since the phase began, beside the continuous states", ("phase", "step", "error"), lines)
