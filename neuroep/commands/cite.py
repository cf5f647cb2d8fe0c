"""`neuroep cite`: BibTeX of neuroep itself, or of all that a run used."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import show_json
from neuroep.errors import printable

if TYPE_CHECKING:
    from neuroep.report.citing import Citation


def add(commands: Any) -> None:
    """Add the command's arguments."""
    about = "BibTeX of neuroep, or of the methods, data and devices that a run used"
    parser = commands.add_parser("cite", help=about, example="neuroep cite runs/digits-mlp")
    parser.add_argument("run", nargs="?", type=Path, help="the folder of a finished run (default: neuroep alone)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    import neuroep
    from neuroep.report.citing import citations, own

    found = [own(neuroep.__version__)] if options.run is None else citations(options.run)
    if options.json:
        show_json({"citations": [each._asdict() for each in found]})
    else:
        sys.stdout.write("\n\n".join(f"% {_why(each)}\n{each.bibtex}" for each in found) + "\n")
    return 0


def _why(citation: Citation) -> str:
    """Return what uses an entry: outside of entries all text is a comment to BibTeX, up to the next @."""
    return printable(", ".join(citation.used_by)).replace("@", "(at)")
