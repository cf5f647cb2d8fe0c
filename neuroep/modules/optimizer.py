"""An optimiser whose step settles: gradients by EP, transforms, and an update by optimisers of torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput, Diverged
from neuroep.modules.blocks import Block, cut
from neuroep.modules.gradients import Settling, gradients
from neuroep.modules.scheme import Scheme
from neuroep.modules.transforms.base import Transform, each


class EPOptimizer(torch.optim.Optimizer):
    """Train a module by EP: ``step(x, target)`` settles, transforms the gradients, and updates.

    Parameters
    ----------
    module : torch.nn.Module
        Cut into blocks by :func:`neuroep.modules.blocks.cut`.
    updates : sequence of torch.optim.Optimizer
        Which update the module's parameters, each parameter by one of them. Their parameter groups are this one's, so
        that schedulers of rates work.
    scheme : Scheme
        How gradients are taken.
    alternating : bool
        Whether the nudge changes its sign after every step, which takes the first order of its bias out of two steps
        together; of the one-sided estimator.
    transforms : sequence of Transform
        In their order, on gradients before the update and on weights after it. Weights are brought within bounds before
        the first settling, too.

    Raises
    ------
    BadInput
        If the module can't be cut, a parameter is updated by no optimiser or by two, or the settings contradict each
        other.
    """

    def __init__(
        self,
        module: nn.Module,
        updates: Sequence[torch.optim.Optimizer],
        scheme: Scheme,
        alternating: bool = False,
        transforms: Sequence[Transform] = (),
    ) -> None:
        if alternating and scheme.estimator != "one-sided":
            raise BadInput(f"alternating signs of the {scheme.estimator} estimator", "alternating", "one-sided")
        self._module, self._updates, self._scheme = module, tuple(updates), scheme
        self._back = replace(scheme, beta=-scheme.nudge) if alternating else scheme
        self._transforms, self._steps = tuple(transforms), 0
        groups = [group for update in updates for group in update.param_groups]
        _require_each_once(each(cut(module)), [p for group in groups for p in group["params"]])
        super().__init__([p for group in groups for p in group["params"]], {})
        self.param_groups = groups

    @torch.no_grad()
    def step(self, x: Tensor, target: Tensor) -> Settling:  # type: ignore[override]
        """Settle a minibatch and update the weights.

        Parameters
        ----------
        x, target : Tensor
            As for :func:`neuroep.ep_gradients`.

        Returns
        -------
        Settling
            Of the weights before the update.

        Raises
        ------
        Diverged
            If settling left the finite range; weights are as they were.
        """
        blocks = cut(self._module)
        if self._steps == 0:
            self._bound(blocks)
        found = gradients(self._module, x, target, self._scheme if self._steps % 2 == 0 else self._back)
        _require_finite(found)
        for transform in self._transforms:
            transform.gradients(blocks)
        for update in self._updates:
            update.step()
        self._bound(blocks)
        self._steps += 1
        return found

    def _bound(self, blocks: Sequence[Block]) -> None:
        for transform in self._transforms:
            transform.weights(blocks)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse parameters besides the module's once there are groups."""
        if hasattr(self, "param_groups") and self.param_groups and "lr" in self.param_groups[0]:
            raise BadInput("parameters besides the module's", "param_group", "an EPOptimizer of a module that has them")
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return what the updates and the transforms keep, and how many steps were taken."""
        return {
            "steps": self._steps,
            "updates": [update.state_dict() for update in self._updates],
            "transforms": [transform.state_dict() for transform in self._transforms],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        for name, parts in (("updates", self._updates), ("transforms", self._transforms)):
            if len(state_dict.get(name, ())) != len(parts):
                raise BadInput(f"a state of other {name}", "state_dict", "that of an optimiser made in the same way")
        self._steps = int(state_dict["steps"])
        for update, state in zip(self._updates, state_dict["updates"], strict=True):
            update.load_state_dict(state)
        for transform, state in zip(self._transforms, state_dict["transforms"], strict=True):
            transform.load_state_dict(state)
        self.param_groups = [group for update in self._updates for group in update.param_groups]


def _require_each_once(parameters: Sequence[nn.Parameter], updated: Sequence[nn.Parameter]) -> None:
    counted = [sum(other is parameter for other in updated) for parameter in parameters]
    if any(count != 1 for count in counted) or len(updated) != len(parameters):
        what = f"{len(updated)} parameters in the updates of a module that trains {len(parameters)}"
        raise BadInput(what, "updates", "each of the module's parameters that needs a gradient, once")


def _require_finite(found: Settling) -> None:
    share = float((found.code == int(ResultCode.DIVERGED)).double().mean())
    if share > 0.0 or not bool(torch.isfinite(found.cost).all()):
        what = f"{share:.0%} of the nudged copies" if share else "the cost of the free phase"
        raise Diverged(f"{what} left the finite range: take a smaller rate, a smaller β, or a bound on spectral norms")
