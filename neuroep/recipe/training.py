"""Step sizes, rules, epochs: for EP and for its backprop twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neuroep.checks import LARGEST
from neuroep.errors import BadInput
from neuroep.fields import settle

Scale = Literal["none", "standard", "minmax"]
"""How inputs are scaled by what the training set says (:func:`neuroep.data.scaling.scaled`)."""

SGD = "sgd"
"""The rule of descent that there is without any other: gradients, their momentum and weight decay."""
PLAIN = 'rule = "sgd", momentum = 0 and weight_decay = 0'
ADAMS = ("betas", "epsilon")


@dataclass(frozen=True, slots=True)
class Training:
    """Stochastic descent by a rule, with weight decay and a decaying learning rate.

    Attributes
    ----------
    epochs, batch_size : int
        Passes over the training set, samples a step.
    learning_rates : tuple of float
        One per coupling (its biases too), or a single one for all.
    decay : float
        Factor on the learning rates after each epoch.
    momentum : float
        Of ``sgd`` and ``muon``, as in ``torch.optim``.
    weight_decay : float
        Of couplings, as in ``torch.optim``; biases don't decay.
    validation : float
        Share of the training set kept aside, in [0, 1); 0 keeps nothing.
    patience : int
        Stop after this many epochs without a better validation accuracy; 0 never stops early.
    rule : str
        How gradients become directions: a name of :data:`neuroep.learning.rules.RULES`, ``sgd``, ``adam`` or ``muon``.
    betas : tuple of float
        Of Adam: what its running means of the gradient and of its square keep.
    epsilon : float
        Of Adam: added to the root of the mean square.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rates: tuple[float, ...] = (0.1,)
    decay: float = 1.0
    momentum: float = 0.0
    weight_decay: float = 0.0
    validation: float = 0.0
    patience: int = 0
    rule: str = SGD
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    @property
    def is_plain(self) -> bool:
        """Whether updates are gradients, without memory: for those that no digital buffer holds."""
        return self.rule == SGD and not (self.momentum or self.weight_decay)

    def __post_init__(self) -> None:
        settle(self, "training.", LARGEST)
        if len(self.betas) != 2 or not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise BadInput(f"betas {self.betas}", "training.betas", "two numbers, 0 <= β < 1")
        if not self.epsilon > 0.0:
            raise BadInput(f"epsilon {self.epsilon}", "training.epsilon", "more than 0")
        if min(self.epochs, self.batch_size) < 1:
            raise BadInput("no epochs or an empty batch", "training", "epochs and batch_size of at least 1")
        if not self.learning_rates or min(self.learning_rates) <= 0.0:
            raise BadInput(f"learning rates {self.learning_rates}", "training.learning_rates", "positive numbers")
        if not 0.0 < self.decay <= 1.0:
            raise BadInput(f"decay {self.decay}", "training.decay", "0 < decay <= 1")
        if not 0.0 <= self.momentum < 1.0:
            raise BadInput(f"momentum {self.momentum}", "training.momentum", "0 <= momentum < 1")
        if self.weight_decay < 0.0:
            raise BadInput(f"weight decay {self.weight_decay}", "training.weight_decay", "0 or more")
        if not 0.0 <= self.validation < 1.0:
            raise BadInput(f"validation share {self.validation}", "training.validation", "0 <= share < 1")
        if self.patience < 0 or (self.patience and not self.validation):
            raise BadInput(f"patience {self.patience}", "training.patience", "0, or more with a validation share")

    def rates(self, depth: int, epoch: int) -> tuple[float, ...]:
        """Return the learning rate of each of `depth` couplings in an epoch counted from 0."""
        if len(self.learning_rates) not in (1, depth):
            raise BadInput(
                f"{len(self.learning_rates)} learning rates for {depth} couplings",
                "training.learning_rates",
                f"1 or {depth} numbers",
            )
        spread = self.learning_rates * depth if len(self.learning_rates) == 1 else self.learning_rates
        return tuple(rate * self.decay**epoch for rate in spread)
