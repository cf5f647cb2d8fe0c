"""One's own weights from a folder of tables: the very numbers that were written, and every wrong file in one line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from calling import call

from neuroep.bridges.imports import import_weights
from neuroep.bridges.weights_file import load_weights
from neuroep.errors import BadInput
from neuroep.network import chain
from neuroep.specs.catalogue import load_model

SIZES = (3, *(2 + k % 3 for k in range(10)))
NETWORK = chain(SIZES)
RNG = np.random.default_rng(4)
COUPLINGS = [RNG.normal(size=shape) for shape in pairwise(SIZES)]
BIASES = [RNG.normal(size=n) for n in SIZES[1:]]


def write(folder: Path, separator: str = ",") -> None:
    for k, (w, b) in enumerate(zip(COUPLINGS, BIASES, strict=True), start=1):
        rows = "".join(separator.join(map(repr, row)) + "\n" for row in w.tolist())
        (folder / f"weightFC{k}.csv").write_text(rows, encoding="utf-8")
        (folder / f"bias_{k}.txt").write_text("\n".join(map(repr, b.tolist())), encoding="utf-8")


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_numbers_are_those_of_the_tables(tmp_path: Path, separator: str) -> None:
    write(tmp_path, separator)
    found = import_weights(tmp_path, NETWORK)
    # ten layers: weightFC10 comes behind weightFC9
    for k in range(1, len(SIZES)):
        assert found.coupling(k).tolist() == COUPLINGS[k - 1].tolist()
        assert found.bias(k).tolist() == BIASES[k - 1].tolist()


def test_without_biases_they_are_zero(tmp_path: Path) -> None:
    write(tmp_path)
    for file in tmp_path.glob("bias*"):
        file.unlink()
    assert not import_weights(tmp_path, NETWORK).biases.any()


def change(folder: Path, name: str, text: str | None) -> None:
    write(folder)
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("weightFC2.csv", None, "10, one for each layer of weights"),
        ("bias_3.txt", None, "9 files of biases"),
        ("weightFC1.csv", "1,2,3\n1,2,3\n", "a table of 2 x 3; allowed: 3 x 2: transpose it"),
        ("weightFC1.csv", "1,2\n1,x\n1,2\n", "line 2, column 2: 'x'"),
        ("weightFC1.csv", "1,2\n1,1e999\n1,2\n", "beyond the finite"),
        ("weightFC1.csv", "1,2\n1\n1,2\n", "line 2: 1 cells"),
        ("weightFC1.csv", "1\n1,2\n1,2\n1,2\n", "line 1: 1 cells"),
        ("weightFC1.csv", "", "empty file"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    change(tmp_path, name, text)
    with pytest.raises(BadInput) as caught:
        import_weights(tmp_path, NETWORK)
    assert said in str(caught.value)


def test_the_command(tmp_path: Path) -> None:
    network = load_model("digits-mlp").network()
    (tmp_path / "own").mkdir()
    own = [RNG.normal(size=shape) for shape in pairwise(network.sizes)]
    for k, w in enumerate(own, start=1):
        np.savetxt(tmp_path / "own" / f"W{k}.csv", w, delimiter=",", fmt="%.17g")
    called = call("import", tmp_path / "own", "--model", "digits-mlp", "--out", "own.safetensors")
    assert called.status == 0, called.err
    found = load_weights(Path("own.safetensors"), network)
    assert [found.coupling(k + 1).tolist() for k in range(len(own))] == [w.tolist() for w in own]
