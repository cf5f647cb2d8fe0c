"""The page of what goes together: every pair is asked of the code, and a "no" stands with the code's own refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from markdown_tables import code, table

from neuroep.engines import NAMES
from neuroep.errors import NeuroepError
from neuroep.hardware.effects import EFFECTS, effects_of, without
from neuroep.learning.rules import RULES
from neuroep.network import Activation, Cost, Network, chain
from neuroep.physics.known import PHYSICS
from neuroep.recipe import SWEEPS, Encoder, Estimator, Method, Phases, Programming, Reads, Recipe, Training
from neuroep.solvers.tableaux import SOLVERS
from neuroep.specs.catalogue import load_device, names
from neuroep.studies.rig import Rig, built


class Grid(NamedTuple):
    """A table of answers.

    Attributes
    ----------
    title : str
        What is paired with what.
    note : str
        What is asked, in a sentence or two.
    rows, columns : collection of str
        Names of the members.
    why_not : callable
        From a row and a column to the refusal; None where they go together.
    """

    title: str
    note: str
    rows: Collection[str]
    columns: Collection[str]
    why_not: Callable[[str, str], str | None]


#: One profile of each sort: exact weights, integer synapses, a crossbar, pairs of one-sided cells, and a crossbar whose
#: weights are exact. `two` is `ecram` with an array of its own for downward reads.
DEVICES = ("ideal", "loihi1", "ecram", "two", "pcm-pair", "ideal-crossbar")
#: Those that need no GPU to be asked.
ENGINES = tuple(name for name in NAMES if name not in ("auto", "cuda"))
SCALED = "sweeps, scaled"
WAYS = (SWEEPS, SCALED, *SOLVERS, *(encoder.value for encoder in Encoder))
_NAMED = re.compile(rf"^(?:on )?(?:(?:{'|'.join(DEVICES)}): )+")
_ACTIVATIONS = {activation.label: activation for activation in Activation}
_COSTS = {cost.label: cost for cost in Cost}
_ESTIMATORS = {estimator.value: estimator for estimator in Estimator}


def text() -> str:
    """Return the page."""
    return "\n".join([*map(shown, GRIDS), effects_by_profile()])


def shown(grid: Grid) -> str:
    """Return a grid as a table, with its refusals numbered below it."""
    reasons: dict[str, int] = {}
    rows = []
    for row in grid.rows:
        answers = [grid.why_not(row, column) for column in grid.columns]
        rows.append([code(row), *("yes" if why is None else f"no ({_number(why, reasons)})" for why in answers)])
    told = "".join(f"{number}. {code(why)}\n" for why, number in reasons.items())
    return f"## {grid.title}\n\n{grid.note}\n\n{table(['', *map(code, grid.columns)], rows)}\n{told}"


def _number(reason: str, reasons: dict[str, int]) -> int:
    return reasons.setdefault(reason, len(reasons) + 1)


def refusal(make: Callable[[], object]) -> str | None:
    """Return what the code says against something as it is made, without the device's name; None if nothing."""
    try:
        made = make()
        if isinstance(made, Rig):
            made.check()
    except NeuroepError as error:
        return _NAMED.sub("", str(error))
    return None


def device(name: str) -> Any:
    """Return the hardware model of one of :data:`DEVICES`."""
    from neuroep.hardware.crossbar.two_arrays import TwoArrays

    plain: Any = built("ecram" if name == "two" else name)
    return TwoArrays(plain) if name == "two" else plain


def network(physics: str = "hopfield", way: str = SWEEPS, cost: Cost = Cost.MSE) -> Network:
    """Return a small network of an energy that suits a way to settle: integer neurons have a curve of their own."""
    if physics == "hopfield" and way == Encoder.LOIHI:
        return chain((2, 4, 2), Activation.HARD_SIGMOID, Activation.HARD_SIGMOID, cost=cost)
    if physics == "hopfield":
        return chain((2, 4, 2), Activation.TANH, cost=cost, feedback=0.5)
    return chain((4, 4, 2), *PHYSICS[physics].default_activations, cost=cost, physics=physics)


def phases(way: str = SWEEPS, estimator: str = Estimator.CENTERED) -> Phases:
    """Return phases that settle in one of :data:`WAYS`, with what it can't do without."""
    more: dict[str, Any] = {}
    if way == SCALED:
        more = {"scaled": True}
    elif way in tuple(Encoder):
        more = {"solver": way, "window": 2, **({"peak": 0.5} if way == Encoder.LOIHI else {})}
    elif way != SWEEPS:
        solver = SOLVERS[way]
        more = {"solver": way, **({} if solver.adaptive else {"step_seconds": 5e-4})}
        more |= {"free_seconds": 2e-3, "nudged_seconds": 1e-3, "noise": 0.1} if solver.stochastic else {}
    return Phases(_ESTIMATORS[estimator], 0.2, 3, 2, **more)


