"""Pulse files as laboratories write them: each must give the very numbers of the plain file, or be asked about."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import call

import neuroep
from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import SoftBounds
from neuroep.hardware.fitting.pulse_data import PulseData, read_pulses
from neuroep.rng import stream

UP, DOWN, CYCLES = 51, 50, 3
MODEL = SoftBounds(dw_min=0.05, w_min=-1.0, w_max=1.0, cycle_noise=0.1)


def measurement(device: int = 0) -> list[tuple[int, int, int, float]]:
    """Cycle, pulse, way and microsiemens, read by read; pulses count on through all cycles."""
    reads, w, pulse = [(0, 0, 1, 1.25)], -0.875, 0
    rng = stream(7, "dialects", device)
    for cycle in range(CYCLES):
        curve = MODEL.curve(w, UP, DOWN, rng)
        for k, value in enumerate(curve[1:].tolist()):
            pulse += 1
            reads.append((cycle, pulse, 1 if k < UP else -1, round(10.0 + 8.0 * value, 6)))
        w = float(curve[-1])
    return reads


READS = measurement()
SAID = f"{UP} up and {DOWN} down pulses, {CYCLES} cycles, 1 device, "


def plain(folder: Path, reads: list[tuple[int, int, int, float]] = READS) -> PulseData:
    """Read the plain form of the same measurement, with values as they are, in uS."""
    rows = [f"{p},{'up' if way > 0 else 'down'},{g!r}" for _, p, way, g in reads]
    (folder / "plain.csv").write_text("\n".join(["pulse,direction,conductance_uS", *rows]), encoding="utf-8")
    return read_pulses(folder / "plain.csv")


def lines(form: Callable[[int, int, int, float], str]) -> str:
    return "\n".join(form(*read) for read in READS) + "\n"


def micro(g: float) -> str:
    """The same number of siemens, digits shifted by hand so that no rounding comes in."""
    return f"{g!r}e-6"


DIALECTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "an instrument's header": (
        "# Keithley 4200A-SCS, 2024-03-01\n# Vread = 0.1 V\n"
        "Pulse #, Potentiation/Depression, G (S)\n"
        + lines(lambda c, p, w, g: f"{p}, {'Potentiation' if w > 0 else 'Depression'}, {micro(g)}"),
        {},
        SAID + "S",
    ),
    "a preamble without a mark": (
        "Setup,probe station 3\nOperator,N. N.\n\npulse number,Pulse Type,G [uS]\n"
        + lines(lambda c, p, w, g: f"{p},{'SET' if w > 0 else 'RESET'},{g!r}"),
        {},
        SAID + "µS",
    ),
    "semicolons and decimal commas": (
        "Pulse;Direction;conductance [µS]\n"
        + lines(lambda c, p, w, g: f"{p};{'LTP' if w > 0 else 'LTD'};{g!r}".replace(".", ",")),
        {},
        SAID + "µS; cells by semicolons; decimal commas",
    ),
    "tabs": (
        "pulse\tP/D\tConductance (µS)\tremark\n" + lines(lambda c, p, w, g: f"{p}\t{'P' if w > 0 else 'D'}\t{g!r}\t"),
        {},
        SAID + "µS; cells by tabs",
    ),
    "blanks, no header": (lines(lambda c, p, w, g: f"{p:5d}   {w:2d}   {micro(g)}"), {}, "no header"),
    "no header, unit asked": (lines(lambda c, p, w, g: f"{p},{g!r},{w}"), {"unit": "uS"}, SAID + "µS; no header"),
    "numpy.savetxt": (
        "# pulse direction conductance_uS\n" + lines(lambda c, p, w, g: f"{p:.18e} {w:.18e} {g!r}"),
        {},
        SAID + "µS",
    ),
    "units in a line of their own": (
        "Pulse,Direction,Conductance\n,,µS\n" + lines(lambda c, p, w, g: f"{p},{w},{g!r}"),
        {},
        SAID + "µS",
    ),
    "sign of the pulse voltage": (
        "time (s),Pulse #,V_pulse (V),G_uS\n"
        + lines(lambda c, p, w, g: f"{p * 0.5},{p},{1.2 if w > 0 else -1.5},{g!r}"),
        {},
        "by the sign of 'V_pulse (V)'",
    ),
    "negative pulses that raise": (
        "Pulse #,Pulse amplitude (V),G (uS)\n" + lines(lambda c, p, w, g: f"{p},{-3 if w > 0 else 3},{g!r}"),
        {},
        SAID + "µS",
    ),
    "cycles in one column": ("pulse,G (uS)\n" + lines(lambda c, p, w, g: f"{p},{g!r}"), {}, "where the curve turns"),
    "cycles in one column, counted": (
        "pulse,G (uS)\n" + lines(lambda c, p, w, g: f"{p},{g!r}"),
        {"cycle": (UP, -DOWN)},
        SAID + "µS",
    ),
    "names of one's own": (
        "A,B,C\n" + lines(lambda c, p, w, g: f"{g!r},{p},{'+' if w > 0 else '-'}"),
        {"columns": {"pulse": "B", "conductance": "1", "direction": "c"}, "unit": "uS"},
        SAID + "µS",
    ),
    "a pulse a row": (
        "direction,conductance_uS\n" + lines(lambda c, p, w, g: f"{w},{g!r}"),
        {"columns": {"pulse": "row"}},
        SAID + "µS",
    ),
    "decimal commas between commas": (
        '"Pulse","Direction","G (µS)"\n' + lines(lambda c, p, w, g: f'"{p}","{w}","{str(g).replace(".", ",")}"'),
        {},
        SAID + "µS; decimal commas",
    ),
    "the header again before each cycle": (
        "\n".join(
            line
            for c, p, w, g in READS
            for line in (["pulse,direction,G (uS)"] if p == 0 or (p - 1) % (UP + DOWN) == 0 else [])
            + [f"{p},{w},{g!r}"]
        ),
        {},
        SAID + "µS",
    ),
    "a mean and its spread": (
        "pulse,direction,mean G (uS),std G (uS)\n" + lines(lambda c, p, w, g: f"{p},{w},{g!r},{0.1 * g:.3f}"),
        {},
        SAID + "µS",
    ),
    "least and largest": (
        "pulse,direction,min (uS),average (uS),max (uS)\n"
        + lines(lambda c, p, w, g: f"{p},{w},{0.9 * g:.3f},{g!r},{1.1 * g:.3f}"),
        {},
        SAID + "µS",
    ),
    "Keysight's settings above": (
        "SetupTitle, pulses\nTestParameter, Channel.Unit, SMU1, SMU2\nDimension1, 2, 2, 2\n"
        "DataName, PulseNo, Direction, G (uS)\n" + lines(lambda c, p, w, g: f"DataValue, {p}, {w}, {g!r}"),
        {},
        SAID + "µS",
    ),
    "MATLAB's table": (
        "    pulse    direction    conductance_uS\n    _____    _________    ______________\n\n"
        + lines(lambda c, p, w, g: f"    {p:5d}    {'up' if w > 0 else 'down'}    {g!r}"),
        {},
        SAID + "µS; cells by blanks",
    ),
    "names with blanks between blanks": (
        "Pulse Number   Direction   G (uS)\n" + lines(lambda c, p, w, g: f"{p}   {w}   {g!r}"),
        {},
        SAID + "µS; cells by blanks",
    ),
    "numbers again beside each column": (
        "pulse,direction,Pulse,G (uS)\n" + lines(lambda c, p, w, g: f"{p},{w},{p},{g!r}"),
        {},
        SAID + "µS",
    ),
    "quoted cells": (
        '"Pulse No.","Direction","Conductance (uS)"\n' + lines(lambda c, p, w, g: f'"{p}","{w}","{g!r}"'),
        {},
        SAID + "µS",
    ),
}
CODES = ("utf-8", "utf-8-sig", "utf-16", "latin-1")


def same(found: PulseData, wanted: PulseData) -> None:
    assert len(found.traces) == len(wanted.traces)
    for one, other in zip(found.traces, wanted.traces, strict=True):
        assert one.directions.tolist() == other.directions.tolist()
        assert one.siemens.tobytes() == other.siemens.tobytes()


@pytest.mark.parametrize("name", DIALECTS)
def test_values_are_the_plain_files(tmp_path: Path, name: str) -> None:
    text, asked, said = DIALECTS[name]
    (tmp_path / "own.txt").write_text(text, encoding="utf-8")
    wanted, found = plain(tmp_path), read_pulses(tmp_path / "own.txt", **asked)
    if "e-6" in text:  # 7.3e-6 and 7.3 · 1e-6 may differ in the last bit: the float nearest to the text is right
        exact = [float(micro(g)) for *_, g in READS]
        assert found.traces[0].siemens.tolist() == exact
        assert found.traces[0].directions.tolist() == wanted.traces[0].directions.tolist()
    else:
        same(found, wanted)
    assert said in found.reading


@pytest.mark.parametrize("code", CODES)
def test_letters_of_any_usual_code(tmp_path: Path, code: str) -> None:
    text, _, _ = DIALECTS["semicolons and decimal commas"]
    (tmp_path / "own.csv").write_bytes(text.encode(code))
    same(read_pulses(tmp_path / "own.csv"), plain(tmp_path))


@pytest.mark.parametrize(
    ("header", "form", "asked"),
    [
        ("pulse,direction,I_A", lambda g: f"{0.25 * g!r}e-6", {"read_voltage": 0.25}),
        ("pulse,direction,Read current (nA),Vread (mV)", lambda g: f"{250.0 * g!r},250", {}),
        ("pulse,direction,R_kohm", lambda g: repr(1e3 / g), {}),
        ("pulse,direction,Resistance [Ω]", lambda g: repr(1e6 / g), {}),
        ("pulse,direction,g", lambda g: repr(1e3 * g), {"unit": "nS"}),
        ("pulse,direction,Conductance/mS", lambda g: repr(1e-3 * g), {}),
        ("pulse,direction,Conductance in pS", lambda g: repr(1e6 * g), {}),
    ],
)
def test_currents_resistances_and_units(
    tmp_path: Path, header: str, form: Callable[[float], str], asked: dict[str, Any]
) -> None:
    rows = [f"{p},{w},{form(g)}" for _, p, w, g in READS]
    (tmp_path / "own.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    found, wanted = read_pulses(tmp_path / "own.csv", **asked), plain(tmp_path)
    # the division in the file, the one back and the unit round once each
    assert found.traces[0].siemens == pytest.approx(wanted.traces[0].siemens, rel=5e-16, abs=0.0)
    assert found.traces[0].directions.tolist() == wanted.traces[0].directions.tolist()


def wide(folder: Path, header: str, reads: list[list[tuple[int, int, int, float]]]) -> PulseData:
    rows = [
        ",".join([str(group[0][1]), str(group[0][2]), *(repr(g) for *_, g in group)])
        for group in zip(*reads, strict=True)
    ]
    (folder / "wide.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    return read_pulses(folder / "wide.csv")


def test_a_column_each_device(tmp_path: Path) -> None:
    several = [measurement(k) for k in range(3)]
    data = wide(tmp_path, "pulse,direction,W1 [µS],W2 [µS],W3 [µS]", several)
    assert data.devices == ("W1", "W2", "W3")
    assert f"{UP} up and {DOWN} down pulses, 3 cycles, 3 devices, µS" in data.reading
    for device, reads in zip(data.devices, several, strict=True):
        same(data.of(device), plain(tmp_path, reads))


def test_a_column_each_cycle(tmp_path: Path) -> None:
    several = [[read for read in measurement(k) if read[1] <= UP + DOWN] for k in range(2)]
    data = wide(tmp_path, "pulse,direction,Cycle 1 (uS),Cycle 2 (uS)", several)
    assert (data.devices, [trace.cycle for trace in data.traces]) == (("",), ["Cycle 1", "Cycle 2"])


def test_pulses_up_beside_pulses_down(tmp_path: Path) -> None:
    up = [g for _, p, _, g in READS if p <= UP][1:]
    down = [g for _, p, _, g in READS if UP < p <= 2 * UP - 1]
    rows = [f"{k + 1},{one!r},{other!r}" for k, (one, other) in enumerate(zip(up, [*down, ""], strict=True))]
    rows = [row.replace("''", "") for row in rows]
    (tmp_path / "own.csv").write_text("\n".join(["Pulse #,LTP (uS),LTD (uS)", *rows]), encoding="utf-8")
    (trace,) = read_pulses(tmp_path / "own.csv").traces
    assert trace.directions.tolist() == [1] * (UP - 1) + [-1] * DOWN
    same(read_pulses(tmp_path / "own.csv"), plain(tmp_path, [read for read in READS if 0 < read[1] <= UP + DOWN]))


def test_pulses_up_beside_pulses_down_of_two_devices(tmp_path: Path) -> None:
    several = [measurement(k) for k in range(2)]
    curves = [[g for _, p, _, g in reads if low < p <= low + DOWN] for reads in several for low in (1, UP)]
    rows = [",".join([str(k + 1), *map(repr, cells)]) for k, cells in enumerate(zip(*curves, strict=True))]
    (tmp_path / "own.csv").write_text("\n".join(["pulse,LTP 1 (uS),LTD 1 (uS),LTP2 (uS),LTD2 (uS)", *rows]))
    data = read_pulses(tmp_path / "own.csv")
    assert data.devices == ("1", "2")
    for device, reads in zip(data.devices, several, strict=True):
        same(data.of(device), plain(tmp_path, [read for read in reads if 1 < read[1] <= UP + DOWN]))


def test_rows_that_nobody_read_are_counted_where_a_row_is_a_pulse(tmp_path: Path) -> None:
    several = [measurement(k)[: UP + DOWN + 1] for k in range(2)]
    rows = [
        f"{w},{a!r},{'' if k in (7, 8) else repr(b)}"
        for k, ((*_, w, a), (*_, b)) in enumerate(zip(*several, strict=True))
    ]
    (tmp_path / "own.csv").write_text("\n".join(["direction,A (uS),B (uS)", *rows]))
    data = read_pulses(tmp_path / "own.csv", columns={"pulse": "row"})
    assert data.traces[1].directions.tolist() == [1] * UP + [-1] * DOWN
    assert np.flatnonzero(np.isnan(data.traces[1].siemens)).tolist() == [7, 8]
    assert f"{2 * (UP + DOWN + 1) - 2} of {2 * (UP + DOWN + 1)} states read" in data.reading


def test_down_and_up_again_is_as_clear_as_up_and_down(tmp_path: Path) -> None:
    values = [9.0 - k for k in range(8)] + [2.5 + k for k in range(8)]
    (tmp_path / "own.csv").write_text("pulse,G (uS)\n" + "\n".join(f"{k},{g}" for k, g in enumerate(values)))
    assert read_pulses(tmp_path / "own.csv").traces[0].directions.tolist() == [-1] * 7 + [1] * 8


def test_a_device_without_pulses_one_way_is_read_without_a_warning(tmp_path: Path) -> None:
    """numpy warns of the spread of no numbers; warnings are errors here."""
    rows = [f"A,{k},up,{1 + k}" for k in range(6)] + [f"B,{k},down,{9 - k}" for k in range(6)]
    (tmp_path / "own.csv").write_text("\n".join(["device,pulse,direction,G (uS)", *rows]))
    assert [trace.directions.sum() for trace in read_pulses(tmp_path / "own.csv").traces] == [5, -5]


def test_counts_that_begin_anew_tell_directions_through_noise(tmp_path: Path) -> None:
    reads = [(0, 0, 1, 1.25)]
    rng = np.random.default_rng(3)
    for cycle in range(2):
        for way in (1, -1):
            reads += [
                (cycle, k, way, round(10.0 + way * (0.3 * k - 7.5) + rng.normal(0, 0.6), 6)) for k in range(1, 51)
            ]
    (tmp_path / "own.csv").write_text("pulse,G (uS)\n" + "\n".join(f"{k},{g!r}" for _, k, _, g in reads))
    (trace,) = read_pulses(tmp_path / "own.csv").traces
    assert trace.directions.tolist() == ([1] * 50 + [-1] * 50) * 2
    assert trace.siemens.tolist() == pytest.approx([1e-6 * g for *_, g in reads], rel=3e-16, abs=0.0)


def test_reads_that_were_changed_in_memory_are_not_told_as_the_files(tmp_path: Path) -> None:
    data = plain(tmp_path)
    (trace,) = data.traces
    digest = hashlib.sha256((tmp_path / "plain.csv").read_bytes()).hexdigest()
    assert f"fitted to plain.csv (sha256 {digest})" in neuroep.fit_device(data, model="soft-bounds").text
    trace.siemens[7] *= 1.01
    changed = neuroep.fit_device(data, model="soft-bounds").text
    assert digest not in changed
    assert "fitted to plain.csv, in part or changed (sha256 " in changed


def test_spreadsheets(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Probe station", None, None])
    sheet.append(["Pulse #", "Direction", "G (uS)"])
    for _, p, w, g in READS:
        sheet.append([p, "LTP" if w > 0 else "LTD", g])
    book.save(tmp_path / "own.xlsx")
    found = read_pulses(tmp_path / "own.xlsx")
    same(found, plain(tmp_path))
    assert "sheet 'Sheet'" in found.reading
    book.create_sheet("notes").append(["by hand"])
    book.save(tmp_path / "two.xlsx")
    with pytest.raises(BadInput, match=r"2 sheets hold something.*--sheet"):
        read_pulses(tmp_path / "two.xlsx")
    same(read_pulses(tmp_path / "two.xlsx", sheet="Sheet"), plain(tmp_path))
    (tmp_path / "no.xlsx").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(BadInput, match="damaged, or no spreadsheet"):
        read_pulses(tmp_path / "no.xlsx")


NOISY = "pulse,G (uS)\n" + "".join(f"{k},{5 + 0.1 * k + 0.3 * (-1) ** k}\n" for k in range(40))


RAMPS = "pulse,G (uS)\n" + "".join(
    f"{k},{g}\n" for k, g in enumerate([*range(1, 8), *range(6, 0, -1), *range(2, 7), *range(5, 0, -1)])
)
"""6 up, 6 down, 5 up, 5 down: a turn may have been moved by noise."""
DIP = "pulse,G (uS)\n0,5\n1,4\n" + "".join(f"{k},{4 + k}\n" for k in range(2, 20))


ONE_OFF = "pulse,G (uS)\n" + "".join(f"{k},{1 + min(k, 60 - k) - (13 if k == 14 else 0)}\n" for k in range(61))


@pytest.mark.parametrize(
    ("text", "argv", "said"),
    [
        (RAMPS, [], ["rise and then fall, once or in even cycles", "--cycle"]),
        (DIP, [], ["line 3", "rise and then fall"]),
        (ONE_OFF, [], ["line 16", "rise and then fall", "'direction'"]),
        (NOISY, [], ["line 3", "--cycle up50,down50"]),
        (NOISY, ["--cycle", "up50"], ["--cycle", "pulses up and pulses down"]),
        (NOISY, ["--cycle", "50,50"], ["--cycle", "up50,down50"]),
        (NOISY, ["--columns", "pulse"], ["--columns", "pulse=A,conductance=B"]),
        (NOISY, ["--columns", "puls=1"], ["did you mean 'pulse'"]),
        (NOISY, ["--columns", "pulse=Z"], ["no column is called 'Z'"]),
        (NOISY, ["--columns", "pulse=1,conductance=pulse"], ["one column for two things"]),
        (NOISY, ["--read-voltage", "0.1"], ["--read-voltage", "conductances"]),
        (NOISY, ["--sheet", "one"], ["--sheet", ".xlsx"]),
        (DIALECTS["tabs"][0], ["--cycle", "up51,down50"], ["--cycle", "left out"]),
        ("pulse,direction,I (uA)\n" + "1,up,2\n" * 9, [], ["--read-voltage 0.1"]),
        ("pulse,direction,I (uA)\n" + "1,up,2\n" * 9, ["--read-voltage", "0"], ["--read-voltage", "volts"]),
        ("pulse,direction,G (uA)\n" + "1,up,2\n" * 9, [], ["'G (uA)' in uA", "a unit of conductance"]),
        ("pulse,direction,R_kohm\n0,up,2\n1,up,0\n" + "1,up,2\n" * 9, [], ["line 3", "resistance above 0"]),
        ("pulse,Pulse #,direction,G (uS)\n" + "1,2,up,2\n" * 9, ["--unit", "nS"], ["one unit"]),
        ("pulses,Pulse #,direction,G (uS)\n" + "1,2,up,2\n" * 9, [], ["two columns", "'pulse'"]),
        ("Pulse,LTP,LTD\n0,1.5,3\n1,2.5,2\n" * 9, [], ["'LTP' has no unit", "--unit uS"]),
        ("1,2.5,3\n" * 9, [], ["no header", "--columns pulse=1"]),
        ("0,0.5\n1,0.6\n2,0.7\n" * 9, [], ["no unit", "--unit uS"]),
        ("direction,G (uS)\n" + "up,2\n" * 9, [], ["no column is called 'pulse'", "=row"]),
        ("pulse,direction,G (uS)\n1,up,2\n2,up,2;5\n" + "3,up,2\n" * 9, [], ["line 3", "'2;5'"]),
        ("pulse;G (uS)\n0;1,5\n1;1.6\n" + "2;1,7\n" * 9, [], ["line 2", "'1,5'"]),
        ("pulse,direction,log R (ohm)\n" + "1,up,6\n" * 9, [], ["'log R (ohm)'", "isn't a resistance itself"]),
        ("pulse,direction,dG (uS)\n" + "1,up,6\n" * 9, [], ["'dG (uS)'", "isn't a conductance itself"]),
        ("pulse,LTP 1 (uS),LTP 2 (uS),LTD 1 (uS)\n" + "1,2,3,4\n" * 9, [], ["'LTP 2'", "in pairs"]),
        ("".join(f"{10 * k}\t{k}e-6\n" for k in range(9)), [], ["steps of 10", "pulse=row"]),
        ('pulse,direction,G (nS)\n0,up,950\n1,up,"1,050"\n2,down,900\n', [], ["line 3", "1.050 or 1050"]),
        ("pulse,direction,I_A,Vread\n" + "1,up,-1e-7,0.1\n" * 9, [], ["line 2", "currents of the sign"]),
        ("pulse,direction,G (uS)\n1,up,2\n2,up,9.91E37\n", [], ["line 3", "'9.91E37'", "a line less"]),
        ("Pulse,AnodeI\n" + "1,2\n" * 9, [], ["'conductance_uS'", "current=", "'AnodeI'"]),
    ],
)
def test_what_is_not_clear_is_asked_back_in_a_line(tmp_path: Path, text: str, argv: list[str], said: list[str]) -> None:
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")
    called = call("device", "fit", tmp_path / "own.csv", *argv)
    assert (called.status, called.out, len(called.err.splitlines())) == (2, "", 1), called.err
    assert all(word in called.err for word in said), called.err


def test_the_command_says_how_the_file_was_read(tmp_path: Path) -> None:
    text = DIALECTS["semicolons and decimal commas"][0]
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")
    called = call("device", "fit", tmp_path / "own.csv", "--model", "soft-bounds")
    assert called.status == 0, called.err
    assert f"read: {SAID}µS; cells by semicolons; decimal commas" in called.out


@pytest.mark.slow
def test_many_reads_take_seconds(tmp_path: Path) -> None:
    rows = [f"{d};{p};{w};{g!r}".replace(".", ",") for d in range(88) for _, p, w, g in measurement(d)[:153]]
    (tmp_path / "own.csv").write_text("\n".join(["Device ID;Pulse #;Direction;G (µS)", *rows]), encoding="utf-8")
    start = time.monotonic()
    data = read_pulses(tmp_path / "own.csv")
    assert len(rows) == 13_464
    assert len(data.devices) == 88
    assert time.monotonic() - start < 5.0
