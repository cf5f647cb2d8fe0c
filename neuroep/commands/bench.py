"""`neuroep bench`: EP's training step beside torch's backprop step, and how EP's cost grows."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import say, show_json, show_table

if TYPE_CHECKING:
    from neuroep.bench.scaling import Figure
    from neuroep.bench.timing import StepTime

NAMES = ("step", "settling", "threads", "growth", "memory", "cuda", "all")
MODELS = ("fashion-mlp", "fashion-deep")
STEPS = 300


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "bench",
        help="side-by-side timing against torch backprop, and scaling",
        example="neuroep bench --model digits-mlp --steps 20",
    )
    parser.add_argument("name", nargs="?", default="step", help=f"what to time (default step): {', '.join(NAMES)}")
    parser.add_argument("--model", nargs="+", metavar="M", help=f"models of the step (default: {' '.join(MODELS)})")
    parser.add_argument(
        "--batch", type=int, nargs="+", metavar="B", help="batch sizes of the step (default: the recipe's own)"
    )
    parser.add_argument(
        "--threads", type=int, nargs="+", metavar="N", help="thread counts of the step (default: 1 and 2)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help=f"timed steps of each (default {STEPS})")
    parser.add_argument("--engine", help="of the step: auto (default), cpu, reference or spiking")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.bench.timing import machine
    from neuroep.errors import BadInput, UnknownName

    if options.name not in NAMES:
        raise UnknownName("benchmark", options.name, NAMES)
    given = [
        f"--{key}" for key in ("model", "batch", "threads", "steps", "engine") if getattr(options, key) is not None
    ]
    if given and options.name not in ("step", "all"):
        raise BadInput(f"{given[0]} with {options.name!r}, which has its own", "bench", "options of 'step'")
    options.steps = STEPS if options.steps is None else options.steps
    if options.steps < 1 or min(options.batch or [1]) < 1 or min(options.threads or [1]) < 1:
        raise BadInput("no steps, threads or samples", "bench", "--steps, --threads and --batch of at least 1")
    wanted = NAMES[:-1] if options.name == "all" else (options.name,)
    steps = list(_steps(options)) if "step" in wanted else []
    figures = [figure for name in wanted if name != "step" for figure in _measures()[name]()]
    host = machine()
    if options.json:
        rows = [row._asdict() for row in steps] + [figure._asdict() for figure in figures]
        show_json({"machine": host, "rows": rows})
        return 0
    if steps:
        show_steps(steps, options.steps)
    if figures:
        show_figures(figures)
    if "cuda" in wanted:
        from neuroep.engines.cuda.check import cuda_available

        say(f"nothing measured on a GPU: {reason}" if (reason := cuda_available()) else "measured on this GPU")
    say(f"{host['cpu']}, {host['cores']} cores, torch {host['versions']['torch']}, numba {host['versions']['numba']}")
    return 0


def _steps(options: argparse.Namespace) -> Iterator[StepTime]:
    import os

    from neuroep.bench.timing import step_times
    from neuroep.specs.catalogue import load_model

    threads = options.threads or [1, 2][: os.cpu_count() or 1]
    models = [load_model(name) for name in options.model or MODELS]
    return step_times(
        models, options.batch or [None], threads, options.steps, "auto" if options.engine is None else options.engine
    )


def _measures() -> dict[str, Callable[[], Iterator[Figure]]]:
    from neuroep.bench import gpu_timing, scaling

    return {
        "settling": scaling.settling_rate,
        "threads": scaling.threads,
        "growth": scaling.growth,
        "memory": scaling.memory,
        "cuda": gpu_timing.gpu_steps,
    }


def show_steps(steps: list[StepTime], least: int) -> None:
    """Print the step times, EP beside backprop."""
    header = ("model", "engine", "batch", "threads", "EP ms", "backprop ms", "EP ÷ backprop")
    cells = [
        (r.model, r.engine, str(r.batch), str(r.threads), f"{r.ep_ms:.3f}", f"{r.backprop_ms:.3f}", f"{r.ratio:.2f}")
        for r in steps
    ]
    show_table(f"training step, medians of {least} or more", header, cells, text=2)


def show_figures(figures: list[Figure]) -> None:
    """Print figures of scaling, one a line."""
    cells = [
        (f.name, f.network if len(f.network) < 40 else f"{f.network[:16]}…{f.network[-8:]}", f.varied, f"{f.at:g}",
         f"{f.value:.3f}", f.unit)
        for f in figures
    ]  # fmt: skip
    show_table("scaling, medians", ("figure", "network", "against", "at", "value", "unit"), cells, text=3)
