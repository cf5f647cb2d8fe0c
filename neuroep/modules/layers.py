"""A torch module as layers of units: what each activation receives from the states of those below it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import fx, nn
from torch.nn import functional

from neuroep.errors import BadInput
from neuroep.modules.activations import ALLOWED, Activation, activation_of
from neuroep.modules.tracing import Seen, graph_of, refuse_modes, refuse_random, remembered, uncompiled

#: Modules that carry states on without units of their own. In eval mode batch norm and dropout are linear.
_CARRIERS = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Flatten, nn.Unflatten, nn.Identity, nn.modules.batchnorm._BatchNorm,
    nn.modules.dropout._DropoutNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd,
)  # fmt: skip
_FUNCTIONS = {
    operator.add, operator.sub, operator.neg, torch.add, torch.sub, torch.flatten, torch.reshape,
    functional.linear, functional.conv1d, functional.conv2d, functional.conv3d, functional.avg_pool1d,
    functional.avg_pool2d, functional.avg_pool3d, functional.max_pool1d, functional.max_pool2d, functional.max_pool3d,
    functional.adaptive_avg_pool2d, functional.dropout, getattr, operator.getitem,
}  # fmt: skip
#: Products are linear where one factor is a number or a parameter.
_PRODUCTS = {operator.mul, operator.truediv, torch.mul, torch.div}
_METHODS = {"add", "sub", "flatten", "view", "reshape", "size", "dim", "unflatten", "permute", "transpose"}
_SEEN: Seen[Layers] = WeakKeyDictionary()


class Layers(NamedTuple):
    """A module's units, and graphs of what they receive.

    Attributes
    ----------
    activations : tuple of Activation
        In the order of the forward pass.
    levels : tuple of int
        Layers on the longest way from the input to each, itself among them: 1, 2, …
    fed : int
        How many states the graphs take: all but a last one that nothing reads.
    ends_in_units : bool
        Whether the module's output is the last activation's state.
    drive : torch.fx.GraphModule
        x to the states of the forward pass, then whatever depends on x and on no state, and is read by `relax`.
    relax : torch.fx.GraphModule
        That, then states, to what each activation receives; then the output, where no unit is.
    whole : torch.fx.GraphModule
        x, then states, to the same.
    """

    activations: tuple[Activation, ...]
    levels: tuple[int, ...]
    fed: int
    ends_in_units: bool
    drive: fx.GraphModule
    relax: fx.GraphModule
    whole: fx.GraphModule


def layers_of(module: nn.Module) -> Layers:
    """Return a module's layers; as they were found last, if nothing has changed.

    Raises
    ------
    BadInput
        If it can't be traced, ties samples together, draws random numbers, or has a part that is neither an activation
        with a potential nor linear in the states nor pooling; the message names it.
    """
    if not isinstance(module, nn.Module):
        raise BadInput(f"a {type(module).__name__}", "module", "a torch.nn.Module")
    module = uncompiled(module)
    refuse_modes(module)
    return remembered(_SEEN, module, _layers)


def _layers(module: nn.Module) -> Layers:
    graph = graph_of(module)
    if graph is None:
        raise BadInput("code that torch.fx can't follow", f"module {type(module).__name__}", "energy='prediction'")
    refuse_random(graph, "")
    nodes = list(graph.graph.nodes)
    entry = next(node for node in nodes if node.op == "placeholder")
    output = next(node for node in nodes if node.op == "output").args[0]
    units = [node for node in nodes if _is_unit(node, graph, entry)]
    activations = [activation_of(node, graph) for node in units]
    ends = bool(units) and output is units[-1]
    ports = [node.all_input_nodes[0] for node in units] + ([] if ends else [output])
    moving, driven = _after(nodes, units), _after(nodes, [entry])
    read = {user for node in moving - set(units) for user in node.all_input_nodes} | set(ports)
    given = [node for node in nodes if (node is entry or node in driven) and node not in moving and node in read]
    fed = units[:-1] if ends else units
    return Layers(
        tuple(activation for activation in activations if activation is not None), _levels(nodes, units),
        len(fed), ends, _piece(graph, [entry], [*units, *given]), _piece(graph, [*given, *fed], ports),
        _piece(graph, [entry, *fed], ports),
    )  # fmt: skip


def _is_unit(node: fx.Node, graph: fx.GraphModule, entry: fx.Node) -> bool:
    """Whether a node is an activation; refuse what is neither that nor carries states on linearly."""
    if node.op in ("placeholder", "output", "get_attr"):
        return False
    if activation_of(node, graph) is not None:
        if _in_place(node, graph):
            raise BadInput("a state changed in place", f"{node.op} {node.name!r}", "inplace=False")
        return True
    if node.op == "call_module":
        fits = isinstance(graph.get_submodule(str(node.target)), _CARRIERS)
    elif node.target in _PRODUCTS:
        fits = sum(other.op != "get_attr" for other in node.all_input_nodes) <= 1
    else:
        fits = node.target in (_METHODS if node.op == "call_method" else _FUNCTIONS)
    if not fits:
        part = graph.get_submodule(str(node.target)) if node.op == "call_module" else node.target
        named = getattr(part, "__name__", part if isinstance(part, str) else type(part).__name__)
        allowed = f"{ALLOWED}, dense and convolutional layers, pooling, additions; or energy='prediction'"
        raise BadInput(f"{named} in a Hopfield energy", f"{node.op} {node.name!r}", allowed)
    return False


def _in_place(node: fx.Node, graph: fx.GraphModule) -> bool:
    owner = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
    return bool(node.kwargs.get("inplace", False) or getattr(owner, "inplace", False))


def _after(nodes: Sequence[fx.Node], sources: Iterable[fx.Node]) -> set[fx.Node]:
    """Return the sources and all that depends on them."""
    found = set(sources)
    for node in nodes:
        if not found.isdisjoint(node.all_input_nodes):
            found.add(node)
    return found


def _levels(nodes: Sequence[fx.Node], units: Sequence[fx.Node]) -> tuple[int, ...]:
    level: dict[fx.Node, int] = {}
    for node in nodes:
        level[node] = max((level[below] for below in node.all_input_nodes), default=0) + (node in units)
    return tuple(level[node] for node in units)


def _piece(graph: fx.GraphModule, inputs: Sequence[fx.Node], outputs: Sequence[fx.Node]) -> fx.GraphModule:
    """Return what leads from some values to others, as a module on the same parameters."""
    piece = fx.Graph()
    known: dict[fx.Node, fx.Node] = {node: piece.placeholder(f"s{index}") for index, node in enumerate(inputs)}
    needed, waiting = set[fx.Node](), [node for node in outputs if node not in known]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += [below for below in node.all_input_nodes if below not in known]
    for node in graph.graph.nodes:
        if node in needed:
            known[node] = piece.node_copy(node, known.__getitem__)
    piece.output(tuple(known[node] for node in outputs))
    return fx.GraphModule(graph, piece)
