"""Samples that an estimate settles: the model's data where they are here and fit, random ones where they aren't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput, MissingData
from neuroep.learning.trainer import Progress, free_outputs
from neuroep.ledger import Ledger, Phase
from neuroep.network import Network
from neuroep.rng import stream
from neuroep.specs import ModelSpec
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies import estimate
from neuroep.studies.estimate import estimate_cost, sample_batch
from neuroep.studies.rig import Rig

DIGITS = load_model("digits-mlp")


def narrowed(network: Network, inputs: int) -> Network:
    """The same network for another number of inputs."""
    return replace(network, layers=(replace(network.layers[0], size=inputs), *network.layers[1:]))


def test_data_that_fit_are_taken() -> None:
    where, samples = sample_batch(DIGITS, DIGITS.network(), 5, 0)
    assert where == "digits"
    assert samples.x.shape == (5, 64)


@pytest.mark.parametrize("inputs", [1, 63, 65])
def test_data_of_another_width_are_refused(inputs: int) -> None:
    with pytest.raises(BadInput, match=f"digits: 64 inputs a sample; allowed: {inputs}"):
        sample_batch(DIGITS, narrowed(DIGITS.network(), inputs), 5, 0)


def test_an_estimate_refuses_them(tmp_path: Path) -> None:
    path = tmp_path / "wide.toml"
    path.write_text('summary = "w"\ndata = "digits"\nlayers = [{ size = 65 }, { size = 4 }, { size = 10 }]\n')
    with pytest.raises(BadInput, match="64 inputs a sample; allowed: 65"):
        estimate_cost(load_model(path), load_device("ecram"))


def test_random_inputs_stand_for_data_that_are_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> ModelSpec:
        raise MissingData("not here")

    monkeypatch.setattr(estimate, "load_data", missing)
    where, samples = sample_batch(DIGITS, narrowed(DIGITS.network(), 7), 5, 0)
    assert where == "uniform random inputs (digits isn't here)"
    assert samples.x.shape == (5, 7)
    assert np.isfinite(samples.x).all()


@pytest.mark.parametrize("warm", [0, 3, 7])
def test_one_minibatch_is_counted_after_the_training_ahead(warm: int) -> None:
    found = estimate_cost(DIGITS, load_device("digital-45nm"), warm=warm)
    assert found.batch == found.events["free"]["sample"] == found.events["inference"]["sample"] == 16
    assert found.events["update"]["contrast_mac"] == 16 * (64 * 64 + 2 * 64 * 10)


def test_the_training_ahead_is_that_of_the_recipe() -> None:
    """Zeros that are met after five minibatches are those of weights trained on them by themselves."""
    device = load_device("digital-45nm")
    found = estimate_cost(DIGITS, device, engine="reference", warm=5)
    rig = Rig.of(DIGITS.network(), DIGITS.recipe(device), device, "reference", seed=0)
    _, samples = sample_batch(DIGITS, rig.network, 6 * 16, 0)
    weights = rig.initial_weights()
    mounted, progress = rig.mount(weights), Progress.fresh(weights)
    trainer = rig.trainer(mounted, samples, lambda _: [])
    rates = tuple(-rate for rate in rig.recipe.training.rates(2, 0))
    for number in range(5):
        trainer.step(np.arange(16 * number, 16 * number + 16), (0, number), rates, stream(0, "program"), progress)
    ledger = Ledger.empty(rig.network.sizes)
    free_outputs(trainer.engine, mounted.circuit, samples.x[80:], trainer.plans.free, 0, ledger)
    assert found.events["inference"] == ledger.events(Phase.INFERENCE)
    assert found.events["inference"] != estimate_cost(DIGITS, device, engine="reference", warm=0).events["inference"]


def test_few_samples_are_trained_on_over_and_over() -> None:
    found = estimate_cost(load_model("xor"), load_device("digital-45nm"), warm=9)
    assert found.batch == found.events["free"]["sample"] == 4
