"""Prices held to measured chips: what a published network on Loihi costs by its event counts, beside what was measured.

    python benchmarks/measured_chips.py                           # a second
    python benchmarks/measured_chips.py --device loihi1-sanafe
    python benchmarks/measured_chips.py --pixels 130 --hidden 200

The network is Renner et al.'s of 400-400-10 binary units that learns on the chip (Nature Communications 15, 9691,
2024, table 1). Energy is that of all cores, time that of the busiest one. "+ chip" replaces barriers by the least time
step measured on a small network and adds the static power of the cores for as long ([system] of the device file).
"""

from __future__ import annotations

import argparse

from neuroep.cost.gated_chain import MEASURED, Activity, Figures, Load, System, billed, inference, training
from neuroep.ledger import Phase
from neuroep.quantities import Band
from neuroep.specs.catalogue import load_device
from neuroep.specs.device import DeviceSpec

CLP_SNN = Figures(0.05e-3, 0.33e-3)
LSNN_NEURONS, LSNN_WATTS, LSNN_STEP = 250, 1.58e-3, 16.65e-6


def factor(found: float, measured: float) -> str:
    """How far a figure is off, and to which side."""
    return f"{measured / found:.1f} x under" if found < measured else f"{found / measured:.1f} x over"


def rows(device: DeviceSpec, loads: dict[str, Load]) -> list[tuple[str, ...]]:
    """One row for each published figure."""
    prices, numbers = device.prices(), device.numbers
    system = System(numbers["system.static"].si("power"), numbers["system.step"].si("time"))
    found: list[tuple[str, ...]] = []
    for name, load in loads.items():
        bare, whole = billed(load, prices), billed(load, prices, system)
        for quantity, unit, scale, k in (("energy", "uJ", 1e6, 0), ("time", "us", 1e6, 1)):
            measured = MEASURED[name][k]
            found.append((
                f"{name}, {quantity}", f"{scale * measured:.4g} {unit}", f"{scale * bare[k].value:.3g} {unit}",
                factor(bare[k].value, measured), f"{scale * whole[k].value:.3g} {unit}",
                factor(whole[k].value, measured),
            ))  # fmt: skip
    return found


def show_events(loads: dict[str, Load], prices: dict[str, Band]) -> None:
    for name, load in loads.items():
        phase = Phase.INFERENCE if name == "inference" else Phase.FREE
        counts = {event: count for event, count in load.chip.events(phase).items() if count and event != "sample"}
        print(f"\n{name}: events of all cores, and what they cost")
        for event, count in counts.items():
            cost = f"{1e6 * count * prices[event].value:10.3g} uJ" if event in prices else " " * 7 + "no price"
            print(f"  {event:16} {count:10,} {cost}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="loihi1", choices=("loihi1", "loihi1-sanafe"))
    for name, value in Activity()._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    activity = Activity(options.pixels, options.hidden, options.errors)
    device, later = load_device(options.device), load_device("loihi2")
    loads = {"inference": inference(activity), "training": training(activity)}
    print(
        f"{device.name}, {activity.pixels} inputs, {activity.hidden} hidden and {activity.errors} wrong outputs spike"
    )
    for row in (("", "measured", "priced", "off by", "+ chip", "off by"), *rows(device, loads)):
        print(f"{row[0]:18}" + "".join(f"{cell:>14}" for cell in row[1:]))
    prices = device.prices().energy_joules
    show_events(loads, dict(prices))
    fewer = billed(training(activity, all_synapses=False), device.prices())[0].value
    print(f"\nlearning only behind units that spiked: {1e6 * fewer:.3g} uJ a training sample, "
          f"{factor(fewer, MEASURED['training'].joules)}")  # fmt: skip
    host = device.numbers["system.host"].si("power").value
    for name in loads:
        print(f"x86 core at work for the measured time of {name}: {1e6 * host * MEASURED[name].seconds:.3g} uJ more")
    idle, active = (1e9 * LSNN_NEURONS * prices[event].value for event in ("neuron_idle", "neuron_active"))
    print(f"one core of {LSNN_NEURONS} neurons (sMNIST): {idle:.3g} nJ a step if none spikes, {active:.3g} nJ if "
          f"all do, without synapses; measured {1e9 * LSNN_WATTS * LSNN_STEP:.3g} nJ")  # fmt: skip
    synop, update = (later.prices().energy_joules[event].value for event in ("synop", "learning_update"))
    print(f"Loihi 2, CLP-SNN: {1e6 * CLP_SNN.joules:g} uJ and {1e6 * CLP_SNN.seconds:g} us a sample, "
          f"{1e3 * CLP_SNN.joules / CLP_SNN.seconds:.3g} mW; as much as {CLP_SNN.joules / synop / 1e6:.2g} million "
          f"synaptic operations or {CLP_SNN.joules / update / 1e6:.2g} million learning updates of loihi2")  # fmt: skip


if __name__ == "__main__":
    main()
