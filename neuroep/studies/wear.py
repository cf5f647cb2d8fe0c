"""What a training does to a chip's cells, against what they outlive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuroep.hardware.wear import Wear
from neuroep.quantities import Band


def trainings(wear: Wear, endurance: Mapping[str, Band]) -> dict[str, Band]:
    """Return after how many trainings the hottest cell is worn out, by measure, if it is the same one each time.

    Parameters
    ----------
    wear : Wear
        Of one training.
    endurance : mapping of str to Band
        Of a cell, by measure: ``cycles``, ``pulses``.

    Returns
    -------
    dict of str to Band
        By the same measures; none where no cell was pulsed.
    """
    hottest = {"cycles": wear.cycles_hottest, "pulses": wear.pulses_hottest}
    return {measure: band.scaled(1.0 / hottest[measure]) for measure, band in endurance.items() if hottest[measure]}


def wear_row(wear: Wear | None, endurance: Mapping[str, Band]) -> dict[str, Any] | None:
    """Return the wear of one training as a result's row holds it; None where cells don't wear out."""
    if wear is None:
        return None
    lived = trainings(wear, endurance)
    return wear._asdict() | {
        "endurance": {measure: band._asdict() for measure, band in endurance.items()},
        "trainings": {measure: band._asdict() for measure, band in lived.items()},
    }
