"""Whatever is wrong: exit status 2, one line that says what and where, no traceback, nothing written."""

from __future__ import annotations

import argparse
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from calling import call, contents, edited, save_npz

from neuroep import load_device, load_model
from neuroep.cli import build_parser

ECRAM, DIGITS = (Path(load(name).path) for load, name in ((load_device, "ecram"), (load_model, "digits-mlp")))


def refused(tmp_path: Path, *argv: str | Path) -> str:
    """Return the one line of a refused command."""
    before = contents(tmp_path)
    called = call(*argv)
    assert (called.status, called.out) == (2, "")
    lines = called.err.splitlines()
    assert len(lines) == 1, called.err
    assert lines[0].startswith("neuroep: ")
    assert contents(tmp_path) == before
    return lines[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rum digits-mlp", ["'rum'", "did you mean 'run'"]),
        ("device", ["WHAT"]),
        ("run", ["model"]),
        ("run digits-ml", ["'digits-ml'", "did you mean 'digits-mlp'", "fashion-mlp"]),
        ("run nowhere.toml", ["nowhere.toml", "no such file"]),
        ("run digits-mlp --device ecam", ["'ecam'", "did you mean 'ecram'"]),
        ("run digits-mlp --device", ["--device"]),
        ("run digits-mlp --device ecram loihi1 --device ecram", ["ecram", "twice"]),
        ("run digits-mlp --data digit", ["'digit'", "did you mean 'digits'"]),
        ("run digits-mlp --data nowhere.npz", ["nowhere.npz"]),
        ("run digits-mlp --data nowhere/", ["nowhere"]),
        ("run digits-mlp --engine gpu", ["'gpu'", "did you mean 'cpu'", "reference"]),
        ("run digits-mlp --epochz 3", ["'--epochz'", "did you mean '--epochs'"]),
        ("run digits-mlp --epoch 3", ["'--epoch'", "did you mean '--epochs'"]),
        ("run digits-mlp --epochs three", ["--epochs", "three"]),
        ("run digits-mlp --epochs 0", ["--epochs", "1 or more"]),
        ("run digits-mlp --epochs -1", ["--epochs", "-1"]),
        ("run digits-mlp --epochs 1.5", ["--epochs", "1.5"]),
        ("run digits-mlp --seed -1", ["--seed", "-1"]),
        ("run digits-mlp --seed 2 2", ["--seed", "twice"]),
        ("run digits-mlp --threads 0", ["threads", "0"]),
        ("run digits-mlp --threads -2", ["threads", "-2"]),
        ("run digits-mlp --threads -2 --engine reference", ["threads", "-2"]),
        ("run digits-mlp --threads 100000", ["threads"]),
        ("run digits-mlp more", ["'more'"]),
        ("run parity --seed 5000000000", ["parity", "5000000000"]),
        ("run xor --data digits", ["64", "2"]),
        ("life digits-mlp", ["--device"]),
        ("life digits-ml --device rram-hfo2", ["'digits-ml'", "did you mean 'digits-mlp'"]),
        ("life digits-mlp --device rram-hfo", ["'rram-hfo'", "did you mean 'rram-hfo2'"]),
        ("life digits-mlp --device gpu-h100", ["'gpu-h100'", "cost-only", "crossbar"]),
        ("life digits-mlp --device rram-hfo2 --epochs 0", ["--epochs", "1 or more"]),
        ("life digits-mlp --device rram-hfo2 --seed 1 1", ["--seed", "once"]),
        ("life digits-mlp --device rram-hfo2 --from nowhere", ["--from", "'nowhere'", "backprop"]),
        ("life digits-mlp --device ecram --verify", ["verify", "ecram"]),
        ("ablate digits-mlp", ["--device"]),
        ("ablate digits-ml --device rram-sb", ["'digits-ml'", "did you mean 'digits-mlp'"]),
        ("ablate digits-mlp --device rram-bs", ["'rram-bs'", "did you mean 'rram-sb'"]),
        ("ablate digits-mlp --device ideal", ["'ideal' has no effects", "--device", "crossbar"]),
        ("ablate digits-mlp --device gpu-h100", ["'gpu-h100' has no effects", "--device"]),
        ("ablate digits-mlp --device rram-sb --effects writ-noise", ["--effects", "did you mean 'write-noise'"]),
        ("ablate digits-mlp --device rram-sb --effects traces", ["--effects", "rram-sb has no traces", "write-noise"]),
        ("ablate digits-mlp --device rram-sb --window 0", ["--window", "1 or more"]),
        ("ablate digits-mlp --device rram-sb --epochs 0", ["--epochs", "1 or more"]),
        ("ablate digits-mlp --device rram-sb --seed 1 1", ["--seed", "twice"]),
        ("ablate digits-mlp --device rram-sb --seed -1", ["--seed", "-1"]),
        ("ablate digits-mlp --device rram-sb --engine gpu", ["'gpu'", "did you mean 'cpu'"]),
        ("ablate digits-mlp --device rram-sb --threads 0", ["threads", "0"]),
        ("ablate digits-mlp --device rram-sb --data digit", ["'digit'", "did you mean 'digits'"]),
        ("ablate xor --device rram-sb --data digits", ["64", "2"]),
        ("models nowhere", ["'nowhere'", "digits-mlp"]),
        ("models xor digits-mlp", ["'digits-mlp'"]),
        ("devices nowhere", ["'nowhere'", "ecram"]),
        ("cost digits-mlp", ["--device"]),
        ("cost digits-mlp --device ecam", ["did you mean 'ecram'"]),
        ("cost digits-mlp --device ecram ecram", ["ecram", "twice"]),
        ("cost digits-mlp --device ecram --seed -1", ["--seed", "-1"]),
        ("cost digits-mlp --device ecram --engine x", ["'x'", "cpu"]),
        ("check digits-ml", ["did you mean 'digits-mlp'"]),
        ("check xor --device ecam", ["did you mean 'ecram'"]),
        ("check xor --samples 0", ["--samples"]),
        ("check xor --beta -1", ["beta", "0 < β"]),
        ("check xor --beta nan", ["beta", "nan"]),
        ("check xor --feedback 2", ["feedback", "2"]),
        ("check xor --feedback 0", ["feedback", "0"]),
        ("check xor --precision float16", ["float16", "float32"]),
        ("check xor --seed -1", ["--seed", "-1"]),
        ("check xor --reads adjoint", ["--reads", "--device"]),
        ("check xor --reads adjont", ["--reads", "did you mean 'adjoint'"]),
        ("check xor --engine x", ["'x'", "reference"]),
        ("bench stop", ["'stop'", "step"]),
        ("bench --model nowhere", ["'nowhere'"]),
        ("bench --steps 0", ["--steps"]),
        ("bench --batch 0", ["--batch"]),
        ("bench --threads 0 --model xor --steps 1", ["threads"]),
        ("bench --engine x", ["'x'"]),
        ("data nowhere", ["'nowhere'", "fetch"]),
        ("data fetch", ["name"]),
        ("data fetch digitz", ["'digitz'", "fashion-mnist"]),
    ],
)
def test_command_line(line: str, said: list[str], tmp_path: Path) -> None:
    found = refused(tmp_path, *line.split())
    assert all(part in found for part in said), found


