"""Which module of torch's is which activation of a network."""

from __future__ import annotations

from torch import nn

from neuroep.physics.activations import Activation


def module_of(activation: Activation) -> nn.Module | None:
    """Return a new torch module of an activation; None for linear."""
    if activation is Activation.HARD_SIGMOID:
        return nn.Hardtanh(0.0, 1.0)
    if activation in (Activation.RELU6, Activation.RELU):
        return nn.ReLU6() if activation is Activation.RELU6 else nn.ReLU()
    return nn.Tanh() if activation is Activation.TANH else None


def name_of(module: nn.Module) -> str:
    """Return neuroep's name of an activation module, or torch's where neuroep has none."""
    if isinstance(module, nn.Hardtanh):
        bounds = (module.min_val, module.max_val)
        known = {(0.0, 1.0): Activation.HARD_SIGMOID.label, (0.0, 6.0): Activation.RELU6.label}
        return known.get(bounds, f"Hardtanh{bounds}")
    if isinstance(module, nn.ReLU):
        return Activation.RELU.label
    return Activation.TANH.label if isinstance(module, nn.Tanh) else type(module).__name__
