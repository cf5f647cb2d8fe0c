"""Fine-tuning a chip in several calls is fine-tuning it in one, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuroep import Chip, load_data, load_device, load_model
from neuroep.data.dataset import Dataset
from neuroep.learning.trainer import Samples
from neuroep.network import initial_weights
from neuroep.recipe import Recipe
from neuroep.rng import stream

MODEL, DATA = load_model("digits-mlp"), load_data("digits")


def chip_of(device: str, recipe: Recipe) -> Chip:
    network = MODEL.network()
    chip = Chip(device, network, programming=recipe.programming)
    chip.program(initial_weights(network, stream(0, "weights")), stream(0, "mount"))
    return chip


def samples_of(data: Dataset, count: int) -> Samples:
    x, labels = data.x_train[:count], data.y_train[:count]
    return Samples(x, np.eye(10, dtype=np.float32)[labels], labels)


@pytest.mark.parametrize("device", ["ideal", "ecram", "loihi1"])
def test_two_calls_are_one(device: str) -> None:
    recipe = MODEL.recipe() if device == "ideal" else MODEL.recipe(load_device(device))
    # rates that fall with the epoch: a call that began anew would take the first ones again
    recipe = replace(recipe, training=replace(recipe.training, decay=0.5))
    samples = samples_of(DATA, 128)
    once, twice = chip_of(device, recipe), chip_of(device, recipe)
    together = once.fine_tune(samples, recipe, epochs=2)
    apart = [*twice.fine_tune(samples, recipe, epochs=1), *twice.fine_tune(samples, recipe, epochs=1)]
    assert [epoch.epoch for epoch in apart] == [0, 1]
    assert [epoch.train_cost for epoch in apart] == [epoch.train_cost for epoch in together]
    assert np.array_equal(twice.weights.couplings, once.weights.couplings)
    assert np.array_equal(twice.ledger.counts, once.ledger.counts)


def test_newly_programmed_it_begins_anew() -> None:
    recipe, samples = MODEL.recipe(), samples_of(DATA, 64)
    chip = chip_of("ideal", recipe)
    first = chip.fine_tune(samples, recipe, epochs=1)
    chip.program(initial_weights(chip.network, stream(0, "weights")), stream(0, "mount"))
    again = chip.fine_tune(samples, recipe, epochs=1)
    assert [(e.epoch, e.train_cost) for e in again] == [(e.epoch, e.train_cost) for e in first]
