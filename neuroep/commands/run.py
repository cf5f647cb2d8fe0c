"""`neuroep run`: train on devices, beside ideal EP and backprop, and keep everything."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuroep.commands.console import add_without, names_in, say, show_json, show_table, without_note


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "run",
        help="train a model on devices, beside ideal EP and backprop",
        example="neuroep run digits-mlp --device ecram loihi1 --epochs 3",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument("--device", "-d", nargs="+", action="extend", default=[], metavar="D", help="device profiles")
    parser.add_argument(
        "--data", metavar="NAME|PATH", help="data set in place of the model's own; FILE#COLUMN names a label"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="in place of the recipe's own")
    parser.add_argument("--seed", "-s", type=int, nargs="+", action="extend", metavar="S", help="seeds (default 0)")
    parser.add_argument("--engine", default="auto", help="auto, cpu, reference, spiking or brian2")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="for EP and for torch alike (default 1)")
    parser.add_argument("--no-backprop", action="store_true", help="leave out the backprop twin")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default runs/MODEL)")
    parser.add_argument("--fresh", action="store_true", help="start anew instead of going on with a stored run")
    add_without(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.report.ownership import default_out
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.experiment import Experiment
    from neuroep.studies.following import Reporter
    from neuroep.studies.run import run

    model = load_model(options.model)
    experiment = Experiment(
        model=model,
        devices=tuple(load_device(name) for name in options.device),
        data=model.data if options.data is None else options.data,
        seeds=tuple(options.seed or [0]),
        epochs=options.epochs,
        backprop=not options.no_backprop,
        engine=options.engine,
        threads=options.threads,
        without=names_in(options.without),
    )
    out = options.out or default_out("runs", model.name)
    with Reporter() as reporter:
        result = run(experiment, out, options.fresh, reporter)
    if options.json:
        show_json(result)
    else:
        show_result(result)
        say(f"{out}/: report.html, result.json, history.csv, weights.safetensors")
    return 0


def show_result(result: dict[str, Any]) -> None:
    """Print a run's table: one line per method and device, mean ± standard deviation over seeds."""
    from neuroep.report.summary import COLUMNS, remarks, summary_cells, uncounted

    data, seeds = result["data"], len({row["seed"] for row in result["rows"]})
    off = without_note(result["spec"].get("without", ()))
    title = f"{result['model']} on {data['name']} ({data['train']:,} + {data['test']:,}), {seeds} seed(s){off}"
    show_table(title, COLUMNS, summary_cells(result), text=2)
    for line in uncounted(result):
        say(f"Not counted: {line}")
    for remark in remarks(result):
        say(f"Note: {remark}")
