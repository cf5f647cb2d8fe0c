"""How a gradient is taken: cost, estimator, nudge and sweeps, checked before anything is settled."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.modules.costs import CostFunction, cost_of

ESTIMATORS = ("centered", "one-sided")


@dataclass(frozen=True)
class Scheme:
    """How a gradient is taken.

    Attributes
    ----------
    cost : str or callable
        ``"mse"`` (½ Σ (s − y)²), ``"cross-entropy"``, or a function of outputs and targets that gives one number a
        sample.
    estimator : str
        ``"centered"`` (±β) or ``"one-sided"``.
    beta : float or Tensor of shape (batch,)
        Nudging of each sample; one-sided takes negative ones, too.
    relative : bool
        Whether `beta` is the share of a sample's outputs that nudging moves them by at first, β = beta ‖s_L‖ /
        ‖∂C/∂s_L‖: states of deep stacks, which move together, stay near the free ones at any cost and depth.
    sweeps : int
        Most sweeps of the nudged copies.
    tolerance : float
        Residual at which settling ends before.
    local : bool
        Whether in a sweep all blocks go at once, each from what its neighbours were before: a nudge travels one block a
        sweep, so that the blocks need as many sweeps as they are.
    """

    cost: str | CostFunction = "mse"
    estimator: str = "centered"
    beta: float | Tensor = 0.1
    relative: bool = False
    sweeps: int = 1
    tolerance: float = 0.0
    local: bool = False

    def __post_init__(self) -> None:
        cost_of(self.cost)
        checks.one_of(self.estimator, ESTIMATORS, "estimator", "estimator")
        checks.whole(self.sweeps, "sweeps", 1)
        checks.number(self.tolerance, "tolerance", 0.0)
        checks.flag(self.relative, "relative")
        checks.flag(self.local, "local")
        given = torch.as_tensor(self.beta)
        if not bool(torch.isfinite(given).all()) or bool((given == 0).any()):
            raise BadInput(f"β = {self.beta}", "beta", "finite numbers other than 0")

    @property
    def function(self) -> CostFunction:
        """The cost as a function."""
        return cost_of(self.cost)

    def nudges(self, reach: Tensor) -> Tensor:
        """Return β of each row of all copies, from what a relative nudge of each sample is measured by."""
        rows = torch.as_tensor(self.beta, dtype=reach.dtype, device=reach.device).expand(len(reach))
        rows = rows * reach if self.relative else rows
        return torch.cat([rows, -rows]) if self.estimator == "centered" else rows
