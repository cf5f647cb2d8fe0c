"""`neuroep report`: the page of a run made anew, or a page that compares several."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuroep.commands.console import say, show_json


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "report",
        help="write the page of a run anew, or one that compares several",
        example="neuroep report runs/digits-mlp",
    )
    parser.add_argument("run", nargs="+", type=Path, help="the folder of a finished run")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the page (default RUN/report.html; of several runs comparison.html)"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that isn't such a page")
    parser.add_argument("--json", action="store_true", help="print what the page compares as one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.report.comparing import report

    found = report(options.run, options.out, options.force)
    if options.json:
        show_json(found)
    else:
        for remark in found["remarks"]:
            say(f"Note: {remark}")
        say(found["out"])
    return 0
