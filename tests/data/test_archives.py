"""Archives and folders that nobody means well: bounded, and refused in a line."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neuroep.data import describe, load_data
from neuroep.data.homes import HOMES, places
from neuroep.data.idx import PARTS
from neuroep.errors import BadInput, MissingData

GOOD = {
    "x_train": np.linspace(-1, 1, 12).reshape(6, 2),
    "y_train": np.array([0, 1, 2, 0, 1, 2]),
    "x_test": np.zeros((3, 2)),
    "y_test": np.array([0, 1, 2]),
}
HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (6, 2), }"


def npy(header: str, body: bytes = b"", version: int = 1) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + body


def archive(path: Path, member: str = "", content: bytes = b"", method: int = zipfile.ZIP_STORED) -> Path:
    """A good archive, one of its members replaced byte by byte."""
    with zipfile.ZipFile(path / "own.npz", "w", method) as out:
        for name, array in GOOD.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            out.writestr(f"{name}.npy", content if name == member else buffer.getvalue())
    return path / "own.npz"


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_version_and_method_of_numpy_s(tmp_path: Path, version: int, method: int) -> None:
    body = GOOD["x_train"].astype("<f8").tobytes()
    data = load_data(archive(tmp_path, "x_train", npy(HEADER, body, version), method))
    np.testing.assert_array_equal(data.x_train, GOOD["x_train"].astype(np.float32))


@pytest.mark.parametrize(
    "kind", ["<f2", "<f4", ">f8", "<i1", "<i8", ">i4", "<u2", "<u8", "|b1"]
)  # float16 to bool, both orders
@pytest.mark.parametrize("order", ["C", "F"])
def test_plain_types_and_orders(tmp_path: Path, kind: str, order: str) -> None:
    x = np.arange(12).reshape(6, 2) % (2 if kind == "|b1" else 7)
    np.savez(tmp_path / "own.npz", **GOOD | {"x_train": np.asarray(x.astype(kind), order=order)})  # type: ignore[arg-type, call-overload]
    data = load_data(tmp_path / "own.npz")
    np.testing.assert_array_equal(data.x_train, x)
    assert data.x_train.flags.c_contiguous


def test_headers_of_python_2(tmp_path: Path) -> None:
    header = HEADER.replace("(6, 2)", "(6L, 2L)")
    data = load_data(archive(tmp_path, "x_train", npy(header, GOOD["x_train"].tobytes())))
    np.testing.assert_array_equal(data.x_train, GOOD["x_train"].astype(np.float32))


LIES = {
    "claims more": (npy(HEADER, bytes(40)), "x_train: truncated"),
    "claims less": (npy(HEADER, bytes(200)), "x_train: too long"),
    "terabytes": (npy(HEADER.replace("6", "10" * 8)), "claims 2,020,202,020,202,020 values"),
    "negative": (npy(HEADER.replace("6", "-6"), bytes(96)), "a header that can't be read"),
    "true rows": (npy(HEADER.replace("6", "True"), bytes(96)), "a header that can't be read"),
    "list shape": (npy(HEADER.replace("(6, 2)", "[6, 2]"), bytes(96)), "a header that can't be read"),
    "objects": (npy(HEADER.replace("<f8", "|O"), bytes(96)), "plain arrays (values of type '|O')"),
    "no type": (npy(HEADER.replace("<f8", "zz"), bytes(96)), "plain arrays (values of type 'zz')"),
    "a record": (npy(HEADER.replace("'<f8'", "[('a', '<f8')]"), bytes(96)), "plain arrays (values of type"),
    "a subarray": (npy(HEADER.replace("<f8", "(2,)<f8"), bytes(192)), "plain arrays (values of type"),
    "no bytes": (npy(HEADER.replace("<f8", "<U0")), "x_train:"),
    "open": (npy("{'descr': (((("), "a header that can't be read"),
    "deep": (npy("(" * 4000 + ")" * 4000), "a header that can't be read"),
    "long": (npy(HEADER + " " * 20_000), "a header of 20,0"),
    "a call": (npy(HEADER.replace("'<f8'", "open('here', 'w')"), bytes(96)), "a header that can't be read"),
    "another key": (npy(HEADER.replace("descr", "dscr"), bytes(96)), "a header that can't be read"),
    "version 9": (npy(HEADER, bytes(96), 9), "not as an .npy file"),
    "a pickle": (b"\x80\x04N.", "not as an .npy file"),
    "nothing": (b"", "not as an .npy file"),
    "half a header": (npy(HEADER)[:9], "damaged"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_member_claims_is_checked(tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = LIES[lie]
    with pytest.raises(BadInput) as caught:
        load_data(archive(tmp_path, "x_train", content))
    assert message in str(caught.value)
    assert "x_train" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "here").exists()


def marked(content: bytes, offset: int, value: int) -> bytes:
    """An archive with a byte set in every local header at an offset, and two further on in every directory entry."""
    data = bytearray(content)
    for sign, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = data.find(sign)
        while at >= 0:
            data[at + offset + shift] = value
            at = data.find(sign, at + 4)
    return bytes(data)


def test_encrypted_and_unknown_compression(tmp_path: Path) -> None:
    path = archive(tmp_path)
    good = path.read_bytes()
    for content, message in ((marked(good, 6, 1), "x_train: encrypted"), (marked(good, 8, 99), "by method 99")):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=message):
            load_data(path)
    with pytest.raises(BadInput, match="by method 12"):
        load_data(archive(tmp_path, method=zipfile.ZIP_BZIP2))


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path)
    content = bytearray(path.read_bytes())
    content[content.find(GOOD["x_train"].tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"x_train: damaged.*CRC"):
        load_data(path)


def test_deflated_bombs_are_not_read(tmp_path: Path) -> None:
    rows = 2**22
    path = archive(tmp_path, "x_train", npy(HEADER.replace("6", str(rows)), bytes(16 * rows)), zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(BadInput, match=r"compressed bytes claim to hold 67,10.*uncompressed"):
        load_data(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_small_and_plain_files_of_zeros_are_data(tmp_path: Path) -> None:
    rows = 2**18
    zeros = npy(HEADER.replace("6", str(rows)), bytes(16 * rows))
    np.savez(tmp_path / "labels.npz", y=np.arange(rows) % 3)
    path = archive(tmp_path, "x_train", zeros, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match=f"{rows} inputs and 6 labels"):  # read to its end
        load_data(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(3)[GOOD["y_train"]], "labels of shape (6, 3); allowed: (samples,): y.argmax(axis=1)"),
        (GOOD["y_train"][:, None], "labels of shape (6, 1); allowed: (samples,): y.ravel()"),
        (np.full(6, 2**63, np.uint64), "label 9223372036854775808 of sample 0"),
    ],
)
def test_labels_that_are_not_a_row(tmp_path: Path, labels: NDArray[np.generic], message: str) -> None:
    np.savez(tmp_path / "own.npz", **GOOD | {"y_train": labels})  # type: ignore[arg-type]
    with pytest.raises(BadInput) as caught:
        load_data(tmp_path / "own.npz")
    assert message in str(caught.value)


def test_one_class_and_classes_without_training_samples(tmp_path: Path) -> None:
    same = {"y_train": np.ones(6, int), "y_test": np.ones(3, int)}
    np.savez(tmp_path / "own.npz", **GOOD | same)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="one class only: every label is 1"):
        load_data(tmp_path / "own.npz")
    np.savez(tmp_path / "own.npz", **GOOD | {"y_test": np.array([0, 3, 2])})  # type: ignore[arg-type]
    remark = load_data(tmp_path / "own.npz").label_remark
    assert remark == "class 3 is in the test set and has no training sample"


def idx(values: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def folder(path: Path, images: bytes | None = None, labels: int = 2, without: str = "") -> Path:
    """Four gzip files of five samples; one replaced or left out."""
    path.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        content = idx(np.zeros((5, 1, 2), np.uint8) if "images" in part else np.arange(5, dtype=np.uint8) % labels)
        if part != without:
            (path / f"{part}.gz").write_bytes(gzip.compress(images if images and part == PARTS[0] else content))
    return path


def test_gzip_files_are_read_as_far_as_they_should_go(tmp_path: Path) -> None:
    good = idx(np.zeros((5, 1, 2), np.uint8))
    tracemalloc.start()
    for images, message in (
        (good + bytes(2**25), "too long: 27 bytes or more"),
        (
            good[:4] + struct.pack(">III", 2**12, 2**7, 2**8) + bytes(2**27),
            "compressed bytes claim to hold 134,217,728",
        ),
        (good[:4] + struct.pack(">III", 2**32 - 1, 2**7, 2**8), "claims 140,737,488,322,560 values"),
        (bytes(2**25), "starts with 0x00000000"),
    ):
        target = folder(tmp_path / "tiny", images)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(BadInput) as caught:
            load_data(target)
        assert message in str(caught.value)
        assert tracemalloc.get_traced_memory()[1] - before < 2**23
    tracemalloc.stop()


def test_folders_with_one_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one class only: every label is 0"):
        load_data(folder(tmp_path / "tiny", labels=1))


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder of $NEUROEP_DATA and the user's cache, both empty."""
    monkeypatch.setenv("NEUROEP_DATA", str(tmp_path / "root"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache = places("mnist")[-1 - len(HOMES["mnist"].system)]
    assert cache.is_relative_to(tmp_path)
    return tmp_path / "root", cache


def test_a_partial_folder_hides_no_complete_one(homes: tuple[Path, Path]) -> None:
    root, cache = homes
    folder(root / "mnist", without=PARTS[1])
    folder(cache)
    assert load_data("mnist").source == f"{cache} (not the published files)"
    assert {row.name: row.place for row in describe()}["mnist"] == str(cache)


def test_partial_folders_alone_say_what_is_missing(homes: tuple[Path, Path]) -> None:
    root, cache = homes
    folder(root / "mnist", without=PARTS[1])
    folder(cache, without=PARTS[2])
    with pytest.raises(MissingData) as caught:
        load_data("mnist")
    for place, part in ((root / "mnist", PARTS[1]), (cache, PARTS[2])):
        assert f"{place} lacks {part}" in str(caught.value)


def test_places_that_cannot_be_looked_into(homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _, cache = homes
    folder(cache)
    for value in ("~nosuchuser/data", "x" * 5000, "/dev/null"):
        monkeypatch.setenv("NEUROEP_DATA", value)
        assert str(cache) in load_data("mnist").source


def test_what_is_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.csv")
    (tmp_path / "loop.npz").symlink_to("loop.npz")
    for path in (tmp_path / "own.csv", tmp_path / "loop.npz"):
        with pytest.raises(BadInput, match="not a file or folder"):
            load_data(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("", "a\0b", "d" * 5000, "~nosuchuser/d.csv"):
            with pytest.raises(BadInput):
                load_data(name)
