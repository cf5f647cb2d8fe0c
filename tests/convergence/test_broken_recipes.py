"""Six recipes that fail to train: `neuroep check` names what is wrong with each, and its advice, followed, mends it.

The recipes are benchmarks/broken/*.toml; what follows the advice is benchmarks/broken_recipes.py.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from calling import call

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def script(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its tuples look for their own types
    spec.loader.exec_module(module)
    return module


RECIPES = script("broken_recipes")
#: Of the ten classes of digits and the two of parity, what guessing reaches, and what each recipe reaches once mended.
GUESSED = {"rate-times-width": 0.5} | dict.fromkeys([*RECIPES.FAULTS][1:], 0.1)
MENDED = dict.fromkeys(RECIPES.FAULTS, 0.85)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the loop gain is")  # a training that goes wrong says so itself
@pytest.mark.parametrize("name", RECIPES.FAULTS)
def test_what_check_advises_mends_training(name: str, tmp_path: Path) -> None:
    """Before, a training diverges or does little better than guessing."""
    course = RECIPES.course(name, tmp_path)
    assert course.before.advice is not None
    assert course.after.advice is None
    assert course.accuracy is None or course.accuracy < GUESSED[name] + 0.05
    assert course.mended > MENDED[name]


def test_states_that_diverge_are_diagnosed() -> None:
    """By what needs no equilibrium; there is no gradient to compare."""
    found = call("check", BENCHMARKS / "broken" / "steep-relu.toml", "--samples", "8")
    assert found.status == 0
    assert "no gradient: states diverge" in found.out
    assert "over 1: try feedback = 0.1" in found.out
    assert "nonlinear" not in found.out


@pytest.mark.parametrize(
    ("setting", "to", "line"),
    [
        ("feedback", 0.1, "feedback = 0.1"),
        ("layers[2].gain", 0.5, 'activation = "linear"\ngain = 0.5'),
        ("phases.beta", 0.2, "[phases]\nbeta = 0.2"),
        ("phases.tolerance", 0.0, "[phases]\nbeta = 0.3\ntolerance = 0.0"),
        ("on.ecram.phases.beta", 0.2, "[on.ecram.phases]\nbeta = 0.2"),
    ],
)
def test_changes_are_written_where_they_belong(setting: str, to: float, line: str) -> None:
    text = "feedback = 1.0\n\n[[layers]]\nsize = 4\n\n[[layers]]\nsize = 3\ngain = 0.7\n\n[[layers]]\nsize = 2\n"
    text += 'activation = "linear"\ngain = 0.7\n\n[phases]\nbeta = 0.3\n'
    changed = RECIPES.with_changes(text, [RECIPES.Change(setting, to)])
    assert line in changed
    assert len(changed.split("gain = 0.7")) + changed.count("gain = 0.5") == 3
