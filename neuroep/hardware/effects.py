"""Effects of hardware by name, each of which can be switched off: what a device would be without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.device import Device
from neuroep.hardware.loihi.synapse import QuantizedSynapse

FINEST_BITS = 16
"""The widest mantissa a quantized synapse has."""


D = TypeVar("D")


class Effect(NamedTuple, Generic[D]):
    """Whether a device has an effect, and the device without it."""

    present: Callable[[D], bool]
    off: Callable[[D], D]


def _uniform(device: Crossbar) -> Crossbar:
    """Steps of the nominal size everywhere, up and down alike; noise and range stay."""
    cell = device.cell
    constant = ConstantStep(
        dw_min=device.step, w_min=cell.w_min, w_max=cell.w_max, cycle_noise=cell.cycle_noise, additive=cell.additive,
        noise_floor=cell.noise_floor, noise_slope=cell.noise_slope, write_noise=cell.write_noise,
    )  # fmt: skip
    # Without a symmetry point of its own, a device is read against the middle of its range.
    encoding = Encoding.COLUMN if device.encoding is Encoding.REFERENCE else device.encoding
    return replace(device, cell=constant, encoding=encoding)


def _nonlinear(device: Crossbar) -> bool:
    return not isinstance(device.cell, ConstantStep) or float(device.cell.up_down) != 0.0


CROSSBAR: dict[str, Effect[Crossbar]] = {
    "read-noise": Effect(
        lambda d: d.read_noise > 0.0 or d.periphery.output_noise > 0.0,
        lambda d: replace(d, read_noise=0.0, periphery=replace(d.periphery, output_noise=0.0)),
    ),
    "converters": Effect(
        lambda d: d.periphery.dac_bits > 0 or d.periphery.adc_bits > 0,
        lambda d: replace(d, periphery=replace(d.periphery, dac_bits=0, adc_bits=0)),
    ),
    "tiles": Effect(
        lambda d: d.periphery.tile_rows > 0 or d.periphery.tile_columns > 0,
        lambda d: replace(d, periphery=replace(d.periphery, tile_rows=0, tile_columns=0)),
    ),
    "step-spread": Effect(
        lambda d: max(d.spread.step, d.spread.asymmetry, d.spread.slope) > 0.0,
        lambda d: replace(d, spread=replace(d.spread, step=0.0, asymmetry=0.0, slope=0.0)),
    ),
    "bound-spread": Effect(
        lambda d: max(d.spread.low, d.spread.high) > 0.0,
        lambda d: replace(d, spread=replace(d.spread, low=0.0, high=0.0)),
    ),
    "reference-spread": Effect(
        lambda d: d.spread.reference > 0.0, lambda d: replace(d, spread=replace(d.spread, reference=0.0))
    ),
    "cycle-noise": Effect(
        lambda d: d.cell.cycle_noise > 0.0, lambda d: replace(d, cell=replace(d.cell, cycle_noise=0.0))
    ),
    "write-noise": Effect(
        lambda d: d.cell.write_noise > 0.0, lambda d: replace(d, cell=replace(d.cell, write_noise=0.0))
    ),
    "nonlinearity": Effect(_nonlinear, _uniform),
    "stuck-cells": Effect(lambda d: d.stuck_share > 0.0, lambda d: replace(d, stuck_share=0.0)),
    "programming-error": Effect(lambda d: d.programming_spread > 0.0, lambda d: replace(d, programming_spread=0.0)),
    "ir-drop": Effect(lambda d: d.wires.resistive, lambda d: replace(d, wires=Wires())),
    "granularity": Effect(lambda d: not d.exact_steps, lambda d: replace(d, exact_steps=True)),
}


def _finest(device: QuantizedSynapse) -> QuantizedSynapse:
    """Mantissas of 16 bits (15 without a sign); write-back and cores, which fix the width, go with the chip's."""
    rounding = "stochastic" if device.rounding == "loihi" else device.rounding
    bits = FINEST_BITS if device.sign_mode == "mixed" else FINEST_BITS - 1
    return replace(device, weight_bits=bits, rounding=rounding, chip=None)


SYNAPSE: dict[str, Effect[QuantizedSynapse]] = {
    "granularity": Effect(
        lambda d: d.weight_bits < (FINEST_BITS if d.sign_mode == "mixed" else FINEST_BITS - 1), _finest
    ),
    "traces": Effect(lambda d: d.trace_bits > 0, lambda d: replace(d, trace_bits=0)),
}
APART = "array-mismatch"
"""Of two arrays, one for each direction: off, one array is read both ways."""
EFFECTS = tuple(dict.fromkeys([*CROSSBAR, *SYNAPSE, APART]))
"""Every name there is."""


def effects_of(device: Device) -> tuple[str, ...]:
    """Return the names of the effects a device has, in the registry's order; none for the ideal device."""
    if isinstance(device, Crossbar):
        return tuple(name for name, effect in CROSSBAR.items() if effect.present(device))
    if isinstance(device, TwoArrays):
        return (*effects_of(device.array), APART)
    if isinstance(device, QuantizedSynapse):
        return tuple(name for name, effect in SYNAPSE.items() if effect.present(device))
    return ()


def check_names(names: Iterable[str], where: str = "--without") -> None:
    """Make sure that all names are effects'.

    Raises
    ------
    UnknownName
        If one isn't.
    """
    for name in names:
        if name not in EFFECTS:
            raise UnknownName("effect", name, EFFECTS, where)


def without(device: Device, names: Iterable[str], where: str = "--without") -> Device:
    """Return a device without some of its effects.

    Parameters
    ----------
    device : Device
        Stays as it is.
    names : iterable of str
        Effects to switch off; their order doesn't matter, as each sets fields of its own.
    where : str
        Named in errors.

    Raises
    ------
    UnknownName
        If no effect has such a name.
    BadInput
        If the device doesn't have an effect.
    """
    wanted = tuple(dict.fromkeys(names))
    check_names(wanted, where)
    has = effects_of(device)
    for name in wanted:
        if name not in has:
            raise BadInput(f"{device.name} has no {name}", where, ", ".join(has) or "nothing")
    # The registry's order, whatever the caller's: the nominal step is that of the device with its own law.
    for name in (name for name in EFFECTS if name in wanted):
        if isinstance(device, Crossbar):
            device = CROSSBAR[name].off(device)
        elif isinstance(device, TwoArrays):
            device = device.array if name == APART else replace(device, array=CROSSBAR[name].off(device.array))
        elif isinstance(device, QuantizedSynapse):
            device = SYNAPSE[name].off(device)
    return device
