"""`neuroep bench`: EP's training step beside torch's backprop step."""

from __future__ import annotations

import argparse
from typing import Any

from neuroep.commands.console import say, show_json, show_table

NAMES = ("step",)


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser("bench", help="side-by-side timing against torch backprop")
    parser.add_argument("name", nargs="?", default="step", help=f"what to time: {', '.join(NAMES)}")
    parser.add_argument("--model", nargs="+", default=["fashion-mlp", "fashion-deep"], metavar="M", help="models")
    parser.add_argument("--batch", type=int, nargs="+", metavar="B", help="batch sizes (default: the recipe's own)")
    parser.add_argument("--threads", type=int, nargs="+", metavar="N", help="thread counts (default: 1 and 2)")
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="timed steps of each (default 300)")
    parser.add_argument("--engine", default="auto", help="auto, cpu or reference")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    import os

    from neuroep.catalogue import load_model
    from neuroep.errors import BadInput, UnknownName
    from neuroep.timing import machine, step_times

    if options.name not in NAMES:
        raise UnknownName("benchmark", options.name, NAMES)
    if options.steps < 1 or min(options.batch or [1]) < 1:
        raise BadInput("no steps or an empty batch", "bench", "--steps and --batch of at least 1")
    threads = options.threads or [1, 2][: os.cpu_count() or 1]
    models = [load_model(name) for name in options.model]
    rows = list(step_times(models, options.batch or [None], threads, options.steps, options.engine))
    host = machine()
    if options.json:
        show_json({"machine": host, "rows": [row._asdict() for row in rows]})
        return 0
    header = ("model", "engine", "batch", "threads", "EP ms", "backprop ms", "EP ÷ backprop")
    cells = [
        (r.model, r.engine, str(r.batch), str(r.threads), f"{r.ep_ms:.3f}", f"{r.backprop_ms:.3f}", f"{r.ratio:.2f}")
        for r in rows
    ]
    show_table(f"training step, medians of {options.steps} or more", header, cells, text=2)
    say(f"{host['cpu']}, {host['cores']} cores, torch {host['versions']['torch']}, numba {host['versions']['numba']}")
    return 0
