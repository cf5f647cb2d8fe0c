"""Data in memory go wherever data on disk do: the same results to the bit, and folders that know them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import neuroep
from neuroep.api.found import Found
from neuroep.data import Dataset, load_data
from neuroep.data.dataset import holdout
from neuroep.disk import load_tensors
from neuroep.errors import BadInput
from neuroep.network import chain
from neuroep.recipe import Phases, Recipe, Training

RNG = np.random.default_rng(3)
X, Y = RNG.random((60, 5)).astype(np.float32), np.arange(60) % 3
NETWORK = chain((5, 6, 3), feedback=0.5)
FEW = Recipe(Phases(beta=0.5), Training(epochs=2, batch_size=16, learning_rates=(0.1,)))
CLOCK = {"seconds"}


class Frame:
    """As much of a data frame as pandas and polars share."""

    def __init__(self) -> None:
        self.columns = [*"abcde", "label"]

    def __getitem__(self, name: str) -> Any:
        return Y if name == "label" else X[:, "abcde".index(name)]


def split() -> tuple[Any, ...]:
    kept, aside = holdout(len(X), "data")
    return X[kept], Y[kept], X[aside], Y[aside]


def loader(x: Any, y: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.as_tensor(x), torch.as_tensor(y)), batch_size=7, shuffle=True)


def archive(folder: Path) -> Path:
    np.savez(folder / "own.npz", **dict(zip(("x_train", "y_train", "x_test", "y_test"), split(), strict=True)))
    return folder / "own.npz"


FORMS: dict[str, Callable[[Path], Any]] = {
    "a data set": lambda folder: load_data(archive(folder)),
    "arrays": lambda _: (X, Y),
    "arrays, split": lambda _: split(),
    "lists": lambda _: (X.tolist(), Y.tolist()),
    "tensors": lambda _: (torch.as_tensor(X), torch.as_tensor(Y)),
    "a loader": lambda _: loader(X, Y),
    "loaders": lambda _: (loader(*split()[:2]), loader(*split()[2:])),
    "a frame": lambda _: Frame(),
}
STUDIES: dict[str, Callable[[Any, Path], Found]] = {
    "run": lambda data, out: neuroep.run(NETWORK, "rram-sb", data, recipe=FEW, out=out),
    "life": lambda data, _: neuroep.life(NETWORK, "rram-hfo2", data=data, recipe=FEW, epochs=1),
    "ablate": lambda data, out: neuroep.ablate(NETWORK, "rram-sb", out, data, effects=("write-noise",), recipe=FEW),
    "continual": lambda data, _: neuroep.continual(NETWORK, 2, "si", data=data, recipe=FEW),
}


def told(found: Any) -> Any:
    """What was found, without what a clock says; NaN where a drop can't be shared out equals itself."""
    if isinstance(found, Mapping):
        return {key: told(value) for key, value in found.items() if key not in CLOCK}
    if isinstance(found, list | tuple):
        return [told(value) for value in found]
    return repr(found) if isinstance(found, float) else found


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("file")
    return {name: told(study(archive(folder), folder / name)["rows"]) for name, study in STUDIES.items()} | {
        "weights": load_tensors(folder / "run" / "weights.safetensors")[0]
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_run_is_that_of_the_file_to_the_bit(form: str, from_file: dict[str, Any], tmp_path: Path) -> None:
    found = STUDIES["run"](FORMS[form](tmp_path), tmp_path / "run")
    assert told(found["rows"]) == from_file["run"]
    weights = load_tensors(tmp_path / "run" / "weights.safetensors")[0]
    assert set(weights) == set(from_file["weights"])
    assert all((weights[key] == value).all() for key, value in from_file["weights"].items())


@pytest.mark.parametrize("form", ["a data set", "arrays", "loaders"])
@pytest.mark.parametrize("study", ["life", "ablate", "continual"])
def test_so_is_every_other_study(study: str, form: str, from_file: dict[str, Any], tmp_path: Path) -> None:
    assert told(STUDIES[study](FORMS[form](tmp_path), tmp_path / "out")["rows"]) == from_file[study]


def test_a_models_scale_holds_for_arrays(tmp_path: Path) -> None:
    """Scaled by hand beforehand, as the definition of a standard score says, in float64."""
    text = neuroep.load_model("xor").path.read_text(encoding="utf-8")
    scaled = text.replace('data = "xor"', 'data = {name = "xor", scale = "standard"}')
    assert scaled != text
    (tmp_path / "scaled.toml").write_text(scaled, encoding="utf-8")
    x_train, y_train, x_test, y_test = (a[:, :2] if a.ndim == 2 else a % 2 for a in split())
    mean, deviation = x_train.mean(axis=0, dtype=np.float64), x_train.std(axis=0, dtype=np.float64)
    by_hand = [((x - mean) / deviation).astype(np.float32) for x in (x_train, x_test)]
    raw = neuroep.run(tmp_path / "scaled.toml", data=(x_train, y_train, x_test, y_test), epochs=3, out=tmp_path / "a")
    own = neuroep.run("xor", data=(by_hand[0], y_train, by_hand[1], y_test), epochs=3, out=tmp_path / "b")
    assert raw["data"]["scale"] == "standard"
    assert [row["test_accuracy"] for row in raw["rows"]] == [row["test_accuracy"] for row in own["rows"]]


@pytest.mark.parametrize("study", ["run", "ablate"])
def test_a_folder_goes_on_with_the_same_data_alone(study: str, tmp_path: Path) -> None:
    """What a clock said of a training is kept with it: a second training would take another time."""
    first = STUDIES[study]((X, Y), tmp_path / "out")
    assert STUDIES[study]((X.copy(), Y.tolist()), tmp_path / "out")["rows"] == first["rows"]
    other = X.copy()
    other[7, 3] += 1e-3
    with pytest.raises(BadInput, match=r"holds a different run: data\.sha256") as caught:
        STUDIES[study]((other, Y), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert STUDIES[study]((X, Y), tmp_path / "out")["rows"] == first["rows"]


def test_a_data_set_by_its_name_or_in_memory_is_one_run_until_it_is_changed(tmp_path: Path) -> None:
    data = load_data("xor")
    first = neuroep.run("xor", epochs=1, out=tmp_path / "out")
    assert neuroep.run("xor", data=data, epochs=1, out=tmp_path / "out")["rows"] == first["rows"]
    data.x_train[0, 0] += 0.5
    with pytest.raises(BadInput, match=r"data\.sha256"):
        neuroep.run("xor", data=data, epochs=1, out=tmp_path / "out")
    read = load_data(archive(tmp_path))
    noisy = replace(read, x_train=read.x_train + np.float32(0.01))
    STUDIES["run"](read, tmp_path / "own")
    with pytest.raises(BadInput, match=r"data\.sha256"):
        STUDIES["run"](noisy, tmp_path / "own")


def hurt(**parts: Any) -> Dataset:
    return replace(load_data("xor"), **parts)


NAN = np.asarray([[0, np.nan]] * 4, np.float32)
WRONG: dict[str, tuple[Any, str]] = {
    "NaN": ((NAN, Y[:4] % 2), "data: x: nan in sample 0, input 1"),
    "NaN in a data set": (hurt(x_train=NAN), "data: x_train: nan in sample 0, input 1"),
    "no rows": ((np.ones((0, 2)), np.ones(0)), "data: x: inputs of shape (0, 2)"),
    "no rows in a data set": (hurt(x_test=np.ones((0, 2))), "data: x_test: inputs of shape (0, 2)"),
    "other widths": (hurt(x_test=np.ones((4, 3))), "2 inputs in the training set, 3 in the test set"),
    "fewer labels": (hurt(y_test=np.asarray([0, 1])), "data: test set: 4 inputs and 2 labels"),
    "a class too many": (hurt(y_test=np.asarray([0, 1, 2, 0])), "data: classes: label 2 of 2 classes"),
    "too wide": ((X, Y % 2), "5 inputs a sample; allowed: 2"),
    "one array": (X, "data: a ndarray"),
    "three arrays": ((X, Y, X), "data: 3 arrays"),
    "one-hot labels": ((X[:, :2], np.eye(3)[Y]), "data: y: labels of shape (60, 3)"),
    "words": ((X.astype(str), Y), "data: x: inputs of type <U"),
    "a tensor with a gradient": ((torch.ones(4, 2, requires_grad=True), Y[:4]), "data: x: no array"),
    "no data at all": (object(), "data: a object"),
    "an unknown name": ("digts", "no data set is called 'digts' (did you mean 'digits'?)"),
    "a missing file": ("no/file.csv", "no such file or folder"),
}
TAKERS: dict[str, Callable[[Any, Path], Any]] = {
    "train": lambda data, _: neuroep.train("xor", data=data),
    "estimate_cost": lambda data, _: neuroep.estimate_cost("xor", "ecram", data=data),
    "check": lambda data, _: neuroep.check("xor", data=data),
    "settle": lambda data, _: neuroep.settle("xor", data=data),
    "run": lambda data, out: neuroep.run("xor", data=data, out=out),
    "life": lambda data, out: neuroep.life("xor", "rram-hfo2", data=data, out=out),
    "ablate": lambda data, out: neuroep.ablate("xor", "rram-sb", out, data),
    "continual": lambda data, out: neuroep.continual("xor", 2, data=data, out=out),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", WRONG)
def test_what_cant_be_learned_from_is_refused_in_a_line_and_leaves_nothing(
    taker: str, kind: str, tmp_path: Path
) -> None:
    data, said = WRONG[kind]
    with pytest.raises(BadInput) as caught:
        TAKERS[taker](data, tmp_path / "out")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
