"""Which updates go straight into the weights: what a trainer does, what every command's trace says, and by how much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calling import call

from neuroep.cost.reuse import ClockTracker
from neuroep.cost.traces import backprop_of
from neuroep.learning.access import ep_step_trace
from neuroep.learning.trainer import Progress
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import sample_batch
from neuroep.studies.parity import Task
from neuroep.studies.rig import Rig
from neuroep.studies.traffic import backprop_trace, ep_trace


@pytest.mark.parametrize(
    ("model", "device"),
    [
        ("parity", None),
        ("parity", "loihi1"),
        ("parity", "ecram"),
        ("parity", "digital-45nm"),
        ("digits-drn", None),
        ("digits-drn", "drn-kendall"),
        ("fashion-drn", None),  # momentum
    ],
)
def test_a_trace_has_a_buffer_where_the_trainer_fills_one(model: str, device: str | None) -> None:
    """The trainer's gradient buffer stays zero where contrasts go straight into the weights."""
    spec, profile = load_model(model), None if device is None else load_device(device)
    network, recipe = spec.network(), spec.recipe(profile)
    hardware = "ideal" if profile is None or not profile.is_hardware else profile
    rig = Rig.of(network, recipe, hardware, "reference", seed=1)
    _, samples = sample_batch(spec, network, recipe.training.batch_size, 1)
    weights = rig.initial_weights()
    mounted, progress, batch = rig.mount(weights), Progress.fresh(weights), np.arange(len(samples.x))
    trainer = rig.trainer(mounted, samples, lambda _: [batch])
    trainer.step(
        batch,
        (0, 0),
        tuple(-rate for rate in recipe.training.rates(network.depth, 0)),
        np.random.default_rng(0),
        progress,
    )
    buffered = any(access.buffer == "dW1" for access in ep_trace(network, recipe, profile))
    assert buffered == bool(progress.velocity.couplings.any())


def test_three_commands_say_the_same(tmp_path: Path) -> None:
    """parity's step of EP is run's and cost's; its backprop is the published step, theirs has no buffers."""
    found = call("parity", "--epochs", "1", "--seed", "42", "--json").json["rows"]
    ran = call("run", "parity", "--epochs", "1", "--seed", "42", "--json", "--out", str(tmp_path / "run")).json["rows"]
    cost = call("cost", "parity", "--device", "digital-45nm", "--json").json["rows"][0]
    ep, backprop = ({"parity": found[i], "run": ran[i]} for i in (0, 1))
    assert ep["run"]["weighted_ard"] == ep["parity"]["step"]["weighted_ard"] == cost["memory"]["ep"]["weighted_ard"]
    assert backprop["run"]["weighted_ard"] == cost["memory"]["backprop"]["weighted_ard"]
    assert round(backprop["parity"]["step"]["weighted_ard"], 2) == 7_210.37


def test_backprop_has_buffers_where_its_rule_remembers() -> None:
    model = load_model("parity")
    network, recipe = model.network(), model.recipe()
    remembering = replace(recipe, backprop=replace(recipe.backprop, momentum=0.9))
    assert backprop_trace(network, recipe) == backprop_of(network, direct=True)
    assert backprop_trace(network, remembering) == backprop_of(network)


def test_sparse_parity_is_as_near_as_sgd_has_it() -> None:
    """The recipe that solves 20/3 at 1000 units; SGD's step reads at 35,919.80 floats' distance (BENCHMARKS)."""
    model = load_model("parity")
    network = Task(hidden=1000).network(model.network())
    assert ClockTracker().follow(ep_trace(network, model.recipe())).weighted_ard < 35_919.80


def test_conductances_are_held_above_zero_after_the_update() -> None:
    """Resistors can't be negative: a step reads and writes every coupling once more, in the end."""
    model = load_model("digits-drn")
    network = model.network()
    end = [(access.kind, access.buffer) for access in ep_step_trace(network, model.recipe().phases, direct=True)]
    expected = [(kind, f"W{k}") for k in range(1, network.depth + 1) for kind in ("read", "write")]
    assert end[-len(expected) :] == expected
