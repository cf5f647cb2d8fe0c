"""Quantized synapses, neurons and cores, as on Loihi."""

from __future__ import annotations

from neuroep.hardware.loihi.neurons import LIF, effective_weights, run_lif

__all__ = ["LIF", "effective_weights", "run_lif"]
