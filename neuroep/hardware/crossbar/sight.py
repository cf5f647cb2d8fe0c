"""What conductances mean as weights: scaled, and weakened on their way to the sense lines where wires resist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.wiring import Wires, attenuation
from neuroep.hardware.device import Mounted
from neuroep.hardware.retention import aging
from neuroep.weights import FloatArray

ATTENUATIONS = "plus_up", "plus_down", "minus_up", "minus_down"
"""State of resistive wires: effective over true conductance of each cell, by array and read."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How a crossbar's periphery sees its devices.

    Attributes
    ----------
    wires : Wires
        Resistance of the lines.
    periphery : Periphery
        Size of the tiles.
    scale : aging.Scale
        What a unit of the step model's weight is in siemens.
    full : float
        Difference of a weight's devices, in units of the step model, that stands for the full scale of its coupling.
    """

    wires: Wires
    periphery: Periphery
    scale: aging.Scale
    full: float

    def write(self, mounted: Mounted, solve: bool) -> None:
        """Write what all conductances now mean into the circuit's buffers; `solve` the wires anew, too."""
        plus, minus = (aging.shown(cast(FloatArray, mounted.state[key])) for key in ("devices", "against"))
        sizes, circuit = [int(n) for n in mounted.circuit.sizes], mounted.circuit
        full_scale = cast(FloatArray, mounted.state["full_scale"])
        for k in range(1, len(sizes)):
            part = slice(circuit.starts[k - 1], circuit.starts[k])
            scale = plus.dtype.type(full_scale[k - 1] / self.full)  # as kernels have it, for bit-identical weights
            if not self.wires.resistive:
                # in the weights' type, as pulses write them: restored weights are the same to the bit
                circuit.up[part] = scale * (plus[part] - minus[part])
                continue
            shape = sizes[k - 1], sizes[k]
            up, down = self._seen(mounted.state, "plus", plus[part], shape, solve, part)
            against_up, against_down = self._seen(mounted.state, "minus", minus[part], shape, solve, part)
            per_siemens = scale / self.scale.per_unit
            circuit.up[part] = per_siemens * (up - against_up)
            circuit.down[part] = per_siemens * (down - against_down)

    def _seen(
        self, state: dict[str, NDArray[np.generic]], name: str, h: FloatArray, shape: tuple[int, int], solve: bool,
        part: slice,
    ) -> tuple[FloatArray, FloatArray]:  # fmt: skip
        """Effective conductances of one array, upward and downward."""
        conductances = np.maximum(self.scale.siemens(h).astype(np.float64), 0.0)
        keys = f"{name}_up", f"{name}_down"
        if solve:
            tiles = self.periphery.tile_rows, self.periphery.tile_columns
            found = attenuation(self.wires, conductances.reshape(shape), *tiles)
            for key, factors in zip(keys, found, strict=True):
                state[key][part] = factors.ravel()
        up, down = (cast(FloatArray, state[key])[part] for key in keys)
        return conductances * up, conductances * down
