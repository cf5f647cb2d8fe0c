"""What keeps earlier tasks while later ones are learned: a method by name, with the settings that it reads.

>>> keeper = keeper_of(Keeping(method="online-ewc"))
>>> rule = keeper.rule(rule, weights)  # doctest: +SKIP
>>> keeper.end(weights, fisher)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.learning.consolidation import Anchor, Consolidating, Path, Readout
from neuroep.learning.rules import Rule
from neuroep.weights import Weights

SETTINGS = ("strength", "decay", "damping")


@dataclass(frozen=True, slots=True)
class Keeping:
    """A method of continual learning and its settings; those left out are the method's own.

    Attributes
    ----------
    method : str
        One of :data:`KEEPERS`.
    strength : float, optional
        λ of EWC, c of SI.
    decay : float, optional
        γ of online EWC: what is left of a task's Fisher information after the next.
    damping : float, optional
        ξ of SI, in squares of weights.

    Raises
    ------
    BadInput
        If there is no such method, it doesn't read one of the settings, or one is out of range.
    """

    method: str
    strength: float | None = None
    decay: float | None = None
    damping: float | None = None

    def __post_init__(self) -> None:
        settle(self, "--")
        kind = KEEPERS[checks.one_of(self.method, KEEPERS, "method", "--method")]
        for name in SETTINGS:
            value = getattr(self, name)
            if value is not None and name not in kind.DEFAULTS:
                readers = " or ".join(method for method, other in KEEPERS.items() if name in other.DEFAULTS)
                raise BadInput(f"without effect with method {self.method!r}", f"--{name}", f"with --method {readers}")
        if self.strength is not None and not self.strength > 0.0:
            raise BadInput(f"a strength of {self.strength:g}", "--strength", "more than 0")
        if self.decay is not None and not 0.0 <= self.decay <= 1.0:
            raise BadInput(f"a decay of {self.decay:g}", "--decay", "0 to 1")
        if self.damping is not None and not self.damping > 0.0:
            raise BadInput(f"a damping of {self.damping:g}", "--damping", "more than 0")

    def settings(self) -> dict[str, float]:
        """Return the settings that the method reads, with its own where none were given."""
        own = KEEPERS[self.method].DEFAULTS
        return {name: default if getattr(self, name) is None else getattr(self, name) for name, default in own.items()}


class Keeper(Protocol):
    """Stands between tasks and what would forget them."""

    #: Settings that it reads, with their values where none are given.
    DEFAULTS: ClassVar[dict[str, float]]
    #: Whether :meth:`end` asks for the Fisher information.
    ASKS_FISHER: ClassVar[bool]

    def rule(self, rule: Rule, weights: Weights, rates: Sequence[float] = (), readout: Readout | None = None) -> Rule:
        """Return the rule by which the next task is learned; `weights` are views of those that are read."""
        ...

    def end(self, weights: Weights, fisher: Callable[[], Weights]) -> None:
        """Take down what the task that has just been learned needs to be kept."""
        ...


class Forgetting:
    """No method: each task is learned as if there had been none before."""

    DEFAULTS: ClassVar[dict[str, float]] = {}
    ASKS_FISHER: ClassVar[bool] = False

    def rule(self, rule: Rule, weights: Weights, rates: Sequence[float] = (), readout: Readout | None = None) -> Rule:
        """See Keeper."""
        return rule

    def end(self, weights: Weights, fisher: Callable[[], Weights]) -> None:
        """See Keeper."""


class Elastic:
    """Elastic weight consolidation: the Fisher information of each task, around where it ended."""

    DEFAULTS: ClassVar[dict[str, float]] = {"strength": 25.0}
    ASKS_FISHER: ClassVar[bool] = True

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.anchor: Anchor | None = None

    def rule(self, rule: Rule, weights: Weights, rates: Sequence[float] = (), readout: Readout | None = None) -> Rule:
        """See Keeper."""
        if self.anchor is None:
            return rule
        return Consolidating(rule, weights, self.anchor, self.strength, rates=rates, readout=readout)

    def end(self, weights: Weights, fisher: Callable[[], Weights]) -> None:
        """See Keeper."""
        anchor = Anchor.none(weights) if self.anchor is None else self.anchor
        self.anchor = self.joined(anchor, fisher(), weights)

    def joined(self, anchor: Anchor, found: Weights, weights: Weights) -> Anchor:
        """Return the anchor after one more task, given its Fisher information."""
        return anchor.joined(found, weights)


class OnlineElastic(Elastic):
    """Online EWC: one running Fisher information, around where the newest task ended."""

    DEFAULTS: ClassVar[dict[str, float]] = {"strength": 25.0, "decay": 1.0}

    def __init__(self, strength: float, decay: float) -> None:
        super().__init__(strength)
        self.decay = decay

    def joined(self, anchor: Anchor, found: Weights, weights: Weights) -> Anchor:
        """See Elastic."""
        return anchor.moved(found, weights, self.decay)


class Synaptic:
    """Synaptic intelligence: each weight's share in what the tasks' costs have fallen by."""

    DEFAULTS: ClassVar[dict[str, float]] = {"strength": 0.5, "damping": 0.01}
    ASKS_FISHER: ClassVar[bool] = False

    def __init__(self, strength: float, damping: float) -> None:
        self.strength, self.damping = strength, damping
        self.anchor: Anchor | None = None
        self._path: Path | None = None

    def rule(self, rule: Rule, weights: Weights, rates: Sequence[float] = (), readout: Readout | None = None) -> Rule:
        """See Keeper: the penalty is c Σ Ω (θ − θ*)², so λ = 2c."""
        self._path = Path(weights)
        return Consolidating(rule, weights, self.anchor, 2.0 * self.strength, self._path, rates, readout)

    def end(self, weights: Weights, fisher: Callable[[], Weights]) -> None:
        """See Keeper."""
        assert self._path is not None
        anchor = Anchor.none(weights) if self.anchor is None else self.anchor
        self.anchor = anchor.moved(self._path.importance(self.damping), weights)


#: Methods by name.
KEEPERS: dict[str, type[Keeper]] = {
    "ewc": Elastic,
    "online-ewc": OnlineElastic,
    "si": Synaptic,
    "none": Forgetting,
}


def keeper_of(keeping: Keeping) -> Keeper:
    """Return a method at its beginning."""
    return KEEPERS[keeping.method](**keeping.settings())
