"""Weight files: there and back, and every file that can't be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from neuroep.bridges.weights_file import METADATA, load_weights, save_weights, tensors_of
from neuroep.disk import save_tensors
from neuroep.errors import BadInput, UnknownName
from neuroep.network import chain, initial_weights
from neuroep.rng import stream
from neuroep.weights import Weights

SIZES = (4, 3, 2)
LAYOUT = {"layout": "in,out"}


def drawn(dtype: type = np.float32) -> Weights:
    weights = Weights.zeros(SIZES, dtype)
    weights.couplings[:] = stream(5, "w").normal(size=weights.couplings.shape)
    weights.biases[:] = stream(5, "b").normal(size=weights.biases.shape)
    return weights


def tensors(**changes: np.ndarray) -> dict[str, np.ndarray]:
    weights = drawn()
    parts = {"W1": weights.coupling(1), "W2": weights.coupling(2), "b1": weights.bias(1), "b2": weights.bias(2)}
    return {name: np.ascontiguousarray(part) for name, part in (parts | changes).items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back_is_exact(tmp_path: Path, dtype: type) -> None:
    weights = drawn(dtype)
    save_weights(weights, tmp_path / "w.safetensors")
    back = load_weights(tmp_path / "w.safetensors", chain(SIZES))
    assert back.sizes == SIZES
    assert back.couplings.dtype == back.biases.dtype == dtype
    np.testing.assert_array_equal(back.couplings, weights.couplings)
    np.testing.assert_array_equal(back.biases, weights.biases)


def test_the_file_holds_in_out_under_plain_names(tmp_path: Path) -> None:
    weights = drawn()
    save_weights(weights, tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert set(stored) == {"W1", "b1", "W2", "b2"}
    assert stored["W1"].shape == (4, 3)
    np.testing.assert_array_equal(stored["W2"], weights.couplings[12:].reshape(3, 2))


def test_saving_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_text("old")
    save_weights(drawn(), path)
    load_weights(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be written"):
        save_weights(drawn(), tmp_path / "nowhere" / "w.safetensors")


def test_a_folder_in_the_place_of_the_file_is_refused_and_left_clean(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    with pytest.raises(BadInput, match="w: a folder; allowed: a file's name"):
        save_weights(drawn(), tmp_path / "w")
    assert [entry.name for entry in tmp_path.iterdir()] == ["w"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 40, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(drawn(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadInput, match="truncated or damaged"):
        load_weights(path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    np.save(path.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(BadInput, match="truncated or damaged"):
        load_weights(path.with_suffix(".npy"))


def test_a_file_that_does_not_state_its_layout_is_refused(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match=r"doesn't say that W is stored as \(in, out\)"):
        load_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W3": np.zeros((2, 2), np.float32)}, "tensors W1, W2, W3"),
        ({"extra": np.zeros(2, np.float32)}, "tensors W1, W2, b1, b2, extra"),
        ({"b2": np.zeros(5, np.float32)}, "b2 has shape"),
        ({"W2": np.zeros((2, 3), np.float32)}, "W2 has shape"),
        ({"W2": np.zeros(6, np.float32)}, r"W2: shape \(6,\)"),
        ({"W1": np.zeros((4, 3), np.float64)}, "tensors of different types"),
        ({"W1": np.zeros((4, 3), np.int32)}, "W1: type int32"),
        ({"b1": np.asarray([0.0, np.nan, 0.0], np.float32)}, "b1: entries that aren't finite"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    save_file(tensors(**changes), tmp_path / "w.safetensors", metadata=LAYOUT)
    with pytest.raises(BadInput, match=message):
        load_weights(tmp_path / "w.safetensors")


def test_an_empty_file_of_the_right_kind_is_refused(tmp_path: Path) -> None:
    save_file({}, tmp_path / "w.safetensors", metadata=LAYOUT)
    with pytest.raises(BadInput, match=r"tensors \(none\)"):
        load_weights(tmp_path / "w.safetensors")


def test_another_network_is_refused(tmp_path: Path) -> None:
    save_weights(drawn(), tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match=r"layer sizes \(4, 3, 2\)"):
        load_weights(tmp_path / "w.safetensors", chain((4, 5, 2)))


def test_a_runs_weights_are_read_by_job(tmp_path: Path) -> None:
    first, second = (initial_weights(chain((4, 3, 2)), stream(seed, "weights")) for seed in (0, 1))
    tensors = tensors_of(first, "ep/ideal/0") | tensors_of(second, "backprop/ideal/0")
    save_tensors(tmp_path / "weights.safetensors", tensors, METADATA)
    assert load_weights(tmp_path, job="backprop/ideal/0").couplings.tolist() == second.couplings.tolist()
    with pytest.raises(UnknownName, match="did you mean 'ep/ideal/0'"):
        load_weights(tmp_path, job="ep/ideal/1")
    with pytest.raises(UnknownName, match="backprop/ideal/0, ep/ideal/0"):
        load_weights(tmp_path)


def spoiled() -> Weights:
    weights = drawn()
    weights.couplings[1] = np.nan
    return weights


@pytest.mark.parametrize("unreadable", [drawn().astype(np.float16), spoiled()])
def test_what_could_not_be_read_back_is_refused_and_the_file_stays(tmp_path: Path, unreadable: Weights) -> None:
    file = tmp_path / "w.safetensors"
    save_weights(drawn(), file)
    before = file.read_bytes()
    with pytest.raises(BadInput, match=r"W1: (type float16|entries)"):
        save_weights(unreadable, file)
    assert file.read_bytes() == before
