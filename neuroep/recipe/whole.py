"""A recipe, and which of its settings have an effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.recipe.phases import IN_TIME, OF_SPIKES, SWEEPS, Encoder, Estimator, Phases
from neuroep.recipe.programming import Method, Programming, Reads
from neuroep.recipe.training import ADAMS, PLAIN, SGD, Training


class Readers(NamedTuple):
    """Who reads a setting: some choices of the field that chooses, or all `others`."""

    chooser: str
    choices: tuple[str, ...]
    others: bool = False

    def __contains__(self, choice: object) -> bool:
        """Whether a choice reads it."""
        return (choice in self.choices) != self.others

    def __str__(self) -> str:
        """What is allowed."""
        named = " or ".join(f"'{choice!s}'" for choice in self.choices)
        return f"{self.chooser} other than {named}" if self.others else f"{self.chooser} {named}"


#: Settings that only some estimators, solvers or methods read.
OWN_SETTINGS: Mapping[str, Readers] = {
    "points": Readers("estimator", (Estimator.HOLOMORPHIC,)),
    "free_order": Readers("solver", (SWEEPS,)),
    "nudged_order": Readers("solver", (SWEEPS,)),
    **dict.fromkeys(IN_TIME, Readers("solver", (SWEEPS, *Encoder), others=True)),
    **dict.fromkeys(OF_SPIKES, Readers("solver", tuple(Encoder))),
    "leak": Readers("solver", tuple(encoder for encoder in Encoder if encoder is not Encoder.GRADED)),
    "grain": Readers("solver", (Encoder.GRADED,)),
    "peak": Readers("solver", (Encoder.INTEGRATE_AND_FIRE, Encoder.POISSON, Encoder.LOIHI)),
    "momentum": Readers("rule", ("adam",), others=True),
    **dict.fromkeys(ADAMS, Readers("rule", (SGD, "muon"), others=True)),
    "least_pulses": Readers("method", (Method.ACCUMULATED,)),
    "transfer_every": Readers("method", (Method.TRANSFER,)),
    "transfer_gain": Readers("method", (Method.TRANSFER,)),
    "trains": Readers("method", (Method.OPPOSITE, Method.NET)),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How EP trains a network, on hardware how that is programmed, and how its backprop twin is trained."""

    phases: Phases = field(default_factory=Phases)
    training: Training = field(default_factory=Training)
    backprop: Training = field(default_factory=Training)
    programming: Programming = field(default_factory=Programming)

    def __post_init__(self) -> None:
        settle(self)
        if self.phases.estimator.is_continual and not self.training.is_plain:
            raise BadInput(
                f"momentum, weight decay or another rule with the {self.phases.estimator.value} estimator",
                "training",
                PLAIN,
            )
        if self.phases.estimator.is_continual and self.programming.reads is not Reads.STATES:
            raise BadInput(
                f"sums kept while weights change, with the {self.phases.estimator.value} estimator",
                "programming.reads",
                Reads.STATES.value,
            )
        if self.programming.method.by_states:
            self._check_states()

    def lasting(self, epochs: int | None) -> Recipe:
        """Return the recipe with another number of epochs, of EP and of its twin; None leaves it as it is."""
        if epochs is None:
            return self
        training, backprop = (replace(part, epochs=epochs) for part in (self.training, self.backprop))
        return replace(self, training=training, backprop=backprop)

    def refuse_idle(self) -> None:
        """Refuse settings of estimators and methods that aren't chosen.

        Raises
        ------
        BadInput
            Naming the first, and what would read it.
        """
        for prefix in ("phases", "training", "backprop", "programming"):
            part = getattr(self, prefix)
            for setting in (setting for setting in fields(part) if setting.name in OWN_SETTINGS):
                readers, given = OWN_SETTINGS[setting.name], getattr(part, setting.name)
                choice = getattr(part, readers.chooser)
                if given != setting.default and choice not in readers:
                    what = f"without effect with {readers.chooser} '{choice!s}'"
                    raise BadInput(what, f"{prefix}.{setting.name}", f"left out, or {readers}")

    def _check_states(self) -> None:
        """Refuse what pulse trains of states can't carry."""
        method = f"with programming.method {self.programming.method.value!r}"
        if not self.training.is_plain:
            raise BadInput(f"momentum, weight decay or another rule {method}", "training", PLAIN)
        if not self.phases.estimator.is_difference:
            raise BadInput(
                f"the {self.phases.estimator.value} estimator {method}",
                "phases.estimator",
                "one-sided, random-sign or centered",
            )
        if self.phases.scaled:
            raise BadInput(f"scaled displacements {method}", "phases.scaled", "false: states as the chip has them")
        if self.programming.decay:
            raise BadInput(f"a decay {method}", "programming.decay", "0")
