"""Kernels compute the same whatever becomes of their cache: the oracle is the function itself, not compiled."""

from __future__ import annotations

import ast
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl

import neuroep
from neuroep import kernel_cache
from neuroep.kernel_cache import njit


def tenfold(x: float) -> float:
    return 10.0 * x + 1.0


def compiled() -> Any:
    return njit(cache=True)(tenfold)


def hits(kernel: Any) -> int:
    """How many compilations the cache spared, after a call that gave the right answer."""
    assert kernel(4.0) == tenfold(4.0) == 41.0
    return sum(kernel.stats.cache_hits.values())


@pytest.fixture
def only_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No place of numba's can be written to; the temporary directory is `tmp_path`."""
    nowhere = [place for place in CompileResultCacheImpl._locator_classes if place.__name__.startswith("IPython")]
    monkeypatch.setattr(kernel_cache._Implementation, "_locator_classes", [*nowhere, kernel_cache._Temporary])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"neuroep-kernels-{os.getuid()}"


def test_without_a_writable_place_the_cache_is_in_a_folder_of_ones_own(only_temporary: Path) -> None:
    assert hits(compiled()) == 0
    assert stat.S_IMODE(only_temporary.stat().st_mode) == 0o700
    assert {file.suffix for file in only_temporary.rglob("*") if file.is_file()} == {".nbi", ".nbc"}
    assert hits(compiled()) == 1


@pytest.mark.parametrize("spoil", ["open to all", "a link", "a file", "nowhere"])
def test_a_folder_that_others_may_write_to_is_not_used(
    only_temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    if spoil == "open to all":
        only_temporary.mkdir()
        only_temporary.chmod(0o777)
    elif spoil == "a link":
        (tmp_path / "elsewhere").mkdir()
        only_temporary.symlink_to(tmp_path / "elsewhere")
    elif spoil == "a file":
        only_temporary.touch()
    else:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert hits(compiled()) == 0
    assert hits(compiled()) == 0
    assert [file for file in tmp_path.rglob("*") if file.suffix in (".nbi", ".nbc")] == []


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_no_damage_of_the_cache_changes_a_result(only_temporary: Path, suffix: str) -> None:
    compiled()(4.0)
    (file,) = only_temporary.rglob(f"*{suffix}")
    whole = file.read_bytes()
    places = range(0, len(whole), max(1, len(whole) // 24))
    damaged = [b"", whole[: len(whole) // 2], b"\0\xff junk", whole[:-1]]
    damaged += [whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :] for place in places]
    for content in damaged:
        file.write_bytes(content)
        assert hits(compiled()) == 0
        assert hits(compiled()) == 1  # and it is whole again


def test_one_kernels_code_is_not_taken_for_anothers(only_temporary: Path) -> None:
    kernel = compiled()
    kernel(4.0)
    assert kernel(4) == 41.0  # of integers: a second entry
    first, second = sorted(only_temporary.rglob("*.nbc"))
    first.write_bytes(second.read_bytes())
    again = compiled()
    assert (again(4.0), again(4)) == (41.0, 41.0)
    assert sum(again.stats.cache_hits.values()) < 2


def test_a_change_of_any_compiled_source_compiles_anew(
    only_temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel holds the code of functions of other files, which numba doesn't look at."""
    compiled()(4.0)
    monkeypatch.setattr(kernel_cache, "sources_stamp", lambda: "another")
    assert [hits(compiled()), hits(compiled())] == [0, 1]


def test_what_is_compiled_is_stamped(tmp_path: Path) -> None:
    def stamp() -> str:
        kernel_cache.sources_stamp.cache_clear()
        return kernel_cache.sources_stamp(tmp_path)

    inlined, other = tmp_path / "deep" / "inlined.py", tmp_path / "other.py"
    inlined.parent.mkdir()
    inlined.write_text("from numba import njit")
    other.write_text("import json")
    first = stamp()
    other.write_text("import csv")
    assert stamp() == first
    inlined.write_text("from numba import njit  ")
    assert stamp() != first


def test_where_nothing_can_be_saved_it_goes_on(only_temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel_cache._SealedFile, "_save_data", full)
    assert hits(compiled()) == 0
    assert hits(compiled()) == 0


def test_a_kernel_has_its_own_options_whoever_calls_it_first() -> None:
    """Sums in the order written and divisions by 0 without an error, also under a caller that may reorder."""

    def quotient(x: float, y: float, z: float) -> float:
        return ((x + y) - x) / z

    inner = njit()(quotient)
    outer: Any = njit(fastmath=True)(lambda x, y, z: inner(x, y, z))
    assert outer(1e20, 1.0, 1.0) == quotient(1e20, 1.0, 1.0) == 0.0
    assert np.isinf(outer(0.0, 1.0, 0.0))


def test_every_cached_kernel_goes_through_it() -> None:
    for file in Path(neuroep.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "cache=True" not in text or file.name == "kernel_cache.py":
            continue
        imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        sources = {node.module for node in imports if any(name.name == "njit" for name in node.names)}
        assert sources == {"neuroep.kernel_cache"}, file
