"""What a torch module's forward pass does with its dense layers, seen by running it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.modules import activation as torch_activations

from neuroep.errors import BadInput
from neuroep.network import Skip

#: Rows of random inputs, and their scales: small ones show the slopes, large ones the bounds of activations.
ROWS, SCALES = 16, (0.1, 1.0, 10.0, 1000.0)
#: Largest difference of two outputs, next to their size: the same sums in another order differ by rounding alone.
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-12}


class TracedLayer(NamedTuple):
    """One use of a dense layer: its name, weight and bias as used, what came in and went out, activations after it."""

    name: str
    weight: torch.Tensor
    bias: torch.Tensor | None
    given: torch.Tensor
    output: torch.Tensor
    activations: list[nn.Module]


class ForwardTrace(NamedTuple):
    """Inputs, outputs, and the dense layers in the order in which they were used."""

    inputs: torch.Tensor
    outputs: torch.Tensor
    layers: list[TracedLayer]


def is_activation(part: nn.Module) -> bool:
    """Whether a module is one of torch's activations."""
    return type(part).__module__ == torch_activations.__name__


def traced(module: nn.Module, inputs: int, dtype: torch.dtype, device: torch.device) -> ForwardTrace:
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
    layers: list[TracedLayer] = []
    try:
        with _watched(module, layers), torch.random.fork_rng(devices=[]), torch.no_grad(), _uncompiled():
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
    return ForwardTrace(x, outputs, layers)


@contextmanager
def _watched(module: nn.Module, layers: list[TracedLayer]) -> Iterator[None]:
    """Put a module into eval mode with hooks that take its layers down, and take all of it back."""
    was_training = {part: part.training for part in module.modules()}
    hooks: list[Any] = []
    try:
        for name, part in module.named_modules():
            if isinstance(part, nn.Linear):
                # among the last of its hooks, so that what others make of the weight is done
                hooks.append(part.register_forward_hook(_layer_hook(name, layers), with_kwargs=True))
            elif is_activation(part):
                hooks.append(part.register_forward_hook(_activation_hook(name, layers)))
        for part in was_training:
            part.training = False  # not by eval(), which a class of the user's may have made do more
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in was_training.items():
            part.training = training


def _uncompiled() -> AbstractContextManager[object]:
    """Run what `torch.compile` has wrapped as it was written: it computes the same, and needs no compiler."""
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and loading it takes seconds
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def _layer_hook(name: str, layers: list[TracedLayer]) -> Callable[..., None]:
    def take_down(part: nn.Linear, args: tuple[Any, ...], named: dict[str, Any], output: torch.Tensor) -> None:
        bias = None if part.bias is None else part.bias.detach().clone()
        given = args[0] if args else named["input"]
        # copies: activations may work in place
        layers.append(TracedLayer(name, part.weight.detach().clone(), bias, given.clone(), output.clone(), []))

    return take_down


def _activation_hook(name: str, layers: list[TracedLayer]) -> Callable[..., None]:
    def take_down(part: nn.Module, _: object, __: object) -> None:
        if not layers:
            raise BadInput(f"a {type(part).__name__} before the first Linear", f"layer {name!r}", "Linear layers first")
        layers[-1].activations.append(part)

    return take_down


def add_skips(x: torch.Tensor, states: Sequence[torch.Tensor], skips: Sequence[Skip]) -> torch.Tensor:
    """Return the input of a layer with what skips bring it; `states` are those of the layers below, 0 first."""
    for skip in skips:
        if skip.target == len(states):
            x = x + skip.gain * states[skip.source]
    return x


def require_same(trace: ForwardTrace, activations: Sequence[Sequence[nn.Module]], skips: Sequence[Skip] = ()) -> None:
    """Refuse a module whose values aren't those of its layers, each followed by the activations given.

    Raises
    ------
    BadInput
        Saying behind which layer they differ first, and by how much.
    """
    x, place, states = trace.inputs, "before", list[torch.Tensor]()
    with torch.no_grad():
        for layer, after in zip(trace.layers, activations, strict=True):
            _compare(layer.given, x, f"{place} layer {layer.name!r}")
            states.append(x)
            x = nn.functional.linear(x, layer.weight, layer.bias)
            _compare(layer.output, x, f"in layer {layer.name!r} (a hook of its, or another forward)")
            x = add_skips(x, states, skips)
            for part in after:
                forward: Callable[..., torch.Tensor] = type(part).forward
                x = forward(part, x.clone())  # without its hooks, and as its class has it
            place = f"between layer {layer.name!r} and"
    _compare(trace.outputs, x, f"after layer {trace.layers[-1].name!r}")


def _compare(given: torch.Tensor, x: torch.Tensor, where: str) -> None:
    given = given.flatten(1) if given.ndim > 2 else given
    fits = given.shape == x.shape
    for scale, wanted, got in zip(SCALES, (given if fits else x).chunk(len(SCALES)), x.chunk(len(SCALES)), strict=True):
        off = (wanted - got).abs().max() if fits else torch.tensor(torch.inf)
        if not off <= CLOSE[x.dtype] * (1.0 + wanted.abs().max()):
            raise BadInput(
                f"its forward pass does more than its Linear layers and activations {where}: on random inputs of size"
                f" {scale:g} values differ by up to {float(off):.3g}",
                "module",
                "dense layers, each followed by its activation (no hooks, additions or other functions)",
            )
