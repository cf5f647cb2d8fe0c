"""Run every make_*.py in an environment of its own and print how its arrays differ from the stored ones.

The stored arrays stay as they are; `python tests/golden/peers.py badcrossbar` takes the scripts so named alone.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COMPARE = """
import sys, pathlib, numpy as np
old, new = (np.load(p) for p in sys.argv[1:])
for key in sorted(set(old.files) | set(new.files)):
    if key not in old.files or key not in new.files:
        print("  ", key, "in one alone")
    elif old[key].shape != new[key].shape:
        print("  ", key, old[key].shape, "became", new[key].shape)
    elif old[key].dtype.kind in "fiub":
        print("  ", key, "largest difference", np.abs(old[key].astype(float) - new[key]).max(initial=0.0))
    else:
        print("  ", key, "same" if np.array_equal(old[key], new[key]) else "differs")
"""


def remake(script: Path, folder: Path) -> None:
    """Install a script's peer, run a copy of it, and compare what it wrote beside itself."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = str(folder / "venv" / "bin" / "python")
    for line in re.findall(r"^ {4}pip (install .*)$", script.read_text(), re.MULTILINE):
        subprocess.run([python, "-m", "pip", "--quiet", *shlex.split(line)], check=True)
    subprocess.run([python, shutil.copy(script, folder)], check=True)
    for made in sorted(folder.glob("*.npz")):
        print(made.name, flush=True)
        subprocess.run([python, "-c", COMPARE, str(HERE / made.name), str(made)], check=True)


if __name__ == "__main__":
    for found in sorted(HERE.glob("make_*.py")):
        if len(sys.argv) == 1 or found.stem.removeprefix("make_") in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as empty:
                remake(found, Path(empty))
