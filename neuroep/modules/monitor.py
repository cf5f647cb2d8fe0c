"""What settling and gradients did, step by step: the first place to look when training stalls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from neuroep.equilibrium import ResultCode
from neuroep.modules.blocks import cut
from neuroep.modules.gradients import Settling


class Record(NamedTuple):
    """One step.

    Attributes
    ----------
    cost : float
        Mean C of the free phase.
    energy : float
        Mean E of the nudged copies.
    residual : float
        Largest.
    sweeps : int
        Taken.
    gradients : tuple of float
        ‖gradient‖ of each block.
    """

    cost: float
    energy: float
    residual: float
    sweeps: int
    gradients: tuple[float, ...]


class Monitor:
    """Keep what each step of a module's training gave.

    Parameters
    ----------
    module : torch.nn.Module
        Whose steps are recorded.

    Attributes
    ----------
    blocks : tuple of str
        Names of its blocks.
    records : list of Record
        One a step.
    """

    #: A block whose gradient is this much smaller than the largest learns nothing at one rate.
    VANISHED = 1e-6
    #: A residual of this share of all errors means that settling was cut short.
    UNSETTLED = 0.1

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.blocks: tuple[str, ...] = tuple(block.name for block in cut(module))
        self.records: list[Record] = []

    def record(self, settling: Settling) -> Record:
        """Keep a step; call it after :func:`neuroep.ep_gradients`, or after an EPOptimizer's step."""
        norms = tuple(_norm(block.parameters) for block in cut(self._module))
        cost, energy = float(settling.cost.mean()), float(settling.energy.mean())
        self.records.append(Record(cost, energy, float(settling.residual.max()), settling.sweeps, norms))
        return self.records[-1]

    def advice(self, settling: Settling) -> tuple[str, ...]:
        """Return what is wrong with a step that was recorded last, each in a line with what to change."""
        said, norms = [], self.records[-1].gradients
        if bool((settling.code == int(ResultCode.DIVERGED)).any()) or not bool(torch.isfinite(settling.cost).all()):
            said.append("states left the finite range: a smaller rate, a smaller beta, or a spectral bound")
        # One sweep has no residual but its errors: nothing was left to settle.
        if settling.sweeps > 1 and bool((settling.residual > self.UNSETTLED * (2 * settling.energy).sqrt()).any()):
            said.append(f"not settled after {settling.sweeps} sweeps: a smaller beta (relative=True in deep stacks)")
        still = [name for name, norm in zip(self.blocks, norms, strict=True) if norm <= self.VANISHED * max(norms)]
        if still and max(norms) > 0.0:
            named = ", ".join(repr(name) for name in still[:3]) + (" ..." if len(still) > 3 else "")
            said.append(
                f"no gradient in {len(still)} of {len(norms)} blocks ({named}): skips, norms, or deep_mlp's scales"
            )
        if max(norms) == 0.0:
            said.append("no gradient at all: outputs meet their targets, or units have no slope where they are")
        return tuple(said)


def _norm(parameters: Sequence[nn.Parameter]) -> float:
    return math.sqrt(sum(float(p.grad.double().square().sum()) for p in parameters if p.grad is not None))
