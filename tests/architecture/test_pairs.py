"""Members of all axes together: each combination trains to the end, or is refused in one line before data are read."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from neuroep.data import load_data
from neuroep.engines import NAMES, SPIKING, create
from neuroep.errors import NeuroepError
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.learning.rules import RULES
from neuroep.network import Activation, Cost, chain
from neuroep.recipe import Encoder, Estimator, Method, Phases, Programming, Reads, Recipe, Training
from neuroep.solvers.tableaux import SOLVERS
from neuroep.specs.catalogue import load_device
from neuroep.studies.rig import Rig
from neuroep.studies.training import materials, train_ep

DEVICES = ("ideal", "loihi1", "ecram", "pcm-pair", "ideal-crossbar")
TIMED: dict[str, Any] = {"free_seconds": 2e-3, "nudged_seconds": 1e-3, "noise": 0.1}
WAYS: dict[str, dict[str, Any]] = {"sweeps": {}, "scaled": {"scaled": True}} | {
    name: {"solver": name} | ({} if solver.adaptive else {"step_seconds": 5e-4}) | (TIMED if solver.stochastic else {})
    for name, solver in SOLVERS.items()
}
WAYS |= {encoder.value: {"solver": encoder.value, "window": 2} for encoder in Encoder}
XOR = load_data("xor")


def check_line(error: NeuroepError) -> None:
    """What is wrong, and what would do, in one line."""
    assert "\n" not in str(error)
    assert "; allowed: " in str(error) or "use --engine" in str(error)


def trains(*parts: Any) -> bool:
    """Whether the rig of these parts trains; what it refuses it refuses at once and in a line."""
    try:
        rig = Rig.of(*parts)
        rig.check()
    except NeuroepError as error:
        check_line(error)
        return False
    found = train_ep(rig, materials(rig.network, XOR, rig.recipe.training, 0))
    assert np.isfinite(found.weights.couplings).all()
    return True


def recipe(way: str, estimator: Estimator, rule: str = "sgd", **programming: Any) -> Recipe | None:
    """Return the recipe, or None where its parts refuse each other as they are made."""
    try:
        phases = Phases(estimator, 0.2, 3, 2, **WAYS[way])
        return Recipe(phases, Training(1, 2, (0.05,), rule=rule), programming=Programming(**programming))
    except NeuroepError as error:
        check_line(error)
        return None


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("way", WAYS)
def test_estimators_solvers_rules_and_devices(way: str, device: str) -> None:
    spec, trained = load_device(device), set()
    for estimator, rule, cost in product(Estimator, RULES, (Cost.MSE, Cost.CROSS_ENTROPY)):
        made = recipe(way, estimator, rule)
        network = chain((2, 3, 2), Activation.TANH, cost=cost, feedback=0.5)
        engine = "spiking" if way in tuple(Encoder) else "cpu"
        if made is not None and trains(network, made, spec, engine, 1):
            trained.add((estimator, rule))
    plain = {(e, rule) for e in Estimator for rule in RULES if e.is_difference}
    converters = any(key.startswith("periphery.") for key in spec.numbers)
    # integer neurons take integer weights, γ = 1 and states without a sign
    exact = {"scaled": device == "ideal", "sweeps": True, Encoder.LOIHI: False}.get(way, not converters)
    assert trained >= (plain if exact else set())
    if not exact:
        assert trained == set()
    if way == "sweeps" and device == "ideal":
        assert trained == plain | {(e, "sgd") for e in Estimator} | {(Estimator.HOLOMORPHIC, rule) for rule in RULES}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", Method)
def test_ways_to_program_and_to_read(method: Method, device: str) -> None:
    spec, trained = load_device(device), 0
    for reads, way in product(Reads, ("sweeps", "exponential-euler")):
        made = recipe(way, Estimator.CENTERED, method=method, reads=reads)
        if made is not None:
            trained += trains(chain((2, 3, 2), Activation.TANH), made, spec, "cpu", 1)
    usual, built = method is Programming().method, spec.build()
    if not isinstance(built, Crossbar):
        assert (trained > 0) == usual
    else:  # one-sided devices have no second array to hand on from, exact steps no pulses to coincide
        needs = {Method.TRANSFER: not built.one_sided, Method.OPPOSITE: not built.exact_steps}
        needs |= {Method.NET: not built.exact_steps, Method.RULE: False}  # nor has any a learning engine
        assert (trained > 0) == needs.get(method, True)


@pytest.mark.parametrize("engine", [name for name in NAMES if name != "cuda"])
@pytest.mark.parametrize("way", WAYS)
def test_engines(way: str, engine: str) -> None:
    for estimator in Estimator:
        made = recipe(way, estimator)
        spikes = way in tuple(Encoder)
        spikes &= engine != "brian2" or way == Encoder.INTEGRATE_AND_FIRE
        able = spikes or (way == "sweeps" and estimator.is_difference) if engine in SPIKING else not spikes
        able |= engine == "auto"  # which takes the engine that the recipe needs
        able &= way != Encoder.LOIHI  # which takes integer weights
        if made is not None:
            runner = engine if engine == "auto" else create(engine)
            assert trains(chain((2, 3, 2), Activation.TANH), made, "ideal", runner) == able
