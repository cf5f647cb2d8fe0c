"""Weights to and from torch modules.

As the feedback gain γ goes to 0 the free equilibrium of a network tends to the forward pass of its module.
torch keeps ``Linear.weight`` as (out, in), neuroep keeps W_k as (in, out).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules import activation as torch_activations

from neuroep.errors import BadInput
from neuroep.network import Activation, Cost, Network
from neuroep.weights import FloatArray, Weights

_TRANSPARENT = (nn.Identity, nn.Flatten, nn.Dropout)
_DTYPES = (torch.float32, torch.float64)


def _module_of(activation: Activation) -> nn.Module | None:
    """Return a new torch module of an activation; None for linear."""
    if activation is Activation.HARD_SIGMOID:
        return nn.Hardtanh(0.0, 1.0)
    if activation is Activation.RELU6:
        return nn.ReLU6()
    return nn.Tanh() if activation is Activation.TANH else None


def _name_of(module: nn.Module) -> str:
    """Return neuroep's name of an activation module, or torch's where neuroep has none."""
    if isinstance(module, nn.Hardtanh):
        bounds = (module.min_val, module.max_val)
        known = {(0.0, 1.0): Activation.HARD_SIGMOID.label, (0.0, 6.0): Activation.RELU6.label}
        return known.get(bounds, f"Hardtanh{bounds}")
    return Activation.TANH.label if isinstance(module, nn.Tanh) else type(module).__name__


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
        ``Linear`` layers, each followed by its activation. A softmax read-out gives logits.

    Raises
    ------
    BadInput
        If the weights' sizes aren't the network's.
    """
    if weights.sizes != network.sizes:
        raise BadInput(f"layer sizes {weights.sizes}", "weights", f"{network.sizes}, those of the network")
    modules: list[nn.Module] = []
    for k in range(1, network.depth + 1):
        modules.append(_linear(weights.coupling(k), weights.bias(k)))
        activation = _module_of(network.layers[k].activation)
        if activation is not None:
            modules.append(activation)
    return nn.Sequential(*modules)


def _linear(coupling: FloatArray, bias: FloatArray) -> nn.Linear:
    """Return a layer with copies of W (in, out) and b; no random numbers are drawn for it."""
    dtype = torch.from_numpy(np.empty(0, dtype=coupling.dtype)).dtype
    layer = nn.Linear(coupling.shape[0], coupling.shape[1], device="meta", dtype=dtype).to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(coupling.T))
        layer.bias.copy_(torch.tensor(bias))
    return layer


class _Found(NamedTuple):
    name: str
    linear: nn.Linear
    activations: list[str]


def from_torch(module: nn.Module, network: Network | None = None) -> Weights:
    """Read the weights of a dense torch module.

    Parameters
    ----------
    module : torch.nn.Module
        ``Linear`` layers, in the order in which they were registered, with activation modules between.
        Whatever ``forward`` does beyond its modules can't be seen from here.
    network : Network, optional
        Its layer sizes and activations must be the module's.

    Returns
    -------
    Weights
        Copies, in the module's floating-point type.

    Raises
    ------
    BadInput
        For anything but dense layers, a layer without bias, sizes that don't chain, mixed or unsupported
        types, entries that aren't finite, or a module that isn't the network's; the message names the
        layer.
    """
    if not isinstance(module, nn.Module):
        raise BadInput(f"a {type(module).__name__}", "module", "a torch.nn.Module")
    found = _find_layers(module)
    if not found:
        raise BadInput("no Linear layer", "module", "one or more")
    arrays = [_arrays(layer, found[0].linear.weight.dtype) for layer in found]
    for below, above in pairwise(found):
        if below.linear.out_features != above.linear.in_features:
            raise BadInput(
                f"{above.linear.in_features} inputs", f"layer {above.name!r}", f"{below.linear.out_features}"
            )
    weights = Weights.from_arrays([w for w, _ in arrays], [b for _, b in arrays])
    if network is not None:
        _check_network(weights, found, network)
    return weights


def _find_layers(module: nn.Module) -> list[_Found]:
    found: list[_Found] = []
    for name, part in module.named_modules():
        if type(part) is nn.Linear:
            found.append(_Found(name, part, []))
        elif not _is_harmless(part):
            allowed = "Linear layers and activations without parameters"
            raise BadInput(f"a {type(part).__name__}", f"layer {name!r}" if name else "module", allowed)
        elif found and _is_activation(part):
            found[-1].activations.append(_name_of(part))
    return found


def _is_activation(part: nn.Module) -> bool:
    return type(part).__module__ == torch_activations.__name__


def _is_harmless(part: nn.Module) -> bool:
    """Whether a module that isn't dense has no parameters of its own, and holds others or is known."""
    if next(part.parameters(recurse=False), None) is not None:
        return False
    return _is_activation(part) or isinstance(part, _TRANSPARENT) or next(part.children(), None) is not None


def _arrays(layer: _Found, dtype: torch.dtype) -> tuple[FloatArray, FloatArray]:
    weight, bias, where = layer.linear.weight, layer.linear.bias, f"layer {layer.name!r}"
    if bias is None:
        raise BadInput("no bias", where, "Linear layers with bias")
    if weight.dtype not in _DTYPES or {weight.dtype, bias.dtype} != {dtype}:
        raise BadInput(f"{weight.dtype} weights and {bias.dtype} biases", where, "all float32 or all float64")
    arrays = weight.detach().cpu().numpy().T, bias.detach().cpu().numpy()
    if not all(np.isfinite(array).all() for array in arrays):
        raise BadInput("entries that aren't finite", where, "finite numbers")
    return arrays


def _check_network(weights: Weights, found: list[_Found], network: Network) -> None:
    if weights.sizes != network.sizes:
        raise BadInput(f"layer sizes {weights.sizes}", "module", f"{network.sizes}, those of the network")
    for k, layer in enumerate(found, start=1):
        activation = network.layers[k].activation
        expected = [] if activation is Activation.LINEAR else [activation.label]
        given = layer.activations
        if k == network.depth and network.cost is Cost.CROSS_ENTROPY and given in (["Softmax"], ["LogSoftmax"]):
            continue
        if given != expected:
            stated = ", ".join(given) or Activation.LINEAR.label
            raise BadInput(f"activation {stated} after layer {layer.name!r}", "module", activation.label)
