"""Effects switched off: what is left is the device built without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.cells.steps import LinearStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.effects import effects_of, without

CELL = LinearStep(dw_min=0.01, w_min=-1.0, w_max=1.0, gamma_up=0.1, gamma_down=0.1)
BARE = Crossbar(name="bare", g_min_siemens=1e-6, g_max_siemens=1e-5, cell=CELL)
EXTRA: dict[str, dict[str, Any]] = {
    "read-noise": {"read_noise": 0.01, "periphery": Periphery(output_noise=0.1)},
    "converters": {"periphery": Periphery(dac_bits=7, adc_bits=9)},
    "tiles": {"periphery": Periphery(tile_rows=64, tile_columns=32)},
    "step-spread": {"spread": Spread(step=0.1, asymmetry=0.1, slope=0.1)},
    "bound-spread": {"spread": Spread(low=0.1, high=0.1)},
    "reference-spread": {"spread": Spread(reference=0.1)},
    "stuck-cells": {"stuck_share": 0.1},
    "programming-error": {"programming_spread": 0.1},
    "ir-drop": {"wires": Wires(word_ohm=1.0, bit_ohm=1.0)},
}


@pytest.mark.parametrize("name", EXTRA)
def test_an_effect_off_is_the_device_built_without_it(name: str) -> None:
    device = replace(BARE, **EXTRA[name])
    assert name in effects_of(device)
    assert name not in effects_of(BARE)
    assert without(device, [name]) == BARE


def test_without_nonlinearity_steps_are_alike_everywhere() -> None:
    cell = without(BARE, ["nonlinearity"]).cell
    w = np.linspace(-0.9, 0.9, 7)
    # dw_min is the step where y = 1, at the middle of this range; rounding of float64
    np.testing.assert_allclose(cell.step(w, 1), 0.01, rtol=1e-12)
    np.testing.assert_allclose(cell.step(w, -1), -0.01, rtol=1e-12)


def test_wrong_names() -> None:
    with pytest.raises(UnknownName, match="did you mean 'ir-drop'"):
        without(BARE, ["irdrop"])
    with pytest.raises(BadInput, match="bare has no traces"):
        without(BARE, ["traces"])
