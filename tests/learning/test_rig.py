"""Where network, device, engine, recipe and seed meet: by names, by objects, with and without a model file."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuroep
from neuroep.data import load_data, order
from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.device import Ideal
from neuroep.learning.trainer import Samples
from neuroep.network import chain
from neuroep.recipe import Estimator, Method, Phases, Programming, Reads, Recipe, Training
from neuroep.rng import stream
from neuroep.studies.rig import Rig
from neuroep.weights import Weights

DIGITS = load_data("digits")
FEW = Training(epochs=2, batch_size=32, learning_rates=(0.1,))


def same(a: Weights, b: Weights) -> bool:
    return bool((a.couplings == b.couplings).all() and (a.biases == b.biases).all())


@pytest.mark.parametrize("device", ["ideal", "ecram", "loihi1"])
@pytest.mark.parametrize("method", ["ep", "backprop"])
def test_a_network_and_arrays_train_as_the_model_file_and_its_data_do(device: str, method: str) -> None:
    model, profile = neuroep.load_model("digits-mlp"), neuroep.load_device(device)
    recipe = model.recipe(profile) if profile.is_hardware else model.overridden("ideal")
    arrays = DIGITS.x_train, DIGITS.y_train, DIGITS.x_test, DIGITS.y_test
    by_file = neuroep.train("digits-mlp", device, seed=3, epochs=1, method=method)
    by_parts = neuroep.train(
        network=model.network(), recipe=recipe, device=device, data=arrays, seed=3, epochs=1, method=method
    )
    assert same(by_file.weights, by_parts.weights)
    assert by_file.test_accuracy == by_parts.test_accuracy
    np.testing.assert_array_equal(by_file.ledger.counts, by_parts.ledger.counts)
    assert by_file.job == by_parts.job


@pytest.mark.parametrize("device", ["ecram", "loihi1"])
def test_a_device_model_trains_by_its_profiles_recipe(device: str) -> None:
    """Neither has a table of its own in digits-mlp: those of its kind must do."""
    profile, data = neuroep.load_device(device), (DIGITS.x_train[:96], DIGITS.y_train[:96])
    assert device not in neuroep.load_model("digits-mlp").devices
    wanted, found = (neuroep.train("digits-mlp", one, data, epochs=1) for one in (profile, profile.build()))
    assert same(wanted.weights, found.weights)
    np.testing.assert_array_equal(wanted.ledger.counts, found.ledger.counts)


@pytest.mark.parametrize("device", ["ideal", "ecram", "rram-sb", "pcm-pair", "loihi1", "noisy-periphery"])
@pytest.mark.parametrize("way", ["centered", "continual", "opposite", "changes"])
def test_skips_train_on_every_device(device: str, way: str) -> None:
    """Where it is trained, with skips it comes to other weights than without them; both methods say no to the same."""
    programming = Programming() if device in ("ideal", "loihi1") else Programming(method=Method.ACCUMULATED)
    if way == "opposite":
        programming = Programming(method=Method.OPPOSITE)
    if way == "changes":
        programming = Programming(method=Method.ACCUMULATED, reads=Reads.CHANGES)
    phases = Phases(Estimator.CONTINUAL if way == "continual" else Estimator.CENTERED, 0.3, 6, 3)
    recipe = Recipe(phases, replace(FEW, epochs=1), programming=programming)
    data = DIGITS.x_train[:96], DIGITS.y_train[:96]
    found = []
    for ends in ((), ((1, 3),)):
        network = chain((64, 12, 12, 12, 10), feedback=0.5, skips=ends)
        try:
            found.append(neuroep.train(network=network, recipe=recipe, device=device, data=data).weights)
        except BadInput as error:
            found.append(str(error))
    if isinstance(found[0], str):
        assert found[0] == found[1]
    else:
        assert not same(*found)


def test_a_fifth_of_two_arrays_is_the_test_set() -> None:
    """The split of scikit-learn's train_test_split(test_size=0.2, random_state=0)."""
    from sklearn.model_selection import train_test_split

    rng = np.random.default_rng(0)
    x, y = rng.random((103, 7)), rng.integers(0, 3, 103)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    network = chain((7, 5, 3))
    found = neuroep.train(network=network, recipe=Recipe(training=FEW), data=(x, y))
    apart = neuroep.train(network=network, recipe=Recipe(training=FEW), data=(x_train, y_train, x_test, y_test))
    assert same(found.weights, apart.weights)
    assert found.test_accuracy == apart.test_accuracy


def test_pixels_are_divided_by_255() -> None:
    rng = np.random.default_rng(0)
    pixels, y = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8), np.arange(60) % 3
    x = pixels.reshape(60, 16).astype(np.float32) / np.float32(255)
    network = chain((16, 5, 3))
    found, plain = (neuroep.train(network=network, recipe=Recipe(training=FEW), data=(v, y)) for v in (pixels, x))
    assert same(found.weights, plain.weights)


