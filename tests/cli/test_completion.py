"""Completion scripts, asked by the shells themselves what may come next; expectations from the catalogue's files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from calling import call

ROOT = Path(__file__).resolve().parents[2]
DEVICES, MODELS = ({path.stem for path in (ROOT / kind).glob("*.toml")} for kind in ("devices", "models"))
#: A shell's own words that ask its completion; zsh's reaches the terminal alone, so its two ways out are printed.
BASH = """source ./.script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _neuroep
for found in "${{COMPREPLY[@]}}"; do echo "$found"; done"""
ZSH = """compdef() {{ : }}; compadd() {{ [[ $# -gt 1 ]] && print -l -- "${{(@)@[2,-1]}}" }}; _files() {{ : }}
source ./.script; words=({words}); CURRENT=$#words; _neuroep"""
FISH = """source .script; complete -C "{line}" | string replace -r '\\t.*' ''"""


def found(shell: str, line: str, tmp_path: Path) -> set[str]:
    """What a shell offers in place of the line's last word, which may be empty."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / ".script").write_text(call("completion", shell).out, encoding="utf-8")
    *before, last = line.split(" ")
    words = " ".join([*before, f"'{last}'"])
    asked = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell].format(words=words, line=line)
    options = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}[shell]
    done = subprocess.run([shell, *options, asked], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {word for word in done.stdout.splitlines() if word.startswith(last)}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("neuroep ru", {"run"}),
        ("neuroep device ", {"fit", "levels"}),
        ("neuroep run ", MODELS),
        ("neuroep cost digits", {name for name in MODELS if name.startswith("digits")}),
        ("neuroep run digits-mlp --device ", DEVICES),
        ("neuroep cost digits-mlp -d ec", {"ecram", "ecram-mo"}),
        ("neuroep cost digits-mlp --by ", {"phase", "layer", "event"}),
        ("neuroep devices loihi1", {"loihi1", "loihi1-sanafe"}),
        ("neuroep models x", {"xor"}),
        ("neuroep run digits-mlp --no", {"--no-backprop"}),
        ("neuroep device fit x.csv --she", {"--sheet"}),
        ("neuroep completion ", {"bash", "zsh", "fish"}),
        ("neuroep data fetch --t", {"--to"}),
    ],
)
def test_what_may_come_next(shell: str, line: str, offered: set[str], tmp_path: Path) -> None:
    assert found(shell, line, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("neuroep run digits-mlp -d ecram loihi1-", {"loihi1-sanafe"}),  # several values
        ("neuroep cost --by phase xo", {"xor"}),  # one value, then the model
        ("neuroep run --no-backprop xo", {"xor"}),  # no value at all
        ("neuroep device fit x.csv --model ", set()),  # a step model, not a network
        ("neuroep run digits-mlp --epochs ", set()),
    ],
)
def test_options_take_as_many_words_as_they_do(shell: str, line: str, offered: set[str], tmp_path: Path) -> None:
    assert found(shell, line, tmp_path) == offered


@pytest.mark.parametrize("line", ["neuroep ", "neuroep device "])
def test_no_file_is_taken_for_a_command(line: str, tmp_path: Path) -> None:
    (tmp_path / "weights.txt").touch()
    assert "weights.txt" not in found("fish", line, tmp_path)


def test_another_shell_is_refused_with_the_nearest() -> None:
    called = call("completion", "bsh")
    assert (called.status, called.out) == (2, "")
    assert "did you mean 'bash'" in called.err
