"""Effects of quantized synapses, and what they are without each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neuroep.hardware.effect import Effect, Effects

FINEST_BITS = 16
"""The widest mantissa a quantized synapse has."""


def _finest(device: Any) -> Any:
    """Mantissas of 16 bits (15 without a sign); write-back and cores, which fix the width, go with the chip's."""
    rounding = "stochastic" if device.rounding == "loihi" else device.rounding
    bits = FINEST_BITS if device.sign_mode == "mixed" else FINEST_BITS - 1
    return replace(device, weight_bits=bits, rounding=rounding, chip=None)


SYNAPSE: Effects = {
    "granularity": Effect(
        lambda d: d.weight_bits < (FINEST_BITS if d.sign_mode == "mixed" else FINEST_BITS - 1), _finest
    ),
    "traces": Effect(lambda d: d.trace_bits > 0, lambda d: replace(d, trace_bits=0)),
}
