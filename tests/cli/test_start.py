"""Starting is quick: nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT_SECONDS = 0.5
HEAVY = ("torch", "numba", "brian2", "matplotlib", "scipy", "pooch", "rich")


def run(command: list[str], cache: Path) -> str:
    """Run Python with a byte-code cache of its own, as an installed package has one."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(cache)
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("command", [["-c", "import neuroep"], ["-m", "neuroep", "--help"]], ids=["import", "help"])
def test_under_half_a_second_warm(command: list[str], tmp_path: Path) -> None:
    run(command, tmp_path)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        run(command, tmp_path)
        times.append(time.perf_counter() - began)
    assert statistics.median(times) < LIMIT_SECONDS


@pytest.mark.parametrize(
    "code",
    [
        "import neuroep",
        "import neuroep; neuroep.load_model('digits-mlp'); neuroep.load_device('ecram')",
        "from neuroep.cli import build_parser; build_parser()",
    ],
)
def test_heavy_packages_are_not_imported(code: str, tmp_path: Path) -> None:
    loaded = json.loads(run(["-c", f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"], tmp_path))
    assert "neuroep" in loaded
    assert not set(HEAVY) & set(loaded)


def test_every_public_name_is_there() -> None:
    import neuroep

    assert all(getattr(neuroep, name) is not None for name in neuroep.__all__)
    assert set(neuroep.__all__) <= set(dir(neuroep))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = neuroep.trian


def test_the_module_is_the_command(tmp_path: Path) -> None:
    assert "digits-mlp" in run(["-m", "neuroep", "models"], tmp_path)


def test_a_reader_that_has_left_is_no_traceback(tmp_path: Path) -> None:
    """As in `neuroep devices ecram | head -1`."""
    with subprocess.Popen(
        [sys.executable, "-m", "neuroep", "devices", "ecram", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
    assert error == b""
    assert process.returncode == 1
