"""What a crossbar keeps of itself: names, shapes and types of its state, and the same taken from a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.cells.law import Column
from neuroep.hardware.crossbar.sight import ATTENUATIONS
from neuroep.hardware.crossbar.wearing import counters
from neuroep.hardware.programming import saved
from neuroep.recipe import Method
from neuroep.weights import Weights

State = dict[str, NDArray[np.generic]]


def kept(weights: Weights, state: State, method: Method, *, paired: bool, resistive: bool) -> State:
    """Return what a crossbar needs of a saved state, in its own types.

    Parameters
    ----------
    weights : Weights
        Whose couplings the devices are, and whose float type devices have.
    state : dict
        As :meth:`neuroep.hardware.crossbar.device.Crossbar.mount` lays it out.
    method : Method
        How updates are sent: some keep a residual or a second array.
    paired, resistive : bool
        Whether weights have two pulsed devices each, and wires resistance.

    Raises
    ------
    BadInput
        If something is missing, or has another shape.
    """
    count, dtype = len(weights.couplings), weights.couplings.dtype
    shapes = _shapes(count, method, paired)
    own = {key: saved(state, key, shape, dtype) for key, shape in shapes.items()}
    own |= {key: saved(state, key, shape, np.float64) for key, shape in counters(shapes).items()}
    own["full_scale"] = saved(state, "full_scale", (weights.depth,), np.float64)
    if "buffer" in own:
        own["clock"] = saved(state, "clock", (1,), np.int64)
    if resistive:
        own |= {key: saved(state, key, (count,), np.float64) for key in ATTENUATIONS}
        own["updates"] = saved(state, "updates", (1,), np.int64)
    return own


def _shapes(count: int, method: Method, paired: bool) -> dict[str, tuple[int, ...]]:
    other = (count, len(Column)) if paired else (count, 1)
    shapes: dict[str, tuple[int, ...]] = {"devices": (count, len(Column)), "against": other}
    if method is Method.ACCUMULATED:
        shapes["residual"] = (count,)
    if method is Method.TRANSFER:
        shapes |= {"fast": shapes["devices"], "fast_against": other, "buffer": (count,)}
    return shapes
