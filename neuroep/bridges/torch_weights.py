"""Weights to and from torch modules.

As the feedback gain γ goes to 0 the free equilibrium of a network tends to the forward pass of its module.
torch keeps ``Linear.weight`` as (out, in), neuroep keeps W_k as (in, out).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import nn

from neuroep import checks
from neuroep.bridges.torch_activations import module_of, name_of
from neuroep.bridges.torch_forward import ForwardTrace, TracedLayer, add_skips, is_activation, require_same, traced
from neuroep.bridges.torch_tensors import plain_torch, torch_threads
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost, Network, Skip
from neuroep.physics.known import refuse_without_limit
from neuroep.weights import FLOAT_TYPES, FloatArray, Weights, fitting

_TRANSPARENT = (nn.Identity, nn.Flatten, nn.Dropout, nn.AlphaDropout, nn.Sequential)
_DTYPES = (torch.float32, torch.float64)


class Residual(nn.Sequential):
    """Dense layers, each followed by its activation, with identity skips: what a skip brings is added before that.

    Parameters
    ----------
    modules : sequence of torch.nn.Module
        ``Linear`` layers and activations.
    skips : sequence of Skip
        Between layers counted from 1.
    """

    def __init__(self, modules: Sequence[nn.Module], skips: Sequence[Skip]) -> None:
        super().__init__(*modules)
        self.skips = tuple(skips)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs of a batch."""
        states: list[torch.Tensor] = []
        for part in self:
            if isinstance(part, nn.Linear):
                states.append(x)
                x = add_skips(part(x), states, self.skips)
            else:
                x = part(x)
        return x


@plain_torch()
def to_torch(network: Network, weights: Weights) -> nn.Sequential:
    """Return the feedforward torch module with the same weights.

    Parameters
    ----------
    network : Network
        Layer sizes and activations.
    weights : Weights
        Of the same layer sizes; copied, in their own floating-point type.

    Returns
    -------
    torch.nn.Sequential
        ``Linear`` layers, each followed by its activation; with skips, a :class:`Residual`. A softmax read-out gives
        logits.

    Raises
    ------
    BadInput
        If the weights' sizes aren't the network's, they are of another type than float16, float32 and float64, or
        no feedforward module is the network's limit.
    """
    refuse_without_limit(checks.instance(network, Network, "network").physics, "a torch module")
    weights = fitting(weights, network.sizes, types=("float16", *FLOAT_TYPES))
    modules: list[nn.Module] = []
    for k in range(1, network.depth + 1):
        modules.append(_linear(weights.coupling(k), weights.bias(k)))
        activation = module_of(network.layers[k].activation)
        if activation is not None:
            modules.append(activation)
    return Residual(modules, network.skips) if network.skips else nn.Sequential(*modules)


def _linear(coupling: FloatArray, bias: FloatArray) -> nn.Linear:
    """Return a layer with copies of W (in, out) and b; no random numbers are drawn for it."""
    dtype = torch.from_numpy(np.empty(0, dtype=coupling.dtype)).dtype
    layer = nn.Linear(coupling.shape[0], coupling.shape[1], device="meta", dtype=dtype).to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(coupling.T))
        layer.bias.copy_(torch.tensor(bias))
    return layer


@plain_torch()
@torch_threads(1)  # a handful of inputs; and in a forked process there may be no others
def from_torch(module: nn.Module, network: Network | None = None) -> Weights:
    """Read the weights of a dense torch module, as its forward pass uses them.

    The module is run once in eval mode: weights are taken as each layer sees them (pruned, normalised), and what comes
    out must be what these weights give.

    Parameters
    ----------
    module : torch.nn.Module
        ``Linear`` layers, each followed by its activation; takes (batch, n_0).
    network : Network, optional
        Its layer sizes and activations must be the module's. Without it any of torch's activations are taken, those
        that neuroep has no name for, too.

    Returns
    -------
    Weights
        Copies, in the module's floating-point type.

    Raises
    ------
    BadInput
        For anything but dense layers, a layer without bias, sizes that don't chain, mixed or unsupported
        types, entries that aren't finite, a forward pass that does something else besides, or a module that isn't the
        network's; the message names the layer.

    Examples
    --------
    >>> from torch import nn
    >>> weights = neuroep.from_torch(nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 2)))
    >>> weights.sizes
    (8, 32, 2)
    """
    if network is not None:
        refuse_without_limit(checks.instance(network, Network, "network").physics, "weights from torch")
    trace = trace_of(module)
    arrays = [_arrays(layer.name, layer.weight, layer.bias, trace.inputs.dtype) for layer in trace.layers]
    sizes = (*(w.shape[0] for w, _ in arrays), arrays[-1][0].shape[1])
    if network is not None and sizes != network.sizes:
        raise BadInput(f"layer sizes {sizes}", "module", f"{network.sizes}, those of the network")
    activations = [layer.activations for layer in trace.layers]
    if network is not None:
        activations = [_checked_activations(layer, k, network) for k, layer in enumerate(trace.layers, start=1)]
    try:
        require_same(trace, activations, skips_of(module) if network is None else network.skips)
    except BadInput:
        if network is not None:
            _refuse_missing(trace, network)
        raise
    return Weights.from_arrays([w for w, _ in arrays], [b for _, b in arrays])


