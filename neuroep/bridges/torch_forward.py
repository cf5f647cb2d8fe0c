"""What a torch module's forward pass does with its dense layers, seen by running it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules import activation as torch_activations

from neuroep.errors import BadInput

#: Rows of random inputs, and their scales: small ones show the slopes, large ones the bounds of activations.
ROWS, SCALES = 16, (0.1, 1.0, 10.0)
#: Largest difference of two outputs, next to their size: the same sums in another order differ by rounding alone.
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-12}


class Layer(NamedTuple):
    """One use of a dense layer: its name, weight and bias as that forward pass saw them, activations after it."""

    name: str
    weight: torch.Tensor
    bias: torch.Tensor | None
    activations: list[nn.Module]


class Trace(NamedTuple):
    """Inputs, outputs, and the dense layers in the order in which they were used."""

    inputs: torch.Tensor
    outputs: torch.Tensor
    layers: list[Layer]


def is_activation(part: nn.Module) -> bool:
    """Whether a module is one of torch's activations."""
    return type(part).__module__ == torch_activations.__name__


def traced(module: nn.Module, inputs: int, dtype: torch.dtype, device: torch.device) -> Trace:
    """Run a module on random inputs and return what its dense layers did; the module is left as it was.

    Parameters
    ----------
    module : torch.nn.Module
        Takes (batch, inputs).
    inputs : int
        Size of a sample.
    dtype, device
        Of the inputs.

    Raises
    ------
    BadInput
        If the forward pass fails, starts with an activation, or gives something else than a row a sample.
    """
    draws = torch.Generator().manual_seed(0)
    x = torch.cat([s * torch.randn(ROWS, inputs, generator=draws, dtype=torch.float64) for s in SCALES])
    x = x.to(dtype=dtype, device=device)
    layers: list[Layer] = []
    with _watched(module, layers), torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            outputs = module(x)
        except BadInput:
            raise
        except Exception as error:  # the user's code may raise anything
            what = f"its forward pass fails on {inputs} inputs a sample ({type(error).__name__}: {error})"
            raise BadInput(what, "module", "a module of dense layers") from error
    if not isinstance(outputs, torch.Tensor) or outputs.ndim != 2 or len(outputs) != len(x):
        raise BadInput("its output isn't one row a sample", "module", "outputs of shape (batch, n)")
    if not layers:
        raise BadInput("its forward pass uses no Linear layer", "module", "one or more")
    return Trace(x, outputs, layers)


@contextmanager
def _watched(module: nn.Module, layers: list[Layer]) -> Iterator[None]:
    """Put a module into eval mode with hooks that take its layers down, and take all of it back."""
    was_training = {part: part.training for part in module.modules()}
    hooks: list[Any] = []
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear):
            # among the last of its hooks, so that what others make of the weight is done
            hooks.append(part.register_forward_hook(_layer_hook(name, layers)))
        elif is_activation(part):
            hooks.append(part.register_forward_hook(_activation_hook(name, layers)))
    module.eval()
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in was_training.items():
            part.training = training


def _layer_hook(name: str, layers: list[Layer]) -> Callable[..., None]:
    def take_down(part: nn.Linear, _: object, __: object) -> None:
        bias = None if part.bias is None else part.bias.detach().clone()
        layers.append(Layer(name, part.weight.detach().clone(), bias, []))

    return take_down


def _activation_hook(name: str, layers: list[Layer]) -> Callable[..., None]:
    def take_down(part: nn.Module, _: object, __: object) -> None:
        if not layers:
            raise BadInput(f"a {type(part).__name__} before the first Linear", f"layer {name!r}", "Linear layers first")
        layers[-1].activations.append(part)

    return take_down


def require_same(trace: Trace, activations: Sequence[Sequence[nn.Module]]) -> None:
    """Refuse a module whose outputs aren't those of its layers, each followed by the activations given.

    Raises
    ------
    BadInput
        Saying by how much they differ.
    """
    x = trace.inputs
    with torch.no_grad():
        for layer, after in zip(trace.layers, activations, strict=True):
            x = nn.functional.linear(x, layer.weight, layer.bias)
            for part in after:
                forward: Callable[..., torch.Tensor] = part.forward
                x = forward(x)  # without its hooks
    close = CLOSE[trace.inputs.dtype]
    for scale, wanted, got in zip(SCALES, trace.outputs.chunk(len(SCALES)), x.chunk(len(SCALES)), strict=True):
        off = (wanted - got).abs().max() if wanted.shape == got.shape else torch.tensor(float("inf"))
        if not off <= close * (1.0 + wanted.abs().max()):
            raise BadInput(
                f"its forward pass does more than its Linear layers and activations: on random inputs of size {scale:g}"
                f" outputs differ by up to {float(off):.3g}",
                "module",
                "dense layers, each followed by its activation (no hooks, additions or other functions)",
            )