def _rig(
    *, way: str = SWEEPS, estimator: str = Estimator.CENTERED, on: str | None = None, engine: str = "auto",
    physics: str = "hopfield", cost: Cost = Cost.MSE, rule: str = "sgd", **programming: Any,
) -> str | None:  # fmt: skip
    def make() -> Rig:
        training = Training(1, 2, (0.05,), rule=rule)
        recipe = Recipe(phases(way, estimator), training, programming=Programming(**programming))
        hardware = device(on or ("loihi1" if way == Encoder.LOIHI else "ideal"))
        units = Encoder.LOIHI if recipe.programming.method is Method.RULE else way
        return Rig.of(network(physics, units, cost), recipe, hardware, engine)

    return refusal(make)


def _effect(row: str, column: str) -> str | None:
    return refusal(lambda: without(with_all(column), [row]))


def with_all(kind: str) -> Any:
    """Return a device with every effect that its kind can have: a shipped one, and what it lacks."""
    from neuroep.hardware.crossbar.two_arrays import TwoArrays
    from neuroep.hardware.crossbar.wiring import Wires

    if kind == "quantized":
        return built("loihi1")
    plain: Any = built("rram-hfo2")
    tiled = replace(plain.periphery, tile_rows=64, tile_columns=64)
    whole = replace(plain, periphery=tiled, wires=Wires(word_ohm=1.0, bit_ohm=1.0), programming_spread=0.01)
    return TwoArrays(whole) if kind.endswith("two arrays") else whole


def effects_by_profile() -> str:
    """Return a table of the effects of every shipped profile that is hardware."""
    specs = [spec for spec in map(load_device, names("devices")) if spec.is_hardware]
    rows = [(code(spec.name), ", ".join(map(code, effects_of(built(spec)))) or "none") for spec in specs]
    return f"## Effects of the shipped profiles\n\n{table(('profile', 'effects'), rows)}"


def _output(row: str, column: str) -> str | None:
    return refusal(lambda: chain((2, 4, 2), Activation.TANH, _ACTIVATIONS[column], cost=_COSTS[row]))


#: Devices of each sort that have every effect their sort can have.
WITH_ALL = ("quantized", "crossbar", "crossbar, two arrays")
_SETTLED = "Phases that settle in each way"
_TRAINS = "One training step is prepared, and refused or not"
GRIDS: Sequence[Grid] = (
    Grid("Effects and kinds of devices", "Whether devices of a kind can have an effect that `--without` switches off.",
         EFFECTS, WITH_ALL, _effect),
    Grid("Estimators and devices", f"{_TRAINS}.", _ESTIMATORS, DEVICES, lambda row, to: _rig(estimator=row, on=to)),
    Grid("Estimators and engines", f"{_TRAINS}; an engine of spikes settles by spikes.", _ESTIMATORS, ENGINES,
         lambda row, to: _rig(estimator=row, engine=to)),
    Grid("Estimators and ways to settle", f"{_SETTLED}, read by each estimator.", WAYS, _ESTIMATORS,
         lambda row, to: _rig(way=row, estimator=to)),
    Grid("Ways to settle and engines", f"{_SETTLED}, on each engine.", WAYS, ENGINES,
         lambda row, to: _rig(way=row, engine=to)),
    Grid("Ways to settle and devices", f"{_SETTLED}, on each device.", WAYS, DEVICES,
         lambda row, to: _rig(way=row, on=to)),
    Grid("Ways to settle and physics", f"{_SETTLED}, of each energy.", WAYS, PHYSICS,
         lambda row, to: _rig(way=row, physics=to)),
    Grid("Devices and physics", f"{_TRAINS}.", DEVICES, PHYSICS, lambda row, to: _rig(on=row, physics=to)),
    Grid("Costs and output units", "With `cross-entropy` the outputs are a read-out beside the dynamics.",
         _COSTS, _ACTIVATIONS, _output),
    Grid("Costs and physics", f"{_TRAINS}.", _COSTS, PHYSICS,
         lambda row, to: _rig(cost=_COSTS[row], physics=to)),
    Grid("Estimators and costs", f"{_TRAINS}, with `tanh` units.", _ESTIMATORS, _COSTS,
         lambda row, to: _rig(estimator=row, cost=_COSTS[to])),
    Grid("Estimators and rules of descent", f"{_TRAINS}.", _ESTIMATORS, RULES,
         lambda row, to: _rig(estimator=row, rule=to)),
    Grid("Programming and devices", "`[on.DEVICE.programming] method`.", tuple(Method), DEVICES[1:],
         lambda row, to: _rig(on=to, method=Method(row))),
    Grid("Reads and devices", "`[on.DEVICE.programming] reads`.", tuple(Reads), DEVICES[1:],
         lambda row, to: _rig(on=to, reads=Reads(row))),
)  # fmt: skip
#: Grids by title, for whoever wants a single answer.
BY_TITLE: Mapping[str, Grid] = {grid.title: grid for grid in GRIDS}