@pytest.mark.parametrize("out", ["a-file", "a-file/run", "a-file/deep/run"])
def test_out_that_cannot_be_written(out: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("mine", encoding="utf-8")
    assert "a-file" in refused(tmp_path, "run", "xor", "--epochs", "1", "--out", out)
    assert "a-file" in refused(tmp_path, "ablate", "xor", "--device", "ecram", "--epochs", "1", "--out", out)


def test_fetch_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("mine", encoding="utf-8")
    assert "a-file" in refused(tmp_path, "data", "fetch", "mnist", "--to", "a-file")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[crossbar.g_max]", "[crossbar.g_mx]", ["crossbar", "'g_mx'", "did you mean 'g_max'"]),
        ("[energy.adc]", "[energy.adcs]", ["energy", "'adcs'", "did you mean 'adc'"]),
        ('unit = "uS"', 'unit = "uF"', ["crossbar.g_min", "'uF'", "uS"]),
        ('unit = "uS"', 'unit = "pJ"', ["crossbar.g_min", "pJ"]),
        ("value = 7\n", "value = 70\n", ["periphery.dac_bits", "70", "0 to 16"]),
        ("value = 7\n", "value = nan\n", ["nan", "finite"]),
        ("value = 7\n", "value = -7\n", ["periphery.dac_bits", "-7"]),
        ("low = 0.1\n", "low = 0.3\n", ["crossbar.g_min", "0.3"]),
        ('kind = "crossbar"', 'kind = "crossbr"', ["kind", "did you mean 'crossbar'"]),
        ('kind = "crossbar"', 'kind = "quantized"', ["kind", "'quantized'", "[synapse]"]),
        ('kind = "crossbar"', "", ["'kind'", "missing"]),
        ('kind = "crossbar"', "kind = ", ["not valid TOML", "line 2"]),
        ('tag = "measured"', 'tag = "certain"', ["'certain'", "estimate"]),
        ('tag = "measured"', "", ["'tag'"]),
    ],
)
@pytest.mark.parametrize("command", ["run digits-mlp --device", "cost digits-mlp --device", "devices"])
def test_device_file(command: str, old: str, new: str, said: list[str], tmp_path: Path) -> None:
    edited(ECRAM, tmp_path / "mine.toml", old, new)
    found = refused(tmp_path, *command.split(), "mine.toml")
    assert all(part in found for part in ["mine.toml", *said]), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("feedback = 1.0", "feedbck = 1.0", ["'feedbck'", "did you mean 'feedback'"]),
        ("feedback = 1.0", "feedback = 1.5", ["feedback", "1.5", "<= 1"]),
        ("feedback = 1.0", 'feedback = "1"', ["feedback", "str"]),
        ("beta = ", "betta = ", ["phases", "'betta'", "did you mean 'beta'"]),
        ("beta = ", "beta = -", ["phases.beta", "0 < β < 1", "-0."]),
        ("epochs = ", "epoch = ", ["training", "'epoch'", "did you mean 'epochs'"]),
        ("epochs = ", "epochs = -", ["training", "at least 1"]),
        ("batch_size = ", "batch_size = 0.", ["training.batch_size", "int"]),
        ('activation = "hard-sigmoid"', 'activation = "hard-sigmod"', ["layers[1]", "did you mean 'hard-sigmoid'"]),
        ('activation = "hard-sigmoid"', 'activation = "gelu"', ["layers[1]", "falls in places", "relu6"]),
        ('cost = "mse"', 'cost = "msr"', ["cost", "did you mean 'mse'"]),
        ("size = 64", "size = 0", ["layers[0].size", "1"]),
        ('data = "digits"', 'data = "digts"', ["'digts'", "did you mean 'digits'"]),
        ('data = "digits"', "data = 3", ["data", "int"]),
        ("[phases]", "[phases", ["not valid TOML"]),
    ],
)
def test_model_file(old: str, new: str, said: list[str], tmp_path: Path) -> None:
    edited(DIGITS, tmp_path / "mine.toml", old, new)
    found = refused(tmp_path, "run", "mine.toml", "--out", "o")
    assert all(part in found for part in said), found
    assert "'digts'" in said or "mine.toml" in found


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--device", "ecram", "--without", "granularity"], ["ecram", "whole pulses"]),
        (["--device", "loihi1"], ["'net'", "integer synapses"]),
    ],
)
def test_trains_of_states_that_cannot_be_sent(more: list[str], said: list[str], tmp_path: Path) -> None:
    """Before anything is trained, the ideal device included."""
    text = DIGITS.read_text(encoding="utf-8").replace('"accumulated"', '"net"')
    (tmp_path / "mine.toml").write_text(f'{text}\n[on.loihi1.programming]\nmethod = "net"\n', encoding="utf-8")
    found = refused(tmp_path, "run", "mine.toml", "--out", "o", *more)
    assert all(part in found for part in said), found


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"\xff\xfe\x00", b"[" * 5000])
@pytest.mark.parametrize("command", ["run", "models", "devices", "check"])
def test_a_toml_file_with_nothing_to_read(command: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    assert "mine.toml" in refused(tmp_path, command, "mine.toml")


@pytest.mark.parametrize("command", ["run", "cost", "check"])
def test_a_model_too_large_for_a_chip(command: str, tmp_path: Path) -> None:
    """2040 inputs and 10 outputs are 2050 senders, two of 4096 slots each."""
    layers = "layers = [{ size = 2040 }, { size = 20 }, { size = 10 }]"
    (tmp_path / "wide.toml").write_text(f'summary = "wide"\ndata = "mine.npz"\n{layers}\n', encoding="utf-8")
    save_npz(tmp_path / "mine.npz", inputs=2040, classes=10)
    found = refused(tmp_path, command, "wide.toml", "--device", "loihi1", *(["--out", "o"] if command == "run" else []))
    assert all(part in found for part in ["loihi1, layer 1", "4100 input axon slots", "4096 a core"]), found


def one(value: float, shape: tuple[int, ...] = (60, 64)) -> np.ndarray:
    x = np.zeros(shape)
    x[3, 4] = value
    return x


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x_train": one(np.nan)}, ["mine.npz", "x_train", "nan", "sample 3, input 4"]),
        ({"x_test": one(np.inf, (20, 64))}, ["mine.npz", "x_test", "inf"]),
        ({"x_train": one(1e300)}, ["mine.npz", "x_train", "float32"]),
        ({"x_train": np.zeros((60, 63)), "x_test": np.zeros((20, 63))}, ["63", "64"]),
        ({"x_train": np.zeros((60, 63))}, ["63", "64"]),
        ({"x_train": np.zeros(60)}, ["x_train", "(60,)"]),
        ({"x_train": np.zeros((0, 64)), "y_train": np.zeros(0)}, ["x_train", "(0, 64)"]),
        ({"x_train": np.full((60, 64), "a")}, ["x_train", "real numbers"]),
        ({"y_train": np.zeros(59)}, ["60", "59"]),
        ({"y_train": np.full(60, 0.5)}, ["y_train", "0.5"]),
        ({"y_train": np.full(60, -1)}, ["y_train", "-1"]),
        ({"y_train": np.arange(60) % 3, "y_test": np.arange(20) % 3}, ["10", "3"]),
        ({"y_train": np.arange(60) % 12}, ["10", "12"]),
        ({"x_train": np.array([{}] * 60)}, ["mine.npz", "x_train"]),
    ],
)
def test_npz_file(changes: dict[str, np.ndarray], said: list[str], tmp_path: Path) -> None:
    save_npz(tmp_path / "mine.npz", **changes)
    found = refused(tmp_path, "run", "digits-mlp", "--data", "mine.npz", "--out", "o")
    assert all(part in found for part in said), found


