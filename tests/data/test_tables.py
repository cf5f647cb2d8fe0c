"""Tables as people's programs write them: what is a header, what a label, and where a fault stands."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from neuroep.data import load_data, tables
from neuroep.errors import BadInput
from neuroep.network import chain
from neuroep.recipe import Training
from neuroep.studies.training import materials

GOOD = [(0.5, 1.5, 0), (2.5, 3.5, 1), (4.5, 5.5, 0), (4.0, 4.0, 1), (5.0, 5.5, 0)]
ROWS = "".join(f"{a},{b},{c}\n" for a, b, c in GOOD)


def load(folder: Path, text: str | bytes) -> tuple[list[tuple[float, ...]], object]:
    """Write a table, load it, and return its rows in the order of the file."""
    (folder / "own.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    data = load_data(folder / "own.csv")
    rows = np.empty((len(data.x_train) + len(data.x_test), data.x_train.shape[1] + 1))
    order = np.random.RandomState(0).permutation(len(rows))
    tests = len(data.x_test)
    rows[order[:tests]] = np.c_[data.x_test, data.y_test]
    rows[order[tests:]] = np.c_[data.x_train, data.y_train]
    return [tuple(row) for row in rows], data


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "a,b,label\n" + ROWS,
        '"a","b, in mm","label"\n' + ROWS,
        "0,1,label\n" + ROWS,
        "x,y,kind\n" + ROWS,
        "largeur,hauteur,étiquette\n" + ROWS,
        "# by hand\n# twice\n\na,b,label\n" + ROWS,
        "\ufeffa,b,label\n" + ROWS,
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\r"),
        ROWS.replace("\n", "\n\n  \n").rstrip(),
        ROWS.replace(",", " , "),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in ROWS.split()),
        ROWS.replace("4.0", "+4e0"),
    ],
)
def test_every_row_is_a_sample_and_no_header_is(tmp_path: Path, text: str) -> None:
    rows, data = load(tmp_path, text)
    assert rows == GOOD
    assert (data.classes, data.remarks) == (2, ())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1,2\n" + ROWS, "line 1: '0,1,2' counts the columns"),
        ("1,2,3\n" + ROWS, "line 1: '1,2,3' counts the columns"),
        ("0,1\n0.5,1\n1.5,0\n2.5,1\n", "line 1: '0,1' counts the columns"),
        ("1,2,?\n" + ROWS, "line 1, column 3: '?'; allowed: an integer label from 0"),
        ("1,2,\n" + ROWS, "line 1, column 3: ''; allowed: an integer label from 0, without a comma"),
        ("1,2,NA\n" + ROWS, "line 1, column 3: 'NA'"),
        ("1,2,cat\n" + ROWS, "line 1, column 3: 'cat'; allowed: an integer label from 0, not a word"),
        ("a,b,kind\n1,2,setosa\n", "1 sample(s) can't be split"),
        ("a,b,label\na,b,label\n" + ROWS, "line 2, column 1: 'a'"),
        ("label,a,b\n" + ROWS, "line 2, column 1: '0.5'; allowed: an integer label"),
        ("a,target,b\n" + ROWS, "line 2, column 2: '1.5'; allowed: an integer label"),
        ("a,b\n" + ROWS, "line 2 has 3 cells; allowed: 2, as in the first row"),
        ("a,b,c,label\n" + ROWS, "line 2 has 3 cells; allowed: 4, as in the first row"),
        (ROWS + "1,2,0,\n", "line 6 has 4 cells; it ends with a comma"),
        (ROWS + "# done\n", "line 6 has 1 cells"),
        (ROWS + "\n1,1_0,0\n", "line 7, column 2: '1_0'"),
        (ROWS + "1,0x1,0\n", "line 6, column 2: '0x1'"),
        (ROWS + "1,٣,0\n", "line 6, column 2: '٣'"),
        (ROWS + "1,2\u2028,0\n", "line 6, column 2: '2\\u2028'"),
        (ROWS + '"1,2,0\n1,2,0\n', "line 6: unexpected end of data"),
        (ROWS + "1,\0,0\n", "line 6, column 2: '\\x00'"),
        (ROWS + "1,nan,0\n", "line 6, column 2: 'nan'"),
        (ROWS + "1,2,1e10\n", "line 6, column 3: '1e10'"),
        (ROWS + "x" * 100_000 + ",2,0\n", "line 6, column 1: 'xxxx"),
        (ROWS.encode() + b"1,\xe9,0\n", "line 6: not UTF-8 text at byte 52"),
        ("1,2,0\n3,4,0\n5,6,0\n", "one class only: every label is 0"),
        (",a,label\n" + "".join(f"{k},0.5,{k % 2}\n" for k in range(12)), "column 1 numbers the rows"),
        ("#\n# nothing\n", "no rows of numbers"),
    ],
)
def test_refused_by_line_and_column(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_first_samples_that_count_are_samples(tmp_path: Path) -> None:
    not_gate = [(0.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 0.0)]
    assert load(tmp_path, "0,1\n1,0\n0,1\n1,0\n")[0] == not_gate
    assert load(tmp_path, "1,2,3\n1,1,0\n1,2,3\n2,2,1\n2,1,2\n")[0][0] == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("size", [16, 64, 4096])
def test_lines_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", size)
    rows = [f"{k},{k * 0.25},{k % 3}" for k in range(300)]
    text = "a,b,label\r\n" + "\r\n".join(rows)
    read, _ = load(tmp_path, text)
    assert read == [(k, k * 0.25, k % 3) for k in range(300)]
    rows[217] = "217,oops,1"
    with pytest.raises(BadInput, match=r"line 219, column 2: 'oops'"):
        load(tmp_path, "a,b,label\n" + "\n".join(rows))
    with pytest.raises(BadInput, match=r"line 302: not UTF-8 text"):
        load(tmp_path, text.encode() + b"\r\n1,\xff,0\r\n")


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", 64)
    monkeypatch.setattr(tables, "LONGEST_LINE", 128)
    with pytest.raises(BadInput, match="a line of more than 128 bytes"):
        load(tmp_path, ROWS + "0" * 500)


@pytest.mark.parametrize(
    ("labels", "remark"),
    [
        ([1, 2, 3, 1, 2, 3], "labels run from 1 to 3 and are counted from 0"),
        ([0, 2, 0, 2, 0, 2], "1 of the classes 0 to 2 have no sample, the first of them class 1"),
        ([3, 5, 3, 5, 3, 5], "4 of the classes 0 to 5 have no sample, the first of them class 0"),
        ([0, 1, 2, 0, 1, 2], ""),
    ],
)
def test_remark_on_labels(tmp_path: Path, labels: list[int], remark: str) -> None:
    _, data = load(tmp_path, "".join(f"0.{k},0.5,{label}\n" for k, label in enumerate(3 * labels)))
    assert data.label_remark == remark  # type: ignore[attr-defined]


def test_outputs_that_do_not_fit_say_why(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 4))
    text = "\n".join(f"{k % 10},{','.join(map(str, row))}" for k, row in enumerate(pixels))
    _, data = load(tmp_path, text)
    with pytest.raises(BadInput, match=r"10 outputs for \d+ classes.*column 1 looks like the label"):
        materials(chain((4, 5, 10)), data, Training(), 0)  # type: ignore[arg-type]
    _, data = load(tmp_path, "".join(f"{k / 8},0.5,{k % 3 + 1}\n" for k in range(9)))
    with pytest.raises(BadInput, match=r"4 outputs for 3 classes.*labels run from 1 to 3"):
        materials(chain((2, 5, 4)), data, Training(), 0)  # type: ignore[arg-type]


def test_row_numbers_are_remarked(tmp_path: Path) -> None:
    _, data = load(tmp_path, "".join(f"{k},0.5,{k % 2}\n" for k in range(12)))
    assert data.input_remark == "column 1 numbers the rows and is taken as an input"  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_million_rows_take_seconds(tmp_path: Path) -> None:
    row = ",".join(f"0.{k}" for k in range(10))
    (tmp_path / "own.csv").write_text(f"{row},0\n{row},1\n" * 500_000)
    start = time.monotonic()
    data = load_data(tmp_path / "own.csv")
    assert time.monotonic() - start < 60.0  # five on an idle core
    assert (len(data.x_train), len(data.x_test)) == (800_000, 200_000)
