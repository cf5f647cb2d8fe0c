"""Scales against sklearn's, and the remarks on data that need one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import neuroep
from neuroep.data import Dataset, load_data
from neuroep.errors import BadInput, Remark, UnknownName
from neuroep.specs.catalogue import load_model
from neuroep.studies.experiment import Experiment

preprocessing = pytest.importorskip("sklearn.preprocessing")


def written(folder: Path, x: NDArray[np.generic], **also: object) -> Path:
    """An archive whose first four fifths of rows are the training set, of three classes."""
    cut, y = len(x) * 4 // 5, np.arange(len(x)) % 3
    parts = {"x_train": x[:cut], "y_train": y[:cut], "x_test": x[cut:], "y_test": y[cut:]} | also
    np.savez(folder / "own.npz", **parts)  # type: ignore[arg-type]
    return folder / "own.npz"


def features() -> NDArray[np.float64]:
    """Columns of scales 1e-3, 1, 1e4 (far from 0) and one that never changes in training."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 4)) * [1e-3, 1.0, 1e4, 0.0] + [0.0, 3.0, 1e6, 0.1]
    x[-1, 3] = 0.6
    return x


@pytest.mark.parametrize(("scale", "peer"), [("standard", "StandardScaler"), ("minmax", "MinMaxScaler")])
def test_scales_are_fitted_on_the_training_set_alone(tmp_path: Path, scale: str, peer: str) -> None:
    path, x = written(tmp_path, features()), features().astype(np.float32).astype(np.float64)
    fitted = getattr(preprocessing, peer)().fit(x[:48])
    data = load_data(path, scale=scale)
    np.testing.assert_allclose(data.x_train, fitted.transform(x[:48]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data.x_test, fitted.transform(x[48:]), rtol=1e-5, atol=1e-5)
    assert (data.scale, data.input_remark, data.x_test.dtype) == (scale, "", np.float32)
    assert data.sha256 == load_data(path).sha256


def test_an_input_that_never_changes_is_only_shifted(tmp_path: Path) -> None:
    for scale in ("standard", "minmax"):
        data = load_data(written(tmp_path, features()), scale=scale)
        np.testing.assert_array_equal(data.x_train[:, 3], 0.0)
        np.testing.assert_allclose(data.x_test[-1, 3], 0.5, rtol=1e-6)


def test_blocks_of_rows_agree_with_the_whole(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(5.0, 2.0, size=(11_000, 2)).astype(np.float32)
    data = load_data(written(tmp_path, x), scale="standard")
    whole = x[:8800].astype(np.float64)
    np.testing.assert_allclose(data.x_train, (whole - whole.mean(0)) / whole.std(0), atol=1e-6)


def test_unknown_scale_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'standard'"):
        load_data("xor", scale="standart")
    (tmp_path / "m.toml").write_text(MODEL.replace('"standard"', '"standart"'))
    with pytest.raises(BadInput, match=r"data\.scale.*did you mean 'standard'"):
        load_model(tmp_path / "m.toml")


@pytest.mark.parametrize(
    ("x", "remark"),
    [
        (np.linspace(0, 255, 60).reshape(20, 3), "input 2 (counted from 0) reaches 203.1, far outside"),
        (np.linspace(0, 255, 60).astype(np.int64).reshape(20, 3), "reaches 203, far outside"),
        (np.arange(60, dtype=np.uint8).reshape(20, 3) % 2, "no input is larger than 0.0039, faint"),
        (np.random.default_rng(0).random((20, 2)) * [1.0, 1e-4], "of very different scales"),
        (np.arange(60, dtype=np.uint8).reshape(20, 3) * 4, ""),
        (np.random.default_rng(0).normal(size=(20, 3)), ""),
        (np.zeros((20, 3)), ""),
    ],
)
def test_remark_on_scales(tmp_path: Path, x: NDArray[np.generic], remark: str) -> None:
    found = load_data(written(tmp_path, x))
    assert (remark in found.input_remark) if remark else not found.remarks
    assert ("[data]" in found.input_remark) == bool(remark)


def test_uint8_is_scaled_as_idx_files_are(tmp_path: Path) -> None:
    x = np.arange(256, dtype=np.uint8).repeat(2).reshape(128, 4)
    data = load_data(written(tmp_path, x))
    np.testing.assert_array_equal(data.x_train, x[:102].astype(np.float32) / np.float32(255))
    with pytest.raises(BadInput, match="x_train of type uint8 and x_test of type float64"):
        load_data(written(tmp_path, x, x_test=x[102:] / 255.0))


MODEL = """
summary = "three features, three classes"
layers = [{ size = 4 }, { size = 5 }, { size = 3 }]
[data]
name = "own.npz"
scale = "standard"
[training]
epochs = 1
"""


def test_model_files_name_data_and_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, features())
    Path("m.toml").write_text(MODEL)
    model = load_model("m.toml")
    assert (model.data, model.scale) == ("own.npz", "standard")
    experiment = Experiment(model, (), model.data, (0,))
    data = experiment.dataset(0)
    np.testing.assert_allclose(data.x_train[:, :3].std(axis=0), 1.0, atol=1e-5)
    assert experiment.spec(data)["data"] == {"name": "own", "sha256": data.sha256, "scale": "standard"}
    assert "scale" not in experiment.spec(load_data("own.npz"))["data"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[data]\nname = "xor"\nscal = "standard"', "did you mean 'scale'"),
        ('[data]\nscale = "minmax"', "'name' is missing"),
        ('[data]\nname = ""', "data.name"),
        ("data = 3", "data"),
        ("data = ['xor']", "data"),
    ],
)
def test_tables_of_data_that_are_wrong(tmp_path: Path, table: str, message: str) -> None:
    path, layers = tmp_path / "m.toml", "layers = [{ size = 2 }, { size = 2 }]"
    parts = [layers, table] if table.startswith("[") else [table, layers]
    path.write_text('summary = "s"\n' + "\n".join(parts))
    with pytest.raises(BadInput) as caught:
        load_model(path)
    assert message in str(caught.value)


def test_training_says_what_is_odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, features())
    Path("m.toml").write_text(MODEL.replace('"standard"', '"none"'))
    with pytest.warns(Remark, match=r"data own: input 2 .* far outside .*\[data\]"):
        neuroep.train("m.toml", method="backprop")


def test_remarks_stand_labels_first() -> None:
    data: Dataset = replace(load_data("xor"), label_remark="a", input_remark="b")
    assert (data.remarks, load_data("xor").remarks) == (("a", "b"), ())
