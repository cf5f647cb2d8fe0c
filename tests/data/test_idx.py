"""IDX files written here byte by byte after the format's definition, whole and broken."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neuroep.data import load_data
from neuroep.data.homes import HOMES
from neuroep.errors import BadInput

FASHION = HOMES["fashion-mnist"].system[0]
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_bytes(values: NDArray[np.uint8]) -> bytes:
    """An IDX file: 0, 0, type 8, number of axes, the axes' lengths in big-endian, the values."""
    lengths = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + lengths + values.tobytes()


def contents() -> list[bytes]:
    """Seven training and three test images of 2 × 3 pixels."""
    pixels = np.arange(60, dtype=np.uint8).reshape(10, 2, 3) * 4
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 2, 1, 0], dtype=np.uint8)
    return [idx_bytes(part) for part in (pixels[:7], labels[:7], pixels[7:], labels[7:])]


def write(folder: Path, files: list[bytes], suffix: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(NAMES, files, strict=True):
        (folder / (name + suffix)).write_bytes(gzip.compress(content) if suffix else content)
    return folder


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data set on this machine but those a test writes."""
    monkeypatch.delenv("NEUROEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_folder_gives_pixels_over_255(tmp_path: Path, suffix: str) -> None:
    data = load_data(write(tmp_path / "tiny", contents(), suffix))
    assert data.name == "tiny"
    assert (data.x_train.shape, data.x_test.shape, data.classes) == ((7, 6), (3, 6), 3)
    assert data.x_train.dtype == np.float32
    assert data.x_train.flags.c_contiguous
    assert data.y_train.dtype == np.int64
    np.testing.assert_array_equal(
        data.x_train[1], np.array([24, 28, 32, 36, 40, 44], dtype=np.float32) / np.float32(255)
    )
    np.testing.assert_array_equal(data.y_test, [2, 1, 0])


def test_hash_is_of_the_uncompressed_files(tmp_path: Path) -> None:
    expected = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents())).hexdigest()
    assert load_data(write(tmp_path / "a", contents())).sha256 == expected
    assert load_data(write(tmp_path / "b", contents(), ".gz")).sha256 == expected


def test_one_pixel_changes_the_hash(tmp_path: Path) -> None:
    files = contents()
    changed = [files[0][:-1] + b"\xff", *files[1:]]
    assert load_data(write(tmp_path / "a", files)).sha256 != load_data(write(tmp_path / "b", changed)).sha256


LONG = struct.pack(">I", 2**32 - 1)
BROKEN = {
    "truncated": (lambda b: b[:-1], "truncated: 57 bytes"),
    "too long": (lambda b: b + b"\0", "too long: 59 bytes"),
    "truncated header": (lambda b: b[:9], "truncated in its header: 9 bytes"),
    "empty": (lambda b: b"", "empty file"),
    "magic": (lambda b: b"\0\0\x08\x01" + b[4:], "starts with 0x00000801"),
    "floats": (lambda b: b"\0\0\x0d\x03" + b[4:], "starts with 0x00000d03"),
    "not IDX": (lambda b: b"<html>", "starts with 0x3c68746d"),
    "huge": (lambda b: b[:4] + LONG * 3 + b[16:], "truncated: 58 bytes"),
    "no samples": (lambda b: b[:4] + b"\0" * 4 + b[8:16], "no samples"),
    "fewer images": (lambda b: b[:4] + struct.pack(">I", 6) + b[8:-6], "6 inputs and 7 labels"),
    "gzip cut": (lambda b: gzip.compress(b)[:-9], "truncated gzip"),
    "gzip damaged": (lambda b: gzip.compress(b)[:-8] + b"\0" * 8, "damaged gzip"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_file_is_named(tmp_path: Path, fault: str) -> None:
    breaks, message = BROKEN[fault]
    files = contents()
    folder = write(tmp_path / "tiny", [breaks(files[0]), *files[1:]])
    with pytest.raises(BadInput) as caught:
        load_data(folder)
    assert message in str(caught.value)
    assert NAMES[0] in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "tiny", contents())
    (folder / NAMES[3]).unlink()
    with pytest.raises(BadInput, match="needs four IDX files and has train-images") as caught:
        load_data(folder)
    assert NAMES[3] in str(caught.value)


def test_images_of_two_widths_are_refused(tmp_path: Path) -> None:
    files = contents()
    files[2] = idx_bytes(np.zeros((3, 2, 2), dtype=np.uint8))
    with pytest.raises(BadInput, match="6 inputs in the training set, 4 in the test set"):
        load_data(write(tmp_path / "tiny", files))


@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
def test_named_set_is_found_under_the_variable(nowhere: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    folder = write(nowhere / "root" / below, contents(), ".gz")
    monkeypatch.setenv("NEUROEP_DATA", str(nowhere / "root"))
    data = load_data("mnist")
    assert data.name == "mnist"
    assert data.source == f"{folder} (not the published files)"


def test_explicit_folder_goes_first_and_alone(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(nowhere / "variable", contents())
    monkeypatch.setenv("NEUROEP_DATA", str(nowhere / "variable"))
    write(nowhere / "explicit", contents())
    assert str(nowhere / "explicit") in load_data("mnist", folder=nowhere / "explicit").source
    with pytest.raises(BadInput, match="no files of mnist") as caught:
        load_data("mnist", folder=nowhere / "elsewhere")
    assert "variable" not in str(caught.value)
    assert "cache" not in str(caught.value)


def test_missing_set_lists_places_and_remedy(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROEP_DATA", str(nowhere / "root"))
    with pytest.raises(BadInput) as caught:
        load_data("mnist")
    for part in (str(nowhere / "root" / "MNIST/raw"), "cache", "neuroep data fetch mnist", "NEUROEP_DATA"):
        assert part in str(caught.value)


@pytest.mark.skipif(not FASHION.is_dir(), reason="Fashion-MNIST isn't installed on this machine")
class TestFashionMnist:
    def test_is_the_published_set(self) -> None:
        data = load_data("fashion-mnist", folder=FASHION)
        assert data.source == str(FASHION)
        assert (data.x_train.shape, data.x_test.shape, data.classes) == ((60000, 784), (10000, 784), 10)
        np.testing.assert_array_equal(np.bincount(data.y_train), [6000] * 10)
        np.testing.assert_array_equal(np.bincount(data.y_test), [1000] * 10)
        assert float(data.x_train.min()) == 0.0
        assert float(data.x_train.max()) == 1.0

    def test_is_never_taken_for_mnist(self, nowhere: Path) -> None:
        with pytest.raises(BadInput, match="the files are those of fashion-mnist, not of mnist"):
            load_data("mnist", folder=FASHION)
