"""How a gradient is taken: cost, estimator, nudge and sweeps, checked before anything is settled."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.modules.costs import CostFunction, cost_of

ESTIMATORS = ("centered", "one-sided")
ENERGIES = ("prediction", "hopfield")


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
    beta : float or Tensor of shape (batch,), optional
        Nudging of each sample; one-sided takes negative ones, too. 0.01 unless given, of a Hopfield energy, which takes
        differences of states, 0.1.
    relative : bool
        Whether `beta` is the share of a sample's outputs that nudging moves them by at first, β = beta ‖s_L‖ /
        ‖∂C/∂s_L‖: states of deep stacks, which move together, stay near the free ones at any cost and depth.
    sweeps : int, optional
        Most sweeps of a phase; 1 for the prediction energy, whose free phase is the forward pass, else 200.
    tolerance : float, optional
        Residual at which settling ends before; 0 for the prediction energy, else 1e-6.
    local : bool
        Whether in a sweep all blocks go at once, each from what its neighbours were before: a nudge travels one block a
        sweep, so that the blocks need as many sweeps as they are. Of the prediction energy; layers of a Hopfield energy
        always do.
    energy : str
        ``"prediction"`` (:mod:`neuroep.modules.prediction`) or ``"hopfield"`` (:mod:`neuroep.modules.hopfield`).
    feedback : float, optional
        γ of the Hopfield energy, 0.5 unless given.
    """

    cost: str | CostFunction = "mse"
    estimator: str = "centered"
    beta: float | Tensor | None = None
    relative: bool = False
    sweeps: int | None = None
    tolerance: float | None = None
    local: bool = False
    energy: str = "prediction"
    feedback: float | None = None

    def __post_init__(self) -> None:
        cost_of(self.cost)
        checks.one_of(self.estimator, ESTIMATORS, "estimator", "estimator")
        checks.one_of(self.energy, ENERGIES, "energy", "energy")
        if self.sweeps is not None:
            checks.whole(self.sweeps, "sweeps", 1)
        if self.tolerance is not None:
            checks.number(self.tolerance, "tolerance", 0.0)
        checks.flag(self.relative, "relative")
        checks.flag(self.local, "local")
        given = self.nudge if isinstance(self.nudge, Tensor) else torch.tensor(checks.reals(self.nudge, "beta"))
        if not bool(torch.isfinite(given).all()) or bool((given == 0).any()):
            raise BadInput(f"β = {checks.shown(self.beta)}", "beta", "finite numbers other than 0")
        if given.ndim > 1:
            raise BadInput(f"β of shape {tuple(given.shape)}", "beta", "a number, or one a sample: (batch,)")
        self._require_effect()

    def _require_effect(self) -> None:
        if self.energy == "prediction" and self.feedback is not None:
            raise BadInput("a feedback gain of the prediction energy", "feedback", "energy='hopfield'")
        if self.energy == "hopfield" and self.local:
            raise BadInput("layers of a Hopfield energy, which are local as they are", "local", "False")
        if self.feedback is not None:
            checks.number(self.feedback, "feedback", 1e-6, 1.0)

    @property
    def nudge(self) -> float | Tensor:
        """β, the default where none is given."""
        return (0.01 if self.energy == "prediction" else 0.1) if self.beta is None else self.beta

    @property
    def most_sweeps(self) -> int:
        """Sweeps of a phase, the default where none are given."""
        return self.sweeps or (1 if self.energy == "prediction" else 200)

    @property
    def enough(self) -> float:
        """The tolerance, the default where none is given."""
        return (0.0 if self.energy == "prediction" else 1e-6) if self.tolerance is None else self.tolerance

    @property
    def gain(self) -> float:
        """The feedback gain, the default where none is given."""
        return 0.5 if self.feedback is None else self.feedback

    @property
    def function(self) -> CostFunction:
        """The cost as a function."""
        return cost_of(self.cost)

    def rows(self, reach: Tensor) -> Tensor:
        """Return β of each sample, from what a relative nudge of it is measured by."""
        given = torch.as_tensor(self.nudge, dtype=reach.dtype, device=reach.device)
        if given.ndim and len(given) != len(reach):
            raise BadInput(f"{len(given)} nudges of {len(reach)} samples", "beta", "a number, or one a sample")
        rows = given.expand(len(reach))
        return rows * reach if self.relative else rows
