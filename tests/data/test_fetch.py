"""Fetching, with the network replaced by a folder of this test."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pooch
import pytest

from neuroep.data import describe, fetch, homes, load_data
from neuroep.data.homes import HOMES, PARTS
from neuroep.errors import BadInput, NotAvailable, UnknownName


class Server:
    """Stands in for the network: serves bytes by file name and counts the requests."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.requests = files, 0

    def __call__(self, url: str, output_file: str, pooch_object: Any, check_only: bool = False) -> None:
        self.requests += 1
        name = url.rsplit("/", 1)[1]
        if name not in self.files:
            raise OSError(f"404 for {url}")
        Path(output_file).write_bytes(self.files[name])


def serve(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> Server:
    server = Server(files)
    monkeypatch.setattr(pooch, "HTTPDownloader", lambda progressbar: server)
    return server


def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A tiny set, and its hashes in the place of MNIST's."""
    headers = [b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02", b"\0\0\x08\x01\0\0\0\x02"] * 2
    bodies = [b"\0\xff\x33\x66", b"\0\x01"] * 2
    plain = [header + body for header, body in zip(headers, bodies, strict=True)]
    files = {f"{part}.gz": gzip.compress(content) for part, content in zip(PARTS, plain, strict=True)}
    archives = tuple(hashlib.sha256(content).hexdigest() for content in files.values())
    contents = tuple(hashlib.sha256(content).hexdigest() for content in plain)
    monkeypatch.setitem(homes.HOMES, "mnist", replace(HOMES["mnist"], archives=archives, contents=contents))
    return files


@pytest.mark.parametrize("progress", [False, True])
def test_fetched_set_loads_and_is_not_fetched_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: bool
) -> None:
    server = serve(monkeypatch, published(monkeypatch))
    assert fetch("mnist", tmp_path, progress) == tmp_path / "mnist"
    data = load_data("mnist", folder=tmp_path)
    assert data.source == str(tmp_path / "mnist")
    assert data.y_train.tolist() == [0, 1]
    fetch("mnist", tmp_path, progress)
    assert server.requests == 4


def test_wrong_bytes_are_refused_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = published(monkeypatch)
    serve(monkeypatch, files | {f"{PARTS[0]}.gz": b"a login page"})
    with pytest.raises(NotAvailable, match=r"train-images-idx3-ubyte\.gz could not be fetched"):
        fetch("mnist", tmp_path, progress=False)
    assert list((tmp_path / "mnist").iterdir()) == []


def test_failing_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {})
    with pytest.raises(NotAvailable, match="404") as caught:
        fetch("fashion-mnist", tmp_path, progress=False)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="fashion-mnist, mnist"):
        fetch("digits", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="can't be made"):
        fetch("mnist", tmp_path / "file", progress=False)


def test_describe_says_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROEP_DATA", str(tmp_path))
    serve(monkeypatch, published(monkeypatch))
    fetch("mnist", tmp_path, progress=False)
    rows = {row.name: row for row in describe()}
    assert set(rows) == {"digits", "xor", "parity", "mnist", "fashion-mnist"}
    assert rows["mnist"].place == str(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{PARTS[2]}.gz").unlink()
    assert {row.name: row for row in describe()}["mnist"].place != str(tmp_path / "mnist")
    for name in ("digits", "xor", "parity"):
        data = load_data(name)
        assert (rows[name].inputs, rows[name].train, rows[name].test, rows[name].classes) == (
            data.x_train.shape[1],
            len(data.x_train),
            len(data.x_test),
            data.classes,
        )
