"""What `neuroep settle` is asked in every way of settling, and what of that can't be used."""

from __future__ import annotations

import argparse

from neuroep.commands.outputs import check_plot


def check_common(options: argparse.Namespace) -> None:
    """Refuse what can't be used, whatever settles."""
    from neuroep.errors import BadInput

    if options.samples < 1:
        raise BadInput(f"{options.samples} samples", "--samples", "1 or more")
    if options.seed < 0:
        raise BadInput(f"seed {options.seed}", "--seed", "a whole number from 0")
    if not -1.0 < options.beta < float("inf"):
        raise BadInput(f"β = {options.beta}", "--beta", "β > -1")
    check_plot(options.plot, options.force)
