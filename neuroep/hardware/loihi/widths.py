"""Widths of the chip's integers, without the sign."""

from __future__ import annotations

STATE_BITS = 23
"""Of a neuron's current and voltage."""
ACCUMULATOR_BITS = 21
"""Of the sum of a step's arriving weights."""
DECAY_ONE = 4096
"""A decay that leaves nothing."""
