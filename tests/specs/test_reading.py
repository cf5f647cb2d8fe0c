"""Files that can't be used: each gets one line with file, place and what is allowed, never a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroep import catalogue
from neuroep.errors import BadInput
from neuroep.specs import DeviceSpec, ModelSpec, read_device, read_model

READERS = [read_model, read_device]
Reader = Callable[[str | Path], ModelSpec | DeviceSpec]
SHIPPED = [(read_model, catalogue.find("models", "xor")), (read_device, catalogue.find("devices", "ecram"))]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "nothing in it"),
        (b"# only a comment\n", "nothing in it"),
        (b'summary = "a"\nkind = \n', "line 2"),
        (b'summary = "a"\nsummary = "b"\n', "line 2"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "not valid TOML"),
        (b"\xff\xfe\x00binary", "not text in UTF-8"),
        (b"x = " + b"[" * 20_000, "not valid TOML"),
        (b"[energy.synop]\nvalue = nan\n", r"energy\.synop\.value: the number nan"),
        (b"x = [1.0, inf]\n", r"x\[1\]: the number inf"),
        (b"#" * 1_000_001, "too large"),
    ],
)
def test_unreadable_content(reader: Reader, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        reader(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("reader", READERS)
def test_missing_file_directory_and_impossible_paths(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        reader(tmp_path / "missing.toml")
    with pytest.raises(BadInput, match="not a regular file"):
        reader(tmp_path)
    for text in ("a\0b.toml", "x" * 5000 + ".toml"):
        with pytest.raises(BadInput):
            reader(text)


@pytest.mark.parametrize("reader", READERS)
def test_file_without_permission_or_blocked(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    path.write_text("x = 1\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match="Permission denied"):
        reader(path)


@pytest.mark.parametrize("reader", READERS)
@given(content=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_never_raise_anything_else(reader: Reader, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "random.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        reader(path)


@pytest.mark.parametrize(("reader", "source"), SHIPPED)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_load_or_raise_bad_input(
    reader: Reader, source: Path, data: st.DataObject, tmp_path: Path
) -> None:
    text = source.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(len(text), start + 30)))
    patch = data.draw(st.sampled_from(["", "x", "0", "-1", "1e400", "true", '"', "[", "1979-05-27", '= "a"\n', "{}"]))
    path = tmp_path / "damaged.toml"
    path.write_text(text[:start] + patch + text[stop:], encoding="utf-8")
    with contextlib.suppress(BadInput):
        reader(path)