@pytest.mark.parametrize("name", ["mine.npz", "mine.csv", "mine.png"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\xff"])
def test_a_data_file_with_nothing_to_read(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refused(tmp_path, "run", "digits-mlp", "--data", name, "--out", "o")


def test_a_truncated_npz_file(tmp_path: Path) -> None:
    file = save_npz(tmp_path / "mine.npz")
    file.write_bytes(file.read_bytes()[:1000])
    assert "mine.npz" in refused(tmp_path, "run", "digits-mlp", "--data", "mine.npz", "--out", "o")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0.1,nan,1", ["line 3, column 2", "nan"]),
        ("0.1,0.2,cat", ["line 3, column 3", "cat"]),
        ("0.1,0.2,0.5", ["line 3, column 3", "0.5"]),
        ("0.1,1", ["line 3", "2 cells", "3"]),
        ("0.1,,1", ["line 3, column 2"]),
    ],
)
def test_csv_file(row: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(f"a,b,label\n1,0,1\n{row}\n0,0,0\n0,1,1\n", encoding="utf-8")
    found = refused(tmp_path, "run", "xor", "--data", "mine.csv", "--out", "o")
    assert all(part in found for part in ["mine.csv", *said]), found


PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def idx(tmp_path: Path) -> Path:
    """A folder of four good IDX files: 20 + 10 images of 8 × 8."""
    folder = tmp_path / "images"
    folder.mkdir()
    for part, count in zip(PARTS, (20, 20, 10, 10), strict=True):
        axes = (count, 8, 8) if "images" in part else (count,)
        values = (np.arange(np.prod(axes)) % 10).astype(np.uint8).tobytes()
        (folder / part).write_bytes(struct.pack(f">{1 + len(axes)}I", 0x800 + len(axes), *axes) + values)
    return folder


def test_the_idx_folder_is_good_as_it_is(idx: Path) -> None:
    assert call("run", "digits-mlp", "--data", idx, "--epochs", "1", "--no-backprop", "--out", "o").status == 0


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kept", [0, 3, 6, -1])
def test_truncated_idx_file(part: str, kept: int, idx: Path, tmp_path: Path) -> None:
    file = idx / part
    file.write_bytes(file.read_bytes()[:kept])
    found = refused(tmp_path, "run", "digits-mlp", "--data", "images", "--out", "o")
    assert part in found


def test_truncated_gz_file(idx: Path, tmp_path: Path) -> None:
    plain = idx / PARTS[0]
    (idx / f"{PARTS[0]}.gz").write_bytes(gzip.compress(plain.read_bytes())[:-12])
    plain.unlink()
    assert f"{PARTS[0]}.gz" in refused(tmp_path, "run", "digits-mlp", "--data", "images", "--out", "o")


def test_missing_idx_file(idx: Path, tmp_path: Path) -> None:
    (idx / PARTS[1]).unlink()
    assert PARTS[1] in refused(tmp_path, "run", "digits-mlp", "--data", "images", "--out", "o")


def test_published_data_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neuroep.data import homes

    monkeypatch.delenv("NEUROEP_DATA", raising=False)
    monkeypatch.setattr(homes, "cache_folder", lambda name: tmp_path / "cache" / name)
    found = refused(tmp_path, "run", "digits-mlp", "--data", "mnist", "--out", "o")
    assert "neuroep data fetch mnist" in found


def every_option() -> list[str]:
    """Every option of every command that takes a text, from the parser."""
    (commands,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return [
        f"{name} {action.option_strings[-1]}"
        for name, parser in commands.choices.items()
        for action in parser._actions
        if action.option_strings and action.nargs != 0
    ]


@pytest.mark.parametrize("line", [*every_option(), "run", "settle", "device fit", "device levels --name", "data fetch"])
def test_empty_text_is_refused_by_every_option(line: str, tmp_path: Path) -> None:
    """As a path it was the current folder, as a list of effects all or none, as an engine the default."""
    assert "empty text" in refused(tmp_path, *line.split(), "")


def test_a_list_of_effects_has_no_empty_place(tmp_path: Path) -> None:
    assert "no effect is called ''" in refused(tmp_path, "run", "xor", "--device", "ecram", "--without", "read-noise,")
