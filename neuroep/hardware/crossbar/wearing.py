"""Pulses of every cell of a crossbar: where they are kept, and how many cycles through the whole range they make.

Beside each array of devices that are pulsed the state of a mounted crossbar has one of shape (n, 2), float64: pulses
up and pulses down that each cell was sent since it was mounted, of training, of the pulses that write one-sided pairs
anew, and of averaging. Whole numbers, exact up to 2^53; the broken pulses of ``steps = "exact"`` count as the parts
that they are. Stuck cells are pulsed, and worn, like others.

Endurance is quoted in cycles through the whole range (SET and RESET), training moves cells by small steps. A cell's

    cycles = ½ (pulses up / N₊ + pulses down / N₋)

are its travel in units of the range, there and back, with N₊ and N₋ the nominal steps from bound to bound; N₋ = 1 for
one-sided cells, which a single pulse resets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.law import Column
from neuroep.hardware.wear import Wear
from neuroep.weights import FloatArray

PULSED = "devices", "against", "fast", "fast_against"
"""Arrays of the state that may hold devices; references have a single column."""


def counter(key: str) -> str:
    """Return the name of the pulses of an array of devices."""
    return f"{key}_pulses"


def counters(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the pulses of all arrays, given names and shapes of a state's arrays."""
    found = {key: shapes[key] for key in PULSED if key in shapes}
    return {counter(key): (shape[0], 2) for key, shape in found.items() if shape[1] == len(Column)}


def count_moves(state: Mapping[str, NDArray[np.generic]], steps: FloatArray) -> None:
    """Add the pulses of devices that were moved by so many whole steps, shape (arrays, n)."""
    names = [counter(key) for key in PULSED[:2] if counter(key) in state]
    for name, moved in zip(names, steps, strict=True):
        pulses = cast(NDArray[np.float64], state[name])
        pulses[:, 0] += np.maximum(moved, 0.0)
        pulses[:, 1] += np.maximum(-moved, 0.0)


def wear_of(state: Mapping[str, NDArray[np.generic]], up: float, down: float) -> Wear:
    """Return the wear of all cells of a state, of one crossbar or of two, with N₊ and N₋ pulses across the range."""
    found = [cast(NDArray[np.float64], state[counter(key)]) for key in PULSED if counter(key) in state]
    sent = np.concatenate([pulses.reshape(-1, 2) for pulses in found])
    pulses, cycles = sent.sum(axis=1), 0.5 * (sent[:, 0] / up + sent[:, 1] / down)
    return Wear(len(sent), *(float(f(each)) for each in (pulses, cycles) for f in (np.mean, np.max)))
