"""The house: how many modules lie on its top level, how many floors it has, and that no imports go in a circle."""

from __future__ import annotations

import configparser
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import neuroep

ROOT = Path(__file__).resolve().parents[2]


def test_few_modules_lie_on_the_top_level() -> None:
    """Python's own two, ``__init__`` and ``__main__``, aside."""
    modules = [path for path in Path(neuroep.__file__).parent.glob("*.py") if not path.stem.startswith("__")]
    assert len(modules) <= 18


def test_few_floors() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    assert len(settings["importlinter:contract:floors"]["layers"].split("\n")) - 1 <= 13


def test_no_imports_in_a_circle() -> None:
    graph = grimp.build_graph("neuroep", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    order = list(TopologicalSorter(imports).static_order())  # raises CycleError, which names the circle
    assert set(order) == set(imports)
