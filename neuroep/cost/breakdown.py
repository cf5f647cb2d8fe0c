"""A bill taken apart: stage × part of the chip × layer, and how much of the work has a price at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.ledger import Phase
from neuroep.prices import SAME_WORK, WORKS, Prices, part_of
from neuroep.quantities import Band

Axis = Literal["phase", "layer", "event"]
AXES: tuple[Axis, ...] = ("phase", "layer", "event")
STAGES = ("drive", "free", "nudged", "contrast", "program", "inference drive", "inference")
"""Where an event falls: the input's drive apart from the phase that it begins, forming the contrast apart from writing.

Nudged phases of both signs settle as rows of one batch, under the same counts, and are one stage."""

_INPUT_READS = ("array_read", "synop", "effective_synop", "sent_state", "state_transfer", "dac", "adc")
_FORMED = ("contrast_mac", "local_product", "learning_update", "state_store")


class Line(NamedTuple):
    """One event in one stage at one layer or coupling (0 where it belongs to none), a sample.

    Attributes
    ----------
    stage, part, event : str
        Of ``STAGES``, of :data:`neuroep.prices.PARTS`, of ``PRICED_EVENTS`` or "static".
    layer : int
        Layer or coupling.
    number : float
        Events a sample; 0 for static power.
    energy, time : Band or None
        Joules and seconds a sample; None without a price.
    """

    stage: str
    part: str
    event: str
    layer: int
    number: float
    energy: Band | None
    time: Band | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a phase's work has a price.

    Attributes
    ----------
    priced, counted : int
        Events whose work has a price of energy, and all.
    missing : tuple of str
        Work without one.
    """

    priced: int
    counted: int
    missing: tuple[str, ...]

    def __add__(self, other: Coverage) -> Coverage:
        """Return the coverage of both phases together."""
        missing = tuple(dict.fromkeys((*self.missing, *other.missing)))
        return Coverage(self.priced + other.priced, self.counted + other.counted, missing)

    @property
    def share(self) -> float:
        """Priced over counted; 1 where nothing was counted."""
        return self.priced / self.counted if self.counted else 1.0


def stage_of(phase: Phase, event: str, layer: int) -> str:
    """Return where an event of a phase falls: the first coupling is read once, for the drive."""
    if phase is Phase.UPDATE:
        return "contrast" if event in _FORMED else "program"
    if phase in (Phase.FREE, Phase.INFERENCE) and layer == 1 and event in _INPUT_READS:
        return "drive" if phase is Phase.FREE else "inference drive"
    return phase.name.lower()


def lines_of(
    phase: Phase, layers: Mapping[str, NDArray[np.int64]], prices: Prices, samples: int, static: Band
) -> list[Line]:
    """Return every event of a phase that happened, layer by layer, and static power."""
    found = []
    for event, counts in layers.items():
        energy, time = prices.energy_joules.get(event), prices.time_seconds.get(event)
        for layer in np.flatnonzero(counts).tolist():
            count = int(counts[layer]) / samples
            costs = (None if unit is None else unit.scaled(count) for unit in (energy, time))
            found.append(Line(stage_of(phase, event, layer), part_of(event), event, layer, count, *costs))
    if static.high > 0.0:
        found.append(Line(phase.name.lower() if phase is not Phase.UPDATE else "program", "static", "static", 0, 0.0,
                          static, None))  # fmt: skip
    return found


def covered(events: Mapping[str, int], prices: Prices) -> Coverage:
    """Return how much of the work that was counted has a price of energy."""
    priced, counted, missing = 0, 0, []
    for work in WORKS:
        amount = sum(events[event] for event in work.amount)
        if not amount or (work.converters and not prices.converters):
            continue
        counted += amount
        if any(event in prices.energy_joules and _met(event, events) for event in work.events):
            priced += amount
        else:
            missing.append(work.what)
    return Coverage(priced, counted, tuple(missing))


def _met(event: str, events: Mapping[str, int]) -> bool:
    """Whether an event happened, or the one that counts the same work: nothing is sent of states of zero."""
    return any(events[same] for pair in SAME_WORK if event in pair for same in pair) or bool(events[event])


def table(lines: Iterable[Line], axis: Axis) -> dict[str, dict[str, Band]]:
    """Return joules a sample by the axis and, within it, by part of the chip.

    Parameters
    ----------
    lines : iterable of Line
        Of a bill; those without a price are left out.
    axis : {"phase", "layer", "event"}
        What makes a row: a stage; or, of a training step alone, a layer or coupling, or an event.

    Returns
    -------
    dict of str to dict of str to Band
        Rows in the order of stages, layers or first appearance.
    """
    rows: dict[str, dict[str, Band]] = {}
    for line in sorted(lines, key=lambda line: _place(line, axis)):
        if line.energy is not None and (axis == "phase" or not line.stage.startswith("inference")):
            row = rows.setdefault(_row(line, axis), {})
            row[line.part] = row.get(line.part, Band.exact(0.0)) + line.energy
    return rows


def _row(line: Line, axis: Axis) -> str:
    if axis == "layer":
        return "none" if line.layer == 0 else str(line.layer)
    return line.stage if axis == "phase" else line.event


def _place(line: Line, axis: Axis) -> int:
    return STAGES.index(line.stage) if axis == "phase" else line.layer if axis == "layer" else 0
