"""Finding shipped and own files, by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.specs import catalogue

DEVICES = [
    "cpu-server", "digital-45nm", "digital-7nm", "ecram", "gpu-h100", "ideal", "loihi1", "loihi1-sanafe", "loihi2",
    "rram-taox", "spinnaker2",
]  # fmt: skip
MODELS = ["digits-mlp", "fashion-deep", "fashion-mlp", "parity", "xor"]


def test_what_is_shipped() -> None:
    assert set(DEVICES) <= set(catalogue.names("devices"))
    assert set(MODELS) <= set(catalogue.names("models"))
    assert catalogue.names("devices") == sorted(catalogue.names("devices"))


def test_a_name_and_its_path_give_the_same() -> None:
    path = catalogue.find("models", "xor")
    assert catalogue.load_model(path) == catalogue.load_model("xor") == catalogue.load_model(str(path))


def test_own_files_work_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = catalogue.find("devices", "loihi1").read_text(encoding="utf-8")
    (tmp_path / "my-chip.toml").write_text(text, encoding="utf-8")
    (tmp_path / "bare").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("my-chip.toml", "./my-chip.toml", "~/my-chip.toml", tmp_path / "my-chip.toml"):
        spec = catalogue.load_device(path)
        assert spec.name == "my-chip"
        assert spec.numbers == catalogue.load_device("loihi1").numbers
    assert catalogue.load_device("bare").name == "bare"


def test_a_shipped_name_comes_before_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xor").mkdir()
    monkeypatch.chdir(tmp_path)
    assert catalogue.load_model("xor").name == "xor"


@pytest.mark.parametrize(("wrong", "right"), [("loihi_1", "loihi1"), ("ecramm", "ecram"), ("rram_taox", "rram-taox")])
def test_unknown_names_suggest_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(UnknownName, match=f"did you mean '{right}'"):
        catalogue.load_device(wrong)


@pytest.mark.parametrize("text", ["", "zzz", "x" * 5000, "a\0b"])
def test_names_that_are_nothing(text: str) -> None:
    with pytest.raises(UnknownName):
        catalogue.find("devices", text)


@pytest.mark.parametrize("path", ["no/such/folder/chip.toml", "chip.toml", ".", "..", "/"])
def test_paths_that_are_nothing(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput):
        catalogue.load_device(path)


def test_unknown_kind() -> None:
    with pytest.raises(UnknownName, match="did you mean 'devices'"):
        catalogue.names("device")  # type: ignore[arg-type]


def test_an_installation_without_its_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "neuroep" / "specs" / "catalogue.py"))
    with pytest.raises(BadInput, match="shipped models are missing"):
        catalogue.names("models")


def test_the_installed_place_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path / "neuroep" / "_catalogue" / "models", tmp_path / "models"):
        place.mkdir(parents=True)
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "neuroep" / "specs" / "catalogue.py"))
    assert catalogue.folder("models") == tmp_path / "neuroep" / "_catalogue" / "models"


def test_specs_are_told_in_a_line() -> None:
    assert repr(catalogue.load_device("ideal")).startswith("<DeviceSpec ideal, ideal: ")
    assert repr(catalogue.load_model("xor")).startswith("<ModelSpec xor: ")


def test_a_file_goes_by_its_whole_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-chip.toml").write_bytes(b"\xef\xbb\xbf" + catalogue.find("devices", "ecram").read_bytes())
    with pytest.raises(BadInput, match=r"no device is called 'my-chip'; allowed: my-chip\.toml"):
        catalogue.load_device("my-chip")
    assert catalogue.load_device("my-chip.toml").numbers == catalogue.load_device("ecram").numbers  # and with a mark
