"""`neuroep continual`: tasks learned one after another, and what is kept of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuroep.commands.console import say, show_json, show_table
from neuroep.commands.outputs import refuse_other_study


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "continual",
        help="learn tasks one after another, and keep the earlier ones",
        example="neuroep continual digits-mlp --method si --tasks 3 --epochs 2",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument("--tasks", type=int, default=5, metavar="N", help="how many (default 5)")
    parser.add_argument("--kind", default="permuted", help="permuted (default) or split")
    parser.add_argument("--method", default="online-ewc", help="ewc, online-ewc (default), si or none")
    parser.add_argument("--gradient", default="ep", help="ep (default) or backprop")
    parser.add_argument("--device", "-d", default="ideal", metavar="D", help="device profile (default ideal)")
    parser.add_argument("--data", metavar="NAME|PATH", help="data set in place of the model's own")
    parser.add_argument("--epochs", type=int, metavar="N", help="of each task, in place of the recipe's own")
    parser.add_argument("--strength", type=float, metavar="X", help="λ of EWC, c of SI (default: the method's own)")
    parser.add_argument("--decay", type=float, metavar="X", help="γ of online EWC: what a task's importance keeps")
    parser.add_argument("--damping", type=float, metavar="X", help="ξ of SI")
    parser.add_argument(
        "--validation", type=float, default=0.0, metavar="X",
        help="keep this share of the training set aside and read it in place of the test set, to choose settings",
    )  # fmt: skip
    parser.add_argument("--seed", "-s", type=int, nargs="+", action="extend", metavar="S", help="seeds (default 0)")
    parser.add_argument("--engine", default="auto", help="auto, cpu, reference, spiking or brian2")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default 1")
    parser.add_argument("--out", "-o", type=Path, metavar="DIR", help="folder (default continual/MODEL-METHOD)")
    parser.add_argument("--force", action="store_true", help="even if another study, or other files, are there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.learning.keepers import Keeping
    from neuroep.report.continual_figure import FILES, write_continual
    from neuroep.report.ownership import default_out
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.continual import Question, continual
    from neuroep.studies.following import Reporter

    model, device = load_model(options.model), load_device(options.device)
    question = Question(
        model=model,
        device=device,
        keeping=Keeping(options.method, options.strength, options.decay, options.damping),
        data=model.data if options.data is None else options.data,
        gradient=options.gradient,
        kind=options.kind,
        tasks=options.tasks,
        epochs=options.epochs,
        seeds=tuple(options.seed or [0]),
        validation=options.validation,
        engine=options.engine,
        threads=options.threads,
    )
    out = options.out or default_out("continual", f"{model.name}-{options.method}")
    out = out.expanduser()
    refuse_other_study(out, FILES, question.head(), question.seeds, options.force, "study")
    with Reporter() as reporter:
        found = continual(question, reporter.about)
    write_continual(found, out)
    if options.json:
        show_json(found)
    else:
        show(found)
        say(f"{out}/: {', '.join(FILES)}")
    return 0


def show(found: dict[str, Any]) -> None:
    """Print a line a task, and the three figures."""
    from neuroep.report.continual_summary import score_summaries, task_summaries
    from neuroep.report.summary import method_name, percent

    rows = [
        (str(line.task + 1), *(percent(value) for value in (line.untrained, line.before, line.learned, line.end)))
        for line in task_summaries(found)
    ]
    of = method_name(found["gradient"])
    read = "training samples kept aside" if found["validation"] else "test samples"
    settings = ", ".join(f"{key} {found[key]:g}" for key in ("strength", "decay", "damping") if found[key] is not None)
    title = (
        f"{found['model']} on {found['device']}, {found['kind']} tasks by {of}, method {found['method']}"
        f"{f' ({settings})' if settings else ''}, {found['epochs']} epoch(s) a task, {len(found['rows'])} seed(s)"
    )
    show_table(title, ("task", "untrained", "before it", "just learned", "in the end"), rows)
    figures = score_summaries(found)
    say(f"average in the end {percent(figures['average'])}, forgetting {percent(figures['forgetting'])}, "
        f"forward transfer {percent(figures['forward_transfer'])}; shares of {read}")  # fmt: skip
