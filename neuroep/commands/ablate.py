"""`neuroep ablate`: what each effect of a device costs, in accuracy and in the fidelity of gradients."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import names_in, say, show_json, show_table

if TYPE_CHECKING:
    from neuroep.report.summary import SeedSpread


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "ablate",
        help="what each effect of a device costs, in accuracy and in gradients",
        example="neuroep ablate digits-mlp --device rram-sb --epochs 2",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument("--device", "-d", required=True, metavar="D", help="device profile")
    parser.add_argument("--effects", metavar="A,B", help="effects to study (default: all that the device has)")
    parser.add_argument("--alone", action="store_true", help="train with each effect alone, too")
    parser.add_argument(
        "--window", type=int, metavar="N", help="minibatches over which saved-up updates are followed (default 32)"
    )
    parser.add_argument("--data", metavar="NAME|PATH", help="data set in place of the model's own")
    parser.add_argument("--epochs", type=int, metavar="N", help="in place of the recipe's own")
    parser.add_argument("--seed", "-s", type=int, nargs="+", action="extend", metavar="S", help="seeds (default 0)")
    parser.add_argument("--engine", default="auto", help="auto, cpu, reference, spiking or brian2")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default 1")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the study (default ablation/MODEL-DEVICE)")
    parser.add_argument("--fresh", action="store_true", help="start anew instead of going on with a stored study")
    parser.add_argument("--force", action="store_true", help="even if there are files that aren't a study's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.recipe import WINDOW
    from neuroep.report.ablation_figure import write_ablation_figure
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.ablation import FIGURE, Study, ablate
    from neuroep.studies.following import Reporter

    model, device = load_model(options.model), load_device(options.device)
    study = Study(
        model=model,
        device=device,
        data=model.data if options.data is None else options.data,
        seeds=tuple(options.seed or [0]),
        epochs=options.epochs,
        effects=names_in(options.effects),
        alone=options.alone,
        window=WINDOW if options.window is None else options.window,
        engine=options.engine,
        threads=options.threads,
    )
    out = (options.out or Path("ablation") / f"{model.name}-{device.name}").expanduser()
    with Reporter() as reporter:
        found = ablate(study, out, options.fresh, reporter.about, options.force)
    write_ablation_figure(found, out / FIGURE)
    if options.json:
        show_json(found)
    else:
        show(found)
        say(f"{out}/: ablation.png, ablation.json, and the folder of each variant's run")
    return 0


def show(found: dict[str, Any]) -> None:
    """Print a line a variant, those first whose effect costs most."""
    from neuroep.report.ablation_summary import variant_summaries
    from neuroep.report.summary import percent

    lines = variant_summaries(found)
    rows = [
        (line.variant, percent(line.test_accuracy), _points(line.gain), *map(_cosine, (*line.gradient, *line.update)))
        for line in lines
    ]
    couplings = range(1, len(lines[0].gradient) + 1)
    header = ("variant", "test accuracy", "gain", *(f"{of}{k}" for of in ("∇W", "ΔW") for k in couplings))
    seeds = lines[0].test_accuracy.seeds
    show_table(f"{found['model']} on {found['device']}, {seeds} seed(s), trained by its recipe", header, rows)
    over = "one minibatch" if found["window"] == 1 else f"{found['window']} minibatches"
    say("gain: points above everything on; ∇W, ΔW: cosine with the exact gradient's descent, after training,")
    say(f"of the gradient that the device's reads give and of what {over} changed in its weights")
    if found["needed_effects"]:
        say(f"on throughout, since the recipe needs them: {', '.join(found['needed_effects'])}")
    if min(row["settled_trained"] for row in found["rows"]) < 1.0:
        say("some exact gradients did not settle (settled_trained): their cosines are not with those of an equilibrium")


def _points(gain: SeedSpread) -> str:
    mean = f"{100.0 * gain.mean:+.2f}"
    return mean if gain.deviation is None else f"{mean} ± {100.0 * gain.deviation:.2f}"


def _cosine(found: SeedSpread | None) -> str:
    return "–" if found is None else f"{found.mean:.3f}"
