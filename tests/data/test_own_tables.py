"""Own data sets in any usual form: each must give the very arrays of the plain table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuroep
from neuroep.data import Dataset, load, load_data
from neuroep.errors import BadInput
from neuroep.network import chain

RNG = np.random.default_rng(5)
X = np.round(RNG.uniform(-1, 1, (30, 3)), 3)
Y = np.arange(30) % 3
KINDS = ("cat", "dog", "emu")
LINES = [(*map(repr, row.tolist()), k) for row, k in zip(X, Y.tolist(), strict=True)]


def write(folder: Path, name: str, text: str, code: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(code))
    return folder / name


def plain(folder: Path) -> Dataset:
    return load_data(write(folder, "plain.csv", "".join(f"{a},{b},{c},{k}\n" for a, b, c, k in LINES)))


def same(found: Dataset, wanted: Dataset) -> None:
    for key in ("x_train", "y_train", "x_test", "y_test"):
        assert getattr(found, key).tobytes() == getattr(wanted, key).tobytes(), key
    assert found.classes == wanted.classes


FORMS = {
    "label first, by its usual name": "class,a,b,c\n" + "".join(f"{k},{a},{b},{c}\n" for a, b, c, k in LINES),
    "words": "a,b,c,kind\n" + "".join(f"{a},{b},{c},{KINDS[k]}\n" for a, b, c, k in LINES),
    "words without a header": "".join(f"{a},{b},{c},{KINDS[k]}\n" for a, b, c, k in LINES),
    "labels from 1": "a,b,c,label\n" + "".join(f"{a},{b},{c},{k + 1}\n" for a, b, c, k in LINES),
    "semicolons and decimal commas": "a;b;c;label\n"
    + "".join(f"{a};{b};{c};{k}\n".replace(".", ",") for a, b, c, k in LINES),
    "tabs, words first": "species\ta\tb\tc\n".replace("species", "target")
    + "".join(f"{KINDS[k]}\t{a}\t{b}\t{c}\n" for a, b, c, k in LINES),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_plain_arrays(tmp_path: Path, name: str) -> None:
    same(load_data(write(tmp_path, "own.csv", FORMS[name])), plain(tmp_path))


@pytest.mark.parametrize("label", ["species", "Species", "2"])
def test_a_label_by_name_or_number(tmp_path: Path, label: str) -> None:
    text = "a,species,b,c\n" + "".join(f"{a},{KINDS[k]},{b},{c}\n" for a, b, c, k in LINES)
    file = write(tmp_path, "own.csv", text)
    found = load_data(file, label=label)
    same(found, plain(tmp_path))
    assert found.label_remark == "labels are words: cat 0, dog 1, emu 2"
    same(load_data(f"{file}#{label}"), found)


def test_a_plain_label_anywhere_is_read_at_full_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "load_table", None)  # the reader of odd tables, a hundred times slower
    text = "a,label,b,c\n" + "".join(f"{a},{k + 1},{b},{c}\n" for a, b, c, k in LINES)
    file = write(tmp_path, "own.csv", text)
    same(load_data(file), plain(tmp_path))
    same(load_data(file, label="label"), plain(tmp_path))
    bare = write(tmp_path, "bare.csv", text.partition("\n")[2])
    same(load_data(bare, label="2"), plain(tmp_path))
    with pytest.raises(BadInput, match=r"line 3, column 2: '1.5'; allowed: an integer label"):
        load_data(write(tmp_path, "odd.csv", "a,label,b\n1,0,2\n1,1.5,2\n"))
    with pytest.raises(BadInput, match="line 3, column 1: 'x'; allowed: a finite"):
        load_data(write(tmp_path, "odd.csv", "a,label,b\n1,0,2\nx,1,2\n"))


def test_letters_of_any_code(tmp_path: Path) -> None:
    same(load_data(write(tmp_path, "own.txt", FORMS["words"], "utf-16")), plain(tmp_path))


def test_labels_from_1_in_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x_train=X, y_train=Y + 1, x_test=X[:9], y_test=Y[:9] + 1)
    data = load_data(tmp_path / "own.npz")
    assert data.y_train.tolist() == Y.tolist()
    assert (data.classes, data.label_remark) == (3, "labels run from 1 to 3 and are counted from 0")


class Frame:
    """As much of a data frame as pandas and polars share."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.held, self.columns = columns, list(columns)

    def __getitem__(self, name: str) -> Any:
        return self.held[name]


def test_frames(tmp_path: Path) -> None:
    words = np.asarray(KINDS, dtype=object)[Y]
    frame = Frame({"a": X[:, 0], "kind": words, "b": list(X[:, 1]), "c": X[:, 2]})
    found = load_data(frame, label="kind")
    same(found, plain(tmp_path))
    assert found.label_remark == "labels are words: cat 0, dog 1, emu 2"
    usual = Frame({"target": Y, "a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    same(load_data(usual), found)
    outcome = neuroep.train(network=chain((3, 4, 3)), data=usual, epochs=1)  # type: ignore[arg-type]
    assert 0.0 <= outcome.test_accuracy <= 1.0


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_libraries(tmp_path: Path, library: str) -> None:
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"a": X[:, 0], "kind": [KINDS[k] for k in Y], "b": X[:, 1], "c": X[:, 2]})
    same(load_data(frame, label="kind"), plain(tmp_path))


def test_a_lazy_frame_is_told_to_be_worked_out() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(BadInput, match=r"data: a LazyFrame.*allowed: its \.collect\(\)"):
        load_data(polars.DataFrame({"a": [0.1, 0.2], "kind": [0, 1]}).lazy())


def test_hidden_entries_are_refused() -> None:
    """numpy would take what stands behind the mask."""
    hidden = np.ma.masked_less(X, 0.5)
    assert hidden.mask.any()
    for data in ((hidden, Y), (X, np.ma.masked_equal(Y, 1))):
        with pytest.raises(BadInput, match="masked entries"):
            neuroep.train(network=chain((3, 4, 3)), data=data)
    found = neuroep.train(network=chain((3, 4, 3)), data=(X, Y), epochs=1)
    with pytest.raises(BadInput, match="x: masked entries"):
        found.predict(hidden)


@pytest.mark.parametrize(
    ("text", "label", "said"),
    [
        (FORMS["words"], "knd", "no column is called 'knd' (did you mean 'kind'?)"),
        (FORMS["words"], "a", "line 2, column 1: '0.61'; allowed: an integer label from 0"),
        (
            FORMS["semicolons and decimal commas"].replace(",", "x", 1),
            None,
            "line 2, column 1: '0x61'; allowed: a finite",
        ),
        (FORMS["words"].replace("dog", "7", 1), "kind", "line 3, column 4: '7'; allowed: labels that are all words"),
        (FORMS["words"].replace("dog", "", 1), "kind", "line 3, column 4: ''; allowed: a label"),
        (FORMS["words"].replace("cat\n", "cat,1\n", 1), "kind", "line 2 has 5 cells"),
        (FORMS["words"].replace("dog", "cat").replace("emu", "cat"), None, "one class only"),
        ("a\n1\n2\n", "a", "one column only"),
    ],
)
def test_refused_in_a_line(tmp_path: Path, text: str, label: str | None, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_data(write(tmp_path, "own.csv", text), label=label)
    assert said in str(caught.value)


@pytest.mark.parametrize("source", ["digits", "own.npz"])
def test_a_label_where_there_are_no_columns(tmp_path: Path, source: str) -> None:
    np.savez(tmp_path / "own.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    with pytest.raises(BadInput, match="for tables alone"):
        load_data(source if source == "digits" else tmp_path / source, label="kind")
