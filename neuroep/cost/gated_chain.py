"""Event counts of a network that was measured while it learned on Loihi, to hold prices to a chip.

Renner, Sheldon, Zlotnik, Tao and Sornborger, The backpropagation algorithm implemented on spiking neuromorphic
hardware, Nature Communications 15, 9691 (2024): 400-400-10 of binary units. A chain of gates lets one population
after the other spike, 12 time steps a training sample and 4 an inference. Populations, connections, gates and
placement are those of the code published with its preprint (arXiv 2106.07030; github.com/lanl/spikingBackprop:
network_topology_2layer.py, network_parameters_2layer_MNIST.py, loihi_groups.py). How many units spike is not published:
see :class:`Activity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from neuroep.cost.energy import price
from neuroep.ledger import Event, Ledger, Phase
from neuroep.prices import NOTHING, Prices
from neuroep.quantities import Band

SIZES = (400, 400, 10)
MESH = (8, 4)  # tiles of four cores, SANA-FE's description of Loihi
LEARNING_CORES = 78  # cores 2 to 79, over which each population that learns is spread in whole units
COPIES = ("h1", "h1_copy", "h1_copy2"), ("o", "o_copy", "o_copy2")

UNITS = MappingProxyType(
    dict.fromkeys(("x", "m_x6"), SIZES[0])
    | dict.fromkeys(("m_h1", "c_h1", "h1T", *COPIES[0]), SIZES[1])
    | dict.fromkeys(("t", "d-", "d+", "oT-", *COPIES[1]), SIZES[2])
)
"""Populations of the network that trains; the one that infers has x, h1 and o."""

_BOTH = " ".join((*COPIES[0], *COPIES[1]))
_PAIR = f"h1 h1T oT- {' '.join(COPIES[1])}"
GATES = (
    _BOTH, "x", "h1 h1_copy h1_copy h1_copy2", "m_h1 o o_copy o_copy o_copy2 t", "h1T", _PAIR,
    f"m_x6 c_h1 h1T h1T {_BOTH}", "x", _BOTH, _PAIR, f"h1T h1T {_BOTH}", "x",
)  # fmt: skip
"""The populations that each gate of the training chain reaches, step by step; a name twice is two synapses a unit."""
INFERENCE_GATES = ("", "x", "h1", "o")


class Activity(NamedTuple):
    """What isn't published: how many units spike for one sample.

    Attributes
    ----------
    pixels : int
        Inputs that are on. MNIST's mean grey level is 0.1307, so that about 0.1307 · 784 = 102 are above a half, few of
        them in the margin of 4 pixels that was cut off.
    hidden : int
        Hidden units that are on: a guess, the share of the inputs. W₁, which comes before them, has most synapses.
    errors : int
        Output units that are wrong: a guess, at most one of ten and its target while accuracy is above 90 %.
    """

    pixels: int = 100
    hidden: int = 100
    errors: int = 1


class Load(NamedTuple):
    """Events of one sample.

    Attributes
    ----------
    chip : Ledger
        Of all cores, which add up to the energy.
    core : Ledger
        Of the core that has most to do, which the others wait for.
    """

    chip: Ledger
    core: Ledger


class Figures(NamedTuple):
    """Joules and seconds of one sample."""

    joules: float
    seconds: float


MEASURED = MappingProxyType({"inference": Figures(2.5e-6, 0.17e-3), "training": Figures(0.59e-3, 1.5e-3)})
"""Table 1 of the paper."""


class Population(NamedTuple):
    """One population's spikes a sample, synapses behind one of its units, those that learn, and messages a spike."""

    spikes: int
    synapses: int
    plastic: int
    messages: int


class Core(NamedTuple):
    """What the busiest core gets of a sample: synaptic operations and messages; its units; its synapses that learn."""

    synops: int
    messages: int
    units: int
    plastic: int = 0


class System(NamedTuple):
    """Measured figures of a whole chip: ``[system]`` of a device file.

    Attributes
    ----------
    static_watts : Band
        Power of its cores, whatever they do.
    step_seconds : Band
        Least duration of a time step under its embedded processors.
    """

    static_watts: Band
    step_seconds: Band


def inference(activity: Activity) -> Load:
    """Return the events of one inference: W₁, W₂ and four gates."""
    pixels, hidden, _ = activity
    sent = {
        "input": Population(pixels, 1, 0, 1),
        "x": Population(pixels, SIZES[1], 0, _spread("h1")),
        "h1": Population(hidden, SIZES[2], 0, _spread("o")),
        "o": Population(1, 0, 0, 0),
    }
    core = Core(_held("h1") * pixels + _held("o") * hidden, pixels + hidden, _held("h1") + _held("o"))
    chip = _chip(sent, {name: UNITS[name] for name in ("x", "h1", "o")}, INFERENCE_GATES)
    return Load(_ledger(Phase.INFERENCE, chip), _ledger(Phase.INFERENCE, _busiest(core, len(INFERENCE_GATES))))


def training(activity: Activity, all_synapses: bool = True) -> Load:
    """Return the events of one training sample.

    Parameters
    ----------
    activity : Activity
        Units that spike.
    all_synapses : bool
        Whether the learning engine goes through all synapses that learn at the end of each time step, as an epoch
        of one step has it, or only through those behind units that spiked.

    Returns
    -------
    Load
        W₁ is read three times, as are its two copies for the derivative; W₂ as well, beside its two transposes.
    """
    sent, core, steps = _sent(activity), _core(activity), len(GATES)
    chip, busiest = _chip(sent, UNITS, GATES), _busiest(core, steps)
    if all_synapses:
        chip[Event.LEARN] = (3 * SIZES[0] * SIZES[1] + 5 * SIZES[1] * SIZES[2]) * steps
        busiest[Event.LEARN] = core.plastic * steps
    else:
        chip[Event.LEARN] = sum(p.spikes * p.plastic for p in sent.values())
        busiest[Event.LEARN] = core.synops
    return Load(_ledger(Phase.FREE, chip), _ledger(Phase.FREE, busiest))


