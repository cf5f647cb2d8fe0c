"""What a phase sets in a network of brian2's, and what it reads from it; a large minibatch runs in portions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit, coupling_up, layer_bias
from neuroep.engines.base import Nudge
from neuroep.engines.spiking.brian.network import STEP_SECONDS, Shape, Skipping
from neuroep.engines.spiking.brian.programs import Floats, Settings
from neuroep.engines.spiking.carried import Carried
from neuroep.engines.spiking.kernels import Cells, Inputs
from neuroep.engines.spiking.plasticity import Traces
from neuroep.solvers.spikes import Spikes
from neuroep.weights import FloatArray

Read = Callable[[str, int, str], Floats]


class Plastic(NamedTuple):
    """What makes synapses learn: traces, what they start from in layers 0..L, and the η of each row."""

    traces: Traces
    starts: Sequence[FloatArray]
    rates: FloatArray


class Portion(NamedTuple):
    """Some samples of a minibatch, from `start` on: where they stand (views), their nudges, how they learn."""

    start: int
    begin: Carried
    nudge: Nudge
    plastic: Plastic | None


def portions(begin: Carried, nudge: Nudge, plastic: Plastic | None, most: int) -> list[Portion]:
    """Return the samples of a minibatch, at most so many at once, and as evenly as can be."""
    copies, rows = begin.cells.membrane.shape[:2]
    size = -(-rows // -(-rows // most))
    found = []
    for start in range(0, rows, size):
        part = slice(start, start + size)

        def of_copies(values: FloatArray, part: slice = part) -> FloatArray:
            shape = values.shape[1:]
            return values.reshape(copies, rows, *shape)[:, part].reshape(-1, *shape)

        here = Carried(Inputs(*(a[part] for a in begin.inputs)), Cells(*(a[:, part] for a in begin.cells)))
        learning = None
        if plastic is not None:
            starts = (here.inputs.x, *(of_copies(states) for states in plastic.starts[1:]))
            learning = Plastic(plastic.traces, starts, of_copies(plastic.rates))
        found.append(Portion(start, here, Nudge(of_copies(nudge.targets), of_copies(nudge.beta)), learning))
    return found


def shape_of(circuit: Circuit, how: Spikes, portion: Portion) -> Shape:
    """Return what has to be built for a phase."""
    begin, traces = portion.begin, portion.plastic.traces if portion.plastic else None
    skips, γ = circuit.skips, circuit.feedback
    targets = np.repeat(np.arange(len(skips.into) - 1), np.diff(skips.into))
    ends = zip(skips.sources.tolist(), targets.tolist(), skips.entering.tolist(), strict=True)
    copies, rows = begin.cells.membrane.shape[:2]
    return Shape(
        tuple(circuit.sizes.tolist()), tuple(circuit.activations.tolist()), γ,
        tuple(Skipping(i, j, gain, gain * γ ** (j - i)) for i, j, gain in ends), rows, copies, how.relaxation, how.leak,
        how.peak, traces,
    )  # fmt: skip


def settings_of(circuit: Circuit, how: Spikes, portion: Portion) -> Settings:
    """Return all numbers of a phase: weights, where units stand, the nudge, when the window opens."""
    _, begin, nudge, plastic = portion
    depth, (copies, rows) = len(circuit.sizes) - 1, begin.cells.membrane.shape[:2]
    found: dict[tuple[str, int, str], FloatArray] = {
        ("layers", 0, "s"): begin.inputs.x,
        ("layers", 0, "V"): begin.inputs.accumulated,
    }
    opens = np.array((how.steps - how.window - 0.5) * STEP_SECONDS)
    for k, layer in _layers(circuit):
        found["weights", k - 1, "w"] = coupling_up(circuit, k)
        found["layers", k, "bias"] = np.tile(layer_bias(circuit, k), rows * copies)
        found["layers", k, "opens"] = opens
        for name, values in (("v", begin.cells.membrane), ("I", begin.cells.current), ("V", begin.cells.accumulated)):
            found["layers", k, name] = values[..., layer]
    found["layers", depth, "y"] = nudge.targets
    found["layers", depth, "beta"] = np.repeat(nudge.beta, circuit.sizes[depth])
    if plastic is not None:
        for k, start in enumerate(plastic.starts):
            found["layers", k, "rf"] = found["layers", k, "rs"] = start
            if k:
                found["layers", k, "plastic"] = np.repeat(plastic.rates, circuit.sizes[k])
    return {place: np.asarray(values, dtype=np.float64).ravel() for place, values in found.items()}


def take_up(circuit: Circuit, how: Spikes, begin: Carried, read: Read) -> tuple[FloatArray, FloatArray]:
    """Bring `begin` to where the phase ended, in place; return mean states (C, B, units) and velocities (C, B)."""
    cells, x = begin.cells, begin.inputs.x
    means, squares = np.empty_like(cells.membrane), np.zeros(cells.membrane.shape[:2], dtype=np.float64)
    begin.inputs.accumulated[...] = read("layers", 0, "V").reshape(x.shape)
    for k, layer in _layers(circuit):
        shape = cells.membrane[..., layer].shape
        ends = {name: read("layers", k, name).reshape(shape) for name in ("v", "I", "V", "total", "first")}
        for name, values in (("v", cells.membrane), ("I", cells.current), ("V", cells.accumulated)):
            values[..., layer] = ends[name]
        means[..., layer] = ends["total"] / how.window
        squares += (((ends["v"] - ends["first"]) / (how.window * how.relaxation)) ** 2).sum(axis=-1)
    return means, np.sqrt(squares).astype(means.dtype)


def _layers(circuit: Circuit) -> list[tuple[int, slice]]:
    """The dynamical layers, each with its place among the units."""
    return [(k, slice(*ends)) for k, ends in enumerate(pairwise(circuit.units.tolist()), start=1)]
