"""The network whose limit of weak feedback a torch module is."""

from __future__ import annotations

from torch import nn

from neuroep import checks
from neuroep.bridges.torch_activations import name_of
from neuroep.bridges.torch_forward import TracedLayer
from neuroep.bridges.torch_tensors import plain_torch, torch_threads
from neuroep.bridges.torch_weights import from_torch, skips_of, trace_of
from neuroep.errors import BadInput
from neuroep.network import Activation, Cost, Coupling, Layer, Network
from neuroep.physics.activations import RANGES, why_not

_SOFTMAX = ("Softmax", "LogSoftmax")


@plain_torch()
@torch_threads(1)
def network_of(module: nn.Module, cost: str | Cost = "mse", feedback: float = 1.0) -> Network:
    """Return the network of a dense torch module: its layers, activations and identity skips.

    :func:`from_torch` with this network gives the weights, and `neuroep.train(network=…, weights=…)` trains both on.

    Parameters
    ----------
    module : torch.nn.Module
        ``Linear`` layers, each followed by its activation; takes (batch, n_0). Skips are those of a
        :class:`neuroep.bridges.torch_weights.Residual`.
    cost : str or Cost
        What it is trained on, which a module doesn't say: ``"mse"``, ``"cross-entropy"``, ``"hinge"`` or
        ``"squared-hinge"``. A softmax at its end belongs to ``"cross-entropy"``.
    feedback : float
        Feedback gain γ of the network: the module is its limit γ → 0.

    Returns
    -------
    Network
        Of continuous Hopfield units.

    Raises
    ------
    BadInput
        For what :func:`from_torch` refuses, an activation that no network has, or a cost that doesn't go with the
        module's output.

    Examples
    --------
    >>> from torch import nn
    >>> network = neuroep.network_of(nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 2)), feedback=0.5)
    >>> [layer.size for layer in network.layers]
    [8, 32, 2]
    """
    known = checks.choice(cost, Cost, "cost")
    layers = trace_of(module).layers
    units = [Layer(layers[0].weight.shape[1])]
    units += [Layer(layer.weight.shape[0], _activation(layer, layer is layers[-1], known)) for layer in layers]
    chain = tuple(Coupling(k, k + 1) for k in range(len(layers)))
    network = Network(tuple(units), chain, known, feedback, skips=skips_of(module))
    from_torch(module, network)  # it computes nothing else
    return network


def _activation(layer: TracedLayer, last: bool, cost: Cost) -> Activation:
    """Return the activation that follows a layer; a softmax is the read-out's own."""
    names = [name_of(part) for part in layer.activations]
    if last and names and names[0] in _SOFTMAX:
        if cost is not Cost.CROSS_ENTROPY:
            raise BadInput(f"cost {cost.label!r} of a module that ends in {names[0]}", "cost", Cost.CROSS_ENTROPY.label)
        names = names[1:]
    labels = {activation.label: activation for activation in RANGES}
    if len(names) > 1 or not set(names) <= set(labels):
        what = f"activation {', '.join(names)} after layer {layer.name!r}{''.join(map(why_not, names[:1]))}"
        raise BadInput(what, "module", ", ".join(labels))
    return labels[names[0]] if names else Activation.LINEAR
