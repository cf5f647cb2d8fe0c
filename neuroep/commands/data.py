"""`neuroep data`: which data sets are here; `neuroep data fetch NAME` is all that goes to a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuroep.commands.console import say, show_json, show_table


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "data", help="data sets: which are here, and fetching the others", example="neuroep data --json"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)
    inner = parser.add_subparsers(metavar="")
    fetch = inner.add_parser(
        "fetch",
        help="download a published data set, checked by its hashes",
        example="neuroep data fetch fashion-mnist",
    )
    fetch.add_argument("name", help="fashion-mnist or mnist")
    fetch.add_argument("--to", type=Path, metavar="DIR", help="folder (default: $NEUROEP_DATA, else the user's cache)")
    # kept where `data --json fetch` has set it
    fetch.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    fetch.set_defaults(act=act_fetch)


def act(options: argparse.Namespace) -> int:
    """Carry out `data`."""
    from neuroep.data import describe

    found = describe()
    if options.json:
        show_json({"data": [each._asdict() for each in found]})
        return 0
    rows = [
        (d.name, f"{d.train:,} + {d.test:,}", str(d.inputs), str(d.classes), d.place or "not here", d.licence)
        for d in found
    ]
    show_table("data sets", ("name", "samples", "inputs", "classes", "where", "licence"), rows, text=1)
    missing = [d.name for d in found if not d.place]
    if missing:
        say(f"neuroep data fetch {missing[0]} downloads it; a path to .npz, .csv or IDX files works everywhere too")
    return 0


def act_fetch(options: argparse.Namespace) -> int:
    """Carry out `data fetch`."""
    from neuroep.data import fetch

    place = fetch(options.name, options.to)
    if options.json:
        show_json({"name": options.name, "place": place})
    else:
        say(f"{options.name} is in {place}")
    return 0
