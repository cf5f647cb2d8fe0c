"""Files are whole or as they were; what is damaged is refused by name."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from neuroep.disk import load_tensors, make_folder, read_json, refuse_existing, save_tensors, to_json, write_atomic
from neuroep.errors import BadInput


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    write_atomic(path, "new µ")
    assert path.read_bytes() == "new µ".encode()
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"x")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"]
    assert modes[0] == modes[1]


def test_the_umask_is_kept_to_without_being_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", lambda _: pytest.fail("another thread would make files with this"))
            write_atomic(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: BaseException
) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, "old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(BadInput if isinstance(failure, OSError) else KeyboardInterrupt):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_write_to_no_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be written"):
        write_atomic(tmp_path / "absent" / "a.txt", "x")


ARRAYS = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
    "codes": np.array([-7, 3], dtype=np.int8),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 4)),
    "flags": np.array([True, False]),
    "key": np.array([2**63 + 1], dtype=np.uint64),
}


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a.safetensors", ARRAYS, {"epoch": "3"})
    arrays, metadata = load_tensors(tmp_path / "a.safetensors")
    assert metadata == {"epoch": "3"}
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_truncated_tensors_are_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"a\.safetensors: truncated or damaged"):
        load_tensors(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_text("PK not tensors, and long enough to hold a header of some length")
    with pytest.raises(BadInput, match="truncated or damaged"):
        load_tensors(tmp_path / "a.safetensors")
    with pytest.raises(BadInput, match="can't be read"):
        load_tensors(tmp_path / "absent.safetensors")
    with pytest.raises(BadInput, match="can't be read"):
        load_tensors(tmp_path)


def test_json_is_strict_and_keeps_order() -> None:
    value = {"b": np.float32(0.5), "a": [float("nan"), float("inf"), np.int64(3)], "p": Path("x"), "t": (True, None)}
    text = to_json(value | {"array": np.eye(2, dtype=np.int8)})
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} isn't JSON"))
    assert list(read) == ["b", "a", "p", "t", "array"]
    assert read == {"b": 0.5, "a": [None, None, 3], "p": "x", "t": [True, None], "array": [[1, 0], [0, 1]]}


def test_an_output_takes_nothings_place_unasked(tmp_path: Path) -> None:
    file, link, folder = (tmp_path / name for name in ("file", "link", "folder"))
    refuse_existing(None, "--plot", force=False)
    refuse_existing(file, "--plot", force=False)
    file.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    folder.mkdir()
    for path in (file, link, folder):
        with pytest.raises(BadInput, match=r"--plot: .*(is there already.*--force|is a folder)"):
            refuse_existing(path, "--plot", force=False)
    refuse_existing(file, "--plot", force=True)
    refuse_existing(link, "--plot", force=True)
    with pytest.raises(BadInput, match="is a folder"):
        refuse_existing(folder, "--plot", force=True)


def test_a_folder_is_made_or_refused(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "a", tmp_path / "a\0b"):
        with pytest.raises(BadInput, match="can't be made"):
            make_folder(path)


def test_json_of_any_size_is_read_or_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (b"[" * 100_000, b"9" * 10_000, b"\xff\xfe{", b""):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="damaged"):
            read_json(path)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadInput, match="too large"):
        read_json(path)
