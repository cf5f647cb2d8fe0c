"""Tables of `neuroep cost`: totals, bills taken apart, memory traffic. Not imported before there is one to show."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from neuroep.commands.chip import show_map, show_rule
from neuroep.commands.console import say, show_table
from neuroep.cost.breakdown import Axis, table
from neuroep.cost.energy import INFERENCE, TRAINING_STEP, Bill
from neuroep.prices import PARTS, amounts_of
from neuroep.quantities import Band
from neuroep.report.summary import si, si_band

if TYPE_CHECKING:
    from neuroep.network import Network
    from neuroep.specs import DeviceSpec
    from neuroep.studies.estimate import Estimate, Memory


def show_chip(device: DeviceSpec, network: Network) -> None:
    """Print a device's core map of a network and its learning rule, if it has a chip."""
    chip, placed = device.chip(), device.core_map(network)
    if chip is not None and placed is not None:
        show_map(device.name, placed)
        show_rule(chip)


def show_totals(model: str, estimates: list[Estimate]) -> None:
    """Print one line a device: joules, seconds and mean watts a sample, for inference and for training."""
    rows = []
    bills = [
        (device, method, bill)
        for found in estimates
        for device, method, bill in _bills(found)
        if bill is not None and (method == "EP" or any(bill.energy_joules.values()))
    ]
    for device, method, bill in bills:
        joules = [bill.known("energy", phases) for phases in (INFERENCE, TRAINING_STEP)]
        seconds = [bill.known("time", phases) for phases in (INFERENCE, TRAINING_STEP)]
        both = None not in (joules[1], seconds[1])
        cells = [si_band(band, "J") for band in joules] + [si_band(band, "s") for band in seconds]
        power, product = (bill.power(TRAINING_STEP), bill.energy_delay(TRAINING_STEP)) if both else (None, None)
        cells += ["–" if band is None else si(band.value, unit) for band, unit in ((power, "W"), (product, "J s"))]
        rows.append((device, method, *cells))
    header = (
        "device", "method", "energy/inference", "energy/training step", "time/inference", "time/training step",
        "mean power", "energy × delay",
    )  # fmt: skip
    show_table(f"{model}: a sample, on {estimates[0].inputs}", header, rows, text=2)


def _bills(found: Estimate) -> list[tuple[str, str, Bill | None]]:
    """Every bill of an estimate with its device and method; at peak rate, and at the share of it that is stated."""
    rows = [(found.device, "EP", found.bill), (found.device, "backprop", found.backprop)]
    if found.utilised is not None:
        name = f"{found.device} at {found.utilised.share.value:.2g}"
        rows += [(name, "EP", found.utilised.bill), (name, "backprop", found.utilised.backprop)]
    return rows


def show_bill(found: Estimate, device: DeviceSpec, by: Axis) -> None:
    """Print a device's energy by stage, layer or event, each part of the chip in a column; by event also counts."""
    if by == "event":
        show_events(found, amounts_of(device.prices().converters))
        return
    rows = table(found.bill.lines, by)
    if not rows:
        say(f"{found.device}: no prices; --by event shows what was counted")
        return
    parts = [part for part in PARTS if any(part in row for row in rows.values())]
    cells = [
        (
            name,
            *("–" if part not in row else si(row[part].value, "J") for part in parts),
            si_band(sum(row.values(), Band.exact(0.0)), "J"),
        )
        for name, row in rows.items()
    ]
    what, of = ("stage", "a sample") if by == "phase" else ("layer", "a training step")
    show_table(f"{found.device}: energy of {of}, by {what} and part of the chip", (what, *parts, "all"), cells)


def show_events(found: Estimate, amounts: Container[str]) -> None:
    """Print a device's energy and time by stage and event, with the counts behind them.

    Events without a price have a row where they are `amounts`: where they say how much work there was.
    """
    rows: dict[tuple[str, str], tuple[float, Band | None, Band | None]] = {}
    for line in found.bill.lines:
        if line.energy is not None or line.time is not None or line.event in amounts:
            count, energy, time = rows.get((line.stage, line.event), (0.0, None, None))
            rows[line.stage, line.event] = (count + line.number, _sum(energy, line.energy), _sum(time, line.time))
    cells = [
        (*names, f"{count:,.1f}" if count else "", si_band(energy, "J"), si_band(time, "s"))
        for names, (count, energy, time) in rows.items()
    ]
    show_table(
        f"{found.device}, by stage and event", ("stage", "event", "count/sample", "energy", "time"), cells, text=2
    )


def _sum(total: Band | None, more: Band | None) -> Band | None:
    return total if more is None else more if total is None else total + more


def show_uncounted(found: Estimate, device: DeviceSpec) -> None:
    """Print what was counted and has no price, and what the profile says isn't counted."""
    covered = found.bill.covers(TRAINING_STEP)
    share = f"{covered.share:.1%} of a training step's counted work has a price"
    lines = [*(f"{what}: counted, without a price" for what in covered.missing), *device.caveats]
    if found.bill.energy_joules and any(found.bill.energy_joules.values()):
        say("\n".join([f"  {share}; not counted:" if lines else f"  {share}", *(f"    - {line}" for line in lines)]))


def show_area(device: DeviceSpec, network: Network) -> None:
    """Print the area of the parts that a profile has a figure for."""
    for part, number, area in device.area(network):
        low, high = (f"{1e6 * end:.3g}" for end in (area.low, area.high))
        band = "" if low == high else f" ({low} to {high})"
        say(f"  area: {number:,} {part.upper() if part == 'adc' else part}(s), {1e6 * area.value:.3g}{band} mm2")


def show_memory(found: list[Estimate]) -> None:
    """Print the memory traffic of one training step beside backprop's, and what it costs in each profile's memories.

    Hardware takes whole updates from a buffer, exact weights may take contrasts as they come: EP's step has a line for
    each kind among the devices.
    """
    steps: dict[tuple[str, ...], list[str]] = {}
    for each in found:
        for name, memory in (("EP", each.memory), ("backprop", each.backprop_memory)):
            if memory is not None:
                steps.setdefault((name, *(f"{value:,.0f}" for value in _figures(memory))), []).append(each.device)
    rows = [
        (name, "any" if len(devices) == len(found) else ", ".join(devices), *cells)
        for (name, *cells), devices in sorted(steps.items(), key=lambda step: step[0][0] != "EP")
    ]
    header = (
        "method", "device", "reads", "writes", "floats", "weighted ARD", "LRU weighted ARD", "clock DMC", "DMD",
        "ByteDMD",
    )  # fmt: skip
    show_table("memory traffic of a training step, one sample", header, rows, text=2)
    for each in found:
        show_levels(each)


def _figures(memory: Memory) -> tuple[float, ...]:
    return (
        memory.reads, memory.writes, memory.floats, memory.weighted_ard, memory.lru_weighted_ard, memory.dmc,
        memory.dmd, memory.byte_dmd,
    )  # fmt: skip


def show_levels(found: Estimate) -> None:
    """Print which of a profile's memories serves how many reads of a training step, and at what energy."""
    rows = [
        (name, level.level, f"{level.floats:,}", f"{level.share:.1%}", si_band(level.joules, "J"))
        for name, memory in (("EP", found.memory), ("backprop", found.backprop_memory))
        if memory is not None
        for level in memory.levels
    ]
    if rows:
        header = ("method", "served by", "floats", "share", "energy")
        show_table(f"{found.device}: reads of that step in its memories, beside the bill", header, rows, text=2)
