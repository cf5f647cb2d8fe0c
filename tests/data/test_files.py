"""The user's own .npz and .csv files: what is read, and what is refused and how."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from neuroep.data import load_data
from neuroep.errors import BadInput


def arrays(**changed: object) -> dict[str, object]:
    good: dict[str, object] = {
        "x_train": np.linspace(-2, 2, 12).reshape(4, 3),
        "y_train": np.array([0, 1, 2, 1]),
        "x_test": np.ones((2, 3), dtype=np.float32),
        "y_test": np.array([0.0, 2.0]),
    }
    return good | changed


def npz(path: Path, **changed: object) -> Path:
    np.savez(path / "own.npz", **{name: value for name, value in arrays(**changed).items() if value is not None})  # type: ignore[arg-type]
    return path / "own.npz"


def test_npz_is_taken_as_it_is(tmp_path: Path) -> None:
    path = npz(tmp_path)
    data = load_data(path)
    np.testing.assert_array_equal(data.x_train, np.linspace(-2, 2, 12).reshape(4, 3).astype(np.float32))
    np.testing.assert_array_equal(data.y_test, [0, 2])
    assert (data.name, data.source, data.classes, data.y_test.dtype) == ("own", str(path), 3, np.int64)
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_npz_images_are_flattened(tmp_path: Path) -> None:
    x = np.arange(16, dtype=np.uint8).reshape(4, 2, 2)
    data = load_data(npz(tmp_path, x_train=x, x_test=np.asfortranarray(x[:2])))
    np.testing.assert_array_equal(data.x_train, np.arange(16, dtype=np.float32).reshape(4, 4) / np.float32(255))
    np.testing.assert_array_equal(data.x_test, data.x_train[:2])
    assert data.x_test.flags.c_contiguous


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_test": None}, "no array y_test; it holds x_train, y_train, x_test"),
        ({"x_train": np.array([[0, 1, 2], [3, np.nan, 0], [0, 0, 0], [0, 0, 0]])}, "nan in sample 1, input 1"),
        ({"x_test": np.array([[0, 1, -np.inf], [0, 0, 0]])}, "x_test: -inf in sample 0, input 2"),
        ({"x_test": np.array([[0, 1, 1e39], [0, 0, 0]])}, "1e+39 in sample 0, input 2"),
        ({"y_train": np.array([0, 1, 0.5, 1])}, "label 0.5 of sample 2"),
        ({"y_train": np.array([0, 1, -1, 1])}, "label -1 of sample 2"),
        ({"y_train": np.array([0, 1, np.nan, 1])}, "label nan of sample 2"),
        ({"y_train": np.array(list("abca"))}, "labels of type <U1"),
        ({"y_train": np.eye(4)}, "labels of shape (4, 4)"),
        ({"y_train": np.array([0, 1, 2])}, "training set: 4 inputs and 3 labels"),
        ({"x_test": np.ones((2, 4))}, "3 inputs in the training set, 4 in the test set"),
        ({"x_train": np.ones(4)}, "inputs of shape (4,)"),
        ({"x_test": np.ones((0, 3)), "y_test": np.ones(0)}, "inputs of shape (0, 3)"),
        ({"x_train": np.ones((4, 3), dtype=complex)}, "inputs of type complex128"),
        ({"x_train": np.array([[{}] * 3] * 4)}, "x_train: damaged or not an .npz archive of plain arrays"),
    ],
)
def test_npz_refused(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_data(npz(tmp_path, **changed))
    assert message in str(caught.value)
    assert "own.npz" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_truncated_npz_is_refused(tmp_path: Path, keep: int) -> None:
    path = npz(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"own\.npz"):
        load_data(path)


ROWS = [f"{k},{-k / 4},{k % 3}" for k in range(10)]


@pytest.mark.parametrize("header", ["", "a,b,label\n", '0,1,"class"\n'])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_split_is_the_documented_one(tmp_path: Path, header: str, newline: str) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes((header.replace("\n", newline) + newline.join(ROWS) + newline).encode())
    data = load_data(path)
    permutation = np.random.RandomState(0).permutation(10)
    table = np.array([[float(cell) for cell in row.split(",")] for row in ROWS])
    np.testing.assert_array_equal(data.x_test, table[permutation[:2], :2].astype(np.float32))
    np.testing.assert_array_equal(data.x_train, table[permutation[2:], :2].astype(np.float32))
    np.testing.assert_array_equal(data.y_train, table[permutation[2:], 2])
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("a,b,c\n", "no rows of numbers"),
        ("1,2,0\n3,nan,1\n", "line 2, column 2: 'nan'"),
        ("x,y,label\n1,2,0\n\n3,inf,1\n", "line 4, column 2: 'inf'"),
        ("1,2,0\n3,,1\n", "line 2, column 2: ''"),
        ("1,2,0\n3,4\n", "line 2 has 2 cells"),
        ("1,2,0\n3,4,cat\n", "line 2, column 3: 'cat'"),
        ("1,2,0\n3,4,0.5\n", "line 2, column 3: '0.5'"),
        ("1,2,0\n3,4,-1\n", "line 2, column 3: '-1'"),
        ("1,oops,0\n3,4,1\n", "line 1, column 2: 'oops'"),
        ("1,2,0\n3,1e39,1\n", "line 2, column 2: '1e39'"),
        ("1\n0\n1\n", "one column only"),
        ("1,2,0\n", "1 sample(s) can't be split"),
    ],
)
def test_csv_refused_with_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_data(str(path))
    assert message in str(caught.value)
    assert "own.csv" in str(caught.value)


def test_csv_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes(b"1,2,0\n\xff\xfe,1,1\n")
    with pytest.raises(BadInput, match="not UTF-8 text at byte 6"):
        load_data(tmp_path / "own.csv")


def test_missing_file_and_unknown_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file or folder"):
        load_data(tmp_path / "absent.npz")
    (tmp_path / "own.mat").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"a file of kind '\.mat'"):
        load_data(tmp_path / "own.mat")
