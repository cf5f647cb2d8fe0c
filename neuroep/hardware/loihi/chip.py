"""A chip with a learning engine and cores: how it learns EP's contrast, and where a network goes on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from neuroep.errors import BadInput, UnknownName
from neuroep.fields import settle
from neuroep.hardware.loihi.cores import LOIHI, CoreMap, Limits, core_map
from neuroep.hardware.loihi.learning import EP_RULES, Legality, check_rule, ep_rule, parse_rule
from neuroep.hardware.programming import check_whole
from neuroep.network import Network

FORMS: Mapping[str, tuple[str, ...]] = {
    "modulated": ("modulated",),
    "swapped": ("nudged", "free"),
    "fast-slow": ("fast-slow",),
}
"""Rules that a profile can name, and which of :data:`neuroep.hardware.loihi.learning.EP_RULES` each takes: with
``"swapped"`` the host loads one at the end of the nudged phase and the other at the end of the free one."""


@runtime_checkable
class OnChip(Protocol):
    """Hardware that may have a chip of cores under it."""

    @property
    def chip(self) -> LearningChip | None:
        """Cores and learning engine, or None for hardware that doesn't say."""
        ...

    def place(self, network: Network) -> CoreMap | None:
        """Return where a network goes on the chip, or None without one."""
        ...


@dataclass(frozen=True, slots=True)
class LearningChip:
    """Cores and learning engine.

    Attributes
    ----------
    name : str
        The profile's name.
    learning_rule : str
        One of :data:`FORMS`, or a rule of one's own, such as ``"2^-3*u0*x1*y1*(y3-64)"``.
    limits : Limits
        What a chip and its cores hold.
    chips : int
        Chips at hand.

    Raises
    ------
    UnknownName
        If there is no such rule.
    BadInput
        If one's own rule can't be read, or a number is out of range.
    """

    name: str
    learning_rule: str
    limits: Limits = LOIHI
    chips: int = 1

    def __post_init__(self) -> None:
        settle(self, f"{self.name}: ")
        self.rules()
        for key, value in self.limits._asdict().items():
            check_whole(value, 1, 1 << 40, f"{self.name}: {key}")
        check_whole(self.chips, 1, 1 << 14, f"{self.name}: chips")

    def rules(self) -> dict[str, str]:
        """Return the text of each rule by its form, with a learning rate η/β of 1."""
        if self.learning_rule in FORMS:
            return {form: EP_RULES[form].format(exponent=0, epoch=0) for form in FORMS[self.learning_rule]}
        if "*" not in self.learning_rule:
            raise UnknownName("learning rule", self.learning_rule, FORMS, f"{self.name}: learning_rule")
        parse_rule(self.learning_rule)
        return {"own": self.learning_rule}

    def legality(self) -> dict[str, Legality]:
        """Return what the learning engine says of each rule, by its form."""
        return {
            form: check_rule(parse_rule(text) if form == "own" else ep_rule(form))
            for form, text in self.rules().items()
        }

    def place(self, network: Network, weight_bits: int) -> CoreMap:
        """Return where a network that learns by EP goes.

        Raises
        ------
        BadInput
            If the engine can't run the rule, or the network doesn't fit: the layer, what is full, what is allowed.
        """
        for found in self.legality().values():
            if not found.legal:
                raise BadInput(found.problems[0], f"{self.name}: learning_rule", "rules of the learning engine")
        return core_map(
            network.sizes,
            weight_bits,
            dynamical=network.dynamical,
            chips=self.chips,
            limits=self.limits,
            name=self.name,
        )
