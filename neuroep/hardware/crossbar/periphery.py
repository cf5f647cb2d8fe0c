"""What stands around an array: converters, their noise and ranges, and the largest array there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuroep.circuit import Circuit
from neuroep.fields import settle
from neuroep.hardware.programming import check_range, check_whole
from neuroep.network import Activation, Network
from neuroep.recipe import Reads
from neuroep.weights import FloatArray

REFERENCE_ACTIVITY = 0.5  # root mean square of the states for which noise of single cells is stated


@dataclass(frozen=True, kw_only=True, slots=True)
class Periphery:
    """Converters of an array.

    Without an ADC sums aren't clipped, and an ADC clips once: aihwkit's inputs and outputs have their bounds at 0 bits,
    too, and its ITERATIVE bound management reads again at half the scale until nothing clips. Neither is modelled.

    Attributes
    ----------
    dac_bits, adc_bits : int
        Bits of what drives and of what reads a line, 2 to 16, or 0 for none.
    adc_bound : float
        Largest weighted sum that an ADC reads, for states that span the DAC's range, in units of the full-scale weight.
    output_noise : float
        Standard deviation of the noise of one read line, in the same units.
    managed : bool
        Range management: lines are scaled so that the largest state spans the DAC, and sums back (aihwkit's ABS_MAX).
    tile_rows, tile_columns : int
        Largest array, 0 for any; larger couplings are cut, and the partial sums converted apart and added digitally.
    averaged : int
        Conversions of each read, of which the mean is taken.
    reads : Reads
        What drives the lines.
    """

    dac_bits: int = 0
    adc_bits: int = 0
    adc_bound: float = 20.0
    output_noise: float = 0.0
    managed: bool = False
    tile_rows: int = 0
    tile_columns: int = 0
    averaged: int = 1
    reads: Reads = Reads.STATES

    def __post_init__(self) -> None:
        settle(self, "periphery.")
        for key in ("dac_bits", "adc_bits"):
            if getattr(self, key) != 0:
                check_whole(getattr(self, key), 2, 16, f"periphery.{key} (or 0 for no converter)")
        check_range(self.adc_bound, 1e-9, 1e9, "periphery.adc_bound")
        check_range(self.output_noise, 0.0, 1e3, "periphery.output_noise")
        for key in ("tile_rows", "tile_columns"):
            check_whole(getattr(self, key), 0, 1 << 20, f"periphery.{key}")
        check_whole(self.averaged, 1, 1000, "periphery.averaged")

    def attached(self, circuit: Circuit, network: Network, full_scale: FloatArray, cell_noise: FloatArray) -> Circuit:
        """Return the circuit with these converters.

        A DAC spans −1..1, and −6..6 for relu6 layers; linear and relu layers, whose states have no bound, are clipped
        at ±1 (range management scales them into it instead). An
        ADC serves both reads of its coupling, so the larger of the two layers' DAC ranges scales its own. Engines
        add noise of a fixed standard deviation: that of the line, and that of its cells for states of root mean square
        0.5, 0.5 · cell_noise · √(cells on the line). Where both reads see the same weights,
        adjoint reads are like others.

        Parameters
        ----------
        circuit : Circuit
            Lowered without converters.
        network : Network
            Gives the activations.
        full_scale : ndarray, shape (L,)
            Full-scale weight of each coupling.
        cell_noise : ndarray, shape (L,)
            Standard deviation of a weight from read to read.
        """
        spans = [1.0] + [6.0 if layer.activation is Activation.RELU6 else 1.0 for layer in network.layers[1:]]
        dac_bound = np.asarray(spans, dtype=circuit.up.dtype)
        adc_bound, noise_up, noise_down = (np.zeros_like(dac_bound) for _ in range(3))
        span = np.maximum(dac_bound[:-1], dac_bound[1:])
        adc_bound[1:] = self.adc_bound * full_scale * span
        sizes = np.asarray(network.sizes, dtype=np.float64)
        line = self.output_noise * full_scale * span
        noise_up[1:] = np.hypot(line, REFERENCE_ACTIVITY * cell_noise * np.sqrt(sizes[:-1]))
        noise_down[1:] = np.hypot(line, REFERENCE_ACTIVITY * cell_noise * np.sqrt(sizes[1:]))
        return circuit._replace(
            dac_bits=self.dac_bits, adc_bits=self.adc_bits, dac_bound=dac_bound, adc_bound=adc_bound,
            noise_up=noise_up, noise_down=noise_down, managed=int(self.managed), averaged=self.averaged,
            tile_rows=self.tile_rows, tile_columns=self.tile_columns, changes=int(self.reads is not Reads.STATES),
            adjoint=int(self.reads is Reads.ADJOINT and circuit.up is not circuit.down),
        )  # fmt: skip