def trace_of(module: nn.Module) -> ForwardTrace:
    """Return what the dense layers of a module do, after its parts and how they chain have been checked.

    Raises
    ------
    BadInput
        For anything but dense layers that chain; the message names the layer.
    """
    if not isinstance(module, nn.Module):
        raise BadInput(f"a {type(module).__name__}", "module", "a torch.nn.Module, into which a state_dict is loaded")
    module = _written(module)
    trace = _traced(module, _linears(module))
    for layer in trace.layers:
        _arrays(layer.name, layer.weight, layer.bias, trace.inputs.dtype)
    for below, above in pairwise(trace.layers):
        _require_chain(below.weight.shape[0], above.name, above.weight.shape[1])
    return trace


def skips_of(module: nn.Module) -> tuple[Skip, ...]:
    """Return the identity skips that a module says it has."""
    written = _written(module)
    return written.skips if isinstance(written, Residual) else ()


def _written(module: nn.Module) -> nn.Module:
    """Return what `torch.compile` has wrapped, or the module: hooks belong on the module itself."""
    return cast(nn.Module, getattr(module, "_orig_mod", module))


def _linears(module: nn.Module) -> list[nn.Linear]:
    """Return the dense layers as registered; refuse parts that aren't known, and layers that don't chain."""
    found: list[tuple[str, nn.Linear]] = []
    for name, part in module.named_modules():
        if type(part) is nn.Linear:
            found.append((name, part))
        elif not _is_harmless(part):
            allowed = "Linear layers and activations without parameters"
            raise BadInput(f"a {type(part).__name__}", f"layer {name!r}" if name else "module", allowed)
    if not found:
        raise BadInput("no Linear layer", "module", "one or more")
    for name, layer in found:
        _arrays(name, layer.weight, layer.bias, found[0][1].weight.dtype)
    if isinstance(module, nn.Sequential):
        for (_, below), (name, above) in pairwise(found):
            _require_chain(below.out_features, name, above.in_features)
    return [layer for _, layer in found]


def _traced(module: nn.Module, linears: list[nn.Linear]) -> ForwardTrace:
    """Run a module on inputs as wide as its first layer takes: the first registered, or whichever fits."""
    refusals: list[BadInput] = []
    for inputs in dict.fromkeys(layer.in_features for layer in linears):
        try:
            return traced(module, inputs, linears[0].weight.dtype, linears[0].weight.device)
        except BadInput as error:
            refusals.append(error)
    raise refusals[0]


def _require_chain(outputs: int, name: str, inputs: int) -> None:
    if outputs != inputs:
        raise BadInput(f"{inputs} inputs", f"layer {name!r}", f"{outputs}")


def _is_harmless(part: nn.Module) -> bool:
    """Whether a module that isn't dense has no parameters of its own, and holds others or is known."""
    if next(part.parameters(recurse=False), None) is not None:
        return False
    return is_activation(part) or isinstance(part, _TRANSPARENT) or next(part.children(), None) is not None


def _arrays(
    name: str, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype
) -> tuple[FloatArray, FloatArray]:
    where = f"layer {name!r}"
    if bias is None:
        raise BadInput("no bias", where, "Linear layers with bias")
    if weight.dtype not in _DTYPES or {weight.dtype, bias.dtype} != {dtype}:
        raise BadInput(f"{weight.dtype} weights and {bias.dtype} biases", where, "all float32 or all float64")
    if weight.is_meta or bias.is_meta:
        raise BadInput("weights without numbers, on the meta device", where, "weights in memory")
    arrays = weight.detach().cpu().numpy().T, bias.detach().cpu().numpy()
    if not all(np.isfinite(array).all() for array in arrays):
        raise BadInput("entries that aren't finite", where, "finite numbers")
    return arrays


def _checked_activations(layer: TracedLayer, k: int, network: Network) -> list[nn.Module]:
    """Return the network's activation of a layer, or a read-out's softmax; refuse a module that has another."""
    activation, given = network.layers[k].activation, [name_of(part) for part in layer.activations]
    is_readout = k == network.depth and network.cost is Cost.CROSS_ENTROPY
    if is_readout and given in (["Softmax"], ["LogSoftmax"]):
        return layer.activations
    if given and given != [activation.label]:
        raise _other_activation(layer, given, activation)
    own = module_of(activation)
    return [] if own is None else [own]


def _refuse_missing(trace: ForwardTrace, network: Network) -> None:
    """Name the first layer whose activation isn't there, of a module that doesn't compute what the network does."""
    for k, layer in enumerate(trace.layers, start=1):
        if not layer.activations and network.layers[k].activation is not Activation.LINEAR:
            raise _other_activation(layer, [], network.layers[k].activation)


def _other_activation(layer: TracedLayer, given: list[str], wanted: Activation) -> BadInput:
    stated = ", ".join(given) or Activation.LINEAR.label
    return BadInput(f"activation {stated} after layer {layer.name!r}", "module", wanted.label)
