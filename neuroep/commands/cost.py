"""`neuroep cost`: energy, latency and memory traffic without training."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.commands.chip import map_object, rule_object
from neuroep.commands.console import add_without, names_in, show_json, without_note
from neuroep.commands.outputs import check_plot

if TYPE_CHECKING:
    from neuroep.cost.breakdown import Axis, Line
    from neuroep.cost.energy import Bill
    from neuroep.ledger import Phase
    from neuroep.network import Network
    from neuroep.quantities import Band
    from neuroep.specs import DeviceSpec
    from neuroep.studies.estimate import Estimate, Memory, Utilised
    from neuroep.studies.relaxation import Relaxation


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "cost",
        help="energy, latency and memory traffic of a model, without training",
        example="neuroep cost digits-mlp --device ecram loihi1",
    )
    parser.add_argument("model", help="a model's name, or the path of a TOML file")
    parser.add_argument(
        "--device", "-d", nargs="+", action="extend", required=True, metavar="D", help="device profiles"
    )
    parser.add_argument("--seed", "-s", type=int, default=0, metavar="S", help="of weights and samples (default 0)")
    parser.add_argument("--engine", default="auto", help="auto, cpu, reference, spiking or brian2")
    parser.add_argument(
        "--by", choices=("phase", "layer", "event"), default="phase", help="what makes a row of each device's bill"
    )
    parser.add_argument(
        "--warm", type=int, metavar="N", help="minibatches to train on before counting (default 300; 0: as drawn)"
    )
    parser.add_argument(
        "--relaxation",
        action="store_true",
        help="also what settling takes as one analog circuit, in place of clocked reads",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the bills: .png, .svg or .pdf")
    parser.add_argument("--force", action="store_true", help="even if the figure's file is there")
    add_without(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.specs.catalogue import load_model
    from neuroep.studies.estimate import WARM, checked_rig, estimate_cost
    from neuroep.studies.relaxation import relaxation_of

    devices, names = _checked(options)
    model, warm = load_model(options.model), WARM if options.warm is None else options.warm
    for device in devices:
        checked_rig(model, device, options.seed, options.engine, names)
    relaxed = [relaxation_of(model, device, options.seed) if options.relaxation else None for device in devices]
    found = [estimate_cost(model, device, options.seed, options.engine, names, warm) for device in devices]
    if options.plot is not None:
        from neuroep.report.cost_figure import write_cost_figure

        write_cost_figure(model.name, {each.device: each.bill for each in found}, options.by, options.plot)
    costed, network = list(zip(devices, found, relaxed, strict=True)), model.network()
    if options.json:
        rows = [row_object(*each, network) for each in costed]
        show_json({"model": model.name, "without": list(names), "warm": warm, "rows": rows})
    else:
        show_all(model.name + without_note(names), costed, network, options.by)
    return 0


def _checked(options: argparse.Namespace) -> tuple[list[DeviceSpec], tuple[str, ...]]:
    """Return the devices and the effects that are off, before anything is computed."""
    from neuroep.errors import BadInput
    from neuroep.specs.catalogue import load_device
    from neuroep.studies.experiment import refuse_freeing_nothing

    if options.seed < 0:
        raise BadInput(f"seed {options.seed}", "--seed", "a whole number from 0")
    if options.warm is not None and options.warm < 0:
        raise BadInput(f"{options.warm} minibatches", "--warm", "a whole number from 0")
    check_plot(options.plot, options.force)
    devices = [load_device(name) for name in options.device]
    named = [device.name for device in devices]
    for name in named:
        if named.count(name) > 1:
            raise BadInput(f"device {name} is named twice", "--device", "each once")
    names = names_in(options.without)
    refuse_freeing_nothing(names, devices)
    return devices, names


def show_all(
    title: str, costed: list[tuple[DeviceSpec, Estimate, Relaxation | None]], network: Network, by: Axis
) -> None:
    """Print every table."""
    from neuroep.commands.cost_tables import show_area, show_bill, show_chip, show_memory, show_totals, show_uncounted
    from neuroep.commands.settle_relaxation import show_relaxation

    found = [each for _, each, _ in costed]
    show_totals(title, found)
    for device, each, settled in costed:
        show_bill(each, device, by)
        show_uncounted(each, device)
        show_area(device, network)
        if settled is not None:
            show_relaxation(settled.phases, device.name, clocked=False)
        show_chip(device, network)
    show_memory(found)


def row_object(device: DeviceSpec, found: Estimate, settled: Relaxation | None, network: Network) -> dict[str, Any]:
    """Return all that is said of a device as plain data."""
    from neuroep.commands.settle_relaxation import relaxation_object

    relaxation = relaxation_object(None if settled is None else settled.phases)
    chip, area = chip_object(device, network), area_object(device, network)
    return cost_object(found) | {"relaxation": relaxation, "chip": chip, "area": area}


def cost_object(found: Estimate) -> dict[str, Any]:
    """Return an estimate as plain data."""
    return {
        "device": found.device,
        "inputs": found.inputs,
        "batch": found.batch,
        **bill_object(found.bill),
        "backprop": None if found.backprop is None else bill_object(found.backprop),
        "utilised": utilised_object(found.utilised),
        "events": found.events,
        "memory": {
            "ep": None if found.memory is None else memory_object(found.memory),
            "backprop": None if found.backprop_memory is None else memory_object(found.backprop_memory),
        },
    }


def utilised_object(found: Utilised | None) -> dict[str, Any] | None:
    """Return bills at a share of the peak rate as plain data."""
    if found is None:
        return None
    twin = None if found.backprop is None else bill_object(found.backprop)
    return {"share": found.share._asdict(), **bill_object(found.bill), "backprop": twin}


def bill_object(bill: Bill) -> dict[str, Any]:
    """Return a bill as plain data."""
    from neuroep.cost.energy import coverage_of

    return {
        "energy_joules": bill.as_dict(),
        "time_seconds": bill.time_as_dict(),
        "average_power_watts": _of_both(bill.power),
        "energy_delay_joule_seconds": _of_both(bill.energy_delay),
        "coverage": coverage_of(bill),
        "lines": [line_object(line) for line in bill.lines],
    }


def _of_both(figure: Callable[[Sequence[Phase]], Band | None]) -> dict[str, Any]:
    """Return a figure of an inference and of a training step as plain data."""
    from neuroep.cost.energy import INFERENCE, TRAINING_STEP

    bands = {"inference": figure(INFERENCE), "training_step": figure(TRAINING_STEP)}
    return {name: None if band is None else band._asdict() for name, band in bands.items()}


def line_object(line: Line) -> dict[str, Any]:
    """Return a line of a bill as plain data."""
    costs = {
        name: None if band is None else band._asdict() for name, band in (("energy", line.energy), ("time", line.time))
    }
    return line._asdict() | costs


def memory_object(found: Memory) -> dict[str, Any]:
    """Return memory traffic as plain data."""
    steps = zip(found.misses.capacities.tolist(), found.misses.ratios.tolist(), strict=True)
    levels = [level._asdict() | {"joules": level.joules._asdict()} for level in found.levels]
    curve = [{"capacity": capacity, "miss_ratio": ratio} for capacity, ratio in steps]
    return found._asdict() | {"misses": curve, "levels": levels}


def area_object(device: DeviceSpec, network: Network) -> list[dict[str, Any]]:
    """Return the area that a network takes as plain data."""
    return [each._asdict() | {"square_metres": each.square_metres._asdict()} for each in device.area(network)]


def chip_object(device: DeviceSpec, network: Network) -> dict[str, Any] | None:
    """Return a device's core map of a network and its learning rule as plain data; None for one without a chip."""
    chip, placed = device.chip(), device.core_map(network)
    return None if chip is None or placed is None else rule_object(chip) | map_object(placed)
