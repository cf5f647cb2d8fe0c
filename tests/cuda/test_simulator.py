"""Every cuda kernel gives the reference's numbers, in a process of its own in which numba simulates a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKS = Path(__file__).with_name("simulated_checks.py")


def test_the_kernels_in_the_simulator() -> None:
    """numba reads the switch at import, so that a process either simulates or doesn't."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=CHECKS.parents[2], check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 30
