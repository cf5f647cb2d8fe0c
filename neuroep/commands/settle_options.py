"""What `neuroep settle` is asked in every way of settling, and what of that can't be used."""

from __future__ import annotations

import argparse

#: What --plot can write.
FORMATS = (".png", ".svg", ".pdf")


def check_common(options: argparse.Namespace) -> None:
    """Refuse what can't be used, whatever settles."""
    from neuroep.disk import refuse_existing
    from neuroep.errors import BadInput

    if options.samples < 1:
        raise BadInput(f"{options.samples} samples", "--samples", "1 or more")
    if options.seed < 0:
        raise BadInput(f"seed {options.seed}", "--seed", "a whole number from 0")
    if not -1.0 < options.beta < float("inf"):
        raise BadInput(f"β = {options.beta}", "--beta", "β > -1")
    if options.plot is not None and options.plot.suffix.lower() not in FORMATS:
        raise BadInput(f"a figure called {options.plot.name!r}", "--plot", ", ".join(FORMATS))
    if options.plot is not None and not options.plot.resolve().parent.is_dir():
        raise BadInput(f"no folder {str(options.plot.parent)!r}", "--plot", "an existing folder")
    refuse_existing(options.plot, "--plot", options.force)
