"""Which module of torch's is which activation of a network."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from neuroep.physics.activations import Activation

#: How torch makes each activation; linear needs no module.
_MODULES: dict[Activation, Callable[[], nn.Module]] = {
    Activation.HARD_SIGMOID: lambda: nn.Hardtanh(0.0, 1.0), Activation.RELU6: nn.ReLU6, Activation.RELU: nn.ReLU,
    Activation.TANH: nn.Tanh, Activation.SIGMOID: nn.Sigmoid,
}  # fmt: skip


def module_of(activation: Activation) -> nn.Module | None:
    """Return a new torch module of an activation; None for linear."""
    make = _MODULES.get(activation)
    return None if make is None else make()


def name_of(module: nn.Module) -> str:
    """Return neuroep's name of an activation module, or torch's where neuroep has none."""
    if isinstance(module, nn.Hardtanh):
        bounds = (module.min_val, module.max_val)
        known = {(0.0, 1.0): Activation.HARD_SIGMOID.label, (0.0, 6.0): Activation.RELU6.label}
        return known.get(bounds, f"Hardtanh{bounds}")
    known_kinds = {nn.ReLU: Activation.RELU, nn.Tanh: Activation.TANH, nn.Sigmoid: Activation.SIGMOID}
    kind = type(module)
    return known_kinds[kind].label if kind in known_kinds else kind.__name__
