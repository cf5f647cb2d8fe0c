"""The table `[endurance]` of a device file: what a cell outlives, in full cycles or in pulses of training."""

from __future__ import annotations

from collections.abc import Mapping

from neuroep.quantities import Band, Quantity
from neuroep.specs.numbers import Rule

MEASURES = "cycles", "pulses"
"""How endurance is quoted: cycles through the whole range, SET and RESET; or pulses worth one small step."""
ENDURANCE_RULES = dict.fromkeys(MEASURES, Rule("number", 1.0, 1e18))


def endurance_of(numbers: Mapping[str, Quantity]) -> dict[str, Band]:
    """Return the endurance by measure, of those that a file's checked numbers give."""
    given = {measure: numbers.get(f"endurance.{measure}") for measure in MEASURES}
    return {measure: number.si("number") for measure, number in given.items() if number is not None}
