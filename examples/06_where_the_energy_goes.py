"""Where the energy goes: one training step on three devices, by phase and by event.

    python examples/06_where_the_energy_goes.py [FOLDER]

One minibatch is settled, nudged and written; the events that really happened are counted and charged at each profile's
prices. Bands come from the sources: `neuroep devices NAME` names them, and says what isn't counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

import neuroep

DEVICES = ("ecram", "rram-taox", "loihi1")
PHASES = ("free", "nudged", "update")


def main(folder: Path) -> None:
    """Print each device's split, and draw it as shares."""
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    panels = figure.subplots(1, len(DEVICES), sharey=True)
    colours: dict[str, str] = {}
    print("digits-mlp, energy of a training step, a sample")
    for device, axes in zip(DEVICES, panels, strict=True):
        energy = neuroep.estimate_cost("digits-mlp", device).bill.as_dict()
        split = {phase: {event: band["value"] for event, band in energy[phase].items()} for phase in PHASES}
        total = sum(sum(events.values()) for events in split.values())
        low, high = (sum(b[end] for phase in PHASES for b in energy[phase].values()) for end in ("low", "high"))
        print(f"  {device:9} {1e9 * total:,.2f} nJ ({1e9 * low:,.2f} to {1e9 * high:,.2f} nJ)")
        for place, phase in enumerate(PHASES):
            bottom = 0.0
            for event, joules in split[phase].items():
                share = 100 * joules / total
                print(f"    {phase:7} {event:14} {share:5.1f} %")
                colour = colours.setdefault(event, f"C{len(colours)}")
                axes.bar(place, share, bottom=bottom, color=colour)
                bottom += share
        axes.set(title=f"{device}: {1e9 * total:,.2f} nJ", xticks=range(len(PHASES)), xticklabels=PHASES)
    panels[0].set_ylabel("share of a training step's energy (%)")
    for event, colour in colours.items():
        panels[0].bar(0, 0, color=colour, label=event)
    figure.legend(loc="outside lower center", ncols=len(colours), frameon=False)
    figure.savefig(folder / "06_where_the_energy_goes.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
