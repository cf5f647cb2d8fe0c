"""Six recipes that fail to train, what `neuroep check` names in each, and what its advice, followed, makes of them.

    python benchmarks/broken_recipes.py [NAME ...] [--seed 0 1 2]

The recipes are benchmarks/broken/*.toml. Of each the line of the diagnosis that names the fault is followed: its first
remedy is written into the model's file. The table has the figure and the test accuracy before and after.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from neuroep import load_device, load_model, train
from neuroep.errors import Diverged, Remark
from neuroep.studies.diagnosis import Finding
from neuroep.studies.estimate import sample_batch
from neuroep.studies.fidelity import check
from neuroep.studies.remedies import Change

FOLDER = Path(__file__).resolve().parent / "broken"
SAMPLES = 64


class Fault(NamedTuple):
    """The line of the diagnosis that names what is wrong with a recipe, and the device it is for."""

    line: str
    device: str = "ideal"


FAULTS = {
    "rate-times-width": Fault("step"),
    "large-beta": Fault("nonlinear"),
    "few-sweeps": Fault("unsettled"),
    "noisy-reads": Fault("noise", "noisy-periphery"),
    "saturated-output": Fault("saturated"),
    "steep-relu": Fault("loop gain"),
}
"""By file."""


class Course(NamedTuple):
    """A recipe as it was and as its advice has made it: the finding, what was changed, and test accuracies."""

    before: Finding
    after: Finding
    followed: str
    accuracy: float | None
    mended: float | None


def diagnosed(path: Path, device: str, seed: int) -> dict[str, Finding]:
    """Return the lines of `neuroep check`, by name."""
    model, spec = load_model(path), load_device(device)
    _, samples = sample_batch(model, model.network(), SAMPLES, seed)
    found = check(model, samples, None if device == "ideal" else spec, seed=seed)
    return {finding.name: finding for finding in found.findings}


def with_changes(text: str, changes: Sequence[Change]) -> str:
    """Return a model's file with some settings changed."""
    for setting, to in changes:
        place, _, key = setting.rpartition(".")
        layer = re.fullmatch(r"layers\[(\d+)\]", place)
        parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
        heads = [part.splitlines()[0] if part.startswith("[") else "" for part in parts]
        layers = [n for n, head in enumerate(heads) if head == "[[layers]]"]
        if layer is None and place and f"[{place}]" not in heads:
            heads, parts = [*heads, f"[{place}]"], [*parts, f"\n[{place}]\n"]
        n = layers[int(layer[1])] if layer else heads.index(f"[{place}]" if place else "")
        line, known = f"{key} = {to}", re.compile(rf"^{key} = .*$", re.MULTILINE)
        parts[n] = known.sub(line, parts[n]) if known.search(parts[n]) else f"{parts[n].rstrip()}\n{line}\n\n"
        text = "".join(parts)
    return text


def accuracy(path: Path, device: str, seed: int) -> float | None:
    """Return the test accuracy of a training, None of one that diverges."""
    try:
        return train(path, device, seed=seed).test_accuracy
    except Diverged:
        return None


def course(name: str, folder: Path, seed: int = 0) -> Course:
    """Check a recipe, train it, follow the advice, check and train again."""
    (line, device), broken, mended = FAULTS[name], FOLDER / f"{name}.toml", folder / f"{name}.toml"
    before = diagnosed(broken, device, seed)[line]
    remedy = before.remedies[0]
    mended.write_text(with_changes(broken.read_text(encoding="utf-8"), remedy), encoding="utf-8")
    after = diagnosed(mended, device, seed)[line]
    trained = accuracy(broken, device, seed), accuracy(mended, device, seed)
    return Course(before, after, ", ".join(map(str, remedy)), *trained)


def main() -> None:
    """Print a line a recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(FAULTS), metavar="NAME")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    warnings.simplefilter("ignore", Remark)  # of loop gains that pass 1 on the way
    print(f"{'recipe':18s}{'seed':>4s} {'line':11s}{'before':>8s}{'after':>8s}{'trained':>10s}{'mended':>8s}  followed")
    with tempfile.TemporaryDirectory() as folder:
        for name, seed in product(given.names, given.seed):
            c = course(name, Path(folder), seed)
            shares = ["diverged" if share is None else f"{share:.1%}" for share in (c.accuracy, c.mended)]
            figures = f"{c.before.value:8.3g}{c.after.value:8.3g}{shares[0]:>10s}{shares[1]:>8s}"
            print(f"{name:18s}{seed:4d} {c.before.name:11s}{figures}  {c.followed}", flush=True)


if __name__ == "__main__":
    main()
