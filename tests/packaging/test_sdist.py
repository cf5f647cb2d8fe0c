"""A source distribution holds what the repository does, so that its own suite runs from it (`make test-sdist`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Of the repository alone: what git ignores and how changes are checked there.
LEFT_OUT = (".gitignore", ".ci/")
#: What lies about in a tree that is worked in, and isn't the repository's.
LITTER = (
    "neuroep/__pycache__/api.cpython-311.pyc",
    "neuroep/engines/cpu/__pycache__/kernels.run-1.py311.nbi",
    "tests/__pycache__/flows.1.nbc",
    "docs/_build/html/index.html",
    "runs/demo/report.html",
    "build/lib/neuroep/cli.py",
)
#: Tests that read what lies beside the package: pages, examples, golden arrays, files of the project.
READERS = (
    "tests/packaging/test_declared.py",
    "tests/packaging/test_manners.py",
    "tests/architecture/test_rooms.py",
    "tests/cli/test_pages.py",
    "tests/cost/test_energy_page.py",
    "tests/devices/test_wires.py",
    "tests/devices/test_loihi.py",
)


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    """The files that are in the repository, or would be by `git add`."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout with git at hand: there is nothing to hold a source distribution to")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def unpacked(tracked: set[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a source distribution of a copy of the tree, with litter in it, unpacks to."""
    source, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("sdist")
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for name in LITTER:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("litter", encoding="utf-8")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    subprocess.run(["tar", "-xzf", str(next(out.glob("*.tar.gz"))), "-C", str(out)], check=True)
    return next(path for path in out.iterdir() if path.is_dir())


def test_it_holds_the_repository_and_nothing_else(tracked: set[str], unpacked: Path) -> None:
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    made = {name for name in held if name == "PKG-INFO" or name.startswith("neuroep.egg-info/")}
    assert held - made == {name for name in tracked if not name.startswith(LEFT_OUT)}


@pytest.mark.slow
def test_its_own_tests_run_from_it(unpacked: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *READERS]
    done = subprocess.run(
        command, cwd=unpacked, env=environment | {"PYTHONPATH": str(unpacked)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout
