"""`neuroep parity`: sparse parity by EP and by backprop, with the time and the memory traffic that it takes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from neuroep.commands.console import say, show_json, show_table


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "parity",
        help="sparse parity by EP and backprop: epochs, time and memory traffic",
        example="neuroep parity --n 10 --hidden 50 --seeds 42",
    )
    parser.add_argument("--n", type=int, default=20, metavar="N", help="inputs (default 20)")
    parser.add_argument("--k", type=int, default=3, metavar="K", help="secret inputs among them (default 3)")
    parser.add_argument("--hidden", type=int, default=200, metavar="H", help="hidden units (default 200)")
    parser.add_argument("--train", type=int, default=500, metavar="N", help="training samples (default 500)")
    parser.add_argument("--test", type=int, default=200, metavar="N", help="test samples (default 200)")
    parser.add_argument("--device", "-d", nargs="+", action="extend", default=[], metavar="D", help="hardware profiles")
    parser.add_argument("--epochs", type=int, metavar="N", help="at most, in place of the recipe's own")
    parser.add_argument(
        "--seeds", "--seed", "-s", type=int, nargs="+", action="extend", metavar="S", help="(default 42 43 44)"
    )
    parser.add_argument("--engine", default="auto", help="auto, cpu or reference")
    parser.add_argument("--no-backprop", action="store_true", help="leave out the backprop twin")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.parity import STEADY, Task, solve

    task = Task(
        bits=options.n, degree=options.k, hidden=options.hidden, train=options.train, test=options.test,
        seeds=tuple(options.seeds or (42, 43, 44)), epochs=options.epochs,
    )  # fmt: skip
    devices = [load_device(name) for name in options.device]
    rows = solve(load_model("parity"), task, devices, not options.no_backprop, options.engine, _follow)
    if options.json:
        show_json({"train": task.train, "test": task.test, "rows": rows})
        return 0
    show(f"parity {task.bits}/{task.degree}, {task.bits}-{task.hidden}-1 ({task.train:,} + {task.test:,})", rows)
    say(f"test: read once, after {STEADY} epochs in a row without an error in training; a step: of one sample;")
    say("to solution: a step times the samples met, where the test set is solved; backprop's step: as published")
    return 0


def _follow(row: dict[str, Any]) -> None:
    where = f"{row['method']} {row['device']} seed {row['seed']}"
    print(f"{where}: test {row['test_accuracy']:.2%} after {row['epochs']} epochs", file=sys.stderr, flush=True)


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print a line a training."""
    header = (
        "method", "device", "seed", "test", "epochs", "seconds", "ARD/step", "DMC/step", "DMD/step", "ByteDMD/step",
        "DMC", "DMD", "ByteDMD to solution",
    )  # fmt: skip
    show_table(title, header, map(_cells, rows), text=2)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    from neuroep.report.summary import method_name

    step, total = row["step"], row["to_solution"] or {}
    return (
        method_name(row["method"]),
        row["device"],
        str(row["seed"]),
        f"{row['test_accuracy']:.1%}",
        str(row["epochs"]),
        f"{row['seconds']:.3f}",
        *(f"{step[name]:,.0f}" for name in ("weighted_ard", "dmc", "dmd", "byte_dmd")),
        *(f"{total[name]:.3g}" if total else "–" for name in ("dmc", "dmd", "byte_dmd")),
    )
