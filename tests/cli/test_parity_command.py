"""neuroep parity: its rows, the published traffic of backprop, and what it refuses."""

from __future__ import annotations

import pytest
from calling import call

SMALL = ("parity", "--n", "3", "--k", "3", "--hidden", "100", "--train", "50", "--test", "50", "--seeds", "200")


def test_rows_and_the_published_traffic_of_backprop() -> None:
    """BENCHMARKS: backprop, 3-100-1: weighted ARD 1,071.20, DMC 56,144.03, DMD 35,160."""
    found = call(*SMALL, "--json").json
    assert (found["train"], found["test"]) == (50, 50)
    assert [row["method"] for row in found["rows"]] == ["ep", "backprop"]
    step = found["rows"][1]["step"]
    assert step["weighted_ard"] == pytest.approx(1071.20, abs=0.005)
    assert step["dmc"] == pytest.approx(56_144.03, abs=0.005)
    assert round(step["dmd"]) == 35_160
    for row in found["rows"]:
        assert (row["n"], row["k"], row["hidden"], row["seed"], row["test_accuracy"]) == (3, 3, 100, 200, 1.0)
        samples = 50 * row["epochs"]
        assert row["to_solution"] == {name: row["step"][name] * samples for name in ("dmc", "dmd", "byte_dmd")}


def test_a_line_a_training_and_no_traffic_to_a_solution_that_is_none() -> None:
    called = call(*SMALL, "--device", "ecram", "--no-backprop", "--epochs", "1")
    assert called.status == 0
    assert called.out.count("ideal") == called.out.count("ecram") == 1
    row = call(*SMALL, "--no-backprop", "--epochs", "1", "--json").json["rows"][0]
    assert (row["epochs"], row["to_solution"]) == (1, None)
    assert row["test_accuracy"] < 1.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--n", "3", "--k", "4"), "--k"),
        (("--n", "0"), "--n"),
        (("--hidden", "0"), "--hidden"),
        (("--epochs", "0"), "--epochs"),
        (("--seeds", "1", "1"), "--seed"),
        (("--seeds", "5000000000"), "5000000000"),
        (("--device", "gpu-h100"), "--device"),
        (("--device", "ecram", "ecram"), "--device"),
        (("--engine", "cup"), "cpu"),
    ],
)
def test_what_cant_be_is_refused_in_a_line(given: tuple[str, ...], said: str) -> None:
    called = call("parity", *given)
    assert (called.status, called.out, called.err.count("\n")) == (2, "", 1)
    assert said in called.err
