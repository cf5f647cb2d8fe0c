"""From measured pulses to the model of a cell."""

from __future__ import annotations

from neuroep.hardware.fitting.selection import fit

__all__ = ["fit"]
