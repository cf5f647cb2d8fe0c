"""`neuroep settle`: how a model settles in continuous time, or by spikes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import say, show_json, show_table
from neuroep.studies.settling_defaults import ATOL, RTOL, SHARE, STEPS, TOLERANCE

if TYPE_CHECKING:
    from neuroep.hardware.device import Device, Mounted
    from neuroep.network import Network
    from neuroep.solvers.course import PhaseSettled
    from neuroep.solvers.plan import ContinuousPlan
    from neuroep.specs import DeviceSpec, ModelSpec
    from neuroep.studies.settling_plan import Asked


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "settle",
        help="settle in continuous time: states, energy, residual; or by spikes",
        example="neuroep settle digits-mlp --solver dopri5 --beta 0.3",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument("--solver", help="dopri5 (default), euler, ...; or integrate-and-fire, sigma-delta, poisson")
    parser.add_argument("--engine", help="spiking: by spikes, as the model's own recipe codes them")
    parser.add_argument("--form", help="membrane (default) or gradient")
    parser.add_argument("--beta", type=float, default=0.0, metavar="β", help="then settle with this nudging, too")
    parser.add_argument("--device", "-d", metavar="D", help="mount the weights on this device first")
    parser.add_argument("--feedback", type=float, metavar="γ", help="feedback gain in place of the model's")
    parser.add_argument("--rtol", type=float, metavar="R", help=f"of adaptive solvers (default {RTOL:g})")
    parser.add_argument("--atol", type=float, metavar="A", help=f"of adaptive solvers (default {ATOL:g})")
    parser.add_argument("--step", type=float, metavar="SECONDS", help=f"fixed step (default {SHARE:g} of the least τ)")
    parser.add_argument("--tolerance", type=float, metavar="T", help=f"on the velocity (default {TOLERANCE:g})")
    parser.add_argument("--steps", type=int, metavar="N", help=f"most steps (default {STEPS}); of each phase in spikes")
    parser.add_argument("--seconds", type=float, metavar="T", help="stop at this time, settled or not")
    parser.add_argument("--noise", type=float, metavar="σ", help="thermal noise per √second, for stochastic solvers")
    parser.add_argument("--samples", type=int, default=8, metavar="N", help="samples of the batch (default 8)")
    parser.add_argument("--seed", "-s", type=int, default=0, metavar="S", help="of weights and samples (default 0)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the course: .png, .svg or .pdf")
    parser.add_argument("--force", action="store_true", help="even if the figure's file is there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    import numpy as np

    from neuroep.circuit import reads_exactly, unclocked
    from neuroep.commands import settle_spikes
    from neuroep.commands.settle_relaxation import how_held, relaxation_object, show_relaxation
    from neuroep.equilibrium import ResultCode
    from neuroep.recipe import Encoder
    from neuroep.rng import noise_key
    from neuroep.solvers.motions import moving
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.estimate import sample_batch
    from neuroep.studies.relaxation import relax
    from neuroep.studies.settling import row, settle_phases
    from neuroep.studies.settling_plan import plan_of

    if settle_spikes.meant(options):
        return settle_spikes.act(options)
    check(options)
    model, spec = load_model(options.model), None if options.device is None else load_device(options.device)
    network, hardware, mounted = mount(options, model, spec)
    held, why = how_held(spec, hardware, network, options.noise is not None)
    circuit = mounted.circuit if held is None else unclocked(mounted.circuit)
    plan = plan_of(circuit, asked(options), "--", Encoder)
    moving(circuit).check(circuit, np.full(1, options.beta), plan.solver.stochastic)  # before data are read
    where, samples = sample_batch(model, network, options.samples, options.seed)
    x, targets = samples.x.astype(np.float64), samples.targets.astype(np.float64)
    phases = settle_phases(circuit, x, targets, options.beta, plan, noise_key(options.seed, "read noise"))
    lost, nudges = any(one.count(ResultCode.DIVERGED) for one in phases), np.full(len(x), options.beta)
    taken = None
    if held is not None and not (lost or why):
        taken = relax(held, hardware, mounted, network, x, targets, nudges, plan)
    on = hardware.name if spec is None else spec.name
    title = f"{model.name} on {on}: {plan.solver.name}, {plan.form.value} form, γ = {network.feedback:g}"
    if options.plot is not None:
        from neuroep.report.settling_figure import write_settling_figure

        write_settling_figure(phases, circuit, title, plan.tolerance, options.plot)
    if options.json:
        head = {"model": model.name, "device": on, "inputs": where, "feedback": network.feedback}
        found = {"rows": [row(one) for one in phases], "course": course(phases)}
        show_json(head | settings(plan) | found | {"relaxation": relaxation_object(taken)})
        return 0
    show(phases, f"{title}, {len(x)} samples of {where}", plan)
    if taken is not None:
        show_relaxation(taken, on, clocked=not reads_exactly(mounted.circuit))
    elif why:
        say(why)
    if options.plot is not None:
        say(f"drawn in {options.plot}")
    return 0


def mount(options: argparse.Namespace, model: ModelSpec, spec: DeviceSpec | None) -> tuple[Network, Device, Mounted]:
    """Return the network with its first weights on the device that is asked for."""
    from dataclasses import replace

    from neuroep.hardware.device import Ideal, refuse_unbounded
    from neuroep.studies.settling_plan import first_mounted

    network = model.network()
    network = network if options.feedback is None else replace(network, feedback=options.feedback)
    hardware = Ideal() if spec is None else spec.build() or Ideal()
    refuse_unbounded(network, hardware)
    return network, hardware, first_mounted(network, hardware, options.seed)


def check(options: argparse.Namespace) -> None:
    """Refuse what can't be used before anything is computed."""
    from neuroep.commands.settle_options import check_common
    from neuroep.errors import UnknownName
    from neuroep.solvers.problems import Form

    if options.form is not None and options.form not in list(Form):
        raise UnknownName("form", options.form, [form.value for form in Form], "--form")
    check_common(options)


