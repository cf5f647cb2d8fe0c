"""Effects of a crossbar, and what it is without each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.effect import Effect, Effects


def _uniform(device: Any) -> Any:
    """Steps of the nominal size everywhere, up and down alike; noise and range stay."""
    cell = device.cell
    constant = ConstantStep(
        dw_min=device.step, w_min=cell.w_min, w_max=cell.w_max, cycle_noise=cell.cycle_noise, additive=cell.additive,
        noise_floor=cell.noise_floor, noise_slope=cell.noise_slope, write_noise=cell.write_noise,
    )  # fmt: skip
    # Without a symmetry point of its own, a device is read against the middle of its range.
    encoding = Encoding.COLUMN if device.encoding is Encoding.REFERENCE else device.encoding
    return replace(device, cell=constant, encoding=encoding)


def _nonlinear(device: Any) -> bool:
    return not isinstance(device.cell, ConstantStep) or float(device.cell.up_down) != 0.0


CROSSBAR: Effects = {
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
APART = "array-mismatch"
"""Of two arrays, one for each direction: off, one array is read both ways."""
