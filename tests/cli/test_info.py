"""`neuroep info` against the operating system, package metadata and files of known size."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from calling import call

LIMIT_SECONDS = 1.0


def test_versions_are_those_of_the_packages() -> None:
    found = call("info", "--json").json["versions"]
    packages = ("neuroep", "numpy", "scipy", "numba", "torch", "brian2")
    assert found == {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert call("info", "--json").json["cores"] == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert call("info", "--json").json["cores"] == len(allowed)


def test_kernels_are_counted_where_numba_was_told_to_keep_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = tmp_path / "kernels"
    (kernels / "cpu_0a").mkdir(parents=True)
    (kernels / "cpu_0a" / "one.nbi").write_bytes(bytes(100))
    (kernels / "cpu_0a" / "one.1.nbc").write_bytes(bytes(23))
    (kernels / "cpu_0a" / "notes.txt").write_bytes(bytes(1000))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(kernels))
    assert call("info", "--json").json["kernels"] == {"folder": str(kernels), "files": 2, "bytes": 123}
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "nowhere"))
    assert call("info", "--json").json["kernels"] == {"folder": str(tmp_path / "nowhere"), "files": 0, "bytes": 0}
    assert not (tmp_path / "nowhere").exists()


def test_a_package_that_can_t_be_written_to_keeps_kernels_in_the_user_s_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert Path(call("info", "--json").json["kernels"]["folder"]).name == "numba"


@pytest.mark.parametrize("there", [True, False])
def test_a_driver_is_there_where_its_library_loads(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    load = ctypes.CDLL

    def loads(name: str, *more: object, **options: object) -> object:
        if "cuda" not in str(name):
            return load(name, *more, **options)  # type: ignore[arg-type]
        if there:
            return None
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", loads)
    found = call("info", "--json").json["cuda"]
    assert found["driver"] is there
    assert ("no driver" in call("info").out) is not there


def test_data_sets_and_libraries_lie_where_it_says() -> None:
    found = call("info", "--json").json
    listed = call("data", "--json").json["data"]
    assert found["data"] == [{"name": each["name"], "place": each["place"]} for each in listed]
    assert found["blas"]
    assert all(Path(library["file"]).is_file() for library in found["blas"])


def test_it_takes_less_than_a_second_and_loads_no_torch(tmp_path: Path) -> None:
    code = "import sys; from neuroep.cli import main; main(['info']); print(*sys.modules, file=sys.stderr)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)  # byte code of its own, as an installed package has it
    times = []
    for _ in range(4):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        after = os.times()  # what the child computed, whatever else the machine is busy with
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert not {"torch", "brian2", "matplotlib"} & set(done.stderr.split())
    assert min(times) < LIMIT_SECONDS


def test_every_line_says_what_the_object_has() -> None:
    found, text = call("info", "--json").json, call("info").out
    assert found["versions"]["torch"] in text
    assert f"{found['cores']} for this process" in text
    assert f"below {found['kernels']['folder']}" in text
