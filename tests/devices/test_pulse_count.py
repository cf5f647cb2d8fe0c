"""Pulse files counted: how many pulses lie between reads, and which columns tell reads apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.hardware.fitting import fit
from neuroep.hardware.fitting.pulse_data import read_pulses

N = 50
RISE, FALL = 1.0 + 9.0 * np.arange(N + 1) / N, 10.0 - 9.0 * np.arange(N + 1) / N
UP = [(k, "up", g) for k, g in enumerate(RISE)]
DOWN = [(k, "down", g) for k, g in enumerate(FALL)]
ONCE = [*UP, *((N + k, d, g) for k, d, g in DOWN[1:])]
HEADER = "pulse,direction,conductance_uS"


def save(folder: Path, rows: list[tuple], header: str = HEADER) -> Path:
    (folder / "p.csv").write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]), encoding="utf-8")
    return folder / "p.csv"


COUNTED = {
    "each state read once": ONCE,
    "each state read three times": [row for row in ONCE for _ in range(3)],
    "anew from 0, where it was left": [*UP, *DOWN],
    "anew from 0, each state read twice": [row for row in [*UP, *DOWN] for _ in range(2)],
    "anew from 1, after a pulse": [*UP, *DOWN[1:]],
    "anew from 1, states counted from 1": [(k + 1, d, g) for k, d, g in [*UP, *DOWN]],
    "counting down, from the turn": [*UP, *((N - k, d, g) for k, d, g in DOWN)],
    "counting down, after a pulse": [*UP, *((N - k, d, g) for k, d, g in DOWN[1:])],
    "reads left out": [*UP[::10], *DOWN[::10]],
    "the first states missing": [*UP[5:], *DOWN],
}


@pytest.mark.parametrize("name", COUNTED)
def test_pulses_are_counted_whatever_their_numbers(tmp_path: Path, name: str) -> None:
    data = read_pulses(save(tmp_path, COUNTED[name]))
    (trace,) = data.traces
    first = 5 if name == "the first states missing" else 0
    assert trace.directions.tolist() == [1] * (N - first) + [-1] * N
    assert trace.siemens[N - first] == pytest.approx(1e-5)
    assert trace.counts is not None
    assert trace.counts.sum() == len(COUNTED[name])
    best = fit(data)[0]
    # 50 equal pulses for a range of 2
    assert (best.name, best.parameters["dw_min"], best.noise.cycle) == ("constant", pytest.approx(0.04, rel=1e-6), 0.0)


def test_cycles_without_a_column(tmp_path: Path) -> None:
    (trace,) = read_pulses(save(tmp_path, [*UP, *DOWN] * 3)).traces
    assert trace.directions.tolist() == ([1] * N + [-1] * N) * 3


def test_a_count_anew_without_a_turn_is_another_trace(tmp_path: Path) -> None:
    traces = read_pulses(save(tmp_path, [*UP, *UP, *DOWN])).traces
    assert [len(trace.directions) for trace in traces] == [N, 2 * N]
    assert traces[1].siemens[0] == pytest.approx(1e-6)


def test_reads_every_ten_pulses_count_anew_from_ten(tmp_path: Path) -> None:
    (trace,) = read_pulses(save(tmp_path, [*UP[10::10], *DOWN[10::10]])).traces
    assert trace.directions.tolist() == [1] * (N - 10) + [-1] * N
    assert np.flatnonzero(np.isfinite(trace.siemens)).tolist() == list(range(0, 91, 10))


def test_repeated_reads_give_mean_and_scatter(tmp_path: Path) -> None:
    reads = [(k, d, g + shift) for k, d, g in ONCE for shift in (-0.3, 0.1, 0.2)]
    (trace,) = read_pulses(save(tmp_path, reads)).traces
    assert trace.siemens == pytest.approx(1e-6 * np.append(RISE, FALL[1:]), rel=1e-9)
    assert trace.scatter is not None
    # 0.09 + 0.01 + 0.04 in uS²
    assert trace.scatter == pytest.approx(np.full(2 * N + 1, 0.14e-12), rel=1e-6)
    assert (trace.counts == 3).all()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*UP[:9], (3, "up", 2.5), *UP[9:], *DOWN], ["line 11", "pulse 3 after pulse 8"]),
        ([*UP[:9], (-2, "up", 2.5), *UP[9:], *DOWN], ["line 11", "'-2' in 'pulse'"]),
        ([*UP[:9], (10**18, "up", 2.5), *DOWN], ["line 11", "200000 pulses"]),
        ([*UP[:9], ("1_0", "up", 2.5), *DOWN], ["line 11", "'1_0'"]),
        ([*UP[:9], (9, "upward", 2.6), *DOWN], ["line 11", "did you mean 'up'"]),
        ([(k, {"up": "down", "down": "up"}[d], g) for k, d, g in ONCE], ["swap", "lower the conductance"]),
        ([(k, d, 20.0 - g if d == "down" else g) for k, d, g in ONCE], ["pulses down raise the conductance"]),
        ([(k, d, 1e6 * g) for k, d, g in ONCE], ["10 S", "right unit"]),
        ([(k, d, 1e-6 * g) for k, d, g in ONCE], ["1e-11 S", "right unit"]),
        ([row for row in UP[:2] + DOWN[-2:] for _ in range(4)], ["reads of different states", "5 or more"]),
    ],
)
def test_numbers_that_cannot_be_right(tmp_path: Path, rows: list[tuple], said: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        read_pulses(save(tmp_path, rows))
    assert all(word in str(caught.value) for word in said), caught.value


def two() -> list[tuple]:
    """Two devices, one after the other; the second takes fewer pulses."""
    few = [(k, d, g) for k, d, g in ONCE if (k if k <= N else k - N) % 2 == 0]
    halved = [(k // 2, d, g) for k, d, g in few]
    return [*((*row, "A") for row in ONCE), *((*row, "B") for row in halved)]


@pytest.mark.parametrize("name", ["device", "Device", " DEVICE ", "Device ID", "dev_id"])
def test_names_of_columns_in_capitals(tmp_path: Path, name: str) -> None:
    data = read_pulses(save(tmp_path, two(), f"Pulse, Direction,Conductance_uS,{name}"))
    assert data.devices == ("A", "B")
    best = fit(data)[0]
    assert (best.name, best.g_min_siemens, best.g_max_siemens) == ("constant", pytest.approx(1e-6), pytest.approx(1e-5))
    # steps of 0.18 and 0.36 uS about their mean 0.27: 0.09 √2 / 0.27
    assert best.step_spread == pytest.approx(np.sqrt(2.0) / 3.0, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "said"), [("Devcie", "'device'"), ("Die ID", "'device'"), ("chip_no", "'device'"), ("q", "'cycle'")]
)
def test_a_column_that_tells_reads_apart_is_not_left_alone(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=f"'{name}' tells reads apart.*{said}"):
        read_pulses(save(tmp_path, two(), f"{HEADER},{name}"))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("voltage", ["0.8" if d == "up" else "-0.8" for _, d, _ in ONCE]),
        ("polarity", ["p" if d == "up" else "n" for _, d, _ in ONCE]),
        ("time", [str(k) for k in range(len(ONCE))]),
        ("sample", [str(k) for k in range(len(ONCE))]),
        ("chip", ["A7"] * len(ONCE)),
    ],
)
def test_other_columns_are_left_alone_and_named(tmp_path: Path, name: str, cells: list[str]) -> None:
    rows = [(*row, cell) for row, cell in zip(ONCE, cells, strict=True)]
    data = read_pulses(save(tmp_path, rows, f"{HEADER},{name}"))
    assert data.ignored == (name,)
    assert len(data.traces[0].directions) == 2 * N


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_line_ends_and_blank_lines(tmp_path: Path, end: str) -> None:
    file = save(tmp_path, ONCE)
    text = file.read_text(encoding="utf-8").replace("\n", end + ",,  " + end + end)
    file.write_bytes(("\ufeff" + text + end).encode())
    assert len(read_pulses(file).traces[0].directions) == 2 * N


def test_to_and_fro_at_every_pulse_is_asked_about(tmp_path: Path) -> None:
    """Noise about a flat curve looks so; two pulses each way don't."""
    path = tmp_path / "p.csv"
    path.write_text("pulse,conductance_uS\n" + "".join(f"{k},{k % 2}\n" for k in range(20)), encoding="utf-8")
    with pytest.raises(BadInput, match="doesn't just rise and then fall, once or in even cycles"):
        read_pulses(path)
    path.write_text(
        "pulse,conductance_uS\n" + "".join(f"{k},{(0, 1, 2, 1)[k % 4]}\n" for k in range(20)), encoding="utf-8"
    )
    assert len(read_pulses(path).traces) == 1
