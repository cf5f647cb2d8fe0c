"""A module's graph by ``torch.fx``, what would make it another one, and what can't have two phases.

What can't be followed has no graph: code that depends on values, parts with hooks that tracing would drop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from torch import fx, nn
from torch.nn.parameter import is_lazy

from neuroep.errors import BadInput

T = TypeVar("T")
#: What was made of modules, each with what was looked at then. It must hold a module's parts and never the module
#: itself, and goes with it.
Seen = WeakKeyDictionary[nn.Module, tuple[object, T]]
#: What every module has, and attributes that can be compared.
_EMPTY, _PLAIN = frozenset(nn.Module().__dict__), (bool, int, float, str, type(None), tuple)
_NORMS = (nn.modules.batchnorm._BatchNorm,)
_RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU)
_RANDOM_CALLS = {
    getattr(nn.functional, name)
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "rrelu")
}


def uncompiled(module: nn.Module) -> nn.Module:
    """Return what ``torch.compile`` made a module of: the same parameters, and code that can be cut."""
    inside = getattr(module, "_orig_mod", module)
    return inside if isinstance(inside, nn.Module) else module


def refuse_modes(module: nn.Module) -> None:
    """Refuse parts that tie samples together or draw random numbers as they are set, or aren't made yet."""
    for name, part in module.named_modules():
        where = f"module {name!r}" if name else "module"
        if any(is_lazy(parameter) for parameter in part.parameters(recurse=False)):
            raise BadInput("parameters that its first forward pass makes", where, "module(x) once before")
        if isinstance(part, _NORMS) and (part.training or part.running_mean is None):
            what = f"a {type(part).__name__} that takes its mean over the batch ties samples together"
            raise BadInput(what, where, "its eval() mode, or LayerNorm or GroupNorm")
        if isinstance(part, _RANDOM) and part.training and getattr(part, "p", 1.0) > 0.0:
            raise BadInput(f"a {type(part).__name__} that draws anew in every phase", where, "its eval() mode")


def looks(module: nn.Module) -> object:
    """Return all that a trace of a module depends on, to be compared; None where something in it can't be."""
    found: list[object] = [(id(p), p.requires_grad) for p in module.parameters()]
    for part in module.modules():
        found += [id(part), part.training, len(part._forward_hooks), len(part._forward_pre_hooks)]
        for name in part.__dict__.keys() - _EMPTY:
            value = part.__dict__[name]
            if not isinstance(value, _PLAIN):
                return None
            found.append((name, value))
    return found


def remembered(seen: Seen[T], module: nn.Module, make: Callable[[nn.Module], T]) -> T:
    """Return what is made of a module; as it was made last, if nothing that a trace depends on has changed."""
    found, kept = looks(module), seen.get(module)
    if kept is None or found is None or kept[0] != found:
        kept = found, make(module)
        seen[module] = kept
    return kept[1]


def refuse_random(graph: fx.GraphModule, name: str) -> None:
    """Refuse calls of functions that draw random numbers."""
    for node in graph.graph.nodes:
        if node.target in _RANDOM_CALLS and node.kwargs.get("training", False):
            called = getattr(node.target, "__name__", str(node.target))
            raise BadInput(f"{called} that draws anew in every phase", f"module {name!r}", "module.eval()")


def hooked(module: nn.Module) -> bool:
    """Whether a module has hooks of its own, which run with it alone."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def graph_of(module: nn.Module) -> fx.GraphModule | None:
    """Return the graph of one tensor to one tensor.

    None where code depends on values, hooks would be lost, or a forward pass takes or gives more: traced, an argument
    that is None by default is a tensor.
    """
    if any(hooked(part) for part in module.modules() if next(part.children(), None) is not None):
        return None
    try:
        traced = fx.symbolic_trace(module)
    except Exception:  # whatever the module's code raises when it meets a proxy
        return None
    inputs = [node for node in traced.graph.nodes if node.op == "placeholder"]
    one = len(inputs) == 1 and not str(inputs[0].target).startswith("*")
    return traced if one and isinstance(traced.graph.output_node().args[0], fx.Node) else None
