"""What helps at the start: `neuroep` alone, and an example that works as the first line of every command's help."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from calling import Finished, call

from neuroep.bridges.weights_file import save_weights
from neuroep.cli import build_parser
from neuroep.network import initial_weights
from neuroep.rng import stream
from neuroep.specs.catalogue import load_model

#: Examples that take more than some seconds; and the only one that goes to a network.
LONG = ("run", "ablate", "life", "bench")
ONLINE = "data fetch"


def parsers(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command's parser with the words that lead to it."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from parsers(below, f"{path} {name}".strip())


PARSERS = dict(parsers(build_parser()))


def example(path: str) -> str:
    """The example that a command's help opens with."""
    first, blank, *_ = PARSERS[path].format_help().splitlines()
    assert blank == ""
    assert first.startswith(f"example: neuroep {path}".rstrip())
    return first.removeprefix("example: neuroep ")


@pytest.mark.parametrize("path", PARSERS)
def test_help_opens_with_an_example_that_parses(path: str) -> None:
    build_parser().parse_args(shlex.split(example(path)))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] * (path in LONG))
        for path in PARSERS
        if path not in ("", "export", "cite", "report", ONLINE)
    ],
)
def test_it_works(path: str) -> None:
    rows = [f"{k},{8.0 - abs(k - 7) * 0.3}" for k in range(15)]
    Path("pulses.csv").write_text("\n".join(["pulse,conductance_uS", *rows]), encoding="utf-8")
    network = load_model("digits-mlp").network()
    save_weights(initial_weights(network, stream(0, "weights"), np.float32), Path("weights.safetensors"))
    called = call(*shlex.split(example(path)))
    assert called.status == 0, called.err
    assert called.out


@pytest.mark.parametrize("path", [pytest.param("export", marks=pytest.mark.slow), "cite", "report"])
def test_it_works_on_a_finished_run(path: str, finished: Finished) -> None:
    Path("runs").mkdir()
    Path("runs/digits-mlp").symlink_to(finished.folder)
    called = call(*shlex.split(example(path)))
    assert called.status == 0, called.err
    assert called.out


def test_neuroep_alone_says_what_to_try_first() -> None:
    called = call()
    assert (called.status, called.err) == (0, "")
    lines = [line.partition("#") for line in called.out.splitlines()]
    assert len(lines) == 5
    for line, _, what in lines:
        program, *argv = shlex.split(line)
        assert program == "neuroep"
        assert what.strip()
        assert argv == ["--help"] or build_parser().parse_args(argv).act


def test_an_option_alone_is_still_checked() -> None:
    called = call("--versoin")
    assert (called.status, called.out) == (2, "")
    assert "did you mean '--version'" in called.err
