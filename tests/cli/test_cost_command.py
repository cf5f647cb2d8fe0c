"""`neuroep cost`: bills taken apart, drawn, and what is refused before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import call


@pytest.mark.parametrize(
    ("by", "said"),
    [("phase", ("stage", "drive", "contrast", "program")), ("layer", ("layer", "training step")), ("event", ("adc",))],
)
def test_rows_of_a_bill(by: str, said: tuple[str, ...]) -> None:
    found = call("cost", "xor", "--device", "ecram", "--by", by, "--warm", "1")
    assert (found.status, found.err) == (0, "")
    for text in (*said, "100.0% of a training step's counted work has a price", "ADC(s)"):
        assert text in found.out


def test_what_has_no_price_is_named() -> None:
    found = call("cost", "xor", "--device", "gpu-h100", "--warm", "1")
    assert "updates of units: counted, without a price" in found.out
    assert "gpu-h100 at 0.014" in found.out
    assert found.out.count("backprop") == 3  # at peak rate, at the stated utilisation, and in the memory traffic


def test_work_without_a_price_is_counted_by_event() -> None:
    """Of the two inputs of xor a sample each drives a line once; Loihi has no converters, and its spikes no price."""
    found = call("cost", "xor", "--device", "noisy-periphery", "--by", "event", "--warm", "1").out
    (drives,) = (line.split() for line in found.splitlines() if line.split()[:2] == ["drive", "dac"])
    assert drives == ["drive", "dac", "2.0", "–", "–"]
    found = call("cost", "xor", "--device", "loihi1", "--engine", "spiking", "--by", "event", "--warm", "1").out
    rows = [line.split() for line in found.splitlines()]
    assert not any("dac" in row for row in rows)
    (spikes,) = (row for row in rows if row[:2] == ["inference", "spike"])
    assert float(spikes[2]) > 0.0


def test_all_devices_are_looked_at_before_the_first_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuroep.studies.estimate.estimate_cost", lambda *_: pytest.fail("worked out"))
    found = call("cost", "digits-spiking", "--device", "loihi1", "ecram")
    assert (found.status, "on ecram: engine: converters" in found.err) == (2, True)


def test_lines_add_up_to_the_bill() -> None:
    (row,) = call("cost", "xor", "--device", "loihi1", "--warm", "2", "--json").json["rows"]
    whole = sum(band["value"] for phase in row["energy_joules"].values() for band in phase.values())
    assert sum(line["energy"]["value"] for line in row["lines"] if line["energy"]) == pytest.approx(whole)
    assert row["coverage"]["training_step"] == {"share": 1.0, "missing": []}
    assert row["relaxation"] is row["backprop"] is row["utilised"] is None


def test_bills_are_drawn_and_not_over_a_file_of_mine(tmp_path: Path) -> None:
    path = tmp_path / "bill.svg"
    argv = ("cost", "xor", "--device", "ecram", "loihi1", "--warm", "1", "--plot", path)
    assert call(*argv).status == 0
    drawn = path.read_text(encoding="utf-8")
    assert "xor on ecram" in drawn
    assert "nudged" in drawn
    assert call(*argv).status == 2
    assert call(*argv, "--force").status == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--warm", "-1"), "--warm: -1 minibatches"),
        (("--by", "unit"), "cost: --by: 'unit'; allowed: phase, layer, event"),
        (("--plot", "bill.txt"), "--plot: a figure called 'bill.txt'"),
        (("--plot", "no/bill.png"), "--plot: no folder"),
        (("--device", "loihi1", "--relaxation"), "no [relaxation] table in the profile loihi1"),
    ],
)
def test_refused_in_a_line(more: tuple[str, ...], said: str) -> None:
    found = call("cost", "xor", "--device", "ecram", *more)
    assert found.status == 2
    assert found.out == ""
    assert said in found.err
