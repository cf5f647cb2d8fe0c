"""Samples that an estimate settles: the model's data where they are here and fit, random ones where they aren't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput, MissingData
from neuroep.network import Network
from neuroep.specs import ModelSpec
from neuroep.specs.catalogue import load_model
from neuroep.studies import estimate
from neuroep.studies.estimate import estimate_cost, sample_batch

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
    from neuroep.specs.catalogue import load_device

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
