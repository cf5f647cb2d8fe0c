"""`neuroep cost`: energy, latency and memory traffic without training."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from neuroep.commands.chip import map_object, rule_object, show_map, show_rule
from neuroep.commands.console import add_without, estimate, names_in, say, show_json, show_table, without_note

if TYPE_CHECKING:
    from neuroep.network import Network
    from neuroep.specs import DeviceSpec
    from neuroep.studies.estimate import Estimate, Memory


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser("cost", help="energy, latency and memory traffic of a model, without training")
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument(
        "--device", "-d", nargs="+", action="extend", required=True, metavar="D", help="device profiles"
    )
    parser.add_argument("--seed", "-s", type=int, default=0, metavar="S", help="of weights and samples (default 0)")
    parser.add_argument("--engine", default="auto", help="auto, cpu, reference, spiking or brian2")
    add_without(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.errors import BadInput
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.estimate import estimate_cost
    from neuroep.studies.experiment import refuse_freeing_nothing

    if options.seed < 0:
        raise BadInput(f"seed {options.seed}", "--seed", "a whole number from 0")
    model = load_model(options.model)
    devices = [load_device(name) for name in options.device]
    named = [device.name for device in devices]
    for name in named:
        if named.count(name) > 1:
            raise BadInput(f"device {name} is named twice", "--device", "each once")
    names = names_in(options.without)
    refuse_freeing_nothing(names, devices)
    found = [estimate_cost(model, device, options.seed, options.engine, names) for device in devices]
    network = model.network()
    if options.json:
        rows = [
            cost_object(each) | {"chip": chip_object(device, network)}
            for each, device in zip(found, devices, strict=True)
        ]
        show_json({"model": model.name, "without": list(names), "rows": rows})
        return 0
    show_totals(model.name + without_note(names), found)
    for each, device in zip(found, devices, strict=True):
        show_split(each)
        if device.caveats:
            say("\n".join(["  not counted:", *(f"    - {line}" for line in device.caveats)]))
        show_chip(device, network)
    show_memory(found)
    return 0


def cost_object(found: Estimate) -> dict[str, Any]:
    """Return an estimate as plain data."""
    return {
        "device": found.device,
        "inputs": found.inputs,
        "batch": found.batch,
        "energy_joules": found.bill.as_dict(),
        "time_seconds": found.bill.time_as_dict(),
        "events": found.events,
        "memory": {
            "ep": None if found.memory is None else memory_object(found.memory),
            "backprop": None if found.backprop_memory is None else memory_object(found.backprop_memory),
        },
    }


def memory_object(found: Memory) -> dict[str, Any]:
    """Return memory traffic as plain data."""
    steps = zip(found.misses.capacities.tolist(), found.misses.ratios.tolist(), strict=True)
    levels = [level._asdict() | {"joules": level.joules._asdict()} for level in found.levels]
    curve = [{"capacity": capacity, "miss_ratio": ratio} for capacity, ratio in steps]
    return found._asdict() | {"misses": curve, "levels": levels}


def chip_object(device: DeviceSpec, network: Network) -> dict[str, Any] | None:
    """Return a device's core map of a network and its learning rule as plain data; None for one without a chip."""
    chip, placed = device.chip(), device.core_map(network)
    return None if chip is None or placed is None else rule_object(chip) | map_object(placed)


def show_chip(device: DeviceSpec, network: Network) -> None:
    """Print a device's core map of a network and its learning rule, if it has a chip."""
    chip, placed = device.chip(), device.core_map(network)
    if chip is not None and placed is not None:
        show_map(device.name, placed)
        show_rule(chip)


def _total(tables: dict[str, dict[str, dict[str, float]]], phases: tuple[str, ...]) -> dict[str, float] | None:
    bands = [band for phase in phases for band in tables.get(phase, {}).values()]
    return {end: sum(band[end] for band in bands) for end in ("value", "low", "high")} if bands else None


def show_totals(model: str, estimates: list[Estimate]) -> None:
    """Print one line a device: joules and seconds a sample, for inference and for training."""
    training = ("free", "nudged", "update")
    rows = []
    for found in estimates:
        energy, time = found.bill.as_dict(), found.bill.time_as_dict()
        cells = [estimate(_total(energy, p), "J") for p in (("inference",), training)]
        cells += [estimate(_total(time, p), "s") for p in (("inference",), training)]
        rows.append((found.device, *cells))
    header = ("device", "energy/inference", "energy/training step", "time/inference", "time/training step")
    show_table(f"{model}: a sample, on {estimates[0].inputs}", header, rows)


def show_split(found: Estimate) -> None:
    """Print a device's energy and time by phase and event, with the counts behind them."""
    energy, time = found.bill.as_dict(), found.bill.time_as_dict()
    rows = []
    for phase, counts in found.events.items():
        priced = dict.fromkeys([*energy.get(phase, {}), *time.get(phase, {})])
        for event in priced:
            count = f"{counts[event] / found.batch:,.1f}" if event in counts else ""
            cells = (estimate(energy[phase].get(event), "J"), estimate(time[phase].get(event), "s"))
            rows.append((phase, event, count, *cells))
    if rows:
        header = ("phase", "event", "count/sample", "energy", "time")
        show_table(f"{found.device}, by phase and event", header, rows, text=2)
    else:
        say(f"{found.device}: no prices")


def show_memory(found: list[Estimate]) -> None:
    """Print the memory traffic of one training step beside backprop's, and what it costs in each profile's memories."""
    steps = (("EP", found[0].memory), ("backprop", found[0].backprop_memory))
    rows = [
        (name, *(f"{value:,.0f}" for value in (
            memory.reads, memory.writes, memory.floats, memory.weighted_ard, memory.lru_weighted_ard, memory.dmc,
            memory.dmd, memory.byte_dmd,
        )))
        for name, memory in steps
        if memory is not None
    ]  # fmt: skip
    header = ("method", "reads", "writes", "floats", "weighted ARD", "LRU weighted ARD", "clock DMC", "DMD", "ByteDMD")
    show_table("memory traffic of a training step, one sample", header, rows)
    for each in found:
        show_levels(each)


def show_levels(found: Estimate) -> None:
    """Print which of a profile's memories serves how many reads of a training step, and at what energy."""
    rows = [
        (name, level.level, f"{level.floats:,}", f"{level.share:.1%}", estimate(level.joules._asdict(), "J"))
        for name, memory in (("EP", found.memory), ("backprop", found.backprop_memory))
        if memory is not None
        for level in memory.levels
    ]
    if rows:
        header = ("method", "served by", "floats", "share", "energy")
        show_table(f"{found.device}: reads of that step in its memories, beside the bill", header, rows, text=2)
