"""docs/json.md names every key that the commands print, and no other."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
from calling import Finished, Key, call, keys
from safetensors.numpy import load_file

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
MODEL = """
summary = "every key at once"
data = "xor"
layers = [{ size = 2 }, { size = 3 }, { size = 2 }]
[on.ecram.training]
epochs = 3
[on.ecram.programming]
method = "opposite"
[[measured]]
method = "ep"
device = "ideal"
test_accuracy = 0.5
sd = 0.1
seeds = 2
epochs = 1
command = "neuroep run xor"
"""


def section(title: str) -> str:
    """The text under a heading."""
    (found,) = re.findall(rf"^## `?{re.escape(title)}`?\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return found


def documented(title: str) -> list[Key]:
    """The keys in the first column of a section's table, alternatives written out."""
    cells = re.findall(r"^\| (`.*?`) \| [^|]*\|$", section(title), re.MULTILINE)
    assert cells
    found = []
    for text in re.findall(r"`([^`]+)`", " ".join(cells)):
        choices = [part.split("/") for part in text.replace("[]", ".[]").split(".")]
        found += list(product(*choices))
    return found


def fits(key: Key, pattern: Key) -> bool:
    if pattern[-1] == "**":
        return len(key) >= len(pattern) and fits(key[: len(pattern) - 1], pattern[:-1])
    pairs = zip(key, pattern, strict=False)
    return len(key) == len(pattern) and all(name == part or part.startswith("{") for name, part in pairs)


def check(title: str, *printed: object) -> None:
    """Every key printed is on the page, and every key of the page is printed."""
    patterns, found = documented(title), {key for each in printed for key in keys(each)}
    # a null stands where a band or a list of keys is documented
    found = {key for key in found if not any(p[: len(key)] == key and len(p) > len(key) for p in patterns)}
    assert [key for key in found if not any(fits(key, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fits(key, pattern) for key in found)] == []


def test_run(finished: Finished) -> None:
    check("neuroep run", call(*finished.argv, "--json").json)


@pytest.mark.parametrize(
    ("title", "argv"),
    [
        (
            "neuroep cost",
            ["cost", "digits-mlp", "--device", "ecram", "loihi1", "cpu-server", "ideal", "--without", "granularity"],
        ),
        ("neuroep check", ["check", "xor", "--device", "ecram", "--without", "granularity", "--beta", "0.9"]),
        ("neuroep life", ["life", "xor", "--device", "rram-hfo2", "--epochs", "1"]),
        ("neuroep ablate", ["ablate", "own.toml", "--device", "ecram", "--effects", "read-noise", "--epochs", "1"]),
        ("neuroep continual", ["continual", "xor", "--tasks", "2", "--epochs", "1"]),
        (
            "neuroep parity",
            ["parity", "--n", "3", "--hidden", "20", "--train", "20", "--test", "8", "--seeds", "200", "--no-backprop"],
        ),
        ("neuroep settle", ["settle", "xor", "--samples", "2", "--device", "ecram"]),
        ("neuroep settle --engine spiking", ["settle", "xor", "--samples", "2", "--engine", "spiking"]),
        ("neuroep bench", ["bench", "--model", "xor", "--steps", "1", "--threads", "1"]),
        ("neuroep bench settling|threads|growth|memory|cuda", ["bench", "memory"]),
        ("neuroep models", ["models"]),
        ("neuroep models NAME", ["models", "own.toml"]),
        ("neuroep devices", ["devices"]),
        ("neuroep devices NAME", ["devices", "loihi1"]),
        ("neuroep device fit FILE", ["device", "fit", "pulses.csv"]),
        ("neuroep device levels", ["device", "levels", "--levels", "8", "--g-min", "1uS", "--g-max", "2uS"]),
        ("neuroep data", ["data"]),
        ("neuroep info", ["info"]),
        ("neuroep cite", ["cite"]),
    ],
)
def test_every_other_command(title: str, argv: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(MODEL, encoding="utf-8")
    rows = [f"{k},{8.0 - abs(k - 7) * 0.3},x" for k in range(15)]
    (tmp_path / "pulses.csv").write_text("\n".join(["pulse,conductance_uS,note", *rows]), encoding="utf-8")
    more = [call("cost", "xor", "--device", "ecram", "--relaxation", "--json").json] if argv[0] == "cost" else []
    check(title, call(*argv, "--json").json, *more)


def test_export_and_import(finished: Finished) -> None:
    check("neuroep export", call("export", finished.folder, "--to", "safetensors", "--json").json)
    argv = ("import", "digits-mlp.safetensors", "--model", "digits-mlp", "--out", "again.safetensors", "--json")
    check("neuroep import", call(*argv).json)


def test_report(finished: Finished, tmp_path: Path) -> None:
    """Of two runs, the second on other data, with other seeds, on another engine."""
    other = tmp_path / "other"
    shutil.copytree(finished.folder, other)
    result = json.loads((other / "result.json").read_text(encoding="utf-8"))
    result["data"]["sha256"] = "0" * 64
    result["spec"] |= {"seeds": [5, 6], "engine": "reference"}
    (other / "result.json").write_text(json.dumps(result), encoding="utf-8")
    check("neuroep report", call("report", finished.folder, other, "--json").json)


def test_every_command_with_json_has_a_section() -> None:
    from neuroep.cli import build_parser

    commands = next(action.choices for action in build_parser()._actions if action.dest == "command")
    assert commands
    with_json = {name for name, parser in commands.items() if _has_json(parser)}
    assert with_json == {title.split()[1] for title in re.findall(r"^## `([^`]+)`", PAGE, re.MULTILINE)}


def _has_json(parser: argparse.ArgumentParser) -> bool:
    """Whether a command prints JSON, itself or one of those below it."""
    below = [each for action in parser._actions for each in _parsers(action.choices)]
    return "--json" in parser.format_help() or any(map(_has_json, below))


def _parsers(choices: object) -> list[argparse.ArgumentParser]:
    return list(choices.values()) if isinstance(choices, dict) else []


def test_files_of_a_run_folder(finished: Finished) -> None:
    text = section("Files of a run folder")
    present = {path.name for path in finished.folder.iterdir() if not path.name.startswith(".")}
    assert {name.rstrip("/") for name in re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)} == present
    columns = (finished.folder / "history.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    (line,) = (line for line in text.splitlines() if "history.csv" in line)
    assert re.findall(r"`(\w+)`", line) == columns
    for name in load_file(finished.folder / "weights.safetensors"):
        assert re.fullmatch(r"(ep|backprop)/[\w.-]+/\d+/[Wb]\d+", name)