def billed(load: Load, prices: Prices, system: System | None = None) -> tuple[Band, Band]:
    """Return joules and seconds of a sample.

    Parameters
    ----------
    load : Load
        Its events.
    prices : Prices
        Of single events.
    system : System, optional
        What to add: in place of the barriers, time steps as long as they were measured, and the cores' static power
        for as long as that takes.

    Returns
    -------
    tuple of Band
        Energy of all cores, time of the busiest.
    """
    phase = next(phase for phase in Phase if load.chip.events(phase)["sample"])
    prices = replace(prices, static_watts=NOTHING)  # for as long as the busiest core takes: `system` has it
    joules = price(load.chip, prices).energy((phase,))
    seconds = price(load.core, prices).time_seconds[phase]
    if system is None:
        return joules, sum(seconds.values(), Band.exact(0.0))
    steps = system.step_seconds.scaled(load.core.events(phase)["barrier"])
    total = sum((band for event, band in seconds.items() if event != "barrier"), steps)
    static = Band(*(watts * time for watts, time in zip(system.static_watts, total, strict=True)))
    return joules + static, total


def _held(name: str) -> int:
    """Return how many units of a population a core has, which fills up before the next."""
    return ceil(UNITS[name] / LEARNING_CORES)


def _spread(name: str) -> int:
    return ceil(UNITS[name] / _held(name))


def _sent(activity: Activity) -> dict[str, Population]:
    """Return what the populations that train send; hidden units spike forward thrice, for the error twice."""
    pixels, hidden, errors = activity
    wide, out, outputs = 3 * SIZES[1], 3 * SIZES[2], 1 + 2 * errors
    return {
        "input": Population(pixels + 1, 1, 0, 1),
        "x": Population(3 * pixels, wide + 1, wide, 3 * _spread("h1") + 1),
        "h1": Population(5 * hidden, out + 1, out, 3 * _spread("o") + 1),
        "h1 copies": Population(6 * hidden, 1, 0, 1),
        "h1T": Population(4 * hidden, 3, 0, 3),
        "m_x6": Population(pixels, 2, 0, 2),
        "m_h1": Population(hidden, 4, 0, 4),
        "c_h1": Population(hidden, 6, 0, 6),
        "o": Population(outputs, SIZES[1] + 2, SIZES[1], _spread("h1") + 2),
        "o_copy": Population(outputs, 2, 0, 2),
        "o_copy2": Population(outputs, 1, 0, 1),
        "oT-": Population(2 * errors, SIZES[1], SIZES[1], _spread("h1")),
        "t": Population(1, 2, 0, 2),
        "d- and d+": Population(errors, 4, 0, 4),
    }


def _core(activity: Activity) -> Core:
    """Return a core with units of all populations that learn: the first ones, where those of the outputs are."""
    pixels, hidden, errors = activity
    wide, out, back = 3 * _held("h1"), 3 * _held("o"), _held("h1T")
    outputs = 1 + 4 * errors
    return Core(
        synops=wide * 3 * pixels + out * 5 * hidden + back * outputs,
        messages=3 * 3 * pixels + 3 * 5 * hidden + outputs,
        units=4 * _held("h1") + 4 * _held("o"),
        plastic=wide * SIZES[0] + out * SIZES[1] + back * 2 * SIZES[2],
    )


def _chip(sent: Mapping[str, Population], units: Mapping[str, int], gates: tuple[str, ...]) -> dict[Event, int]:
    """Return the events of all cores but learning; a gate spikes once, to the units it reaches and the next gate."""
    steps, reached = len(gates), [name for gate in gates for name in gate.split()]
    updates = (sum(units.values()) + steps) * steps
    active = sum(units[name] for gate in gates for name in set(gate.split())) + 2 * steps
    messages = sum(p.spikes * p.messages for p in sent.values()) + sum(map(_spread, reached)) + steps
    return {
        Event.SPIKE: sum(p.spikes for p in sent.values()) + steps,
        Event.SYNOP: sum(p.spikes * p.synapses for p in sent.values()) + sum(units[name] for name in reached) + steps,
        Event.ACTIVE: active,
        Event.IDLE: updates - active,
        Event.MESSAGE: messages,
        Event.HOP: round(messages * sum((side**2 - 1) / (3 * side) for side in MESH)),  # two tiles drawn at random
        Event.BARRIER: steps,
    }


def _busiest(core: Core, steps: int) -> dict[Event, int]:
    """Return the events that the others wait for; messages of a step travel side by side, the farthest across."""
    return {
        Event.SYNOP: core.synops,
        Event.ACTIVE: core.units * steps,
        Event.MESSAGE: core.messages,
        Event.HOP: steps * sum(side - 1 for side in MESH),
        Event.BARRIER: steps,
    }


def _ledger(phase: Phase, counts: Mapping[Event, int]) -> Ledger:
    ledger = Ledger.empty(SIZES)
    for event, count in {**counts, Event.SAMPLE: 1}.items():
        ledger.add(phase, event, 0, count)
    return ledger
