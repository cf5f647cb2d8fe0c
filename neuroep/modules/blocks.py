"""A torch module cut into blocks: what lies between two tensors through which everything passes.

A chain of modules is cut between its links; anything else is traced by ``torch.fx`` and cut wherever a single tensor is
all that later operations need. Operations without parameters join the block before them: an activation belongs to its
layer, a residual branch with its addition is one block. What can't be traced is a block as it is, which is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from torch import Tensor, fx, nn

from neuroep.errors import BadInput
from neuroep.modules.tracing import Seen, graph_of, hooked, refuse_modes, refuse_random, remembered, uncompiled

#: Parts of modules that were traced.
_SEEN: Seen[tuple[_Part, ...] | None] = WeakKeyDictionary()


class Block(NamedTuple):
    """One map from a state to the next.

    Attributes
    ----------
    name : str
        Of its first part, as ``named_modules`` has it.
    forward : callable
        Takes the state below, gives the state above.
    parameters : tuple of Parameter
        That need a gradient, each once.
    """

    name: str
    forward: Callable[[Tensor], Tensor]
    parameters: tuple[nn.Parameter, ...]


class _Part(NamedTuple):
    """A piece between two cuts, which may have no parameters."""

    name: str
    forward: Callable[[Any], Any]
    parameters: tuple[nn.Parameter, ...]


def cut(module: nn.Module) -> tuple[Block, ...]:
    """Return the blocks of a module, first to last; together they compute what it does.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor and gives one.

    Raises
    ------
    BadInput
        For dropout and batch norm in training mode, with the remedy; for a module without parameters.
    """
    if not isinstance(module, nn.Module):
        raise BadInput(f"a {type(module).__name__}", "module", "a torch.nn.Module")
    module = uncompiled(module)
    refuse_modes(module)
    parts = list(_parts(module, ""))
    if not any(part.parameters for part in parts):
        raise BadInput("no parameter that needs a gradient", "module", "one or more")
    return tuple(_blocks(parts))


def _parts(module: nn.Module, name: str) -> Iterator[_Part]:
    if type(module) is nn.Sequential and not hooked(module):
        for key, child in module._modules.items():  # named_children leaves out what comes twice
            assert child is not None
            yield from _parts(child, f"{name}.{key}" if name else key)
        return
    traced = next(module.children(), None) is not None
    parts = remembered(_SEEN, module, lambda part: _traced_parts(part, name)) if traced else None
    if parts is None:
        parts = (_Part("", module, tuple(p for p in module.parameters() if p.requires_grad)),)
    for part in parts:
        yield part._replace(name=".".join(filter(None, (name, part.name))) or type(module).__name__)


def _traced_parts(module: nn.Module, name: str) -> tuple[_Part, ...] | None:
    """Return the parts of a module's graph, None where it has none."""
    graph = graph_of(module)
    if graph is None:
        return None
    refuse_random(graph, name)
    return tuple(_segments(graph))


def _segments(graph: fx.GraphModule) -> Iterator[_Part]:
    """Cut a graph wherever one value is all that is needed later; fixed tensors are read where they are needed."""
    nodes = list(graph.graph.nodes)
    order = {node: index for index, node in enumerate(nodes)}
    entry = next(node for node in nodes if node.op == "placeholder")
    moving, inside, furthest = {entry}, list[fx.Node](), _last_use(entry, order)
    for index, node in enumerate(nodes):
        if node.op in ("placeholder", "output", "get_attr"):
            continue
        inside.append(node)
        if moving.isdisjoint(node.all_input_nodes):
            continue
        moving.add(node)
        last = _last_use(node, order)
        if furthest <= index < last:
            yield _segment(graph, entry, inside, node)
            entry, inside = node, []
        furthest = max(furthest, last)


def _last_use(node: fx.Node, order: dict[fx.Node, int]) -> int:
    return max((order[user] for user in node.users), default=-1)


def _segment(graph: fx.GraphModule, entry: fx.Node, inside: Sequence[fx.Node], end: fx.Node) -> _Part:
    """Return the nodes between two values as a module of their own, on the same parameters."""
    piece = fx.Graph()
    known: dict[fx.Node, fx.Node] = {entry: piece.placeholder("s")}
    used: list[fx.Node] = []
    for node in inside:
        used += [fixed for fixed in node.all_input_nodes if fixed.op == "get_attr" and fixed not in used]
        used.append(node)
    for node in used:
        known[node] = piece.node_copy(node, known.__getitem__)
    piece.output(known[end])
    module = fx.GraphModule(graph, piece)
    place = next((str(node.target) for node in used if node.op in ("call_module", "get_attr") and
                  _has_parameters(graph, str(node.target))), end.name)  # fmt: skip
    parameters = tuple(p for p in module.parameters() if p.requires_grad)
    # its forward alone: called as a module, a piece prints its own traceback of what it refuses
    return _Part(place, module.forward, parameters)


def _has_parameters(graph: fx.GraphModule, target: str) -> bool:
    parent, _, name = target.rpartition(".")
    found = getattr(graph.get_submodule(parent), name)
    return isinstance(found, nn.Parameter) or (isinstance(found, nn.Module) and any(True for _ in found.parameters()))


def _blocks(parts: Sequence[_Part]) -> Iterator[Block]:
    """Join parts without parameters to the block before them, the first ones to the first block."""
    held: list[_Part] = []
    for part in parts:
        if part.parameters and any(other.parameters for other in held):
            yield _joined(held)
            held = []
        held.append(part)
    yield _joined(held)


def _joined(parts: Sequence[_Part]) -> Block:
    named = next(part for part in parts if part.parameters)
    forwards = [part.forward for part in parts]
    parameters = tuple(dict.fromkeys(p for part in parts for p in part.parameters))
    return Block(named.name, forwards[0] if len(forwards) == 1 else _Chain(forwards), parameters)


class _Chain:
    """Functions one after another."""

    def __init__(self, forwards: Sequence[Callable[[Any], Any]]) -> None:
        self.forwards = tuple(forwards)

    def __call__(self, state: Any) -> Any:
        for forward in self.forwards:
            state = forward(state)
        return state
