"""`neuroep settle`: what it prints follows from the physics, and bad input gets one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neuroep.cli import build_parser
from neuroep.errors import BadInput, UnknownName


def call(*argv: str) -> int:
    """Parse and act as the command line does, without its handling of errors."""
    options = build_parser().parse_args(["settle", *argv])
    status: int = options.act(options)
    return status


@pytest.mark.parametrize("form", ["membrane", "gradient"])
@pytest.mark.parametrize("solver", ["dopri5", "rk4", "exponential-euler"])
def test_free_and_nudged_phases(solver: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("xor", "--solver", solver, "--form", form, "--beta", "0.2", "--tolerance", "1e-9", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["phase"] for row in found["rows"]] == ["free", "nudged"]
    for row in found["rows"]:
        assert row["converged"] == row["samples"] == 4
        assert row["residual_max"] <= 1e-9
        assert row["from_sweeps"] < 1e-7
    for phase in ("free", "nudged"):
        course = [entry for entry in found["course"] if entry["phase"] == phase]
        energy, residual = (np.array([entry[key] for entry in course]) for key in ("energy", "residual"))
        assert course[-1]["distance"] == 0.0
        assert residual[-1] <= 1e-9 < 1e-2 < residual[0]
        if form == "gradient":
            assert (np.diff(energy) <= 1e-9).all(), "the gradient flow descends the energy"
    seconds = [entry["seconds"] for entry in found["course"]]
    assert (np.diff(seconds) >= 0.0).all()
    assert seconds[0] == 0.0


def test_a_table_for_people_and_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "course.png"
    assert call("xor", "--beta", "0.2", "--plot", str(file)) == 0
    out = capsys.readouterr().out
    assert "nudged, β = 0.2" in out
    assert "rtol 1e-06" in out
    assert file.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["course.png"]


def test_noise_runs_to_the_time_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("xor", "--solver", "stochastic-heun", "--noise", "0.5", "--seconds", "0.004", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["step_limit"] == 4
    assert row["seconds_max"] == row["seconds_median"] == 0.004
    assert row["from_sweeps"] is None


BAD = [
    (("--solver", "dopri"), "did you mean 'dopri5'"),
    (("--form", "membran"), "did you mean 'membrane'"),
    (("--solver", "rk4", "--rtol", "1e-3"), "has no estimate"),
    (("--step", "1e-4", "--atol", "1e-3"), "together with --step"),
    (("--solver", "euler-maruyama"), "--seconds: noise never comes to rest"),
    (("--noise", "1"), "thermal noise with 'dopri5'"),
    (("--samples", "0"), "--samples: 0 samples"),
    (("--seed", "-1"), "--seed: seed -1"),
    (("--beta", "-1"), "--beta: β = -1"),
    (("--beta", "nan"), "--beta: β = nan"),
    (("--plot", "course.bmp"), "--plot: a figure called 'course.bmp'"),
    (("--plot", "nowhere/course.png"), "--plot: no folder 'nowhere'"),
    (("--step", "-1"), "a step of -1.0 s"),
    (("--steps", "0"), "no steps"),
    (("--tolerance", "nan"), "tolerance nan"),
]


@pytest.mark.parametrize(("argv", "message"), BAD)
def test_bad_input_is_named(
    argv: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((BadInput, UnknownName)) as caught:
        call("xor", *argv)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())
