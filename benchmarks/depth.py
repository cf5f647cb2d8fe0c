"""Time and memory of `check`, `cost` and one epoch against depth: chains of 16 tanh units a layer on the digits.

    python benchmarks/depth.py                          # 125, 250, 500 and 1000 layers: a minute and a half
    python benchmarks/depth.py --layers 1000 2000 4000

γ = 0.1, displacements scaled, two sweeps freely and one nudged. Each command is a process of its own; the slope is
that of log seconds, without the time of the shallowest network's start, against log depth.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MODEL = """summary = "a deep chain"
data = "digits"
feedback = 0.1
layers = [{layers}]
[phases]
beta = 0.3
scaled = true
free_sweeps = 2
nudged_sweeps = 1
[training]
epochs = 1
batch_size = 50
learning_rates = [0.05]
"""
COMMANDS = {"check": ("check",), "cost": ("cost", "-d", "ideal"), "epoch": ("run", "--no-backprop", "--fresh")}


def write_model(path: Path, depth: int) -> None:
    """Write a chain of so many layers above the input."""
    hidden = ['{ size = 16, activation = "tanh" }'] * (depth - 1)
    layers = ", ".join(["{ size = 64 }", *hidden, '{ size = 10, activation = "linear" }'])
    path.write_text(MODEL.format(layers=layers), encoding="utf-8")


def measured(argv: list[str], folder: Path) -> tuple[float, float]:
    """Return seconds and peak MiB of a command."""
    began = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "neuroep", *argv],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(folder / "out.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"neuroep {' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    """Read the command line and print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, nargs="+", default=[125, 250, 500, 1000])
    depths = sorted(parser.parse_args().layers)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "m.toml", 3)
        for what, (command, *rest) in COMMANDS.items():
            argv = [command, str(folder / "m.toml"), *rest, *(["--out", str(folder / "o")] if what == "epoch" else [])]
            write_model(folder / "m.toml", 3)
            measured(argv, folder)  # compiles
            start = min(measured(argv, folder)[0] for _ in range(3))
            rows = []
            for depth in depths:
                write_model(folder / "m.toml", depth)
                rows.append(measured(argv, folder))
            slope = np.polyfit(np.log(depths), np.log([max(seconds - start, 1e-3) for seconds, _ in rows]), 1)[0]
            shown = ", ".join(f"{d}: {s:.1f} s {m:.0f} MiB" for d, (s, m) in zip(depths, rows, strict=True))
            print(f"{what}  {shown}; slope {slope:.2f}", flush=True)


if __name__ == "__main__":
    main()