def asked(options: argparse.Namespace) -> Asked:
    """Return what the options say of settling."""
    from neuroep.solvers.problems import Form
    from neuroep.studies.settling_plan import Asked

    return Asked(
        solver="dopri5" if options.solver is None else options.solver,
        form=None if options.form is None else Form(options.form),
        **{key: getattr(options, key) for key in ("step", "rtol", "atol", "tolerance", "steps", "seconds", "noise")},
        seed=options.seed,
    )


def settings(plan: ContinuousPlan) -> dict[str, Any]:
    """Return what the accuracy of the answer rests on, as plain data."""
    from neuroep.solvers.controllers import FixedStep

    fixed = plan.controller if isinstance(plan.controller, FixedStep) else None
    adaptive = None if isinstance(plan.controller, FixedStep) else plan.controller
    return {
        "solver": plan.solver.name,
        "form": plan.form.value,
        "tolerance": plan.tolerance,
        "rtol": None if adaptive is None else adaptive.rtol,
        "atol": None if adaptive is None else adaptive.atol,
        "step_seconds": None if fixed is None else fixed.seconds,
    }


def course(phases: list[PhaseSettled]) -> list[dict[str, Any]]:
    """Return medians over the samples at each recorded time, as plain data."""
    import numpy as np

    from neuroep.studies.settling import finite_or_none

    rows = []
    for one in phases:
        recorded = one.settled.trajectory
        assert recorded is not None
        for i, seconds in enumerate(recorded.times):
            values = (one.distance[i], one.energy[i], recorded.residual[i])
            distance, energy, residual = (finite_or_none(float(np.median(value))) for value in values)
            entry = {"phase": one.phase, "seconds": one.begin_seconds + float(seconds)}
            rows.append(entry | {"distance": distance, "energy": energy, "residual": residual})
    return rows


def show(phases: list[PhaseSettled], title: str, plan: ContinuousPlan) -> None:
    """Print how each phase ended, then its course."""
    from neuroep.studies.settling import row

    given = {key: value for key, value in settings(plan).items() if isinstance(value, float)}
    show_table(
        title,
        ("phase", "settled", "step limit", "diverged", "time (median)", "time (max)", "steps (max)", "refused (max)",
         "residual (max)", "from block sweeps"),
        [_ending(row(one)) for one in phases],
    )  # fmt: skip
    entries = course(phases)
    header = ("phase", "time", "distance from end", "energy", "residual")
    kept = [entry for i, entry in enumerate(entries) if i % (len(entries) // len(phases)) % 12 == 0]
    cells = [
        (
            entry["phase"],
            f"{entry['seconds']:.4g} s",
            *map(_cell, (entry["distance"], entry["energy"], entry["residual"])),
        )
        for entry in kept
    ]
    show_table("course, medians of the samples", header, cells)
    say(", ".join(f"{key} {value:g}" for key, value in given.items()))


def _ending(found: dict[str, Any]) -> tuple[str, ...]:
    name = f"nudged, β = {found['beta']:g}" if found["beta"] else "free"
    counts = (str(found[key]) for key in ("converged", "step_limit", "diverged"))
    times = (f"{found[key]:.4g} s" for key in ("seconds_median", "seconds_max"))
    steps = (str(found[key]) for key in ("steps_max", "refused_max"))
    return (name, *counts, *times, *steps, _cell(found["residual_max"]), _cell(found["from_sweeps"]))


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3e}"
