"""A read through 7-bit DACs and 9-bit ADCs against aihwkit's analog product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuroep.hardware.converters import quantize

STORED = Path(__file__).parents[1] / "golden" / "aihwkit_read.npz"


@pytest.mark.parametrize(("case", "out_bound"), [("preset", 20.0), ("clipped", 2.0)])
def test_aihwkit(case: str, out_bound: float) -> None:
    with np.load(STORED) as stored:
        assert (str(stored["peer"]), str(stored["version"])) == ("aihwkit", "1.1.0")
        weights, inputs, expected = (stored[f"{case}_{key}"] for key in ("weights", "inputs", "outputs"))
    scale = np.abs(inputs).max(axis=1, keepdims=True).astype(np.float64)  # the peer's ABS_MAX noise management
    products = quantize(inputs / scale, 7, 1.0) @ weights.T.astype(np.float64)
    made = quantize(products, 9, out_bound)
    # to 1e-6 of the ADC's range of ±1 in its units, where one level is 2/510
    assert np.abs(made - expected / scale).max() <= 1e-6 * out_bound
    assert (np.abs(products).max() > out_bound) == (case == "clipped")
