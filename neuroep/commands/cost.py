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
    from neuroep.cost.breakdown import Line
    from neuroep.cost.energy import Bill
    from neuroep.ledger import Phase
    from neuroep.network import Network
    from neuroep.quantities import Band
    from neuroep.specs import DeviceSpec
    from neuroep.studies.estimate import Estimate, Memory, Utilised


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser("cost", help="energy, latency and memory traffic of a model, without training")
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
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the bills: .png, .svg or .pdf")
    parser.add_argument("--force", action="store_true", help="even if the figure's file is there")
    add_without(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from neuroep.commands.cost_tables import show_area, show_bill, show_chip, show_memory, show_totals, show_uncounted
    from neuroep.errors import BadInput
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.estimate import WARM, estimate_cost
    from neuroep.studies.experiment import refuse_freeing_nothing

    if options.seed < 0:
        raise BadInput(f"seed {options.seed}", "--seed", "a whole number from 0")
    warm = WARM if options.warm is None else options.warm
    if warm < 0:
        raise BadInput(f"{warm} minibatches", "--warm", "a whole number from 0")
    check_plot(options.plot, options.force)
    model = load_model(options.model)
    devices = [load_device(name) for name in options.device]
    named = [device.name for device in devices]
    for name in named:
        if named.count(name) > 1:
            raise BadInput(f"device {name} is named twice", "--device", "each once")
    names = names_in(options.without)
    refuse_freeing_nothing(names, devices)
    found = [estimate_cost(model, device, options.seed, options.engine, names, warm) for device in devices]
    network = model.network()
    if options.plot is not None:
        from neuroep.report.cost_figure import write_cost_figure

        write_cost_figure(model.name, {each.device: each.bill for each in found}, options.by, options.plot)
    if options.json:
        rows = [
            cost_object(each) | {"chip": chip_object(device, network), "area": area_object(device, network)}
            for each, device in zip(found, devices, strict=True)
        ]
        show_json({"model": model.name, "without": list(names), "warm": warm, "rows": rows})
        return 0
    show_totals(model.name + without_note(names), found)
    for each, device in zip(found, devices, strict=True):
        show_bill(each, options.by)
        show_uncounted(each, device)
        show_area(device, network)
        show_chip(device, network)
    show_memory(found)
    return 0


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
