"""`neuroep life`: a chip from its programming to a year later, and its recovery by EP in situ."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from neuroep.commands.console import say, show_json, show_table
from neuroep.commands.outputs import refuse_other_study


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "life",
        help="program a chip, let it age, and fine-tune it by EP in situ",
        example="neuroep life digits-mlp --device rram-hfo2 --epochs 2",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument("--device", "-d", required=True, metavar="D", help="device profile")
    parser.add_argument("--seed", "-s", type=int, nargs="+", action="extend", metavar="S", help="seeds (default 0)")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="of fine-tuning (default 5)")
    parser.add_argument(
        "--from", dest="source", default="backprop", metavar="SOURCE", help="backprop (default), ep or FILE.safetensors"
    )
    parser.add_argument("--verify", action="store_true", help="program by write-verify, with its published error")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of life.json and life.png (default life/MODEL)")
    parser.add_argument("--force", action="store_true", help="even if another life, or other files, are there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.report.life_figure import FILES, write_life
    from neuroep.report.ownership import default_out
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.following import Reporter
    from neuroep.studies.life import lives

    model, device = load_model(options.model), load_device(options.device)
    seeds = tuple(options.seed or [0])
    out = options.out or default_out("life", model.name)
    asked = {"model": model.name, "device": device.name, "from": options.source, "epochs": options.epochs}
    refuse_other_study(out, FILES, asked | {"verify": options.verify}, seeds, options.force, "life")
    with Reporter() as reporter:
        found = lives(model, device, seeds, options.epochs, options.source, options.verify, listener=reporter.about)
    write_life(found, out)
    if options.json:
        show_json(found)
    else:
        show(found)
        say(f"{out}/: life.json, life.png")
    return 0


def show(found: dict[str, Any]) -> None:
    """Print a line a seed."""
    names = ("1 s", "1 h", "1 day", "1 year")
    rows = []
    for row in found["rows"]:
        values = [row["software"], row["at_once"], *(one["accuracy"] for one in row["aged"]), row["fine_tuned"][-1]]
        shares = [*values, row["fine_tuned_aged"][-1]["accuracy"]]
        back = "no drop" if math.isnan(row["recovered"]) else f"{row['recovered']:.0%}"
        rows.append((str(row["seed"]), f"{row['clip']:g}", *(f"{share:.2%}" for share in shares), back))
    title = (
        f"{found['model']} on {found['device']}, weights from {found['from']}, retention {found['retention']!r}, "
        f"{found['epochs']} epoch(s) of EP in situ"
    )
    header = ("seed", "clip", "software", "at once", *names, "fine-tuned", "1 year on", "recovered")
    show_table(title, header, rows)
    say("clip: quantile of |W| that became full scale, chosen on the training samples; recovered: share of the drop")
