"""Prices of device profiles held to measured systems: the tables of docs/energy.md.

    python benchmarks/anchors.py                # a second

Each row is a published energy of a whole machine and its work as events (`neuroep.cost.measured_systems`), beside what
the profile charges for them. "with the term" puts in what the profile leaves out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from neuroep.cost.anchors import Anchor, off
from neuroep.cost.measured_systems import MEASURED_SYSTEMS, SIMULATED_SYSTEMS
from neuroep.report.summary import si, si_band
from neuroep.specs.catalogue import load_device, names


def line(*cells: str) -> str:
    """A line of a table."""
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def row(anchor: Anchor) -> str:
    """A figure beside its prediction."""
    prices = load_device(anchor.profile).prices()
    found, explained = anchor.predicted(prices), anchor.explained(prices)
    term = ("", "") if explained is None else (si(explained, "J"), off(explained, anchor.joules))
    sums = si(anchor.joules, "J"), si_band(found, "J"), off(found.value, anchor.joules)
    return line(anchor.name, f"`{anchor.profile}`", *sums, *term)


def show(head: Sequence[str], rows: Sequence[str]) -> None:
    print(line(*head), "|---" * len(head) + "|", *rows, "", sep="\n")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for kind, anchors in (("measured", MEASURED_SYSTEMS), ("simulated", SIMULATED_SYSTEMS)):
        head = "system and work", "profile", kind, "priced", "off by", "with the term", "off by"
        show(head, [row(anchor) for anchor in anchors])
    terms = [(anchor.profile, anchor.term) for anchor in MEASURED_SYSTEMS if anchor.term is not None]
    left_out = dict.fromkeys(line(f"`{profile}`", term.name, term.source) for profile, term in terms)
    show(("profile", "what it leaves out", "how much that is"), list(left_out))
    every = (*MEASURED_SYSTEMS, *SIMULATED_SYSTEMS)
    sources = dict.fromkeys(line(anchor.name, anchor.source, anchor.read) for anchor in every)
    show(("system and work", "figure", ""), list(sources))
    held = {anchor.profile for anchor in MEASURED_SYSTEMS}
    free = [name for name in names("devices") if name not in held and load_device(name).prices().energy_joules]
    print(f"{len(held)} profiles are held to a measured system; without one: {', '.join(free)}")


if __name__ == "__main__":
    main()
