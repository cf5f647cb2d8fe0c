"""A spiking network as brian2 objects: groups of units, one Synapses object a coupling, weights that live once.

A layer of n units for C copies of B samples is one group of C·B·n units; the clamped input, which copies share, one of
B·n_0. A coupling's weights are a group of n_{k−1}·n_k numbers; its synapses, which are there for every copy, hold an
index into them. Since spikes from below and from above go through the same synapse, both find the same weight.

Equations are those of :mod:`neuroep.solvers.spikes`, under brian2's usual order of a step (groups, thresholds,
synapses, resets) and Euler's method; those of plasticity those of :mod:`neuroep.engines.spiking.plasticity`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.engines.spiking.brian.hopfield import STATES
from neuroep.engines.spiking.plasticity import Traces
from neuroep.engines.spiking.shared import is_signed
from neuroep.physics.activations import Activation

#: Seconds of a step: time has no other scale here, as all time constants are counted in steps.
STEP_SECONDS = 1e-3
IntArray = NDArray[np.int64]


class Skipping(NamedTuple):
    """An identity skip: layers, and the gains upward and downward."""

    source: int
    target: int
    up: float
    down: float


class Shape(NamedTuple):
    """All that is built into a network; what else there is, numbers, can be set before each run.

    Attributes
    ----------
    sizes, activations : tuple of int
        Of the layers 0..L.
    feedback : float
        γ.
    skips : tuple of Skipping
        Between dynamical layers.
    rows, copies : int
        Samples, and copies of each.
    relaxation, leak, peak : float
        ε, λ and p.
    traces : Traces or None
        None without plasticity.
    """

    sizes: tuple[int, ...]
    activations: tuple[int, ...]
    feedback: float
    skips: tuple[Skipping, ...]
    rows: int
    copies: int
    relaxation: float
    leak: float
    peak: float
    traces: Traces | None = None


class Assembly(NamedTuple):
    """brian2 objects of a shape: groups of layers 0..L, weights and synapses of couplings 1..L, skips, monitors."""

    layers: tuple[Any, ...]
    weights: tuple[Any, ...]
    synapses: tuple[Any, ...]
    monitors: tuple[Any, ...]
    network: Any


def assemble(b2: Any, shape: Shape) -> Assembly:
    """Return the objects of a shape, put together in a network."""
    clock, constants = b2.Clock(dt=STEP_SECONDS * b2.second), _constants(b2, shape)
    depth = len(shape.sizes) - 1
    layers = tuple(_layer(b2, shape, k, clock, constants) for k in range(depth + 1))
    weights = tuple(
        b2.NeuronGroup(shape.sizes[k - 1] * shape.sizes[k], "w : 1\nchange : 1", clock=clock)
        for k in range(1, depth + 1)
    )
    synapses = tuple(_coupling(b2, shape, k, layers, weights[k - 1], constants) for k in range(1, depth + 1))
    skips = tuple(_skip(b2, shape, skip, layers, constants) for skip in shape.skips)
    monitors = tuple(b2.SpikeMonitor(layer, variables="q") for layer in layers)
    network = b2.Network(*layers, *weights, *synapses, *skips, *monitors)
    return Assembly(layers, weights, (*synapses, *skips), monitors, network)


def _constants(b2: Any, shape: Shape) -> dict[str, Any]:
    step = STEP_SECONDS * b2.second
    found = {
        "tau": step / shape.relaxation,
        "tau_syn": step / shape.leak,
        "fmax": shape.peak / step,
        "most": 1.0 / shape.peak,
        "charge": shape.leak / shape.peak,
    }
    if shape.traces is not None:
        found |= {"tau_f": shape.traces.fast * step, "tau_s": shape.traces.slow * step}
    return found


def _layer(b2: Any, shape: Shape, k: int, clock: Any, constants: dict[str, Any]) -> Any:
    """Return the units of a layer; `total` sums up s, and `first` keeps v, from the time `opens` on."""
    signed, lines = k == 0 or is_signed(shape.activations[k]), ["dV/dt = fmax*clip(s, -most, most) : 1"]
    at_start, reset = [], ["V -= q"]
    if k == 0:
        lines.append("s : 1")
    else:
        nudge = " + beta*(y - s)" if k == len(shape.sizes) - 1 else ""
        lines += [f"dv/dt = (-v + I + bias{nudge})/tau : 1", "dI/dt = -I/tau_syn : 1"]
        lines += [f"s = {STATES[Activation(shape.activations[k])].format(u='v')} : 1"]
        lines += ["bias : 1", "total : 1", "first : 1", "opens : second (shared)"]
        lines += ["beta : 1", "y : 1"] if nudge else []
        at_start += ["total += s*int(t > opens)", "first += v*int(t > opens and t < opens + dt)"]
    if shape.traces is not None:
        lines += ["drf/dt = -rf/tau_f : 1", "drs/dt = -rs/tau_s : 1", "slope : Hz"]
        lines += ["plastic : 1", "dgrown/dt = plastic*slope : 1"] if k else []
        at_start += ["slope = (rf - rs)/(tau_s - tau_f)"]
        reset = ["rf += q/(fmax*tau_f)", "rs += q/(fmax*tau_s)", *reset]
    lines.append("q = sign(V) : 1" if signed else "q = 1 : 1")
    group = b2.NeuronGroup(
        shape.sizes[k] * shape.rows * (shape.copies if k else 1), "\n".join(lines), method="euler", clock=clock,
        threshold="V >= 1 or V <= -1" if signed else "V >= 1", reset="; ".join(reset), namespace=constants,
    )  # fmt: skip
    if at_start:
        group.run_regularly("\n".join(at_start), when="start")
    return group


def _coupling(b2: Any, shape: Shape, k: int, layers: tuple[Any, ...], weights: Any, constants: dict[str, Any]) -> Any:
    up, down = ["I_post += charge*q_pre*w"], ["I_pre += feedback*charge*q_post*w"] if k > 1 else []
    if shape.traces is not None:
        up.append("change += plastic_post*q_pre*slope_post/fmax")
        down.append("change += plastic_post*q_post*slope_pre/fmax")
    synapses = b2.Synapses(
        layers[k - 1], layers[k], "at : integer (constant)", on_pre="\n".join(up), on_post="\n".join(down) or None,
        clock=layers[k].clock, namespace=constants | {"feedback": shape.feedback},
    )  # fmt: skip
    for name in ("w", "change"):
        synapses.variables.add_reference(name, weights, name, index="at")
    below, above = shape.sizes[k - 1 : k + 1]
    c, r, i, j = (axis.ravel() for axis in np.indices((shape.copies, shape.rows, below, above)))
    synapses.connect(i=((c * shape.rows if k > 1 else 0) + r) * below + i, j=(c * shape.rows + r) * above + j)
    synapses.at = i * above + j
    return synapses


def _skip(b2: Any, shape: Shape, skip: Skipping, layers: tuple[Any, ...], constants: dict[str, Any]) -> Any:
    synapses = b2.Synapses(
        layers[skip.source], layers[skip.target], on_pre="I_post += up*charge*q_pre",
        on_post="I_pre += down*charge*q_post", clock=layers[skip.source].clock,
        namespace=constants | {"up": skip.up, "down": skip.down},
    )  # fmt: skip
    synapses.connect(j="i")
    return synapses
