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
    if activation in (Activation.TANH, Activation.SIGMOID):
        return nn.Tanh() if activation is Activation.TANH else nn.Sigmoid()
    return None


def name_of(module: nn.Module) -> str:
    """Return neuroep's name of an activation module, or torch's where neuroep has none."""
    if isinstance(module, nn.Hardtanh):
        bounds = (module.min_val, module.max_val)
        known = {(0.0, 1.0): Activation.HARD_SIGMOID.label, (0.0, 6.0): Activation.RELU6.label}
        return known.get(bounds, f"Hardtanh{bounds}")
    known_kinds = {nn.ReLU: Activation.RELU, nn.Tanh: Activation.TANH, nn.Sigmoid: Activation.SIGMOID}
    kind = type(module)
    return known_kinds[kind].label if kind in known_kinds else kind.__name__
