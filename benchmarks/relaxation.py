"""What settling costs as physics, ∫ P dt of an analog circuit along its relaxation, beside the clocked reads of sweeps.

    python benchmarks/relaxation.py                                   # digits-mlp on ecram, digits-drn on drn-kendall
    python benchmarks/relaxation.py fashion-mlp:ecram --tolerances 1e-3

A row settles sixteen samples of real data freely and by the recipe's nudges, each until its velocity is at the
tolerance. The first row of a pair has what the ledger counts of the same phases by block sweeps: cells read, and
converters, at the profile's own prices.
"""

from __future__ import annotations

import argparse

from neuroep.quantities import Band
from neuroep.report.summary import si_band
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import estimate_cost
from neuroep.studies.relaxation import relaxation_of

PAIRS = ("digits-mlp:ecram", "digits-drn:drn-kendall")
PHASES = ("free", "nudged")
HEADER = "| settled by | free | nudged | of that moved | both | time |\n|---|---|---|---|---|---|"


def clocked(model: ModelSpec, device: DeviceSpec, seed: int) -> tuple[list[Band], list[Band], Band]:
    """Joules of cells read and of converters, by phase, and seconds of both phases, a sample."""
    found = estimate_cost(model, device, seed, warm=0)
    prices, seconds = device.prices(), device.prices().time_seconds.get("array_read", Band.exact(0.0))

    def joules(phase: str, *events: str) -> Band:
        known = [event for event in events if event in prices.energy_joules]
        each = [prices.energy_joules[event] * (found.events[phase][event] / found.batch) for event in known]
        return sum(each, Band.exact(0.0))

    reads = sum(found.events[phase]["array_read"] for phase in PHASES) / found.batch
    cells = [joules(phase, "effective_synop", "synop") for phase in PHASES]
    return cells, [joules(phase, "dac", "adc") for phase in PHASES], seconds * reads


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="energy of settling as physics, beside clocked reads")
    parser.add_argument("pairs", nargs="*", default=PAIRS, metavar="MODEL:DEVICE")
    parser.add_argument("--tolerances", type=float, nargs="+", default=[1e-1, 1e-2, 1e-3, 1e-4, 1e-6])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for pair in options.pairs:
        names = pair.split(":")
        model, device = load_model(names[0]), load_device(names[1])
        cells, converters, seconds = clocked(model, device, options.seed)
        print(f"\n{names[0]} on {names[1]}\n{HEADER}")
        for name, parts in (("clocked reads, cells", cells), ("clocked reads, converters", converters)):
            row = (*(si_band(part, "J") for part in parts), "–", si_band(parts[0] + parts[1], "J"))
            print("|", name, "|", " | ".join(row), "|", si_band(seconds, "s") if parts is cells else "", "|")
        for tolerance in options.tolerances:
            found = relaxation_of(model, device, options.seed, tolerance=tolerance)
            both, moved, time = (
                sum((getattr(phase, key) for phase in found.phases), Band.exact(0.0))
                for key in ("joules", "moved", "seconds")
            )
            row = (*(si_band(phase.joules, "J") for phase in found.phases), si_band(moved, "J"), si_band(both, "J"))
            print("| relaxation to", f"{tolerance:g}", "|", " | ".join(row), "|", si_band(time, "s"), "|")
        first = found.phases[0]
        shares = (f"layer {k} {layer.held.value / first.held.value:.2%}" for k, layer in enumerate(first.layers))
        print(f"held in the free phase of the last row: {', '.join(shares)}")


if __name__ == "__main__":
    main()