def test_lists_a_data_set_a_name_and_a_path_are_data(tmp_path: Path) -> None:
    network = chain((2, 4, 2))
    xor = load_data("xor")
    np.savez(tmp_path / "xor.npz", x_train=xor.x_train, y_train=xor.y_train, x_test=xor.x_test, y_test=xor.y_test)
    lists = [part.tolist() for part in (xor.x_train, xor.y_train, xor.x_test, xor.y_test)]
    forms: tuple[Any, ...] = ("xor", xor, lists, tmp_path / "xor.npz", str(tmp_path / "xor.npz"))
    found = [neuroep.train(network=network, recipe=Recipe(training=FEW), data=data) for data in forms]
    assert all(same(found[0].weights, other.weights) for other in found[1:])


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("neither a model nor a network", {}),
        ("a model and a network", {"model": "xor", "network": chain((2, 4, 2))}),
        ("a network without data", {"network": chain((2, 4, 2)), "data": None}),
        ("3 arrays", {"network": chain((2, 4, 2)), "data": ([[0.0, 1.0]], [0], [1])}),
        ("data: y: a int; allowed: an array", {"network": chain((2, 4, 2)), "data": ([[0.0, 1.0]] * 5, 1)}),
        ("data: x: no array", {"network": chain((2, 4, 2)), "data": ([[0.0, 1.0], [0.0]], [0, 1])}),
        ("4 inputs and 3 labels", {"network": chain((2, 4, 2)), "data": (np.zeros((4, 2)), [0, 1, 0])}),
        ("data: x: nan", {"network": chain((2, 4, 2)), "data": (np.full((9, 2), np.nan), np.arange(9) % 2)}),
        ("3 inputs a sample", {"network": chain((2, 4, 2)), "data": (np.zeros((9, 3)), np.arange(9) % 2)}),
        ("network: a int", {"network": 3}),
        ("recipe: a str", {"network": chain((2, 4, 2)), "recipe": "fast"}),
        ("threads with the reference engine", {"model": "xor", "engine": "reference", "threads": 2}),
        ("epochs", {"model": "xor", "epochs": 1.5}),
        ("on ecram: phases.points: without effect", {
            "network": chain((2, 4, 2)), "recipe": Recipe(Phases(points=6)), "device": "ecram"}),
        ("on ideal: programming: settings of hardware", {
            "network": chain((2, 4, 2)), "recipe": Recipe(programming=Programming(decay=0.1))}),
        ("a int: data", {"network": chain((2, 4, 2)), "data": 5}),
        ("a ndarray: data", {"network": chain((2, 4, 2)), "data": np.zeros((4, 2))}),
        ("engine", {"network": chain((2, 4, 2)), "engine": 5}),
        ("seed", {"network": chain((2, 4, 2)), "seed": -1}),
        ("a list: device", {"model": "xor", "device": ["ecram"]}),
        ("a NoneType: device", {"model": "xor", "device": None}),
        ("a float: device", {"network": chain((2, 4, 2)), "device": 1.5}),
    ],
)  # fmt: skip
def test_what_is_refused(said: str, given: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        neuroep.train(**({"data": "xor"} | given))
    assert said.split(": ")[0] in str(caught.value)
    assert said.split(": ")[-1] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'ecram'"):
        neuroep.train(network=chain((2, 4, 2)), data="xor", device="ekram")


def test_odd_arrays_are_remarked_on() -> None:
    x = np.random.default_rng(0).random((50, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        neuroep.train(network=chain((2, 4, 5)), recipe=Recipe(training=FEW), data=(x, np.arange(50) % 2 * 4))
    assert any("arrays" in str(each.message) for each in caught)


def test_a_rig_programs_its_device_and_orders_by_its_seed() -> None:
    rig = Rig.of(chain((2, 4, 2)), Recipe(programming=Programming(Method.ACCUMULATED)), "ecram", "reference", seed=5)
    assert rig.device.programming.method is Method.ACCUMULATED  # type: ignore[attr-defined]
    assert "residual" in rig.mount(rig.initial_weights()).state
    samples = Samples(np.zeros((7, 2), np.float32), np.zeros((7, 2), np.float32), np.zeros(7, np.int64))
    trainer = rig.trainer(rig.mount(rig.initial_weights()), samples, training=Training(batch_size=3))
    wanted = order(7, 3, stream(5, "order", 2))
    assert [batch.tolist() for batch in trainer.orders(2)] == [batch.tolist() for batch in wanted]


def test_a_device_model_of_ones_own_is_a_device() -> None:
    found = neuroep.train(network=chain((2, 4, 2)), recipe=Recipe(training=FEW), data="xor", device=Ideal(name="mine"))
    assert found.job.device == "mine"
